"""How well a run's model answers, as evaluations found it: a cell of the list, the facts of a run, several compared."""

from collections.abc import Sequence
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
    button = f' <button type="button" class="run-link to-tab" data-tab="tab-evaluate-button">{link}</button>'
    below = f'<p class="quiet">{where}{button}</p>' if with_links else ""
    return f'<p class="facts-title">{title}</p><table class="facts" data-answers="{len(answers)}">{rows}</table>{below}'


def compared_html(several: Sequence[AnswerScore | None], language: str) -> list[str]:
    """A cell for each run; [] where none was evaluated. The best is marked only where all answered the same data."""
    known = [each for each in several if each is not None]
    if not known:
        return []
    is_fair = len({tuple(sorted(each.datasets)) for each in known}) == 1
    best = max(each.score for each in known) if is_fair else None
    return [_compared(each, best, is_fair, language) for each in several]


def _compared(score: AnswerScore | None, best: float | None, is_fair: bool, language: str) -> str:
    if score is None:
        return NONE
    shown = f"<b>{escape(interval(score))}</b>" if score.score == best else escape(interval(score))
    of = "" if is_fair else f" <small>{escape(', '.join(score.datasets))}</small>"
    return f'<span title="{escape(about(score, language))}">{shown}</span>{of}'


def _lines(score: AnswerScore, language: str) -> str:
    told = translate(language, "page.runs.answers_of", rows=score.rows, result=score.result.rpartition("/")[2])
    value = f"<b>{escape(interval(score))}</b> <small>{escape(told)} · {escape(moment(score.at))}</small>"
    lines = [(", ".join(score.datasets), value), *((f"· {task}", percent(each)) for task, each in _by_task(score))]
    return "".join(f"<tr><td>{escape(name)}</td><td>{shown}</td></tr>" for name, shown in lines)


def _by_task(score: AnswerScore) -> list[tuple[str, float]]:
    """One task alone is the score itself."""
    return sorted(score.tasks.items()) if len(score.tasks) > 1 else []
