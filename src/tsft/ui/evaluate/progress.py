"""How far the evaluation of this process is, as HTML, and what is told of it once it has ended."""

from html import escape
from typing import Any

from tsft.i18n import say, translate
from tsft.run.evaluation import Evaluation
from tsft.ui.monitor import told
from tsft.ui.readings import duration


def progress_html(now: Evaluation | None, language: str) -> str:
    """A bar while it goes on; what was said of it; its outcome."""
    if now is None:
        return ""
    notes = [say(language, each) for each in now.notes]
    if not now.is_done:
        return _bar(now, language) + (told("calm", notes) if notes else "")
    if now.problems:
        return told("bad", [*(say(language, each.message) for each in now.problems), *notes])
    key = "page.evaluate.ended.stopped" if now.is_stopped else "page.evaluate.ended.finished"
    counts = {"done": now.done, "total": now.total}
    return told("calm" if now.is_stopped else "good", [translate(language, key, **counts), *notes])


def revision(now: Evaluation | None, language: str) -> list[Any]:
    """Changes exactly when the page would look otherwise."""
    if now is None:
        return [language]
    counts = [now.phase, now.subject, now.done, now.total]
    return [language, now.id, *counts, _left(now), now.is_done, now.is_stopped, len(now.notes)]


def is_going(now: Evaluation | None) -> bool:
    return now is not None and not now.is_done


def is_stopping(now: Evaluation | None) -> bool:
    """Whether it was asked to stop and has not yet."""
    return now is not None and now.is_stopped and not now.is_done


def _bar(now: Evaluation, language: str) -> str:
    phase = translate(language, f"page.evaluate.phase.{now.phase}")
    what = f"{phase}: {now.subject}" if now.subject else phase
    counts = translate(language, "page.evaluate.done_of", done=now.done, total=now.total) if now.total else ""
    left = ""
    if is_stopping(now):
        left = translate(language, "page.evaluate.stopping")
    elif now.eta_seconds is not None:
        left = translate(language, "page.evaluate.left", time=_left(now))
    sentence = escape(" · ".join(each for each in (what, counts, left) if each))
    share = min(1.0, now.done / now.total) if now.total else 0.0
    kind = "" if now.total else " unknown"
    facts = f'data-evaluation="{escape(now.id, quote=True)}" data-phase="{escape(now.phase)}"'
    return (
        f'<div class="box calm" {facts}><p role="status">{sentence}</p>'
        f'<div class="bar{kind}" role="progressbar" aria-label="{escape(phase)}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{100 * share:.0f}"><i style="width:{share:.1%}"></i></div></div>'
    )


def _left(now: Evaluation) -> str:
    return duration(now.eta_seconds) if now.eta_seconds is not None else ""
