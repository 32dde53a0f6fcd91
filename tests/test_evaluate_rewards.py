"""Rewards that can be verified: what an answer is worth by the label of its row."""

import json
from typing import Any

import pytest

from tsft.config.stages import LABELLED_REWARDS, REWARDS
from tsft.evaluate.rewards import LABEL_REWARDS, Answer, LengthLimit, verifiable

LIMIT = LengthLimit(10, 0.1)
STRETCHES = {"name": "anomalies", "word": "anomalies", "kind": "intervals", "value": [[10, 20]], "length": 100}
LEVEL = {"name": "level", "word": "level", "kind": "number", "value": 5.0, "scale": 2.0, "tolerance": 0.5}
PLACE = {"name": "start", "word": "start", "kind": "position", "value": 50, "tolerance": 3, "length": 100}
TREND = {
    "name": "trend",
    "word": "trend",
    "kind": "class",
    "value": "rising",
    "options": {each: each for each in ("rising", "falling", "none")},
}


def label(*fields: dict[str, Any], style: str = "short") -> dict[str, Any]:
    return {"task": "t", "style": style, "language": "en", "fields": [{"options": {}, **each} for each in fields]}


def worth(text: str, truth: dict[str, Any] | None, *names: str, tokens: int = 5) -> dict[str, float | None]:
    return verifiable(Answer(text, tokens, truth), frozenset(names), LIMIT)


def test_every_reward_that_can_be_chosen_is_one() -> None:
    assert set(LABEL_REWARDS) == set(LABELLED_REWARDS)
    assert set(worth("rising", label(TREND), *REWARDS)) == set(REWARDS)


def test_the_score_is_the_tasks_own() -> None:
    assert worth("rising", label(TREND), "score") == {"score": 1.0}
    assert worth("falling", label(TREND), "score") == {"score": 0.0}
    assert worth("who knows", label(TREND), "score") == {"score": 0.0}
    assert worth("level: 5; trend: falling", label(LEVEL, TREND, style="line"), "score") == {"score": 0.5}


@pytest.mark.parametrize(
    ("text", "style", "wanted"),
    [
        ('{"trend": "rising"}', "json", 1.0),
        ('```json\n{"trend": "falling"}\n```', "json", 1.0),
        ('It is {"trend": "rising"}', "json", 0.0),
        ('{"trend": "rising"', "json", 0.0),
        ("trend: rising", "line", 1.0),
        ("trend:\nrising", "line", 0.0),
        ("rising", "short", 1.0),
        ("It is rising. That much is clear.", "short", 0.0),
        ("It is rising. That much is clear.", "prose", 1.0),
        ("green", "short", 0.0),
    ],
)
def test_the_format_asks_for_what_was_asked(text: str, style: str, wanted: float) -> None:
    assert worth(text, label(TREND, style=style), "format") == {"format": wanted}


def test_overlap_is_that_of_the_points_and_never_counts_them_one_by_one() -> None:
    truth = label(STRETCHES)

    assert worth("10-20", truth, "overlap") == {"overlap": 1.0}
    assert worth("10-15", truth, "overlap") == {"overlap": 0.5}
    assert worth("15-25", truth, "overlap") == {"overlap": pytest.approx(1 / 3)}
    assert worth("none", truth, "overlap") == {"overlap": 0.0}
    assert worth(json.dumps({"anomalies": [[0, 10**15]]}), truth, "overlap")["overlap"] == pytest.approx(0, abs=1e-9)
    assert worth("none", label({**STRETCHES, "value": []}), "overlap") == {"overlap": 1.0}
    assert worth("rising", label(TREND), "overlap") == {"overlap": None}


def test_closeness_falls_evenly_with_the_distance() -> None:
    assert worth("5", label(LEVEL), "closeness") == {"closeness": 1.0}
    assert worth("6", label(LEVEL), "closeness") == {"closeness": 0.5}
    assert worth("99", label(LEVEL), "closeness") == {"closeness": 0.0}
    assert worth("40", label(PLACE), "closeness") == {"closeness": pytest.approx(0.9)}
    assert worth("rising", label(TREND), "closeness") == {"closeness": None}


def test_length_costs_beyond_the_limit_and_needs_no_label() -> None:
    assert worth("x", None, "length", tokens=10) == {"length": 1.0}
    assert worth("x", None, "length", tokens=15) == {"length": 0.5}
    assert worth("x", None, "length", tokens=500) == {"length": 0.0}
    assert worth("x", None, "score", "length") == {"score": None, "length": 1.0}
