"""An export as it goes on, and what came of it: phase and bar, the figures of the self-test, the folder, its card."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from tsft.errors import Problem
from tsft.i18n import say, translate
from tsft.run.export import Exported
from tsft.ui import monitor
from tsft.ui.downloads import link_html
from tsft.ui.export.about_html import carried_html
from tsft.ui.readings import size


def progress_html(now: Exported | None, is_stopping: bool, language: str) -> str:
    """The present phase with its bar, striped where its length is not known; "" when nothing goes on."""
    if now is None or now.is_done:
        return ""
    phase = translate(language, f"export.phase.{now.phase}")
    told = f"{phase}: {now.subject}" if now.subject else phase
    if is_stopping:
        told = translate(language, "page.export.stopping", phase=told)
    percent = min(100.0, 100 * now.done / now.total) if now.total else 0.0
    value = f' aria-valuenow="{percent:.0f}"' if now.total else ""
    kind = "" if now.total else " unknown"
    figures = "".join(f"<li>{escape(say(language, each))}</li>" for each in now.test.messages()) if now.test else ""
    return (
        f'<div class="box calm" data-phase="{escape(now.phase)}"><p role="status">{escape(told)}</p>'
        f'<div class="bar{kind}" role="progressbar" aria-label="{escape(phase)}" aria-valuemin="0" '
        f'aria-valuemax="100"{value}><i style="width:{percent:.2f}%"></i></div>'
        f"<p>{escape(_amount(now, language))}</p>{f'<ul>{figures}</ul>' if figures else ''}</div>"
    )


def outcome_html(now: Exported | None, language: str) -> str:
    """How the last export ended; "" while one goes on, or where there was none."""
    if now is None or not now.is_done:
        return ""
    parts = []
    if now.is_stopped and not now.path:
        parts.append(monitor.told("calm", [translate(language, "export.stopped")]))
    if now.test is not None:
        parts.append(_test(now, language))
    if now.path:
        parts.append(_place(now, language))
        if now.is_stopped:
            parts.append(monitor.told("calm", [translate(language, "page.export.push_stopped")]))
    parts.append(problems_told(now.problems, language))
    if now.path:
        parts.append(carried_html(now.notes, "export-made", language))
    return "".join(parts)


def problems_told(problems: Sequence[Problem], language: str) -> str:
    """Why it failed, in red."""
    return monitor.told("bad", [say(language, each.message) for each in problems]) if problems else ""


def card_html(name: str, card: str, language: str) -> str:
    """A model card as text, as it stands in the export's README.md."""
    if not name:
        return ""
    title = escape(translate(language, "page.export.card_of", name=name))
    text = escape(card) if card.strip() else escape(translate(language, "page.export.no_card"))
    return f'<p class="facts-title">{title}</p><pre class="card" tabindex="0" data-card="{escape(name)}">{text}</pre>'


def _test(now: Exported, language: str) -> str:
    """The verdict and its figures: green where everything agrees."""
    assert now.test is not None
    agrees = now.test.agrees()
    verdict = translate(language, "page.export.agrees" if agrees else "page.export.disagrees")
    figures = "".join(f"<li>{escape(say(language, each))}</li>" for each in now.test.messages())
    role = "status" if agrees else "alert"
    return (
        f'<div class="box {"good" if agrees else "bad"}" data-test="{"agrees" if agrees else "disagrees"}">'
        f'<p role="{role}"><b>{escape(verdict)}</b></p><ul>{figures}</ul></div>'
    )


def _place(now: Exported, language: str) -> str:
    path = Path(now.path)
    lines = [f'<code class="path">{escape(now.path)}</code> · {escape(size(now.size_bytes))}']
    if path.suffix == ".zip":
        lines.append(link_html(path, language))
    if now.address:
        lines.append(escape(translate(language, "export.pushed", address=now.address)))
    title = escape(translate(language, "page.export.made"))
    return f'<p class="facts-title">{title}</p>' + "".join(f"<p>{each}</p>" for each in lines)


def _amount(now: Exported, language: str) -> str:
    if not now.total:
        return ""
    if now.unit == "bytes":
        return f"{size(now.done)} / {size(now.total)}"
    unit = translate(language, f"page.export.unit.{now.unit}") if now.unit in ("files", "tensors") else ""
    return f"{now.done:,} / {now.total:,} {unit}".rstrip()
