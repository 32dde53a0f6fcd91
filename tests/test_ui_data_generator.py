"""The generator of the Data tab: examples with what was measured, what the text alone is worth, and datasets."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.data_desks import Sheet, desk_of, finished
from tsft.data.synth.dataset import SynthJob, read_job
from tsft.data.synth.recipe import SynthRecipe
from tsft.data.synth.rows import synth_row, synth_scene
from tsft.data.tasks.catalog import SYNTH_TASKS
from tsft.flags import command_parser
from tsft.i18n import LANGUAGES, translate
from tsft.synth_commands import job_of as job_of_flags
from tsft.ui.data import generator_form
from tsft.ui.data.generator_desk import EXAMPLES, GeneratorDesk
from tsft.ui.data.generator_facts import known_of
from tsft.ui.data.generator_section import place_generator_section
from tsft.ui.data.jobs import STOPPED


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return desk_of(tmp_path_factory.mktemp("desk"), place_generator_section, GeneratorDesk)


@pytest.fixture
def sheet(desk: Any) -> Sheet:
    """The form as it is when the section is opened."""
    fresh = Sheet(desk)
    return fresh.take(desk.opened("en", *fresh.given()))


def job(desk: Any, sheet: Sheet) -> SynthJob:
    return generator_form.job_of(desk.at.form.values(sheet.given()))


def test_the_form_begins_with_the_defaults_of_the_command_line(desk: Any, sheet: Sheet) -> None:
    assert job(desk, sheet) == SynthJob()


def test_a_job_comes_back_from_the_form_as_it_was(desk: Any, sheet: Sheet) -> None:
    recipe = SynthRecipe(
        count=50, seed=3, split="test", lengths=(40, 90), series=(2, 4), domains=("energy",), difficulty="curriculum",
        tasks={"trend": 2.0, "events": 0.5}, languages={"zh": 1.0}, styles={"json": 1.0}, missing_share=0.2,
        answers="pairs",
    )  # fmt: skip
    wanted = SynthJob(recipe, "demo", 0.4, "parquet")
    path = desk.desk.room.workspace.root / "wanted.json"
    path.write_text(json.dumps(wanted.to_json()), encoding="utf-8")
    sheet.take(desk.load(str(path), "en"))
    assert job(desk, sheet) == wanted == read_job(path)


def test_the_command_that_is_shown_says_the_same(desk: Any, sheet: Sheet) -> None:
    sheet.put(
        seed=11,
        missing_share=0.3,
        answers="judged",
        chinese=0.0,
        lengths_least=100,
        difficulty="hard",
        domains=["energy"],
    )
    shown = desk.tell_recipe("en", *sheet.given())
    line = shown.split('tabindex="0">')[1].split("</pre>")[0]
    assert job_of_flags(command_parser("en").parse_args(shlex.split(line)[1:])) == job(desk, sheet)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_examples_are_rows_of_the_stream_with_what_was_measured(desk: Any, sheet: Sheet, language: str) -> None:
    updates = desk.examples(language, *sheet.given())
    shown = updates[desk.at.shown]
    assert updates[desk.at.showing] == tuple(range(EXAMPLES)) and shown.count("<img") == EXAMPLES
    assert translate(language, "page.synth.fact.no_events") in shown


def test_examples_of_pairs_show_both_answers_and_which_fact_is_wrong(desk: Any, sheet: Sheet) -> None:
    sheet.put(answers="pairs")
    shown = desk.examples("en", *sheet.given())[desk.at.shown]
    assert shown.count("wrong: ") == EXAMPLES


def test_one_row_alone_is_the_row_of_the_stream(desk: Any, sheet: Sheet) -> None:
    alone = desk.single(3, "en", *sheet.given())[desk.at.shown]
    assert alone in desk.examples("en", *sheet.given())[desk.at.shown]
    for bad in (-1, None, 1.5):
        assert 'role="alert"' in desk.single(bad, "en", *sheet.given())[desk.at.problems]


def test_the_scene_of_a_row_is_the_row() -> None:
    recipe = SynthRecipe(seed=5)
    for index in range(20):
        row, subject = synth_scene(recipe, index)
        assert row == synth_row(recipe, index)
        assert [each.values.tolist() for each in subject.series] == row["timeseries"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_event_of_a_series_is_told_where_it_is(language: str) -> None:
    recipe = SynthRecipe(tasks={"events": 1.0}, series=(1, 1))
    for index in range(8):
        _, subject = synth_scene(recipe, index)
        (known,) = known_of(subject, language)
        events = subject.series[0].attributes.events
        assert [tuple(each) for each in known.spans] == [(each.start, each.end) for each in events]
        assert all(f"{each.start}–{each.end}" in " ".join(known.facts) for each in events)


def test_all_that_is_wrong_is_told_at_once_each_with_its_control(desk: Any, sheet: Sheet) -> None:
    sheet.put(count=0, seed=None, lengths_least=300, domains=[], none_share=3, name="", difficulty="odd")
    told = desk.generate("en", False, None, *sheet.given())[desk.at.problems]
    for name in ("count", "seed", "lengths_least", "domains", "none_share", "name", "difficulty"):
        assert f'data-field="set-synth-{name}"' in told, name


def test_what_was_generated_is_told_chosen_and_offered_to_be_opened(desk: Any, sheet: Sheet) -> None:
    sheet.put(count=30, name="small")
    desk.generate("en", False, None, *sheet.given())
    done = finished(desk, "synth")
    after = desk.ended(done.number, "en")
    assert after[desk.desk.which]["value"] == "small" and "30 generated rows" in after[desk.at.told]
    assert ("small.jsonl", str(Path(done.result.path).with_name("small.jsonl.recipe"))) in desk._recipes()
    sheet.put(name="mixed", mix_with="small", share=0.5, format="parquet")
    desk.generate("en", False, None, *sheet.given())
    mixed = finished(desk, "synth").result
    assert (mixed.generated, mixed.own, mixed.path.suffix) == (30, 30, ".parquet")
    assert ("small", "small") in desk._offers("en")[desk.controls["mix_with"]]["choices"]


def test_stop_leaves_nothing_behind(desk: Any, sheet: Sheet) -> None:
    sheet.put(count=2000, name="long")
    desk.generate("en", False, None, *sheet.given())
    next(each for each in desk.desk.room.jobs._jobs.values() if each.name == "long").stop.set()
    assert finished(desk, "synth").state == STOPPED
    assert not list(desk.desk.room.workspace.datasets.glob("*long*"))


def test_what_the_text_alone_is_worth_is_told_by_task(desk: Any, sheet: Sheet) -> None:
    asked = {each.key: {"on": each.key in ("trend", "rule"), "weight": "1"} for each in SYNTH_TASKS}
    sheet.put(count=60, tasks=json.dumps(asked))
    desk.measure("en", *sheet.given())
    done = finished(desk, "worth")
    assert set(done.result) == {"trend", "rule"} and sum(each.count for each in done.result.values()) == 60
    shown = desk.was_measured(done.number, "zh")[desk.at.worth]
    assert "趋势" in shown and "阈值规则" in shown and shown.count("<tr>") == 3


def test_another_language_says_all_of_it_again(desk: Any, sheet: Sheet) -> None:
    shown = desk.speak((0, 1), 0, 0, "zh", *sheet.given())
    assert "第 0 行" in shown[desk.at.shown] and "任务" in shown[desk.at.form.entries["tasks"].shown]
