"""Why an evaluation cannot begin: every problem with the way to its control; `evaluate.js` writes it there too."""

from collections.abc import Sequence
from html import escape

from tsft.errors import Problem
from tsft.i18n import say, translate
from tsft.ui.data.placing import field_label
from tsft.ui.evaluate.form import FOLD, HIDDEN, SECTION, field_ids


def problems_html(problems: Sequence[Problem], language: str) -> str:
    """All of them at once; "" without any."""
    ids, lines = field_ids(), []
    for each in problems:
        sentence, facts = escape(say(language, each.message)), ""
        if each.field in ids:
            fold = FOLD if each.field in HIDDEN else ""
            facts = f' data-at="{ids[each.field]}" data-fold="{fold}"'
            name = escape(field_label(SECTION, each.field, language))
            way = f'class="to-field" data-field="{ids[each.field]}" data-folds="{fold}"'
            sentence = f'<button type="button" {way}>{name}</button> <span>{sentence}</span>'
        lines.append(f"<li{facts}>{sentence}</li>")
    if not lines:
        return ""
    count = escape(translate(language, "page.data.problems", count=len(lines)))
    title = f"<strong>{count}</strong>" if len(lines) > 1 else ""
    return f'<div class="box bad" role="alert">{title}<ul>{"".join(lines)}</ul></div>'
