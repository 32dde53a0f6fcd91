"""Which of several answers to one question is the better one, by scores that somebody else gave them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tsft.errors import Problem, message

# The shapes of preference rows.
PAIRS, JUDGED = "pairs", "judged"
KINDS = (PAIRS, JUDGED)
# What a worse answer stands against: another model's answer, or the row's own.
OTHER, REFERENCE = "other", "reference"
AGAINST = (OTHER, REFERENCE)
MOST_PER_ROW = 16


@dataclass(frozen=True)
class ScoredAnswer:
    """by: the model (or several) that wrote it. value: 0 to 1, None where nothing judges it.

    is_read: whether the scorer could read it; one that could not is never the better one.
    """

    by: str
    text: str
    value: float | None
    is_read: bool = True


@dataclass(frozen=True)
class Rule:
    """kind: one of KINDS. margin: by how much the scores of a pair differ at least.

    good, bad: from which score on, and up to which, an answer counts as such. per_row: pairs of one question at most,
    those that lie furthest apart first.
    """

    kind: str = PAIRS
    against: str = OTHER
    margin: float = 0.2
    good: float = 0.9
    bad: float = 0.5
    per_row: int = 1


@dataclass(frozen=True)
class Ranked:
    """A pair with its scores."""

    better: ScoredAnswer
    worse: ScoredAnswer

    @property
    def difference(self) -> float:
        return (self.better.value or 0.0) - (self.worse.value or 0.0)


def check_rule(rule: Rule) -> list[Problem]:
    """Everything that is wrong with it, each at its field."""
    choices = (("kind", rule.kind, KINDS), ("against", rule.against, AGAINST))
    problems = [
        Problem(name, message("evaluation.no_such_choice", value=str(value), choices=", ".join(known)))
        for name, value, known in choices
        if value not in known
    ]
    # A margin of nothing would call equal answers better and worse.
    ranges = (("margin", rule.margin, 0.01, 1), ("good", rule.good, 0.01, 1), ("bad", rule.bad, 0, 0.99))
    for name, value, low, high in (*ranges, ("per_row", rule.per_row, 1, MOST_PER_ROW)):
        if not low <= value <= high:  # also false for what is not a number
            told = message("evaluation.out_of_range", value=f"{value:g}", low=f"{low:g}", high=f"{high:g}")
            problems.append(Problem(name, told))
    if not problems and rule.kind == JUDGED and rule.bad >= rule.good:
        problems.append(Problem("bad", message("preferences.thresholds", good=f"{rule.good:g}", bad=f"{rule.bad:g}")))
    return problems


def distinct(answers: Iterable[ScoredAnswer]) -> list[ScoredAnswer]:
    """Each text once, with all who wrote it; empty ones are left out."""
    found: dict[str, ScoredAnswer] = {}
    for each in answers:
        text = each.text.strip()
        if not text:
            continue
        known = found.get(text)
        if known is None:
            found[text] = replace(each, text=text)
        elif each.by not in known.by.split(", "):
            found[text] = replace(known, by=f"{known.by}, {each.by}")
    return list(found.values())


def pairs_of(better: Sequence[ScoredAnswer], worse: Sequence[ScoredAnswer], rule: Rule) -> list[Ranked]:
    """Pairs of a good and a worse answer that lie at least the margin apart, the widest first.

    No answer is the worse one twice: the same words would be pushed down again and again.
    """
    found = [
        Ranked(one, other)
        for one in better
        for other in worse
        if one.is_read and one.value is not None and other.value is not None and one.text != other.text
    ]
    apart = sorted((each for each in found if each.difference >= rule.margin - 1e-9), key=lambda each: -each.difference)
    kept: dict[str, Ranked] = {}
    for each in apart:
        kept.setdefault(each.worse.text, each)
    return list(kept.values())[: rule.per_row]


def verdict(answer: ScoredAnswer, rule: Rule) -> bool | None:
    """Whether it is a good one; None between the thresholds."""
    if answer.value is None:
        return None
    if answer.is_read and answer.value >= rule.good - 1e-9:
        return True
    return False if answer.value <= rule.bad + 1e-9 else None
