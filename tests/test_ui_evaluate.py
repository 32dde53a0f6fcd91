"""The Evaluate tab without a browser: its form, its list, its report, and what its handlers answer."""

import dataclasses
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from tests.evaluation_folders import TASKS, chatts_evaluation, evaluation, often_right, right
from tests.fakes import FakeEngine
from tsft.errors import Problem, UserError, message
from tsft.evaluate.chatts import ChattsReport
from tsft.evaluate.closed import confusion
from tsft.evaluate.report import Report
from tsft.evaluate.statistics import Difference, Estimate
from tsft.i18n import LANGUAGES, sentences, translate
from tsft.run.evaluation import ANSWERING, PHASES, Evaluation, EvaluationSettings
from tsft.store.evaluations import FAILED, INTERRUPTED, RUNNING, STOPPED, list_evaluations, note
from tsft.store.workspace import open_workspace
from tsft.ui.context import PageContext, ResultChoice
from tsft.ui.data.room import DataRoom
from tsft.ui.evaluate.answer_index import Query
from tsft.ui.evaluate.chatts_html import chatts_html
from tsft.ui.evaluate.confusion import MOST_CLASSES, confusion_html
from tsft.ui.evaluate.desk import Desk
from tsft.ui.evaluate.exporting import ANSWERS_CSV
from tsft.ui.evaluate.figures import PLAIN, difference_html, figure_html
from tsft.ui.evaluate.form import HIDDEN, field_ids, settings_of
from tsft.ui.evaluate.listing import list_html
from tsft.ui.evaluate.problems import problems_html
from tsft.ui.evaluate.progress import progress_html, revision
from tsft.ui.evaluate.report_html import BAD_NEWS, GOOD_NEWS, report_html
from tsft.ui.evaluate.room import EvaluateRoom
from tsft.ui.evaluate.tab import _place
from tsft.ui.page import build_page
from tsft.ui.words import Words

MODELS = {"tuned": right, "base": often_right}
RESULT = ResultChoice("runs/a/adapter", "pumps", "adapter", 30, 1.2)


class Session:
    """A desk over a workspace of its own; `call` gives the answer of a handler by the names of the tab's fields."""

    def __init__(self, folder: Path) -> None:
        self.workspace, self.engine = open_workspace(folder), FakeEngine()
        self.gathered: list[int] = []
        gather = {"gather_scores": lambda: self.gathered.append(len(list_evaluations(self.workspace)))}
        self.context = PageContext(self.engine, results=lambda: [RESULT], **gather)
        self.room = EvaluateRoom(self.context, DataRoom(self.workspace, self.engine))
        with gr.Blocks(), gr.Tab(id="evaluate") as tab:
            self.at = _place(Words(), tab)
        self.desk = Desk(self.at, self.room, lambda request: "ada")
        self.names = {id(getattr(self.at, each.name)): each.name for each in dataclasses.fields(self.at)}
        box = self.at.prefer
        self.names |= {id(each): f"prefer_{name}" for name, each in {**box.controls, **vars(box)}.items()}

    def named(self, updates: dict[Any, Any]) -> dict[str, Any]:
        controls = {id(each): name for name, each in self.at.form.controls.items()}
        return {self.names.get(id(at)) or controls[id(at)]: value for at, value in updates.items()}

    def start(self, **values: Any) -> dict[str, Any]:
        held = {name: each.value for name, each in self.at.form.controls.items()} | values
        return self.named(self.desk.start("", "en", None, *held.values()))  # type: ignore[arg-type]

    def act(self, chosen: str, **told: Any) -> dict[str, Any]:
        return self.named(self.desk.act(chosen, "en", None, event(**told)))  # type: ignore[arg-type]


def event(**told: Any) -> Any:
    return SimpleNamespace(_data=told)


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(tmp_path)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Session, str]:
    session = Session(tmp_path_factory.mktemp("made"))
    return session, evaluation(session.workspace, MODELS, tasks={**TASKS, "mcq": 1}).id


def report_of(made: tuple[Session, str]) -> tuple[Report, Any]:
    session, name = made
    info = session.room.info(name)
    return Report.from_json(session.room.report(info)), info


def test_every_setting_but_the_folder_has_a_control_with_label_and_help_in_each_language(session: Session) -> None:
    wanted = {each.name for each in dataclasses.fields(EvaluationSettings)} - {"folder"}
    assert set(session.at.form.controls) == wanted == set(field_ids()) and set(HIDDEN) < wanted
    ids = [each.elem_id for each in session.at.form.controls.values()]
    assert ids == [field_ids()[name] for name in session.at.form.controls]
    for language in LANGUAGES:
        told = sentences(language)
        assert {f"page.evaluate.{name}" for name in wanted} | {f"page.evaluate.help.{name}" for name in wanted} <= set(
            told
        )
        assert {f"page.evaluate.phase.{each}" for each in PHASES} <= set(told)


def test_the_form_left_alone_says_the_defaults(session: Session) -> None:
    settings, problems = settings_of(session.at.form, [each.value for each in session.at.form.controls.values()])
    assert settings == EvaluationSettings() and problems == []


def test_start_hands_the_form_to_the_engine_and_follows_what_it_began(session: Session) -> None:
    answer = session.start(models=["m"], datasets=["d"], temperature=0.5, controls=["noisy"], rows=12.0, name=" x ")
    assert session.engine.evaluated is not None
    settings = session.engine.evaluated.settings
    assert settings.temperature == 0.5 and settings.rows == 12 and settings.controls == ("noisy",)
    assert settings.name == "x" and answer["followed"] == session.engine.evaluated.id and answer["problems"] == ""
    assert "Answering: m" in answer["progress"] and answer["timer"].active and answer["stop"]["visible"]


def test_everything_that_is_wrong_is_told_at_once_each_at_its_field(session: Session) -> None:
    html = session.start(batch_size=None, top_p=7, measures_loss=False, writes_answers=False)["problems"]
    for name in ("models", "datasets", "batch_size", "top_p", "writes_answers"):
        assert f'data-at="set-evaluate-{name}"' in html
    assert 'data-fold="evaluate-more"' in html and "A number is needed" in html and "5" in html
    assert session.engine.evaluated is None
    told = session.start(batch_size=2.5, models=["m"], datasets=["d"])["problems"]
    assert told.count("<li") == 1 and "set-evaluate-batch_size" in told
    assert "&lt;b&gt;" in problems_html([Problem("", message("evaluation.unknown", id="<b>"))], "en")


def test_a_refusal_of_the_engine_is_shown_where_the_form_is(session: Session) -> None:
    def refuse(settings: Any, by: str = "") -> str:
        raise UserError(Problem("", message("evaluation.busy", name="<i>x</i>", done=1, total=2)))

    session.start(models=["m"], datasets=["d"])
    session.engine.begin_evaluation = refuse  # type: ignore[method-assign]
    answer = session.start(models=["m"], datasets=["d"])
    assert "An evaluation is under way" in answer["problems"] and "&lt;i&gt;" in answer["problems"]
    assert "Answering: m" in answer["progress"] and answer["stop"]["visible"]  # what stands in the way is shown


def test_what_begins_is_listed_at_once_so_that_its_answers_can_be_looked_at(session: Session) -> None:
    folder = evaluation(session.workspace, MODELS)
    answer = session.start(models=["m"], datasets=["d"])
    assert f'data-evaluation="{folder.id}"' in answer["list"] and "report" not in answer


def test_of_filters_the_last_choice_counts_and_no_row_that_is_clicked_is_left_out(tmp_path: Path) -> None:
    """A click that comes while an answer is on its way is dropped by Gradio where the mode is "once"."""
    room = DataRoom(open_workspace(tmp_path), FakeEngine())
    blocks = build_page(PageContext(room.engine, presets=list, data=room))
    ids = {number: each.elem_id for number, each in blocks.blocks.items() if getattr(each, "elem_id", None)}
    ids_of = {name: number for number, name in ids.items()}
    handlers = blocks.get_config_file()["dependencies"]
    modes = {
        (ids.get(component), event): (each["trigger_mode"], bool(each["js"]))
        for each in handlers
        for component, event in each["targets"]
    }
    # A deferred handler gets what its controls say then, but the data of the event before.
    assert modes["evaluate-filters", "select"] == ("always_last", True)
    assert modes["evaluate-rows", "select"][0] == "multiple"
    queued = {(ids.get(one), event) for each in handlers if each["queue"] for one, event in each["targets"]}
    stopped = next(each for each in handlers if [ids_of["evaluate-stop"], "click"] in map(list, each["targets"]))
    (timer,) = (each for each in stopped["outputs"] if isinstance(blocks.blocks[each], gr.Timer))
    followed = [each for each in handlers if each["outputs"] == [timer] and each["targets"][0][1] == "select"]
    assert [each["trigger_mode"] for each in followed] == ["multiple"]
    assert ("evaluate-head", "select") in queued  # a file of all answers takes a while


def test_progress_names_phase_subject_count_and_time_left_and_its_end(session: Session) -> None:
    now = Evaluation("e", phase=ANSWERING, subject="<m>", done=3, total=12, eta_seconds=65.0)
    html = progress_html(now, "en")
    assert "Answering: &lt;m&gt; · 3 of 12 · 1:05 left" in html and "width:25.0%" in html
    assert "unknown" in progress_html(Evaluation("e"), "zh") and progress_html(None, "en") == ""
    done = dataclasses.replace(now, is_done=True, is_stopped=True, notes=(message("label.no_rows"),))
    assert "was stopped after 3 of 12" in progress_html(done, "en") and "label" not in progress_html(done, "en")
    failed = dataclasses.replace(now, is_done=True, problems=(Problem("", message("label.no_rows")),))
    assert 'class="box bad"' in progress_html(failed, "en")
    assert revision(now, "en") != revision(dataclasses.replace(now, done=4), "en")


def test_a_stop_is_told_at_once_and_asked_for_once(session: Session) -> None:
    seen = session.start(models=["m"], datasets=["d"])["seen"]
    begun = session.engine.evaluated
    assert begun is not None

    def stop_later() -> None:
        session.engine.evaluated = dataclasses.replace(begun, is_stopped=True)

    session.engine.stop_evaluation = stop_later  # type: ignore[method-assign]
    answer = session.named(session.desk.stop("en"))
    assert "1 of 4 · stopping; what was answered is kept" in answer["progress"] and " left" not in answer["progress"]
    assert answer["timer"].active and answer["stop"] == gr.update(visible=True, interactive=False)
    assert "停止" in session.named(session.desk.tick(seen, "zh"))["progress"]  # in every session


def test_an_answer_that_comes_after_the_tab_was_left_starts_no_clock(session: Session) -> None:
    session.start(models=["m"], datasets=["d"])
    answer = session.named(session.desk.opened("", "en"))
    assert "Answering" in answer["progress"] and "timer" not in answer
    assert "timer" not in session.named(session.desk.relabelled("", {}, [], "zh"))


def test_what_the_disk_does_not_let_go_of_is_told_and_the_rest_of_the_evaluation_is_gone(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    folder = evaluation(session.workspace, MODELS)
    list(session.desk.take(folder.id, "en", event(kind=ANSWERS_CSV)))
    monkeypatch.setattr(shutil, "rmtree", refuse)
    answer = session.act(folder.id, id=folder.id, do="delete")
    assert "could not be deleted: Permission denied" in answer["said"] and folder.id in answer["said"]
    assert answer["chosen"] == "" and answer["report"] == "" and "No evaluation yet" in answer["list"]
    assert not list(session.room.exports.iterdir()) and session.gathered == [0]


def test_a_tick_sends_nothing_where_nothing_changed_and_the_clock_ends_with_the_evaluation(session: Session) -> None:
    seen = session.start(models=["m"], datasets=["d"])["seen"]
    assert session.named(session.desk.tick(seen, "en")) == {"seen": gr.skip()}
    assert session.desk.follow(event(id="evaluate")).active and not session.desk.follow(event(id="train")).active
    session.engine.stop_evaluation()
    now = session.named(session.desk.tick(seen, "en"))
    assert not now["timer"].active and now["ended"] == "evaluation-1" and not now["stop"]["visible"]
    assert not session.desk.follow(event(id="evaluate")).active


def test_the_tab_shows_the_newest_evaluation_and_what_can_be_chosen(session: Session) -> None:
    empty = session.named(session.desk.opened("", "en"))
    assert "No evaluation yet" in empty["list"] and empty["report"] == "" and empty["chosen"] == ""
    folder = evaluation(session.workspace, MODELS)
    answer = session.named(session.desk.opened("", "en"))
    assert answer["models"]["choices"][0][1] == RESULT.name and "pumps" in answer["models"]["choices"][0][0]
    assert "sensors" in answer["datasets"]["choices"] and answer["chosen"] == folder.id
    assert "looks at the series" in answer["report"] and f'data-evaluation="{folder.id}"' in answer["list"]
    again = session.named(session.desk.opened(folder.id, "en"))
    assert "report" not in again and "rows" not in again and "list" in again


def test_another_language_redraws_what_was_chosen(session: Session) -> None:
    folder = evaluation(session.workspace, MODELS)
    query = {"model": "base", "outcome": "wrong"}
    answer = session.named(session.desk.relabelled(folder.id, query, ["sensors", 3], "zh"))
    assert "总分" in answer["report"] and answer["query"]["outcome"] == "wrong" and 'data-row="3"' in answer["card"]
    assert 'value="wrong" selected' in answer["filters"]


def test_the_list_offers_what_fits_the_state_and_deletes_only_what_has_ended(session: Session) -> None:
    folder = evaluation(session.workspace, MODELS, name="<b>x</b>")
    info = session.room.info(folder.id)
    html = list_html([info], folder.id, "en")
    assert (
        "&lt;b&gt;x" in html and "tuned 100.0 %" in html and "majority" not in html and 'data-do="resume"' not in html
    )
    for status in (STOPPED, INTERRUPTED, FAILED):
        told = list_html([dataclasses.replace(info, status=status)], "", "ru")
        assert ('data-do="resume"' in told) == (status != FAILED) and 'data-do="delete"' in told
    assert "data-do" not in list_html([dataclasses.replace(info, status=RUNNING)], "", "en")
    note(folder, status=RUNNING)
    assert "Stop it first" in session.act(folder.id, id=folder.id, do="delete")["said"] and folder.path.is_dir()
    note(folder, status=STOPPED)
    list(session.desk.take(folder.id, "en", event(kind="answers_csv")))
    assert len(list(session.room.exports.iterdir())) == 1
    resumed = session.act(folder.id, id=folder.id, do="resume")
    assert resumed["followed"] == folder.id and "Answering" in resumed["progress"]
    gone = session.act(folder.id, id=folder.id, do="delete")
    assert not folder.path.exists() and gone["chosen"] == "" and gone["report"] == ""
    assert not list(session.room.exports.iterdir())  # its answers lie nowhere any more
    assert session.gathered == [0]  # the runs' scores are taken in after it is gone
    assert "There is no evaluation" in session.act("", id="nothing", do="choose")["said"]


def test_whoever_began_an_evaluation_sees_it_when_it_ends_and_others_keep_theirs(session: Session) -> None:
    first, second = (evaluation(session.workspace, MODELS, name=each, count=6).id for each in "ab")
    mine = session.named(session.desk.after_end(second, second, first, "en"))
    assert mine["chosen"] == second and "report" in mine
    theirs = session.named(session.desk.after_end(second, "", first, "en"))
    assert set(theirs) == {"list"}


def test_filters_pages_and_the_card_follow_each_other(made: tuple[Session, str]) -> None:
    session, chosen = made
    answer = session.named(session.desk.filter('{"model": "base", "outcome": "unread"}', chosen, [], "en"))
    assert "no idea" in answer["rows"] and answer["query"]["outcome"] == "unread"
    rows = session.room.index(session.room.info(chosen)).find(Query.of(answer["query"]))
    shown = session.named(session.desk.choose(chosen, "en", event(dataset="sensors", row=rows[0][1])))
    assert shown["key"] == list(rows[0]) and "answer-card" in shown["card"]
    following = session.named(
        session.desk.on_card(chosen, answer["query"], shown["key"], "en", None, event(do="next"))  # type: ignore[arg-type]
    )
    assert following["key"] == list(rows[1]) and f'data-row="{rows[1][1]}" class="chosen"' in following["rows"]
    marked = session.named(session.desk.filter('{"model": "base"}', chosen, shown["key"], "en"))["rows"]
    assert f'data-row="{rows[0][1]}" class="chosen"' in marked
    sent = session.named(
        session.desk.on_card(chosen, answer["query"], shown["key"], "en", None, event(do="send"))  # type: ignore[arg-type]
    )
    assert f"Row {rows[0][1] + 1} lies in the label room now" in sent["sent"]
    assert [session.named(each) for each in session.desk.take(chosen, "en", event(kind="../x"))] == [{"exported": ""}]


def test_a_file_that_is_taken_away_is_told_as_it_is_begun_and_as_it_is_written(made: tuple[Session, str]) -> None:
    session, chosen = made
    begun, written = (
        session.named(each)["exported"] for each in session.desk.take(chosen, "en", event(kind=ANSWERS_CSV))
    )
    assert "Writing: " in begun and "<a" not in begun
    assert "Written: " in written and "gradio_api/file=" in written and "answers.csv" in written


def test_the_report_shows_verdicts_intervals_baselines_apart_and_parse_failures(made: tuple[Session, str]) -> None:
    report, info = report_of(made)
    html = report_html(report, info, "en")
    assert html.index("verdicts") < html.index("overall") and "looks at the series" in html
    assert "most frequent answer" in html and 'class="baseline"' in html and "3-sigma rule" in html
    assert html.count(">unreadable</abbr>") >= 3 and "<small>" in html
    assert "point-adjusted F1 (inflated)" in html and 'class="inflated"' in html
    assert "another row&#x27;s series" in html or "another row's series" in html
    assert html.count("<details") == len({task.task for model in report.models for task in model.tasks}) + 2
    assert html.count('<table class="confusion"') >= 2 and "<img" not in html
    assert "score where the series is needed" in html and ">Chinese<" in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_metric_of_a_report_has_its_word_and_its_sentence(made: tuple[Session, str], language: str) -> None:
    report, info = report_of(made)
    told, html = sentences(language), report_html(report, info, language)
    names = {n for model in report.models for task in model.tasks for field in task.fields for n in field.metrics}
    names |= {n for model in report.models for task in model.tasks for n in task.texts}
    assert len(names) > 20 and set(PLAIN) - {"mean_error_points"} <= names | set(PLAIN)
    for name in names:
        assert told[f"page.evaluate.metric.{name}"] and told[f"page.evaluate.about.{name}"]
    assert "page.evaluate" not in html and "evaluate." not in html


def test_names_of_models_and_classes_are_text(tmp_path: Path) -> None:
    session = Session(tmp_path)
    folder = evaluation(session.workspace, {"<script>x</script>": right, "b": often_right}, tasks={"trend": 1}, count=8)
    answer = session.named(session.desk.show(folder.id, "en"))
    for name in ("head", "report", "filters", "rows"):
        assert "<script>" not in answer[name] and "&lt;script&gt;" in answer[name]
    html = confusion_html(confusion(["<b>", '"'], ['"', None]), "<i>", "<u>", "en")
    assert not any(each in html for each in ("<b>", "<i>", "<u>", 'title="True: "')) and "&lt;b&gt;" in html


def test_a_confusion_of_many_classes_adds_the_rare_ones_up() -> None:
    true = [f"class {number}" for number in range(30) for _ in range(30 - number)]
    small, large = (confusion(true[:n], list(true[:n])) for n in (30, len(true)))
    assert len(small.classes) <= MOST_CLASSES < len(large.classes)
    html = confusion_html(large, "kind", "m", "en")
    assert html.count('<th scope="row"') == MOST_CLASSES and html.count('<th scope="col"') == MOST_CLASSES + 1
    assert ">others</th>" in html and f">{sum(30 - number for number in range(11, 30))}</td>" in html


def test_a_confusion_says_in_each_cell_how_much_of_the_true_class_it_holds() -> None:
    found = confusion(["up", "up", "up", "up", "down"], ["up", "up", "up", None, "up"])
    html = confusion_html(found, "trend", "m", "en")
    assert 'class="right" style="--share:0.75" title="True: up; given: up; rows: 3 (75 % of the true class)">3<' in html
    assert 'style="--share:0.25" title="True: up; given: unread; rows: 1 (25 % of the true class)">1<' in html
    assert '<td style="--share:1.00" title="True: down; given: up' in html
    assert html.count('aria-label="m: trend, true classes down, given ones across"') == 2


def test_chatts_figures_stand_beside_the_corrected_ones_with_what_is_wrong(tmp_path: Path) -> None:
    session = Session(tmp_path)
    folder = chatts_evaluation(session.workspace, {"m": ["1. increase 2. upward spike at 30", "1. nothing 2. shake"]})
    reports = {name: ChattsReport.from_json(each) for name, each in session.room.report(_info(session, folder)).items()}
    html = chatts_html(reports, "en")
    assert "Original" in html and "Corrected" in html and html.count("data-defect") == len(reports["m"].defects)
    first_calm = html.index('class="none"')
    assert all(
        html.index(f'data-defect="{each.key}"') < first_calm + 200 for each in reports["m"].defects if each.count
    )
    shown = session.named(session.desk.show(folder.id, "zh"))
    assert "修正值" in shown["report"] and "set_a" in shown["head"]


def test_figures_have_their_units() -> None:
    assert figure_html(Estimate(0.5, 0.25, 0.75, 4)) == "50.0 %<small>25.0–75.0</small>"
    assert figure_html(Estimate(12345.0, None, None, 1), "mean_absolute_error") == "12,345"
    assert figure_html(None) == "–"
    assert difference_html(Difference(-0.031, -0.05, 0.0, 0.2, 9)).startswith("-3.1<small>-5.0 …")


def test_in_chinese_a_row_of_data_is_a_sample_and_a_row_of_a_table_a_row() -> None:
    of_tables = {"page.evaluate.column.row", "page.evaluate.listed"}
    told = {key: text for key, text in sentences("zh").items() if key.startswith(("page.evaluate.", "evaluate."))}
    words = {key: re.sub(r"运行|进行|执行|第 \{row\} 行", "", text) for key, text in told.items()}
    assert {key for key, text in words.items() if "行" in text} == of_tables


def test_good_and_bad_news_are_verdicts_that_exist() -> None:
    assert {f"evaluate.verdict.{each}" for each in (*GOOD_NEWS, *BAD_NEWS)} <= set(sentences("en"))
    assert translate("en", "page.tab.evaluate") == "Evaluate & Predict"


def _info(session: Session, folder: Any) -> Any:
    return session.room.info(folder.id)
