"""Numbers as a person reads them: losses, speeds, durations, sizes, moments."""

import time

from tsft.i18n import translate

NONE = "–"


def plain(value: float | None) -> str:
    """A loss or rate with four significant digits: 1.234, 0.0123, 1.2e-05; a dash when it is not known."""
    if value is None:
        return NONE
    if value != 0 and (abs(value) < 1e-3 or abs(value) >= 1e5):
        return f"{value:.2e}"
    return f"{value:.4g}"


def speed(steps_per_second: float | None, language: str) -> str:
    """Steps a second, or seconds a step when it is slower than one."""
    if steps_per_second is None:
        return NONE
    if steps_per_second >= 1:
        return translate(language, "page.speed.steps_per_second", value=f"{steps_per_second:.1f}")
    return translate(language, "page.speed.seconds_per_step", value=f"{1 / steps_per_second:.1f}")


def duration(seconds: float | None) -> str:
    """0:07, 12:45, 3:02:10, or with days before: 2 d is 48:00:00."""
    if seconds is None:
        return NONE
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size(count_bytes: float) -> str:
    """412 B, 3.1 MB, 16.4 GB (powers of 1,000, as hubs and disks count)."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count_bytes) < 1000:
            return f"{count_bytes:.0f} {unit}" if unit == "B" else f"{count_bytes:.1f} {unit}"
        count_bytes /= 1000
    return f"{count_bytes:.1f} TB"


def moment(at: float) -> str:
    """Date and minute on the server's clock; a dash for never."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at)) if at else NONE


def clock(at: float) -> str:
    """The time of day to the second."""
    return time.strftime("%H:%M:%S", time.localtime(at))
