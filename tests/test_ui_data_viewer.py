"""The viewer over a real workspace: which row is shown, what is drawn on it, and the text as the model sees it."""

import html as escaping
import json
import re

import gradio as gr
import pytest

from tests.data_fakes import write_lines
from tests.fakes import FakeEngine
from tests.test_data_diagnosis import good
from tsft.data.checks.diagnosis import Look, diagnose
from tsft.data.checks.facts import Filter
from tsft.data.files import RawRow
from tsft.data.mapping import ColumnMapping
from tsft.data.row_access import LocatedRow
from tsft.data.view import view_row
from tsft.errors import UserError, message
from tsft.i18n import translate
from tsft.model.processor import SeriesProcessor
from tsft.store.workspace import open_workspace
from tsft.ui.context import PageContext
from tsft.ui.data.desk import DataDesk
from tsft.ui.data.lengths_html import lengths_html
from tsft.ui.data.room import DataRoom
from tsft.ui.data.row_html import Shown, row_html
from tsft.ui.data.viewer_section import ENDS, LISTS, NOTHING, Viewer, place_viewer_section
from tsft.ui.data.viewing import BACK, FIRST, FIRST_ROWS, NEXT, Asked, filter_of, seen
from tsft.ui.page import build_page
from tsft.ui.words import Words

WAIT_SECONDS = 60
NO_FILTER = [None] * (len(LISTS) + len(ENDS))


@pytest.fixture(scope="module")
def processor(builtin_model):
    return SeriesProcessor.load(builtin_model)


@pytest.fixture
def room(tmp_path):
    found = DataRoom(open_workspace(tmp_path / "workspace"), FakeEngine())
    found.workspace.datasets.mkdir(parents=True, exist_ok=True)
    return found


def put(room, rows, name="rows"):
    return write_lines(room.workspace.datasets / f"{name}.jsonl", rows)


def thirty(room, look=None):
    """Thirty rows, checked: every third is of the task "spike", row 7 is constant, row 9 cannot be read."""
    rows = [{**good(seed), "meta": json.dumps({"task": "trend" if seed % 3 else "spike"})} for seed in range(30)]
    rows[7] = {**rows[7], "timeseries": [[5.0] * 64]}
    rows[9] = '{"broken": '
    put(room, rows)
    return diagnose("rows", room.folders, room.cache, look or Look())


def shown_row(found):
    return int(re.search(r'data-row="(\d+)"', found.html)[1])


def located(record, reason=None):
    return LocatedRow(4, "rows.jsonl", RawRow(5, record, reason, 0), ColumnMapping())


# -- which row ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "step", "expected"),
    [(4, NEXT, 5), (4, BACK, 3), (0, BACK, 0), (29, NEXT, 29), (12, FIRST, 0), (500, "stay", 29)],
)
def test_a_step_leads_to_the_row_beside_and_never_over_an_end(room, row, step, expected):
    thirty(room)
    found = seen(room, Asked("rows", row), step)
    assert (found.row, shown_row(found), found.rows) == (expected, expected, 30)


@pytest.mark.parametrize(
    ("row", "step", "expected", "place"),
    [(0, "stay", 0, 0), (1, "stay", 3, 1), (1, NEXT, 3, 1), (3, NEXT, 6, 2), (4, BACK, 3, 1), (29, "stay", 27, 8)],
)
def test_with_a_filter_only_the_rows_that_pass_are_shown(room, row, step, expected, place):
    thirty(room)
    # Row 9 has no task: it cannot be read.
    found = seen(room, Asked("rows", row, Filter(task="spike")), step)
    assert (found.row, found.place, found.matches) == (expected, place, 9)


def test_a_filter_that_nothing_passes_says_so(room):
    thirty(room)
    with pytest.raises(UserError) as refused:
        seen(room, Asked("rows", 0, Filter(points_from=1_000)))
    assert refused.value.message.key == "page.data.rows.no_match"


def test_what_is_typed_into_a_filter_can_be_anything(room):
    thirty(room)
    wanted = filter_of({"finding": "no such", "task": None, "points_from": None, "tokens_to": -5})
    assert wanted == Filter() and seen(room, Asked("rows", 2, wanted)).row == 2
    assert filter_of({"finding": "constant", "points_to": 64.0}) == Filter(finding="constant", points_to=64)


def test_of_a_large_file_the_first_rows_are_there_before_the_index_is(room):
    put(room, [good(seed) for seed in range(FIRST_ROWS + 5)])
    found = seen(room, Asked("rows", 3), NEXT, at_once_bytes=0)
    assert (found.row, shown_row(found), found.rows, found.needs_index) == (4, 4, None, True)
    assert seen(room, Asked("rows", 500), at_once_bytes=0).row == FIRST_ROWS - 1


# -- what is shown --------------------------------------------------------------------------------------------------


QUESTION = '"Load": <ts><ts/>\n"Heat": <ts><ts/>\n<i>Where?</i>'
ANSWER = "Load jumps at points 3-5. Heat drops at point 90. Heat is low at point 2."


def test_quotes_are_marked_in_the_text_and_drawn_on_the_series_they_speak_of():
    view = view_row(located({"input": QUESTION, "output": ANSWER, "timeseries": [list(range(20)), [1, 2] * 10]}))
    html = row_html(view, Shown("k"), "en")
    marks = re.findall(r'<mark class="(\w+)">([^<]*)</mark>', html)
    assert marks == [("answer", "points 3-5"), ("wrong", "point 90"), ("answer", "point 2")]
    payload = json.loads(escaping.unescape(re.search(r'data-payload="([^"]*)"', html)[1]))
    drawn = [[(mark["first"], mark["last"]) for mark in series["marks"]] for series in payload["series"]]
    assert drawn == [[(3, 5)], [(2, 2)]]
    assert "<i>" not in html and "&lt;i&gt;Where?&lt;/i&gt;" in html
    assert html.count('class="series-chip"') == 2


def test_the_model_view_tells_what_is_trained_from_what_is_masked(processor):
    view = view_row(located(good(1)), processor)
    html = row_html(view, Shown("k", cutoff_length=10, model="builtin"), "en")
    trained = "".join(re.findall(r'class="piece trained">([^<]*)</span>', html.split('class="pieces"')[1]))
    assert trained.startswith("Walk 1 of its own.") and "What is seen" not in trained
    assert translate("en", "page.data.rows.patches_of", series=1, count=view.model.patches) in html
    assert 'class="cutoff above"' in html
    numbered = row_html(view, Shown("k", has_ids=True), "en")
    assert f"<small>{view.model.pieces[0].ids[0]}</small>" in numbered and "<small>" not in html


@pytest.mark.parametrize(
    ("record", "reason", "words"),
    [
        ({**good(1), "timeseries": [[1.0, None]]}, None, "null"),
        ({"input": "x"}, None, "row"),
        (None, message("data.row.encoding"), "UTF-8"),
    ],
)
def test_a_bad_row_is_shown_with_the_reason_why_it_is_bad(record, reason, words):
    view = view_row(located(record, reason))
    html = row_html(view, Shown("k"), "en")
    box = re.search(r'<div class="box bad row-findings">(.*?)</div>', html)[1]
    assert translate("en", "page.data.check.level.error") in box and view.findings


def test_what_only_all_rows_together_show_is_said_of_the_row_too(room):
    put(room, [good(1), good(1)])
    diagnose("rows", room.folders, room.cache)
    assert translate("en", "data.finding.duplicate") in seen(room, Asked("rows", 1)).html
    assert translate("en", "data.finding.duplicate") not in seen(room, Asked("rows", 0)).html


def test_meta_is_text():
    html = row_html(view_row(located({**good(1), "meta": {"<b>": ["<i>", 1]}})), Shown("k"), "en")
    assert "<b>:" not in html and "&lt;b&gt;" in html and "[&quot;&lt;i&gt;&quot;, 1]" in html


def test_the_histograms_mark_the_cut_off_and_say_what_is_not_measured(room):
    diagnosis = thirty(room, Look(encoder=FakeEngine().reader(None), cutoff_length=60))
    html = lengths_html(diagnosis, "en")
    tokens, points = html.split('data-lengths="points"')
    assert '<line class="cutoff"' in tokens and '<line class="cutoff"' not in points
    measured = diagnosis.facts.column("tokens")
    above = translate("en", "page.data.rows.lengths.above", cutoff=60, above=int((measured > 60).sum()))
    assert above in tokens and translate("en", "page.data.rows.lengths.unknown", count=1) in tokens
    bare = lengths_html(diagnose("rows", room.folders, room.cache), "en")
    assert translate("en", "page.data.rows.lengths.no_tokens") in bare


# -- the handlers ---------------------------------------------------------------------------------------------------


@pytest.fixture
def viewer(room):
    with gr.Blocks():
        section = place_viewer_section(Words())
        desk = DataDesk(room, gr.State("en"), None, {}, {}, gr.Dropdown([]), gr.State({}))
    return Viewer(section, desk)


def test_the_filter_of_a_finding_that_somebody_came_from_is_set(room, viewer):
    thirty(room)
    section = viewer.section
    goto = {"row": 7, "at": 5.0, "finding": "constant"}
    updates = viewer.opened(NOTHING, goto, "rows", "en", "", False, *NO_FILTER)
    place = updates[section.place]
    assert (place["name"], place["row"], place["at"]) == ("rows", 7, 5.0)
    assert updates[section.filters["finding"]]["value"] == "constant" and updates[section.number] == 8
    assert translate("en", "page.data.rows.where_match", place=1, matches=1) in updates[section.where]
    # The tab's own event, sent before the browser had the filter, shows the same.
    late = viewer.opened(place, goto, "rows", "en", "", False, None, "spike", *NO_FILTER[2:])
    assert (late[section.number], late[section.filters["task"]]["value"]) == (8, "")
    # The same goto again is not followed: the person went on meanwhile.
    place = {"name": "rows", "row": 11, "at": 5.0}
    assert viewer.opened(place, goto, "rows", "en", "", False, *NO_FILTER)[section.number] == 12


def test_another_dataset_begins_at_its_first_row_without_the_filter_of_the_last(room, viewer):
    thirty(room)
    put(room, [good(1)], "other")
    given = ({"name": "rows", "row": 7, "at": 0.0}, {}, "other", "en", "", False, "constant", *NO_FILTER[1:])
    assert viewer.changed(False, *given).keys() == {viewer.section.place}
    updates = viewer.changed(True, *given)
    assert updates[viewer.section.number] == 1 and updates[viewer.section.filters["finding"]]["value"] == ""
    assert translate("en", "page.data.rows.unchecked") in updates[viewer.section.note]
    assert updates[viewer.section.check]["visible"] and not updates[viewer.section.fold]["visible"]


def test_a_number_that_is_typed_leads_to_that_row_whatever_the_filter_says(room, viewer):
    thirty(room)
    given = ({"name": "rows", "row": 0, "at": 0.0}, {}, "rows", "en", "", False, "constant", *NO_FILTER[1:])
    assert viewer.jump(21, *given)[viewer.section.place]["row"] == 20
    assert viewer.jump(1, *given).keys() == {viewer.section.place}
    assert viewer.jump(-3, *given) == {viewer.section.number: 1}  # there is no such row: the box shows the one in view


def test_a_bound_that_is_left_as_it_was_does_not_undo_what_was_clicked(room, viewer):
    thirty(room)
    place = viewer.step(NEXT)(NOTHING, {}, "rows", "en", "", False, *NO_FILTER)[viewer.section.place]
    given = ({**place, "row": 7}, {}, "rows", "en", "", False)
    assert viewer.left(*given, "", *NO_FILTER[1:]) == {viewer.section.place: gr.skip()}
    assert viewer.left(*given, *NO_FILTER[:-1], 0)[viewer.section.place]["shown"][-1] == 0


def test_a_dataset_that_is_gone_is_a_sentence(room, viewer):
    updates = viewer.opened(NOTHING, {}, "gone <b>", "en", "", False, *NO_FILTER)
    assert "gone &lt;b&gt;" in updates[viewer.section.row]


def test_a_model_that_is_not_here_is_a_sentence_beside_the_row(room):
    class Without(FakeEngine):
        def reader(self, config):
            raise UserError(message("data.unknown", name=config.model.name, known="-"))

    put(room, [good(1)])
    html = seen(DataRoom(room.workspace, Without()), Asked("rows", model="ChatTS-8B")).html
    assert "ChatTS-8B" in html and "Walk 1 of its own." in html


def test_the_sections_are_wired_into_the_page(room):
    blocks = build_page(PageContext(FakeEngine(), presets=list, data=room))
    ids = {getattr(each, "elem_id", None) for each in blocks.blocks.values()}
    assert {"check-start", "check-report", "rows-row", "rows-filter"} <= ids
