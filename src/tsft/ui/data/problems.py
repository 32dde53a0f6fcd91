"""What is wrong with a recipe, each with the way to its control."""

from collections.abc import Iterable, Sequence
from html import escape

from tsft.errors import Problem
from tsft.i18n import say, translate
from tsft.ui.data.placing import element, field_label


def problems_html(problems: Sequence[Problem], section: str, known: Iterable[str], language: str) -> str:
    """All of them at once. known: the fields of the section that have a control."""
    lines, fields = [], set(known)
    for each in problems:
        sentence = escape(say(language, each.message))
        if each.field in fields:
            name, target = escape(field_label(section, each.field, language)), element(section, each.field)
            sentence = f'<button type="button" class="to-field" data-field="{target}">{name}</button> {sentence}'
        lines.append(f"<li>{sentence}</li>")
    if not lines:
        return ""
    count = escape(translate(language, "page.data.problems", count=len(lines)))
    title = f"<strong>{count}</strong>" if len(lines) > 1 else ""
    return f'<div class="box bad" role="alert">{title}<ul>{"".join(lines)}</ul></div>'
