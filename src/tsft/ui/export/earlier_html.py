"""The exports that lie in the workspace, as a table."""

from collections.abc import Sequence
from html import escape

from tsft.i18n import translate
from tsft.run.export import SelfTest
from tsft.store.exports import ExportInfo
from tsft.ui.downloads import link_html
from tsft.ui.readings import NONE, moment, size

COLUMNS = ("name", "form", "from", "size", "made", "test", "does")
# Far more than anybody keeps; each line costs the browser something.
MOST_SHOWN = 100
# A button of a line says what it does to which export.
BEHAVIOUR = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-does]');
  if (button) trigger('select', { does: button.dataset.does, name: button.dataset.name });
});
"""


def earlier_html(found: Sequence[ExportInfo], language: str) -> str:
    """Name, form, origin, size, moment, self-test, and what can be done with each. Phones get cards."""
    title = f'<p class="facts-title">{escape(translate(language, "page.export.earlier"))}</p>'
    if not found:
        return title + f'<p class="quiet">{escape(translate(language, "page.export.none"))}</p>'
    names = {column: translate(language, f"page.export.column.{column}") for column in COLUMNS}
    head = "".join(f'<th scope="col"{_kind(column)}>{escape(names[column])}</th>' for column in COLUMNS)
    body = "".join(_row(each, names, language) for each in found[:MOST_SHOWN])
    more = len(found) - MOST_SHOWN
    rest = f"<p>{escape(translate(language, 'page.export.more', count=more))}</p>" if more > 0 else ""
    return f'{title}<div class="runs"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{rest}'


def verdict(test: SelfTest | None, language: str) -> str:
    """A self-test in a few words."""
    if test is None:
        return translate(language, "page.export.test_unknown")
    key = "page.export.test_agrees" if test.agrees() else "page.export.test_disagrees"
    worst = test.reload if test.merge is None else max(test.reload, test.merge)
    return translate(language, key, rows=test.rows, value=f"{worst:.1e}" if worst else "0")


def _row(each: ExportInfo, names: dict[str, str], language: str) -> str:
    form = translate(language, f"page.export.choice.form.{each.form}")
    origin = f"{each.run} · {translate(language, 'page.runs.checkpoint_step', step=each.step)}" if each.run else NONE
    cells = {
        "name": escape(each.name),
        "form": escape(f"{form} · {each.dtype}" if each.dtype else form),
        "from": escape(origin),
        "size": escape(size(each.size_bytes)),
        "made": moment(each.made_at),
        "test": escape(verdict(each.test, language)),
        "does": " ".join(_actions(each, language)),
    }
    columns = "".join(
        f'<td data-name="{escape(names[column])}"{_kind(column)}>{cells[column]}</td>' for column in COLUMNS
    )
    return f'<tr data-export="{escape(each.name)}">{columns}</tr>'


def _actions(each: ExportInfo, language: str) -> list[str]:
    buttons = [_button(does, each.name, language) for does in ("card", "delete")]
    return [*([link_html(each.path, language)] if each.is_zipped else []), *buttons]


def _button(does: str, name: str, language: str) -> str:
    label = escape(translate(language, f"page.export.{does}"))
    about = escape(translate(language, f"page.export.{does}_of", name=name))
    named = escape(name)
    return f'<button type="button" data-does="{does}" data-name="{named}" aria-label="{about}">{label}</button>'


def _kind(column: str) -> str:
    return ' class="number"' if column == "size" else ""
