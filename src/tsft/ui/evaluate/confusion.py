"""The confusion matrix of a closed field as a table, each cell coloured by its share of its row."""

from collections.abc import Sequence
from html import escape

import numpy as np

from tsft.evaluate.closed import Confusion
from tsft.i18n import translate

# More classes could not be read: the most frequent stay, the others are added up.
MOST_CLASSES = 12
NAME_LENGTH = 22


def confusion_html(found: Confusion, field: str, model: str, language: str) -> str:
    """A row a true class, a column a given one, the last for what could not be read; all names are escaped."""
    shown = _shortened(found, translate(language, "page.evaluate.other_classes"))
    unread = translate(language, "page.evaluate.unread_short")
    caption = escape(translate(language, "page.evaluate.confusion", field=field, model=model), quote=True)
    corner = escape(translate(language, "page.evaluate.confusion_corner"))
    said = [*shown.classes, unread]
    heads = "".join(f'<th scope="col"{_title(each)}>{_short(each)}</th>' for each in said)
    rows = "".join(_row(shown, place, said, language) for place in range(len(shown.classes)))
    return (
        f"<figure><figcaption>{caption}</figcaption>"
        f'<div class="wide" tabindex="0" role="region" aria-label="{caption}">'
        f'<table class="confusion" aria-label="{caption}"><thead><tr><td>{corner}</td>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></figure>"
    )


def _row(found: Confusion, place: int, said: Sequence[str], language: str) -> str:
    """Shares are of the true class; a cell's sentence says the whole names."""
    true, support = found.classes[place], max(1, found.support[place])
    cells = []
    for column, count in enumerate((*found.counts[place], found.unread[place])):
        share = count / support
        values = {"true": true, "said": said[column], "count": f"{count:,}", "share": f"{100 * share:.0f}"}
        told = escape(translate(language, "page.evaluate.confusion_cell", **values), quote=True)
        css = ' class="right"' if column == place else ""
        cells.append(f'<td{css} style="--share:{share:.2f}" title="{told}">{count:,}</td>')
    return f'<tr><th scope="row"{_title(true)}>{_short(true)}</th>{"".join(cells)}</tr>'


def _shortened(found: Confusion, others: str) -> Confusion:
    count = len(found.classes)
    if count <= MOST_CLASSES:
        return found
    order = sorted(range(count), key=lambda each: -found.support[each])
    kept, rest = sorted(order[: MOST_CLASSES - 1]), sorted(order[MOST_CLASSES - 1 :])
    groups = [*([each] for each in kept), rest]
    table = np.array(found.counts)
    counts = tuple(tuple(int(table[np.ix_(row, column)].sum()) for column in groups) for row in groups)
    unread = tuple(int(sum(found.unread[each] for each in row)) for row in groups)
    return Confusion((*(found.classes[each] for each in kept), others), counts, unread)


def _title(name: str) -> str:
    return f' title="{escape(name, quote=True)}"' if len(name) > NAME_LENGTH else ""


def _short(name: str) -> str:
    return escape(name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "…")
