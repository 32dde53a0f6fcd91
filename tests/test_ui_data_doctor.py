"""The doctor's section over a real workspace: a round as a job, what is shown of it, waivers, and the repaired copy."""

import base64
import json
import re

import pytest

from tests.data_fakes import write_lines
from tests.fakes import FakeEngine
from tests.test_data_diagnosis import changed, faulty_rows, good, walk
from tsft.data.checks.diagnosis import last_diagnosis
from tsft.data.checks.findings import ERROR, KINDS
from tsft.data.waivers import FILE_NAME
from tsft.errors import UserError, message
from tsft.i18n import LANGUAGES, say, translate
from tsft.store.workspace import open_workspace
from tsft.ui.data.checkup import Asked, check_work, copy_name, fix_work, goto_of, model_choices, set_waiver
from tsft.ui.data.doctor_section import shown_diagnosis
from tsft.ui.data.findings_html import MEANINGS, derived_html
from tsft.ui.data.jobs import DONE, FAILED
from tsft.ui.data.room import DataRoom
from tsft.ui.data.row_source import examples_of, open_rows

WAIT_SECONDS = 60


@pytest.fixture
def room(tmp_path):
    return DataRoom(open_workspace(tmp_path / "workspace"), FakeEngine())


def put(room, rows, name="rows"):
    room.workspace.datasets.mkdir(parents=True, exist_ok=True)
    return write_lines(room.workspace.datasets / f"{name}.jsonl", rows)


def ended(room, kind, work, name="rows"):
    job = room.jobs.begin(kind, name, work)
    assert job.ended.wait(WAIT_SECONDS)
    return job


def checked(room, rows, asked=None):
    put(room, rows)
    job = ended(room, "check", check_work(room, "rows", asked or Asked()))
    assert job.state == DONE, job.problems
    return job.result


def report(room, language="en", fixes=None):
    return shown_diagnosis(room, "rows", fixes, language)[0]


def kinds_in(html):
    return re.findall(r'<li class="finding[^"]*" data-kind="(\w+)"', html)


def test_every_finding_is_shown_by_level_with_its_rows_and_its_best_fix(room):
    rows, expected = faulty_rows()
    checked(room, rows)
    html, fixes, *_ = shown_diagnosis(room, "rows", None, "en")
    shown = kinds_in(html)
    assert set(shown) == set(expected)
    levels = [KINDS[kind].level for kind in shown]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)
    assert fixes == {kind: KINDS[kind].fixes[0] for kind in expected if KINDS[kind].fixes}
    for kind, row in expected.items():
        part = html[html.index(f'data-kind="{kind}"') :]
        assert f'data-row="{row - 1}"' in part[: part.index("</ul>")], kind
    errors = sum(KINDS[kind].level == ERROR for kind in expected)
    assert translate("en", "page.data.check.blocked", count=errors) in html


def test_a_row_that_can_be_read_comes_with_a_picture_of_its_series(room):
    checked(room, [good(1), changed(2, timeseries=[[1.0, None, 2.5]]), '{"broken": '])
    html = report(room)
    parts = dict(zip(kinds_in(html), html.split('data-kind="')[1:], strict=False))
    assert parts["value_null"].count("<img") == 1 and "<img" not in parts["broken_json"]


def test_the_picture_of_an_example_is_of_the_series_that_the_finding_names(room):
    named = changed(2, input="S: <ts><ts/> T: <ts><ts/>?", timeseries=[walk(2), [5.0] * 20])
    diagnosis = checked(room, [good(1), named])
    ((example, *_),) = examples_of(diagnosis, open_rows(room, "rows"), "en").values()
    drawn = base64.b64decode(example.picture.partition("base64,")[2].partition('"')[0]).decode()
    assert re.findall(r"<text[^>]*>(\w+)</text>", drawn) == ["5", "2"]


def test_what_rows_say_is_shown_as_text(room):
    checked(room, [good(1), changed(2, timeseries=[[1.0, "<b>2</b>"]])])
    assert "<b>2</b>" not in report(room) and "&lt;b&gt;2&lt;/b&gt;" in report(room)


def test_a_dataset_that_was_checked_before_is_shown_so_until_it_changes(room):
    rows = [good(1), good(1)]
    checked(room, rows)
    assert kinds_in(report(room)) == ["duplicate"]
    put(room, [*rows, good(2)])
    assert translate("en", "page.data.check.never") in report(room)


def test_a_waived_warning_is_marked_remembered_with_its_author_and_can_be_taken_back(room):
    checked(room, [good(1), good(1)])
    assert 'data-ready="0"' in report(room)
    set_waiver(room, "rows", {"waive": "duplicate"}, "ada")
    assert 'data-ready="1"' in report(room) and 'data-unwaive="duplicate"' in report(room)
    (kept,) = json.loads((room.workspace.datasets / FILE_NAME).read_text()).values()
    assert kept["duplicate"]["by"] == "ada"
    set_waiver(room, "rows", {"unwaive": "duplicate"}, "ada")
    assert 'data-ready="0"' in report(room) and 'data-waive="duplicate"' in report(room)


@pytest.mark.parametrize("kind", ["value_nan", "no such kind"])
def test_only_warnings_can_be_waived(room, kind):
    checked(room, [good(1), good(1)])
    set_waiver(room, "rows", {"waive": kind}, "")
    assert not (room.workspace.datasets / FILE_NAME).exists()


def test_the_copy_has_the_chosen_fixes_and_says_what_became_of_the_rows(room):
    rows = [good(1), good(1), changed(2, timeseries=[[1.0, None, 2.5]]), '{"broken": ']
    original = put(room, rows).read_bytes()
    checked(room, rows)
    work = fix_work(room, "rows", {"value_null": "impute"}, "", Asked(), "ada")
    derived = ended(room, "fix", work).result
    html = derived_html(derived, copy_name(room, derived), "en")
    told = {"rows_in": 4, "rows_out": 3, "changed": 1}
    assert translate("en", "data.doctor.fixed", dataset="rows", **told) in html
    assert translate("en", "data.doctor.unreadable", count=1) in html and 'data-copy="rows-fixed"' in html
    kept = [json.loads(line) for line in derived.path.read_text().splitlines()]
    assert [row["timeseries"] for row in kept[:2]] == [good(1)["timeseries"]] * 2
    assert kept[2]["timeseries"] == [[1.0, 1.75, 2.5]] and derived.provenance.by == "ada"
    assert (room.workspace.datasets / "rows.jsonl").read_bytes() == original


def test_the_copy_is_made_of_the_same_look_that_gave_the_findings(room):
    put(room, [{**good(5), "timeseries": [walk(5)[10:50]]}], "held")
    asked = Asked(against=("held",), model="builtin", cutoff_length=100)
    long = good(7, question="S: <ts><ts/> " + "why " * 40)
    diagnosis = checked(room, [good(seed) for seed in range(6)] + [long], asked)
    assert [each.kind for each in diagnosis.report.findings] == ["too_long", "validation_overlap"]
    again = last_diagnosis("rows", room.folders, room.cache)
    assert Asked.of(again) == asked
    fixes = {"validation_overlap": "drop", "too_long": "drop"}
    derived = ended(room, "fix", fix_work(room, "rows", fixes, "clean", Asked.of(again), "")).result
    assert (derived.name, derived.provenance.rows) == ("clean", 5)


def test_a_model_that_is_not_here_ends_the_round_with_its_sentence(room):
    class Without(FakeEngine):
        def reader(self, config):
            raise UserError(message("page.data.rows.empty", dataset=config.model.name))

    bare = DataRoom(room.workspace, Without())
    put(bare, [good(1)])
    job = ended(bare, "check", check_work(bare, "rows", Asked(model="Qwen3-8B")))
    assert job.state == FAILED and "Qwen3-8B" in say("en", job.problems[0].message)


def test_a_click_leads_to_the_row_or_to_all_rows_of_a_finding(room):
    checked(room, [good(1), good(2), good(2), good(2)])
    assert goto_of(room, "rows", {"row": "3"})["row"] == 3
    shown = goto_of(room, "rows", {"show": "duplicate"})
    assert (shown["row"], shown["finding"]) == (2, "duplicate") and shown["at"] > 0
    assert goto_of(room, "rows", {"show": "value_nan"}) is None


def test_a_fix_that_was_chosen_stays_chosen_when_the_findings_are_shown_again(room):
    checked(room, [good(1), changed(2, timeseries=[[1.0, None, 2.5]])])
    html = report(room, fixes={"value_null": "drop"})
    assert re.search(r'<option value="drop"[^>]* selected>', html)
    left = report(room, fixes={"value_null": ""})
    assert re.search(r'<option value=""[^>]* selected>', left)
    assert translate("en", "page.data.check.leave_help_error") in left


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_every_kind_means_is_said(language):
    for kind in KINDS:
        key = f"page.data.check.means.{MEANINGS.get(kind, kind)}"
        assert translate(language, key) != key


def test_the_models_offered_are_those_that_are_here(room):
    assert [value for _, value in model_choices(room, "en")] == ["", "builtin"]
