"""The list of evaluations and the head of the chosen one, as HTML."""

from collections.abc import Sequence
from html import escape

from tsft.i18n import translate
from tsft.run.evaluation import CHATTS
from tsft.store.evaluations import INTERRUPTED, RUNNING, STOPPED, EvaluationInfo
from tsft.ui.evaluate.exporting import ANSWERS_CSV, ANSWERS_JSONL, KINDS
from tsft.ui.readings import NONE, moment

COLUMNS = ("name", "status", "models", "datasets", "scores", "when", "do")
# Names in a cell; more stand in its title.
NAMES_SHOWN = 3
# A click in a row chooses it; its buttons go on with it or delete it, which is asked first.
BEHAVIOUR = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-do]'), row = event.target.closest('[data-evaluation]');
  if (!row || event.target.closest('summary')) return;
  trigger('select', { id: row.dataset.evaluation, do: button ? button.dataset.do : 'choose' });
});
"""
# A button of the head writes a file.
TAKE = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-take]');
  if (button) trigger('select', { kind: button.dataset.take });
});
"""


def list_html(found: Sequence[EvaluationInfo], chosen: str, language: str) -> str:
    """The newest first. Phones get cards (runs.css)."""
    if not found:
        return f'<p class="quiet">{_said("page.evaluate.none_yet", language)}</p>'
    names = {each: _said(f"page.evaluate.column.{each}", language) for each in COLUMNS}
    head = "".join(f'<th scope="col">{names[each]}</th>' for each in COLUMNS)
    body = "".join(_row(each, names, each.id == chosen, language) for each in found)
    return f'<div class="runs"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def head_html(info: EvaluationInfo, has_report: bool, language: str) -> str:
    """The name of the chosen evaluation, what it asked, and the files that can be taken from it."""
    settings = info.settings
    facts = [moment(info.created_at), info.by, translate(language, f"page.evaluate.choice.mode.{settings.mode}")]
    facts += [translate(language, "page.evaluate.answered", count=info.answered)]
    if info.left_out:
        facts.append(translate(language, "page.evaluate.left_out", count=info.left_out))
    how = translate(
        language,
        "page.evaluate.asked_how",
        temperature=f"{settings.temperature:g}",
        tokens=settings.max_new_tokens,
        seed=settings.seed,
    )
    kinds = KINDS if has_report else (ANSWERS_CSV, ANSWERS_JSONL)
    words = {each: _said(f"page.evaluate.take.{each}", language) for each in kinds}
    takes = "".join(
        f'<button type="button" class="tool" data-take="{each}">{words[each]}</button>'
        for each in kinds
        if info.answered or each not in (ANSWERS_CSV, ANSWERS_JSONL)
    )
    told = escape(" · ".join(each for each in (*facts, how) if each))
    names = " · ".join((*info.models, *settings.datasets))
    return (
        f'<div class="evaluation-head" data-evaluation="{escape(info.id, quote=True)}">'
        f"<h2>{escape(info.name)} {_pill(info.status, language)}</h2>"
        f'<p class="quiet">{escape(names)}</p><p class="quiet">{told}</p><p class="tools">{takes}</p></div>'
    )


def _row(info: EvaluationInfo, names: dict[str, str], is_chosen: bool, language: str) -> str:
    name = f'<button type="button">{escape(info.name)}</button>'
    cells = {"name": name, "status": _pill(info.status, language), "when": moment(info.created_at)}
    cells |= {"models": _names(info.models), "datasets": _names(info.settings.datasets)}
    cells["scores"] = _scores(info, language)
    cells["do"] = _buttons(info, language)
    columns = "".join(f'<td data-name="{names[each]}">{cells[each]}</td>' for each in COLUMNS)
    mark = ' class="chosen" aria-current="true"' if is_chosen else ""
    return f'<tr data-evaluation="{escape(info.id, quote=True)}"{mark}>{columns}</tr>'


def _scores(info: EvaluationInfo, language: str) -> str:
    """Of the models alone: what baselines reach stands in the report."""
    told = [f"{escape(name)} {100 * info.scores[name]:.1f} %" for name in info.models if name in info.scores]
    if not told and info.losses and info.settings.mode != CHATTS:
        losses = [f"{escape(model)} {loss:.4g}" for model, _, loss in info.losses[:NAMES_SHOWN]]
        told = [_said("page.evaluate.loss_short", language), *losses]
    return "<br>".join(told[: NAMES_SHOWN + 1]) or NONE


def _buttons(info: EvaluationInfo, language: str) -> str:
    if info.status == RUNNING:
        return ""
    resume = ""
    if info.status in (STOPPED, INTERRUPTED):
        resume = f'<button type="button" data-do="resume">{_said("page.evaluate.resume", language)}</button> '
    delete, sure = (_said(f"page.evaluate.{each}", language) for each in ("delete", "delete_sure"))
    return (
        f'{resume}<details class="ask"><summary>{delete}</summary>'
        f'<button type="button" class="danger" data-do="delete">{sure}</button></details>'
    )


def _pill(status: str, language: str) -> str:
    return f'<span class="pill {escape(status)}">{_said(f"page.evaluate.status.{status}", language)}</span>'


def _names(names: Sequence[str]) -> str:
    shown = ", ".join([*names[:NAMES_SHOWN], *(["…"] if len(names) > NAMES_SHOWN else [])])
    title = f' title="{escape(", ".join(names), quote=True)}"' if len(names) > NAMES_SHOWN else ""
    return f"<span{title}>{escape(shown)}</span>" if names else NONE


def _said(key: str, language: str) -> str:
    return escape(translate(language, key))
