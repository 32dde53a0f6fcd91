"""The answers of an evaluation on the page: the index of a file that grows, filters, a row whole, files taken away."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.data_fakes import write_lines
from tests.evaluation_folders import ITEMS, chatts_evaluation, evaluation, often_right, right, shifted
from tests.fakes import FakeEngine
from tsft.data.row_access import RowAccess
from tsft.store.evaluations import EvaluationFolder, EvaluationInfo
from tsft.store.workspace import Workspace, open_workspace
from tsft.ui.context import PageContext
from tsft.ui.data.room import DataRoom
from tsft.ui.data.row_source import open_rows
from tsft.ui.evaluate import asked_rows
from tsft.ui.evaluate.answer_index import BEST, IN_ORDER, JUDGED_AT_ONCE, KEPT, Query, Shelf
from tsft.ui.evaluate.answers_html import ROWS_SHOWN, answers_html, filters_html
from tsft.ui.evaluate.card import card_html, marks, read_card, send_card
from tsft.ui.evaluate.exporting import (
    ANSWERS_CSV,
    ANSWERS_JSONL,
    COLUMNS,
    REPORT_HTML,
    REPORT_JSON,
    SCORES_CSV,
    answers,
    write_export,
)
from tsft.ui.evaluate.room import EvaluateRoom
from tsft.ui.evaluate.values import SAID, TRUTH, marks_of, on_series, value_text

MODELS = {"tuned": right, "base": often_right}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return open_workspace(tmp_path_factory.mktemp("answers"))


@pytest.fixture(scope="module")
def room(workspace: Workspace) -> EvaluateRoom:
    engine = FakeEngine()
    return EvaluateRoom(PageContext(engine), DataRoom(workspace, engine))


@pytest.fixture(scope="module")
def info(room: EvaluateRoom) -> EvaluationInfo:
    return room.info(evaluation(room.workspace, MODELS).id)


def two_datasets(workspace: Workspace) -> EvaluationFolder:
    """An evaluation of one model on `sensors` and `pumps`, four rows each."""
    other = evaluation(workspace, {"only": right}, dataset_name="pumps", with_controls=False, count=4)
    folder = evaluation(workspace, {"only": right}, with_controls=False, count=4)
    with folder.predictions.open("ab") as file:
        file.write(other.predictions.read_bytes())
    return folder


def found(room: EvaluateRoom, info: EvaluationInfo, **wanted: Any) -> list[int]:
    return [row for _, row in room.find(info, Query(**wanted), room.asked(info))]


def test_the_worst_rows_come_first_and_the_best_when_they_are_wanted(room: EvaluateRoom, info: EvaluationInfo) -> None:
    index = room.index(info)
    values = [sum(each.value for each in index.entries(("sensors", row)).values()) for row in found(room, info)]
    assert values == sorted(values) and values[0] < values[-1]
    best = [sum(e.value for e in index.entries(("sensors", row)).values()) for row in found(room, info, order=BEST)]
    assert best == sorted(values, reverse=True)
    assert found(room, info, order=IN_ORDER) == list(range(24))


def test_rows_are_filtered_by_model_task_language_outcome_and_words(room: EvaluateRoom, info: EvaluationInfo) -> None:
    index = room.index(info)
    assert index.models == ["tuned", "base"] and index.controlled > 0 and len(index) == 24
    assert found(room, info, model="tuned", outcome="wrong") == []
    wrong, unread = (found(room, info, model="base", outcome=each) for each in ("wrong", "unread"))
    assert wrong and unread and not set(wrong) & set(unread) and all(row % 3 == 0 for row in [*wrong, *unread])
    assert set(found(room, info, model="base", outcome="right")) == set(range(24)) - {*wrong, *unread}
    for row in found(room, info, task="trend", language="zh"):
        entry = index.entries(("sensors", row))["tuned"]
        assert (entry.task, entry.language) == ("trend", "zh")
    assert set(found(room, info, text="NO IDEA")) == {row for row in range(24) if row % 3 == 0 and row % 2}
    asked = room.asked(info).question(("sensors", 5)).splitlines()[-1][:30]
    assert 5 in found(room, info, text=asked)


def test_the_index_takes_in_whole_lines_as_they_come_and_the_last_answer_counts(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    folder = evaluation(workspace, {"only": right}, with_controls=False, count=6)
    lines = folder.predictions.read_bytes().splitlines(keepends=True)
    folder.predictions.write_bytes(b"".join(lines[:2]) + lines[2][:40])
    shelf = Shelf()
    assert len(shelf.index(folder)) == 2
    again = json.loads(lines[0])
    again["prediction"]["answer"] = "no idea at all, sorry"
    folder.predictions.write_bytes(b"".join(lines[:4]) + b"cut off by a crash\n" + json.dumps(again).encode() + b"\n")
    index = shelf.index(folder)
    key = ("sensors", again["prediction"]["row"])
    assert len(index) == 4 and index.answers(key)["only"].prediction["answer"] == "no idea at all, sorry"
    folder.predictions.unlink()
    assert len(shelf.index(folder)) == 0
    for number in range(KEPT + 2):
        shelf.index(evaluation(workspace, {"only": right}, name=str(number), with_controls=False, count=2))
    assert len(shelf._kept) == KEPT


def test_what_many_answers_scored_is_kept_and_counts_only_for_the_lines_it_was_made_of(tmp_path: Path) -> None:
    folder = evaluation(open_workspace(tmp_path), {"only": right}, with_controls=False, count=4)
    lines = folder.predictions.read_bytes()
    assert len(Shelf().index(folder)) == 4 and not folder.judged.exists()  # a few are judged each time
    folder.predictions.write_bytes(lines * (JUDGED_AT_ONCE // 4))
    first = Shelf().index(folder)
    told = json.loads(folder.judged.read_text())
    told["rows"][0][2][0][4] = 0.25
    folder.judged.write_text(json.dumps(told))
    key = (told["rows"][0][0], told["rows"][0][1])
    shelf = Shelf()
    index = shelf.index(folder)
    assert index.entries(key)["only"].value == 0.25 and index.models == first.models  # not judged again
    assert {each: index.answers(each) for each in index.find(Query())} == {
        each: first.answers(each) for each in first.find(Query())
    }
    with folder.predictions.open("ab") as file:
        file.write(lines)
    assert shelf.index(folder).entries(key)["only"].value == 1.0  # answered once more
    folder.predictions.write_bytes(lines.replace(b'"only"', b'"mine"') * JUDGED_AT_ONCE)
    assert Shelf().index(folder).models == ["mine"]


def test_what_was_kept_of_answers_is_no_more_than_a_help(tmp_path: Path) -> None:
    folder = evaluation(open_workspace(tmp_path), {"only": right}, with_controls=False, count=4)
    folder.judged.write_text('{"stamp": 1, "rows": [')
    assert len(Shelf().index(folder)) == 4
    folder.judged.write_text("[]")
    assert len(Shelf().index(folder)) == 4


def test_a_search_reads_the_rows_once_for_all_its_pages_until_answers_come(tmp_path: Path) -> None:
    workspace, read = open_workspace(tmp_path), []
    folder = evaluation(workspace, MODELS)

    def question(key: tuple[str, int]) -> str:
        read.append(key)
        return "apples" if key[1] % 2 else "pears"

    index = Shelf().index(folder)
    rows = index.find(Query(text="APPLES"), question)
    assert len(rows) == 12 and {row % 2 for _, row in rows} == {1} and len(read) == 24
    assert index.find(Query(text="APPLES", first=10), question) == rows and len(read) == 24
    assert len(index.find(Query(text="pears"), question)) == 12 and len(read) == 48
    with folder.predictions.open("rb+") as file:
        line = file.readline()
        file.seek(0, 2)
        file.write(line)
    assert index.refresh().find(Query(text="pears"), question) and len(read) == 72


def test_what_a_browser_sends_beside_the_choices_counts_as_none() -> None:
    query = Query.of({"outcome": "<b>", "order": 7, "first": "x", "text": " pump ", "model": None})
    assert query == Query(text="pump")
    assert Query.of({"first": -5}).first == 0


def test_a_page_shows_question_truth_and_each_answer_as_text(room: EvaluateRoom, info: EvaluationInfo) -> None:
    index, query = room.index(info), Query(model="base", outcome="unread")
    keys = index.find(query)
    told = {each: index.answers(each) for each in keys}
    html = answers_html(keys, 0, index, told, {keys[0]: "1 < 2 & <i>"}, keys[0], "en")
    assert "&lt;b&gt;no idea&lt;/b&gt;" in html and "<b>no idea" not in html and "1 &lt; 2 &amp; &lt;i&gt;" in html
    assert html.count("<tr data-dataset") == len(keys) and html.count('aria-current="true"') == 1
    assert "unreadable" in html and f"1–{len(keys)} of {len(keys)} rows" in html
    assert 'data-filter="outcome"' in filters_html(index, query, "zh")


def test_of_two_datasets_each_row_says_which_and_one_can_be_chosen(tmp_path: Path) -> None:
    workspace, engine = open_workspace(tmp_path), FakeEngine()
    room = EvaluateRoom(PageContext(engine), DataRoom(workspace, engine))
    folder = two_datasets(workspace)
    index = room.index(room.info(folder.id))
    assert index.datasets == ["pumps", "sensors"] and len(index) == 8
    keys = index.find(Query(order=IN_ORDER))
    assert index.find(Query(dataset="pumps", order=IN_ORDER)) == keys[:4] == [("pumps", row) for row in range(4)]
    assert index.find(Query(dataset="nothing")) == []
    html = answers_html(keys, 0, index, {each: index.answers(each) for each in keys}, {}, None, "en")
    assert html.count('<td data-name="Dataset">pumps</td>') == 4 and '<th scope="col">Dataset</th>' in html
    assert '<option value="pumps" selected>' in filters_html(index, Query.of({"dataset": "pumps"}), "en")


def test_one_dataset_is_neither_a_column_nor_a_choice(room: EvaluateRoom, info: EvaluationInfo) -> None:
    index = room.index(info)
    keys = index.find(Query())[:3]
    html = answers_html(keys, 0, index, {each: index.answers(each) for each in keys}, {}, None, "en")
    assert "Dataset" not in html and "Dataset" not in filters_html(index, Query(), "en")


def test_pages_are_turned_and_a_last_page_is_short(tmp_path: Path) -> None:
    workspace, engine = open_workspace(tmp_path), FakeEngine()
    room = EvaluateRoom(PageContext(engine), DataRoom(workspace, engine))
    folder = evaluation(workspace, {"only": right}, with_controls=False, count=ROWS_SHOWN + 3, tasks={"value_at": 1})
    info = room.info(folder.id)
    index = room.index(info)
    keys = index.find(Query(order=IN_ORDER))
    shown = {each: index.answers(each) for each in keys[ROWS_SHOWN:]}
    html = answers_html(keys, ROWS_SHOWN, index, shown, {}, None, "en")
    assert html.count("<tr data-dataset") == 3
    assert 'data-first="0">' in html and f'data-first="{2 * ROWS_SHOWN}" disabled' in html


def test_a_card_draws_what_is_true_beside_what_was_said(tmp_path: Path) -> None:
    workspace, engine = open_workspace(tmp_path), FakeEngine()
    room = EvaluateRoom(PageContext(engine), DataRoom(workspace, engine))
    models = {"tuned": right, "late": lambda index, row: shifted(row)}
    folder = evaluation(workspace, models, with_controls=False, count=6, tasks={"anomalies": 1})
    info = room.info(folder.id)
    row = next(row for row in range(6) if read_card(room, info, ("sensors", row), "en").label["fields"][0]["value"])
    card = read_card(room, info, ("sensors", row), "en")
    inside, beyond = marks(card, "en")
    assert {each.css for each in [*inside, *beyond]} == {TRUTH, SAID[0], SAID[1]}
    truth = [(each.first, each.last) for each in inside if each.css == TRUTH]
    assert truth == [(start, end - 1) for start, end in card.label["fields"][0]["value"]]
    html = card_html(card, room.index(info), info, "en")
    assert 'class="tsft-series"' in html and "right answer" in html and 'data-do="send"' in html
    assert f'data-row="{row}"' in html and html.count('class="outcome') == 4


def test_marks_lie_where_values_do_and_none_is_drawn_beyond_the_series() -> None:
    label = {
        "fields": [
            {"name": "point", "kind": "position", "value": 0},
            {"name": "stretches", "kind": "intervals", "value": []},
            {"name": "lag", "kind": "position", "value": 3},
            {"name": "events", "kind": "events", "value": [], "options": {"spike": "尖峰"}},
        ],
        "parameters": {"series": 1},
    }
    values = {
        "point": 0,
        "stretches": [[5, 9], [30, 90]],
        "lag": 3,
        "events": [{"type": "spike", "start": 70, "size": 2.0}],
    }
    drawn = list(marks_of(label, values, SAID[0], "m", 2))
    assert [(each.series, each.first, each.last) for each in drawn] == [
        (2, 0, 0),
        (2, 5, 8),
        (2, 30, 89),
        (2, 70, 70),
    ]
    inside, beyond = on_series(drawn, [10, 40])
    assert [(each.first, each.last) for each in inside] == [(0, 0), (5, 8), (30, 39)]
    assert [each.label for each in beyond] == ["m: 尖峰"]


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ({"kind": "yes_no"}, False, "no"),
        ({"kind": "intervals"}, [[3, 5], [8, 9]], "3–4, 8–8"),
        ({"kind": "intervals"}, [], "none"),
        ({"kind": "number", "unit": "kW"}, 12345.6, "12,346 kW"),
        ({"kind": "position"}, None, "none"),
        ({"kind": "count"}, 0, "0"),
        ({"kind": "class", "options": {"up": "rising"}}, "up", "rising"),
        ({"kind": "names"}, ["a", "b"], "a, b"),
        ({"kind": "events", "options": {}}, [{"type": "dip", "start": 4, "size": 1.5}], "dip @4 (1.5)"),
    ],
)
def test_values_are_told_in_words(field: dict[str, Any], value: Any, text: str) -> None:
    assert value_text({"name": "x", **field}, value, "en") == text


def test_a_row_goes_into_the_label_room_once_with_what_was_answered(room: EvaluateRoom, info: EvaluationInfo) -> None:
    card = read_card(room, info, ("sensors", 3), "en")
    assert send_card(room, info, card, "ada") and not send_card(room, info, card, "ada")
    item = room.data.inbox.items()[-1]
    assert item.source["kind"] == "evaluate" and item.source["row"] == 4 and item.source["name"] == "first look"
    assert "base: <b>no idea</b>" in item.note
    wrong = room.data.inbox.get(item.id).given.meta["wrong_answers"]
    assert wrong == [{"model": "base", "text": "<b>no idea</b>"}]


def test_a_row_whose_dataset_is_gone_or_changed_says_so(tmp_path: Path) -> None:
    workspace, engine = open_workspace(tmp_path), FakeEngine()
    room = EvaluateRoom(PageContext(engine), DataRoom(workspace, engine))
    info = room.info(evaluation(workspace, {"only": right}, with_controls=False, count=4).id)
    key, path = ("sensors", 1), workspace.datasets / "sensors.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[2:]), encoding="utf-8")
    changed = read_card(room, info, key, "en")
    assert changed.is_other and "has changed since" in card_html(changed, room.index(info), info, "en")
    path.unlink()
    gone = read_card(room, info, key, "en")
    html = card_html(gone, room.index(info), info, "en")
    assert gone.view is None and gone.problem and 'data-do="send"' not in html and "Reference" in html


def test_after_a_dataset_changed_table_and_search_have_its_questions_of_now(tmp_path: Path) -> None:
    workspace, engine = open_workspace(tmp_path), FakeEngine()
    room = EvaluateRoom(PageContext(engine), DataRoom(workspace, engine))
    info = room.info(evaluation(workspace, {"only": right}, with_controls=False, count=4).id)
    key, path = ("sensors", 1), workspace.datasets / "sensors.jsonl"
    assert found(room, info, text="a wholly new question") == [] and room.asked(info).question(key)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows[1]["input"] = "<ts><ts/> A wholly new question?"
    write_lines(path, rows)
    assert room.asked(info).question(key) == "… A wholly new question?"
    assert found(room, info, text="a wholly new question") == [1]
    path.unlink()
    assert room.asked(info).question(key) == "" and found(room, info, text="a wholly new question") == []


def test_answers_to_items_are_judged_anew_when_the_items_change(tmp_path: Path) -> None:
    workspace, engine = open_workspace(tmp_path), FakeEngine()
    room = EvaluateRoom(PageContext(engine), DataRoom(workspace, engine))
    whole = "1. increase, starting at 10, change value 20. \n2. upward spike, position around point 30, amplitude 10"
    info = room.info(chatts_evaluation(workspace, {"m": [whole, whole]}).id)
    before = room.index(info).entries(("set_a", 0))["m"].value
    changed = json.loads(json.dumps(ITEMS))
    changed[0]["attributes"][0]["type"] = "decrease"
    (workspace.datasets / "set_a.json").write_text(json.dumps(changed, indent=1), encoding="utf-8")
    assert room.index(info).entries(("set_a", 0))["m"].value < before


def test_every_answer_is_taken_away_with_its_score(room: EvaluateRoom, info: EvaluationInfo) -> None:
    lines = write_export(room, info, ANSWERS_JSONL, "", "en").read_text(encoding="utf-8").splitlines()
    told = [json.loads(each) for each in lines]
    assert len([each for each in told if not each["control"]]) == 48 and any(each["control"] for each in told)
    unread = [each for each in told if each["outcome"] == "unread"]
    assert unread and all(each["score"] < 1 and each["question"] and each["truth"] for each in unread)
    with write_export(room, info, ANSWERS_CSV, "", "en").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMNS) and len(rows) == len(told)
    assert not any(str(cell).startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())


def test_a_dataset_is_looked_for_once_however_many_of_its_rows_are_read(
    room: EvaluateRoom, info: EvaluationInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def open_counted(data: DataRoom, name: str) -> RowAccess:
        opened.append(name)
        return open_rows(data, name)

    monkeypatch.setattr(asked_rows, "open_rows", open_counted)
    assert len(list(answers(room, info))) > 48 and opened == ["sensors"]


def test_the_report_is_taken_away_as_figures_json_and_one_page(room: EvaluateRoom, info: EvaluationInfo) -> None:
    with write_export(room, info, SCORES_CSV, "", "en").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    whole = [row for row in rows if (row["model"], row["task"], row["metric"]) == ("tuned", "", "score")]
    assert [float(row["value"]) for row in whole] == [1.0]
    assert json.loads(write_export(room, info, REPORT_JSON, "", "en").read_text())["models"][0]["name"] == "tuned"
    page = write_export(room, info, REPORT_HTML, "<p>shown</p>", "zh").read_text(encoding="utf-8")
    assert "<p>shown</p>" in page and "default-src 'none'" in page and 'lang="zh"' in page


def test_items_of_chatts_are_judged_by_their_corrected_marks(tmp_path: Path) -> None:
    workspace, engine = open_workspace(tmp_path), FakeEngine()
    room = EvaluateRoom(PageContext(engine), DataRoom(workspace, engine))
    whole = "1. increase, starting at 10, change value 20. \n2. upward spike, position around point 30, amplitude 10"
    info = room.info(chatts_evaluation(workspace, {"m": [whole, "I cannot tell."]}).id)
    entries = [room.index(info).entries(("set_a", row))["m"] for row in (0, 1)]
    assert entries[0].outcome != "unread" and entries[0].value > 0.8
    assert entries[1].outcome == "unread" and entries[1].value < 0.5
    told = write_export(room, info, SCORES_CSV, "", "en").read_text(encoding="utf-8-sig")
    assert "original.categorical" in told and "corrected.categorical" in told


def test_a_scripted_wrong_answer_is_wrong(room: EvaluateRoom) -> None:
    assert shifted({"output": "12-20"}) == "24-32"
