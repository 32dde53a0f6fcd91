"""A row as the viewer shows it: names, units, patches, quoted positions on their series, and the model's own tokens."""

import numpy as np
import pytest

from tests.data_fakes import row
from tsft.data.files import RawRow
from tsft.data.mapping import ColumnMapping
from tsft.data.names import series_names
from tsft.data.row_access import LocatedRow
from tsft.data.view import view_row
from tsft.errors import message
from tsft.model.processor import SeriesProcessor


@pytest.fixture(scope="module")
def processor(builtin_model):
    return SeriesProcessor.load(builtin_model)


def located(record, reason=None):
    return LocatedRow(4, "rows.jsonl", RawRow(5, record, reason, 0), ColumnMapping())


NAMES = [
    ('There are 2 metrics.\n "CPU Usage (%)" is a time series with length of 256: ', ("CPU Usage (%)", "%")),
    ("CPU usage has 64 points: ", ("CPU usage", "")),
    ("Here is the series room temperature, 64 points long: ", ("room temperature", "")),
    ("The metric pump pressure (bar) was recorded 5 times: ", ("pump pressure", "bar")),
    ('"Click-Through Rate (CTR)" is a time series: ', ("Click-Through Rate (CTR)", "")),
    ("Temperature (°C): ", ("Temperature", "°C")),
    ("PM10 (in µg/m³, 187 points): ", ("PM10", "µg/m³")),
    ("流量（共 64 个点）：", ("流量", "")),
    ("下面是长度为 64 的序列用电负荷：", ("用电负荷", "")),
    ("指标泵压力记录了 64 次：", ("泵压力", "")),
    ("室内温度共有 64 个点：", ("室内温度", "")),
    ("“振动”（单位：mm/s）：", ("振动", "mm/s")),
    ("Here is a time series: ", ("", "")),
    ("", ("", "")),
]


@pytest.mark.parametrize(("text", "expected"), NAMES)
def test_a_series_is_named_by_the_words_before_it(text, expected):
    (named,) = series_names([{"role": "user", "content": f"{text}<ts><ts/> What is seen?"}])
    assert (named.name, named.unit) == expected


def test_a_row_is_shown_with_its_series_and_the_tokens_of_the_model(processor):
    series = [np.arange(20.0).tolist(), (np.ones(5) * 7).tolist()]
    view = view_row(
        located(row('"A": <ts><ts/> "温度": <ts><ts/> 上升?', "A rises at point 3. 温度 is flat.", series)), processor
    )
    assert [each.name for each in view.series] == ["A", "温度"]
    assert view.series[0].patch_starts == tuple(range(0, 20, processor.patch_size))
    assert (view.series[0].amplitude, view.series[0].range_used, view.series[1].range_used) == (9.5, 1.0, 0.0)
    assert [each.key for each in view.findings] == ["data.warning.constant"]
    encoded = processor.encode(view.turns, series)
    model = view.model
    assert [each for piece in model.pieces for each in piece.ids] == encoded.input_ids
    assert [piece.series for piece in model.pieces if piece.series] == [1, 2]
    text = "".join(piece.text for piece in model.pieces)
    assert "温度" in text and "offset" in text and "A rises at point 3." in text
    trained = "".join(piece.text for piece in model.pieces if piece.is_trained)
    assert trained.startswith("A rises at point 3. 温度 is flat.") and "offset" not in trained
    assert model.tokens == len(encoded.input_ids)
    assert all(encoded.labels[piece.first] != -100 for piece in model.pieces if piece.is_trained)


def test_quoted_positions_are_mapped_to_the_series_that_the_sentence_names():
    question = '"Load": <ts><ts/>\n"Load of pump 2": <ts><ts/>\nWhere?'
    answer = "Load jumps at points 3-5. Load of pump 2 drops at point 90. Something is at point 2."
    view = view_row(located(row(question, answer, [list(range(20)), list(range(1, 21))])))
    assert [(each.first, each.last, each.series, each.is_inside) for each in view.quotes] == [
        (3, 5, (1,), True),
        (90, 90, (2,), False),
        (2, 2, (), True),
    ]
    assert answer[view.quotes[0].begin : view.quotes[0].end] == "points 3-5"
    asked, told = '"Load (%)": <ts><ts/>\n"温度（°C）": <ts><ts/>', "Load falls at point 3. 温度 at point 4."
    named = row(asked, told, [[1.0] * 9] * 2)
    assert [each.series for each in view_row(located(named)).quotes] == [(1,), (2,)]
    (only,) = view_row(located(row(answer="第 2 个点"))).quotes
    assert only.series == (1,)


@pytest.mark.parametrize(
    ("record", "turns", "lengths"),
    [
        (row(series=[[1.0, None, 3.0]]), 2, [3]),
        (row("A <ts><ts/> <ts><ts/>"), 2, [3]),
        ({"input": "x"}, 0, []),
        ({**row(), "timeseries": 5}, 2, []),
        ({**row(), "timeseries": "[1"}, 2, []),
    ],
)
def test_a_broken_row_shows_what_can_be_read_of_it_and_why(processor, record, turns, lengths):
    view = view_row(located(record), processor)
    assert (len(view.turns), [len(each.points) for each in view.series]) == (turns, lengths)
    assert len(view.findings) == 1 and view.model is None


def test_a_sentence_about_two_series_means_both_and_each_quote_its_own():
    question = '"Load": <ts><ts/>\n"Heat": <ts><ts/>\nDo Load and Heat both change near point 3?'
    view = view_row(located(row(question, "Load at point 2, Heat at points 4-5 and at point 7.", [list(range(9))] * 2)))
    assert [each.series for each in view.quotes] == [(1, 2), (1,), (2,), (2,)]


def test_a_line_that_is_no_json_shows_its_reason():
    view = view_row(located(None, message("data.row.encoding")))
    assert [each.key for each in view.findings] == ["data.row.encoding"]
