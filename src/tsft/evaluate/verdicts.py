"""The sentences at the head of a report: is it better, does the model look at the series, does the order matter."""

from tsft.errors import Message, message
from tsft.evaluate.report import Comparison, ControlReport, ModelReport, Report

# A drop that is surely below this is no drop worth the name.
SMALL_DROP = 0.05
# Choices that change with the order of the options in more than every tenth row are no knowledge.
STEADY_SHARE = 0.9
MAJORITY = "majority"


def verdicts(report: Report) -> tuple[Message, ...]:
    """In the order of the report: comparisons of models, then each model against the majority and its controls."""
    found: list[Message] = []
    models = [each for each in report.models if not each.is_baseline]
    names = {each.name for each in models}
    found += [_compared(each) for each in report.comparisons if not each.task and {each.first, each.second} <= names]
    for model in models:
        found += _above_majority(model, report)
        controls = [each for each in report.controls if each.model == model.name]
        looks = _looks(controls)
        found += looks
        unread = model.everything.unread
        if unread is None or unread.value < 1.0:  # what says nothing that can be read keeps no choice either
            found += [_order(each) for each in controls if each.kind == "permuted" and each.same is not None]
        is_blind = any(each.key == "evaluate.verdict.does_not_look" for each in looks)
        found += [_follows(each) for each in controls if each.kind == "perturbed" and _is_telling(each, is_blind)]
    return tuple(found)


def percent(value: float) -> str:
    """A share as the sentences write it, one decimal."""
    return f"{100 * value:.1f}"


def _compared(pair: Comparison) -> Message:
    if pair.score is None or pair.score.low is None or pair.score.high is None:
        return message("evaluate.verdict.not_comparable", first=pair.first, second=pair.second, rows=pair.rows)
    # The better one is named first, whatever order they were given in.
    is_first = pair.score.value >= 0
    better, other = (pair.first, pair.second) if is_first else (pair.second, pair.first)
    sign = 1.0 if is_first else -1.0
    low, high = sorted((sign * pair.score.low, sign * pair.score.high))
    key = "evaluate.verdict.better" if pair.score.is_clear else "evaluate.verdict.no_clear_difference"
    return message(
        key,
        better=better,
        other=other,
        points=percent(abs(pair.score.value)),
        low=percent(low),
        high=percent(high),
        rows=pair.rows,
    )


def _above_majority(model: ModelReport, report: Report) -> list[Message]:
    pair = next((e for e in report.comparisons if (e.first, e.second) == (model.name, MAJORITY)), None)
    if pair is None or pair.score is None or pair.score.low is None or pair.score.low > 0:
        return []
    return [message("evaluate.verdict.not_above_majority", model=model.name, points=percent(pair.score.value))]


def _looks(controls: list[ControlReport]) -> list[Message]:
    """Judged by the blind control that took the least away: each of them must cost, or the text is enough."""
    blind = [each for each in controls if each.kind == "blind" and each.drop is not None]
    if not blind:
        return []
    weakest = min(blind, key=lambda each: each.drop.value if each.drop else 0.0)
    drop, before, after = weakest.drop, weakest.before, weakest.after
    if drop is None or drop.low is None or drop.high is None or before is None or after is None:
        return [message("evaluate.verdict.too_few", model=weakest.model, rows=weakest.rows)]
    told = {
        "model": weakest.model,
        "before": percent(before.value),
        "after": percent(after.value),
        "low": percent(drop.low),
        "high": percent(drop.high),
        "control": message(f"evaluate.control.{weakest.control}").to_json(),
    }
    if drop.high < SMALL_DROP:
        return [message("evaluate.verdict.does_not_look", **told)]
    if drop.low <= 0:
        return [message("evaluate.verdict.unclear", **told)]
    majority = weakest.majority
    if majority is None:
        return [message("evaluate.verdict.looks", **told)]
    is_down = after.low is not None and after.low <= (majority.high if majority.high is not None else majority.value)
    key = "evaluate.verdict.looks_and_falls" if is_down else "evaluate.verdict.looks_in_part"
    return [message(key, **told, majority=percent(majority.value))]


def _order(control: ControlReport) -> Message:
    share = control.same.value if control.same else 0.0
    key = "evaluate.verdict.order_does_not_matter" if share >= STEADY_SHARE else "evaluate.verdict.order_matters"
    return message(key, model=control.model, percent=percent(share), rows=control.rows)


def _is_telling(control: ControlReport, is_blind: bool) -> bool:
    """A score that stays says nothing where there is none, nor of a model that does not look at the series."""
    if control.drop is None or control.drop.low is None or control.before is None:
        return False
    return control.drop.low > SMALL_DROP or (control.before.value > 0 and not is_blind)


def _follows(control: ControlReport) -> Message:
    is_lost = control.drop is not None and control.drop.low is not None and control.drop.low > SMALL_DROP
    key = "evaluate.verdict.does_not_follow" if is_lost else "evaluate.verdict.follows"
    return message(
        key,
        model=control.model,
        change=message(f"evaluate.control.{control.control}").to_json(),
        before=percent(control.before.value if control.before else 0.0),
        after=percent(control.after.value if control.after else 0.0),
    )
