"""Answer scores of evaluations are shown wherever a run is: list, facts, comparison, report, command line."""

import json
from pathlib import Path

import pytest

from tests.engine_runs import small
from tests.test_ui_runs_live import Tab
from tsft.cli import FINISHED, main
from tsft.errors import message
from tsft.i18n import LANGUAGES
from tsft.run.evaluation import EvaluationSettings
from tsft.run.events import Event, Finished, RunStarted, to_line
from tsft.store.evaluations import delete_evaluation, evaluation_folder, new_evaluation, note
from tsft.store.record import Record
from tsft.store.runs import RunInfo
from tsft.store.scores import scores_of_run
from tsft.store.workspace import Workspace, open_workspace
from tsft.ui.run_report import report_html
from tsft.ui.run_rows import AnswerScore, RunPage, RunQuery, RunRow
from tsft.ui.run_scores import compared_scores, scores_html
from tsft.ui.run_source import RunSource, answers_of
from tsft.ui.run_view import comparison_html, told_html
from tsft.ui.runs_table import table_html, turned

EVIL = "<img src=x>"


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(open_workspace(tmp_path))


def ended(record: Record, name: str) -> RunInfo:
    run = record.create_run(small(output__name=name))
    said: list[Event] = [
        RunStarted(1.0, run.id, name),
        Finished(2.0, "finished", 4, "adapter", message("run.stopped", step=4)),
    ]
    run.folder.events.write_text("".join(to_line(each) + "\n" for each in said), encoding="utf-8")
    record.update(run.id, status="finished", step=4, steps=4)
    return record.get(run.id)


def evaluated(
    workspace: Workspace, run: RunInfo, score: float, datasets: tuple[str, ...] = ("held",), at: float = 100.0
) -> str:
    """An evaluation of what the run left that has ended; its id."""
    source = f"runs/{run.id}/adapter"
    settings = EvaluationSettings(models=(source,), datasets=datasets)
    folder = new_evaluation(workspace, settings, ["m"], "", {"m": source})
    tasks = {"trend": score - 0.1, f"local {EVIL}": score + 0.1}
    headline = {"score": score, "low": score - 0.05, "high": score + 0.05, "rows": 1200, "tasks": tasks}
    note(folder, status="finished", created_at=at, ended_at=at, scores={"m": score}, headlines={"m": headline})
    return folder.id


def test_a_run_tells_its_newest_score_for_each_set_of_datasets(record: Record) -> None:
    run, other = ended(record, "pump"), ended(record, "other")
    evaluated(record.workspace, run, 0.5, ("a",), 100.0)
    evaluated(record.workspace, run, 0.625, ("b", "a"), 200.0)
    evaluated(record.workspace, run, 0.75, ("a",), 300.0)
    evaluated(record.workspace, other, 0.9, ("a",), 400.0)
    found = scores_of_run(record.workspace, run.id)
    assert [(each["score"], each["datasets"]) for each in found] == [(0.75, ["a"]), (0.625, ["b", "a"])]
    record.gather_scores()
    told = RunSource(record.workspace, record).told(run.id)
    assert [each.score for each in told.answers] == [0.75, 0.625]
    assert told.row.answers is not None and told.row.answers.datasets == ("a",)


def test_the_list_shows_the_score_and_sorts_by_it_best_first(record: Record) -> None:
    low, high, none = ended(record, "low"), ended(record, "high"), ended(record, "none")
    evaluated(record.workspace, low, 0.25)
    evaluated(record.workspace, high, 0.75)
    record.gather_scores()
    assert turned("-created", "answer_score") == "-answer_score"
    assert turned("-answer_score", "answer_score") == "answer_score"
    query = RunQuery(sort="-answer_score")
    page = RunSource(record.workspace, record).find(query)
    assert [each.id for each in page.rows] == [high.id, low.id, none.id]
    html = table_html(page, query, "", (), "en")
    assert html.index("75.0 %") < html.index("25.0 %") and "75.0 % (70.0–80.0) on 1,200 rows of held" in html
    assert 'aria-sort="descending" class="number"><button type="button" data-sort="answer_score">' in html


def test_the_facts_tell_datasets_interval_tasks_and_where_the_rest_is(record: Record) -> None:
    run = ended(record, "pump")
    evaluated(record.workspace, run, 0.5, (f"held {EVIL}",))
    record.gather_scores()
    told = RunSource(record.workspace, record).told(run.id)
    for language in LANGUAGES:
        html = told_html(told, language)
        assert "50.0 % (45.0–55.0)" in html and "40.0 %" in html and "60.0 %" in html and "1,200" in html
        assert EVIL not in html and "held &lt;img" in html and "local &lt;img" in html
        assert 'class="to-tab" data-tab="tab-evaluate-button"' in html  # no link to a run: none is chosen by it
    assert "data-answers" not in told_html(RunSource(record.workspace, record).told(ended(record, "new").id), "en")


def test_the_report_has_the_scores_and_no_way_to_a_tab(record: Record) -> None:
    run = ended(record, "pump")
    evaluated(record.workspace, run, 0.5)
    record.gather_scores()
    text = report_html(RunSource(record.workspace, record).told(run.id), (), (), "en", 0.0)
    assert "50.0 % (45.0–55.0)" in text and "How well it answers" in text and "tab-evaluate" not in text


def test_several_runs_are_ranked_by_their_answers_on_the_same_data_only(record: Record) -> None:
    one, two = ended(record, "one"), ended(record, "two")
    source = RunSource(record.workspace, record)
    assert "Answers" not in comparison_html([source.told(one.id), source.told(two.id)], "en")
    evaluated(record.workspace, one, 0.25)
    evaluated(record.workspace, two, 0.75)
    record.gather_scores()
    html = comparison_html([source.told(one.id), source.told(two.id)], "en")
    assert "<b>75.0 % (70.0–80.0)</b>" in html and "<b>25.0" not in html and "Answers" in html
    on_a, on_b = AnswerScore(0.5, datasets=("a",)), AnswerScore(0.9, datasets=("b", EVIL))
    rows = compared_scores([[on_b, on_a], [AnswerScore(0.25, datasets=("a",))], []], "en")
    assert [name for name, _ in rows] == ["a", f"{EVIL}, b"]  # what two runs answered comes first
    (first, second, third), alone = rows[0][1], rows[1][1]
    assert "<b>50.0 %</b>" in first and "<b>" not in second and third == "–"
    assert "<b>" not in "".join(alone) and EVIL not in "".join(alone) and alone[1:] == ["–", "–"]


def test_a_score_that_arrives_is_sent_to_the_open_tab(tmp_path: Path) -> None:
    tab = Tab(tmp_path)
    tab.say(tab.run, Finished(3.0, "finished", 2, "adapter", message("run.stopped", step=2)))
    tab.record.release(tab.run.id, status="finished", step=2, steps=2)
    tab.open()
    assert tab.tick() == {}
    evaluated(tab.workspace, tab.run, 0.5)
    tab.record.gather_scores()
    sent = tab.tick()
    assert "50.0 %" in sent["cells"] and "data-answers" in sent["details"] and "table" not in sent
    assert tab.tick() == {}


def test_the_command_lists_the_score_and_sorts_by_it(
    record: Record, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "220")
    low, high = ended(record, "low"), ended(record, "high")
    evaluated(record.workspace, low, 0.25)
    gone = evaluated(record.workspace, high, 0.755)
    record.gather_scores()
    shared = ["--workspace", str(record.workspace.root), "--lang", "en"]
    assert main(["runs", "list", "--sort=-answer_score", *shared]) == FINISHED
    told = capsys.readouterr().out
    assert told.index("75.5 %") < told.index("25.0 %") and "answers" in told
    assert main(["runs", "show", high.id, *shared]) == FINISHED
    assert "75.5 % (70.5–80.5) on 1,200 rows of held" in capsys.readouterr().out
    delete_evaluation(evaluation_folder(record.workspace, gone))
    record.gather_scores()
    assert main(["runs", "list", *shared]) == FINISHED
    assert "75.5 %" not in capsys.readouterr().out


def test_what_is_no_score_is_not_shown_as_one() -> None:
    assert answers_of({}) is None and answers_of({"score": None}) is None
    plain = answers_of(json.loads('{"score": 0.5, "low": null, "high": null, "rows": 3, "datasets": ["a"]}'))
    assert plain is not None and scores_html([plain], "en").count("50.0 %") == 1 and scores_html([], "en") == ""
    row = RunRow("r", "r", "finished", answers=plain)
    assert "50.0 % on 3 rows of a" in table_html(RunPage([row], 1), RunQuery(), "", (), "en")
