"""How well a run's model answers, as evaluations found it: a cell of the list, the facts of a run, several compared."""

from collections.abc import Mapping, Sequence
from html import escape

from tsft.i18n import translate
from tsft.ui.readings import NONE, moment
from tsft.ui.run_rows import AnswerScore


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def interval(score: AnswerScore) -> str:
    """The score with the bounds of 95 %, where it has some: 71.0 % (64.5–77.2)."""
    if score.low is None or score.high is None:
        return percent(score.score)
    return f"{percent(score.score)} ({100 * score.low:.1f}–{100 * score.high:.1f})"


def cell_html(score: AnswerScore | None, language: str) -> str:
    """The newest score; its interval and data are told when it is pointed at."""
    if score is None:
        return NONE
    return f'<span title="{escape(about(score, language))}">{percent(score.score)}</span>'


def about(score: AnswerScore, language: str) -> str:
    """What the figure is of, in a sentence."""
    values = {"score": interval(score), "rows": score.rows, "datasets": ", ".join(score.datasets)}
    return translate(language, "page.runs.answers_about", **values)


def scores_html(answers: Sequence[AnswerScore], language: str, with_links: bool = True) -> str:
    """By datasets, then by task, with what of the run was asked and when; "" before the first evaluation."""
    if not answers:
        return ""
    title = escape(translate(language, "page.runs.answers_title"))
    rows = "".join(_lines(each, language) for each in answers)
    where = escape(translate(language, "page.runs.answers_more"))
    link = escape(translate(language, "page.runs.answers_open"))
    button = f' <button type="button" class="to-tab" data-tab="tab-evaluate-button">{link}</button>'
    below = f'<p class="quiet">{where}{button}</p>' if with_links else ""
    return f'<p class="facts-title">{title}</p><table class="facts" data-answers="{len(answers)}">{rows}</table>{below}'


def compared_scores(several: Sequence[Sequence[AnswerScore]], language: str) -> list[tuple[str, list[str]]]:
    """For each set of datasets its name and a cell for each run, the best marked: only the same data is compared.

    several: of each run, as `RunTold.answers`. What most runs answered comes first. Cells are HTML already.
    """
    by_data: dict[tuple[str, ...], dict[int, AnswerScore]] = {}
    for number, answers in enumerate(several):
        for each in answers:
            by_data.setdefault(tuple(sorted(each.datasets)), {})[number] = each
    most_first = sorted(by_data.items(), key=lambda each: -len(each[1]))
    return [(", ".join(names), _compared(found, len(several), language)) for names, found in most_first]


def _compared(found: Mapping[int, AnswerScore], runs: int, language: str) -> list[str]:
    best = max(each.score for each in found.values())
    is_alone = len(found) == 1
    cells = []
    for number in range(runs):
        score = found.get(number)
        if score is None:
            cells.append(NONE)
            continue
        shown = escape(interval(score))
        told = shown if is_alone or score.score != best else f"<b>{shown}</b>"
        cells.append(f'<span title="{escape(about(score, language))}">{told}</span>')
    return cells


def _lines(score: AnswerScore, language: str) -> str:
    told = translate(language, "page.runs.answers_of", rows=score.rows, result=score.result.rpartition("/")[2])
    value = f"<b>{escape(interval(score))}</b> <small>{escape(told)} · {escape(moment(score.at))}</small>"
    lines = [(", ".join(score.datasets), value), *((f"· {task}", percent(each)) for task, each in _by_task(score))]
    return "".join(f"<tr><td>{escape(name)}</td><td>{shown}</td></tr>" for name, shown in lines)


def _by_task(score: AnswerScore) -> list[tuple[str, float]]:
    """One task alone is the score itself."""
    return sorted(score.tasks.items()) if len(score.tasks) > 1 else []
