"""Makes a report from predictions: scores by task, language and prefix, baselines, paired tests and controls."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from tsft.evaluate.answers import Baseline, Question
from tsft.evaluate.field_reports import Drawing, field_report, text_metrics
from tsft.evaluate.predictions import Judged, Prediction, judge
from tsft.evaluate.report import Comparison, ControlReport, ModelReport, Part, Report, TaskReport
from tsft.evaluate.statistics import Difference, Statistic, columns, mcnemar, paired_bootstrap
from tsft.evaluate.verdicts import MAJORITY, verdicts


@dataclass(frozen=True)
class Controlled:
    """A model's answers under a control. Their rows are those of the original, their labels those of what was shown.

    kind: "blind", "permuted" or "perturbed"; control: the name of it.
    """

    model: str
    kind: str
    control: str
    predictions: Sequence[Prediction]


def make_report(
    models: Mapping[str, Sequence[Prediction]],
    *,
    baselines: Mapping[str, Sequence[Prediction]] | None = None,
    controls: Sequence[Controlled] = (),
    drawing: Drawing | None = None,
) -> Report:
    """A report on one or several models, by name, in the order in which they are to be shown.

    Predictions may be incomplete (a stopped evaluation): each model is scored on what it answered, two are compared on
    the rows that both did. Baselines are those of `answered_by`, which leave rows out where they do not apply.
    """
    how = drawing or Drawing()
    judged = {name: judge(each) for name, each in models.items()}
    cheap = {name: judge(each) for name, each in (baselines or {}).items() if each}
    reports = [_model(name, each, False, how) for name, each in judged.items()]
    reports += [_model(name, each, True, how) for name, each in cheap.items()]
    pairs = [pair for one, other in combinations(judged, 2) for pair in _comparisons(one, other, judged, how)]
    pairs += [_comparison(one, base, "", judged[one], cheap[base], how) for one in judged for base in cheap]
    usual = cheap.get(MAJORITY, [])
    tried = [_control(each, judged[each.model], usual, how) for each in controls]
    everyone = [each.prediction for rows in judged.values() for each in rows]
    report = Report(
        rows=len({each.row for each in everyone}),
        series=len({each.series_key for each in everyone}),
        models=tuple(reports),
        comparisons=tuple(pairs),
        controls=tuple(tried),
    )
    return Report(**{**vars(report), "verdicts": verdicts(report)})


def answered_by(
    baselines: Mapping[str, Baseline], rows: Sequence[Prediction], series: Sequence[Sequence[np.ndarray]]
) -> dict[str, list[Prediction]]:
    """What each baseline says to these rows (any model's predictions; their answers take no part), where it applies."""
    found: dict[str, list[Prediction]] = {name: [] for name in baselines}
    for row, own in zip(rows, series, strict=True):
        question = Question(row.label, tuple(own))
        for name, baseline in baselines.items():
            text = baseline.answer(question)
            if text is not None:
                found[name].append(Prediction(**{**vars(row), "answer": text}))
    return found


def balanced(tasks: Sequence[str]) -> tuple[Callable[[Sequence[float]], np.ndarray], Statistic]:
    """The mean over tasks of their means: how to lay out values of rows of these tasks, and the statistic of the sums.

    rows: float[n, 2 * tasks], sum and count in the columns of the row's own task
    """
    names = sorted(set(tasks))
    place = {name: index for index, name in enumerate(names)}
    at = np.array([place[each] for each in tasks], dtype=int)

    def lay_out(values: Sequence[float]) -> np.ndarray:
        rows = np.zeros((len(at), 2 * len(names)))
        rows[np.arange(len(at)), 2 * at] = np.asarray(values, dtype=np.float64)
        rows[np.arange(len(at)), 2 * at + 1] = 1.0
        return rows

    def statistic(sums: np.ndarray) -> np.ndarray:
        totals, counts = sums[:, 0::2], sums[:, 1::2]
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(counts > 0, totals / counts, 0.0)
            return np.asarray(means.sum(axis=1) / (counts > 0).sum(axis=1))

    return lay_out, statistic


def _model(name: str, judged: Sequence[Judged], is_baseline: bool, how: Drawing) -> ModelReport:
    tasks = sorted({each.task for each in judged})
    return ModelReport(
        name=name,
        is_baseline=is_baseline,
        everything=_part(judged, how),
        needs_series=_part(_needing(judged), how),
        prefix_answerable=_part([each for each in judged if each.is_prefix_answerable], how),
        by_language=_by_language(judged, how),
        tasks=tuple(_task(task, [each for each in judged if each.task == task], how) for task in tasks),
    )


def _task(task: str, judged: Sequence[Judged], how: Drawing) -> TaskReport:
    names = dict.fromkeys(each["name"] for one in judged for each in one.prediction.label["fields"])
    nothing = [each for each in judged if each.prediction.label.get("is_none") and each.score.is_read]
    wrong = [not next(iter(each.score.fields.values())).is_right for each in nothing]
    return TaskReport(
        task=task,
        everything=_part(judged, how),
        needs_series=_part(_needing(judged), how),
        prefix_answerable=_part([each for each in judged if each.is_prefix_answerable], how),
        by_language=_by_language(judged, how),
        false_alarms=how.estimate(columns(wrong), [each.prediction.series_key for each in nothing]),
        fields=tuple(field_report(name, judged, how) for name in names),
        texts=text_metrics(judged, how),
    )


def _needing(judged: Sequence[Judged]) -> list[Judged]:
    return [each for each in judged if not each.is_prefix_answerable]


def _by_language(judged: Sequence[Judged], how: Drawing) -> dict[str, Part]:
    languages = sorted({each.language for each in judged})
    return {one: _part([each for each in judged if each.language == one], how) for one in languages}


def _part(judged: Sequence[Judged], how: Drawing) -> Part:
    lay_out, statistic = balanced([each.task for each in judged])
    keys = [each.prediction.series_key for each in judged]
    return Part(
        rows=len(judged),
        score=how.estimate(lay_out([each.score.value for each in judged]), keys, statistic),
        right=how.estimate(lay_out([each.score.is_right for each in judged]), keys, statistic),
        # A share of rows, not of tasks: it says how many answers are lost.
        unread=how.estimate(columns([not each.score.is_read for each in judged]), keys),
    )


def _comparisons(one: str, other: str, judged: Mapping[str, Sequence[Judged]], how: Drawing) -> list[Comparison]:
    """Over all tasks, then by task."""
    tasks = sorted({each.task for each in judged[one]} & {each.task for each in judged[other]})
    return [_comparison(one, other, task, judged[one], judged[other], how) for task in ("", *tasks)]


def _comparison(
    one: str, other: str, task: str, first: Sequence[Judged], second: Sequence[Judged], how: Drawing
) -> Comparison:
    pairs = [(a, b) for a, b in _paired(first, second) if task in ("", a.task)]
    right = mcnemar([a.score.is_right for a, _ in pairs], [b.score.is_right for _, b in pairs])
    return Comparison(one, other, task, len(pairs), _difference(pairs, how), right)


def _control(tried: Controlled, judged: Sequence[Judged], usual: Sequence[Judged], how: Drawing) -> ControlReport:
    pairs = _paired(_needing(judged), judge(tried.predictions))
    lay_out, statistic = balanced([before.task for before, _ in pairs])
    keys = [before.prediction.series_key for before, _ in pairs]
    before, after = ([each[side].score.value for each in pairs] for side in (0, 1))
    same = None
    if tried.kind == "permuted":
        kept = [_choice(a) == _choice(b) for a, b in pairs]
        same = how.estimate(columns(kept), keys)
    guessed = [guess for _, guess in _paired([each for each, _ in pairs], usual)]
    return ControlReport(
        model=tried.model,
        kind=tried.kind,
        control=tried.control,
        rows=len(pairs),
        before=how.estimate(lay_out(before), keys, statistic),
        after=how.estimate(lay_out(after), keys, statistic),
        drop=_difference(pairs, how),
        same=same,
        majority=_part(guessed, how).score,
    )


def _paired(first: Sequence[Judged], second: Sequence[Judged]) -> list[tuple[Judged, Judged]]:
    """The rows that both have, in the order of the first."""
    others = {each.prediction.row: each for each in second}
    return [(each, others[each.prediction.row]) for each in first if each.prediction.row in others]


def _difference(pairs: Sequence[tuple[Judged, Judged]], how: Drawing) -> Difference | None:
    lay_out, statistic = balanced([one.task for one, _ in pairs])
    one, other = (lay_out([each[side].score.value for each in pairs]) for side in (0, 1))
    keys = [each.prediction.series_key for each, _ in pairs]
    return paired_bootstrap(one, other, keys, statistic, resamples=how.resamples, seed=how.seed)


def _choice(judged: Judged) -> Any:
    """What was chosen, whatever letter it stood under. Unread answers are alike."""
    label = judged.prediction.label
    main = label["fields"][0]
    said = judged.score.parsed.get(main["name"])
    options = (label.get("parameters") or {}).get("options")
    if main["kind"] != "letter" or said is None or options is None:
        return said
    place = list(main["options"]).index(said)
    return options[place] if place < len(options) else "none"
