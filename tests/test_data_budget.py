"""The token budget counts patches; what is too long is dropped, shortened or cut as the settings say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data_fakes import FakeEncoder
from tsft.data.budget import CUT_MARK, Budget, fit, lowered, patches
from tsft.data.examples import PLACEHOLDER, RowRefused
from tsft.errors import UserError, message


def talk(question, answer="yes"):
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def ramp(*lengths):
    return [np.arange(length, dtype=np.float64) for length in lengths]


def refused(*arguments):
    with pytest.raises(RowRefused) as error:
        fit(*arguments)
    return error.value.reason


def test_patches_count_towards_the_limit():
    turns, series = talk("a<ts><ts/>"), ramp(800)
    # 1 letter + 3 letters + prefix of 5 + 3 digits + 100 patches
    assert len(fit(turns, series, FakeEncoder(), Budget(112)).encoded.input_ids) == 112
    reason = refused(turns, series, FakeEncoder(), Budget(111))
    assert (reason.key, reason.values) == ("data.row.too_long", {"length": 112, "limit": 111})


def test_shortening_keeps_the_newest_points_of_the_longest_series():
    row = fit(talk("<ts><ts/><ts><ts/>"), ramp(800, 80), FakeEncoder(), Budget(100, "shorten_series"))
    assert row.is_shortened and len(row.encoded.input_ids) <= 100
    long, short = row.series
    assert len(short) == 80
    assert long[-1] == 799 and long[0] == 800 - len(long) and len(long) > 400


def test_a_row_whose_text_alone_is_too_long_cannot_be_shortened():
    reason = refused(talk("x" * 50 + PLACEHOLDER), ramp(800), FakeEncoder(), Budget(40, "shorten_series"))
    assert reason.key == "data.row.too_long_shortened"


def test_cutting_takes_the_middle_of_the_longest_text_and_leaves_placeholders_and_answer():
    question = "start " + "word " * 100 + "end " + PLACEHOLDER + " short question"
    row = fit(talk(question, "the answer"), ramp(16), FakeEncoder(), Budget(200, "cut_text"))
    text = row.turns[0]["content"]
    assert row.is_cut and len(row.encoded.input_ids) <= 200
    assert text.startswith("start ") and text.endswith("end " + PLACEHOLDER + " short question")
    assert text.count(CUT_MARK) == 1 and row.turns[1]["content"] == "the answer"
    assert "wor " not in text.replace(CUT_MARK, " ")


def test_an_answer_longer_than_the_limit_is_never_cut():
    assert refused(talk("a", "b" * 100), [], FakeEncoder(), Budget(50, "cut_text")).key == "data.row.too_long_cut"


def test_a_series_above_the_encoders_points_is_shortened_or_named():
    encoder = FakeEncoder(max_points=64)
    assert len(fit(talk(PLACEHOLDER), ramp(100), encoder, Budget(0, "shorten_series")).series[0]) == 64
    reason = refused(talk(PLACEHOLDER), ramp(100), encoder, Budget(0, "drop"))
    assert (reason.key, reason.values) == ("data.row.series_too_long", {"series": 1, "points": 100, "limit": 64})


def test_what_the_encoder_refuses_becomes_the_rows_reason():
    class Refusing(FakeEncoder):
        def encode(self, turns, series, train_on="answers"):
            raise UserError(message("model.something", series=1))

    assert refused(talk("a"), [], Refusing(), Budget(0)).key == "model.something"


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), st.integers(1, 400))
def test_lowering_takes_exactly_the_excess_from_the_largest(counts, excess):
    result = lowered(counts, excess)
    assert sum(counts) - sum(result) == min(excess, sum(counts) - len(counts))
    cut = [new for new, old in zip(result, counts, strict=True) if new < old]
    assert all(new >= 1 for new in result)
    assert not cut or max(result) <= max(cut) + 1


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.text("ab 中\n", max_size=80), min_size=1, max_size=4),
    st.lists(st.integers(1, 200), max_size=3),
    st.integers(1, 150),
    st.sampled_from(["drop", "shorten_series", "cut_text"]),
)
def test_a_fitted_row_is_within_the_limit_and_complete(texts, lengths, limit, overlong):
    question = PLACEHOLDER.join([*texts, *[""] * len(lengths)][: len(lengths) + 1]) + "?"
    encoder, series = FakeEncoder(), ramp(*lengths)
    try:
        row = fit(talk(question), series, encoder, Budget(limit, overlong))
    except RowRefused as refusal:
        assert refusal.reason.key.startswith("data.row.too_long")
    else:
        assert len(row.encoded.input_ids) <= limit
        assert row.turns[0]["content"].count(PLACEHOLDER) == len(lengths)
        assert row.turns[1]["content"] == "yes"
        for kept, whole in zip(row.series, series, strict=True):
            assert len(kept) >= 1 and np.array_equal(kept, whole[-len(kept) :])
        if overlong != "shorten_series":
            assert all(len(kept) == len(whole) for kept, whole in zip(row.series, series, strict=True))
        if overlong != "cut_text":
            assert row.turns[0]["content"] == question
    assert encoder.calls < 60


@pytest.mark.parametrize(("points", "size", "count"), [(1, 8, 1), (8, 8, 1), (9, 8, 2), (256, 8, 32)])
def test_a_part_of_a_patch_is_a_patch(points, size, count):
    assert patches(points, size) == count
