"""The 39 faults found in LLaMA-Factory's page (W1–W39): each is shown absent by a test here or by one named here."""

import ast
import json
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.fakes import FakeEngine
from tsft.config.run_config import RunConfig
from tsft.config.schema import settings, with_values
from tsft.engine.gauges import loaded_cuda
from tsft.errors import message
from tsft.run.board import Board
from tsft.run.curve import Curve, smoothed
from tsft.run.events import CommandGiven, Evaluated, Finished, PhaseChanged, RunStarted, StepLogged
from tsft.run.state import CURVES, RunState, reduce
from tsft.store.app_settings import AppSettings, SettingsFile
from tsft.store.workspace import open_workspace
from tsft.ui.charts import chart_payload
from tsft.ui.context import PageContext
from tsft.ui.launch import Address
from tsft.ui.page import Page

TESTS = Path(__file__).resolve().parent
SOURCE = TESTS.parent / "src" / "tsft"
HERE = "test_llamafactory_faults"
SOUND = with_values(RunConfig(), {"model.name": "builtin", "data.datasets": ("demo",)})

SHOWN = {
    1: (
        "test_engine_stop::test_a_stop_in_any_phase_ends_the_run",
        "test_engine_resume::test_a_stop_in_the_middle_of_an_evaluation_keeps_the_step_and_evaluates_after_resuming",
    ),
    2: (
        "test_ui_live::test_a_second_start_is_refused_with_the_name_of_the_first",
        "browser/test_page::test_a_second_start_is_refused_by_name",
    ),
    3: (
        f"{HERE}::test_a_visitor_is_not_given_the_form_of_whoever_trains",
        "test_engine_stop::test_who_asked_is_kept",
        "browser/test_steering::test_two_browsers_steer_one_run_and_discarding_asks_first",
    ),
    4: (f"{HERE}::test_every_page_that_looks_sees_the_end",),
    5: (f"{HERE}::test_a_reload_after_stop_tells_of_a_stop_and_not_of_a_failure",),
    6: ("test_run_events::test_a_follower_reads_a_growing_file_and_waits_for_the_rest_of_a_cut_line",),
    7: (
        "test_ui_form::test_all_wrong_fields_are_reported_at_once",
        "browser/test_page::test_three_wrong_fields_say_so_beside_themselves_at_once",
    ),
    8: ("test_store_record::test_a_run_whose_process_is_gone_is_interrupted_with_step_and_checkpoint",),
    9: ("test_engine_extra_arguments::test_extra_arguments_arrive_and_false_is_not_lost",),
    10: ("test_engine_extra_arguments::test_whatever_the_form_sets_is_owned_or_kept",),
    11: (
        "test_ui_form::test_a_config_comes_back_unchanged_from_the_controls",
        "browser/test_page::test_a_preset_sets_every_field_and_can_be_saved",
    ),
    12: (
        "test_config_codec::test_all_unknown_names_and_wrong_values_are_reported_at_once",
        "test_config_codec::test_what_is_no_object_is_refused",
        "test_store_presets::test_a_broken_preset_does_not_hide_the_others",
    ),
    13: (
        "test_store_record::test_runs_of_one_name_in_one_second_are_two_runs",
        "test_store_record::test_a_folder_put_there_or_taken_away_by_hand_is_noticed_at_the_next_opening",
    ),
    14: ("test_engine_resume::test_a_finished_run_cannot_be_resumed_and_one_without_checkpoint_says_so",),
    15: (
        "test_store_workspace::test_a_path_out_of_the_folder_is_refused",
        "test_store_workspace::test_a_link_out_of_the_folder_is_refused",
        "test_store_runs::test_a_run_id_cannot_leave_the_workspace",
    ),
    16: (
        "test_store_presets::test_names_that_differ_in_a_blank_are_two_presets",
        "test_store_workspace::test_two_names_never_collapse_into_one",
    ),
    17: (
        f"{HERE}::test_nothing_but_this_machine_is_listened_to_unasked",
        f"{HERE}::test_no_code_of_a_model_is_ever_run",
        "test_ui_serve::test_an_open_address_gets_a_password_told_once",
        "test_ui_endpoints::test_strangers_may_call_no_endpoint",
    ),
    18: (
        f"{HERE}::test_no_setting_holds_a_secret",
        "test_cli::test_secrets_are_blotted_out",
        "test_config_check::test_an_address_that_may_hold_a_secret_is_refused_whichever_tracker_is_chosen",
    ),
    19: (
        f"{HERE}::test_every_curve_is_drawn_among_them_validation_rates_and_norms",
        "test_ui_charts::test_the_description_names_the_latest_values",
        "test_ui_monitor::test_a_run_that_trains_shows_step_speed_and_time_left",
    ),
    20: (
        f"{HERE}::test_a_loss_of_zero_is_drawn_and_one_without_a_number_spoils_no_other",
        "test_run_curve::test_a_value_that_is_not_finite_is_a_gap_and_not_a_point",
    ),
    21: (
        "test_run_events::test_a_run_that_goes_on_draws_over_what_it_lost",
        "test_run_events::test_speed_and_time_left_come_from_the_last_readings",
    ),
    22: ("test_engine_stop::test_a_stop_in_any_phase_ends_the_run",),
    23: ("test_engine_stop::test_closing_the_engine_stops_the_run_and_saves_it",),
    24: (
        "test_ui_monitor::test_text_from_people_models_and_data_is_never_html",
        "test_ui_monitor::test_before_training_the_bar_shows_the_phase",
        "test_run_events::test_notes_are_bounded",
    ),
    25: ("test_cli::test_a_run_log_holds_the_lines_of_the_run_and_no_token",),
    26: ("test_layers::test_pyplot_with_its_global_state_is_used_nowhere",),
    27: (
        "test_store_record::test_search_finds_words_in_any_script_and_case",
        "test_cli::test_a_run_is_renamed",
        "test_cli::test_deleting_asks_with_the_size",
        "browser/test_page::test_a_run_is_found_again_with_curves_settings_and_resume",
    ),
    28: (
        f"{HERE}::test_no_gauge_wakes_an_accelerator",
        "test_engine_asking::test_a_start_gives_up_the_question_before_it",
        "test_engine_asking::test_no_question_is_taken_while_a_run_is_in_progress",
    ),
    29: (
        "test_model_answer::test_a_failure_while_writing_reaches_the_reader",
        "test_engine_asking::test_a_result_that_is_gone_is_said_in_words",
    ),
    30: (
        "test_model_answer::test_closing_the_stream_ends_the_writer",
        "test_model_answer::test_an_answer_stops_when_asked",
    ),
    31: (
        "test_engine_optimizers::test_combinations_that_cannot_be_are_refused_at_their_field",
        "test_imports::test_wrong_settings_are_told_before_torch_is_loaded",
    ),
    32: ("test_engine_adapters::test_an_adapter_of_any_kind_opens_and_merges_as_it_was_trained",),
    33: (
        f"{HERE}::test_an_empty_file_of_settings_breaks_nothing",
        "test_store_workspace::test_a_failed_write_leaves_the_old_file_and_no_other",
    ),
    34: ("test_store_runs::test_results_name_the_run_the_step_and_the_loss",),
    35: (f"{HERE}::test_packages_for_pictures_sound_and_word_counts_are_not_needed",),
    36: (f"{HERE}::test_packages_for_pictures_sound_and_word_counts_are_not_needed",),
    37: (f"{HERE}::test_rows_are_prepared_in_the_one_process",),
    38: (
        "test_config_preview::test_the_command_is_the_config",
        "test_config_preview::test_a_workspace_with_blanks_is_quoted",
    ),
    39: (
        "test_engine_processes::test_a_run_of_another_process_is_shown_refuses_a_second_and_can_be_stopped",
        "test_store_record::test_a_crash_does_not_block_the_next_run",
    ),
}
# Faults of whose cause there is nothing here; the test above shows what stands in its place.
NO_SUCH_CAUSE = {
    8: "a run is a thread and has no exit code",
    23: "training and page are one process: a stop is a flag that the thread obeys, never a signal to others",
}


# What a test that shows something has: it compares, expects a refusal, or waits for what must come.
CLAIMS = ("assert ", "raises(", "wait_for_")


def test_every_fault_is_accounted_for() -> None:
    assert sorted(SHOWN) == list(range(1, 40))
    assert set(NO_SUCH_CAUSE) <= set(SHOWN)


@pytest.mark.parametrize("fault", sorted(SHOWN), ids=lambda fault: f"W{fault}")
def test_the_tests_that_show_it_absent_exist(fault: int) -> None:
    for node in SHOWN[fault]:
        module, _, name = node.partition("::")
        assert name in functions_of(module), f"W{fault}: there is no {node}"
        assert any(word in functions_of(module)[name] for word in CLAIMS), f"W{fault}: {node} claims nothing"


@cache
def functions_of(module: str) -> dict[str, str]:
    """The functions of a test file and their text."""
    tree = ast.parse((TESTS / f"{module}.py").read_text(encoding="utf-8"))
    return {node.name: ast.unparse(node) for node in tree.body if isinstance(node, ast.FunctionDef)}


# -- those that have no test elsewhere ---------------------------------------------------------------------------------


@pytest.fixture
def page() -> Page:
    return Page(PageContext(FakeEngine(), presets=list, load_preset=lambda name: SOUND))


def board_of(page: Page, *events: Any) -> Board:
    board = Board()
    for event in (RunStarted(1.0, "r1", "first", by="anna"), PhaseChanged(2.0, "training"), *events):
        board.say(event)
    page.context.engine.board = board
    return board


def loaded(page: Page, visitor: str) -> Any:
    return page.handlers.load("en", None, visitor)


def test_a_visitor_is_not_given_the_form_of_whoever_trains(page: Page) -> None:
    own = with_values(SOUND, {"lora.rank": 77, "output.name": "anna's private name"})
    assert page.context.engine.start(own, by="anna")
    updates = loaded(page, "visitor")
    form = page.parts.form
    assert str(updates[form.widget("lora.rank")]["value"]) == str(SOUND.lora.rank)
    assert "private" not in str(updates[form.widget("output.name")])
    page.context.engine.join()


def test_every_page_that_looks_sees_the_end(page: Page) -> None:
    board = board_of(page)
    visitors = ("original", "reloaded", "other browser")

    def tick(seen: Any, visitor: str) -> list[Any]:
        request: Any = SimpleNamespace(session_hash=visitor, username=None)
        return page.handlers.tick(seen, [], "", "en", "builtin", "huggingface", request)

    seen = {visitor: tick({}, visitor)[0] for visitor in visitors}
    board.say(Finished(9.0, "finished", 20, "adapter", message("page.idle")))
    for visitor in visitors:
        assert any("Ready. Start begins" in str(update) for update in tick(seen[visitor], visitor))


def test_a_reload_after_stop_tells_of_a_stop_and_not_of_a_failure(page: Page) -> None:
    board = board_of(page, CommandGiven(3.0, "stop", "anna"))
    loaded(page, "reloaded")
    board.say(Finished(9.0, "stopped", 5, "adapter", message("page.idle")))
    loaded(page, "reloaded")
    assert (board.state.status, board.state.failure) == ("stopped", None)
    assert 'data-status="stopped"' in page.parts.live.view("en").panel


def test_nothing_but_this_machine_is_listened_to_unasked() -> None:
    assert Address().is_local


def test_no_code_of_a_model_is_ever_run() -> None:
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "trust_remote_code":
                assert isinstance(node.value, ast.Constant) and node.value.value is False, path


def test_no_setting_holds_a_secret() -> None:
    words = ("token", "secret", "password", "api_key", "credential")
    allowed = ("model.new_tokens", "probes.max_tokens")
    named = [each.key for each in settings() if any(word in each.key for word in words)]
    assert [key for key in named if key not in allowed and not key.endswith("_tokens")] == []


def test_a_loss_of_zero_is_drawn_and_one_without_a_number_spoils_no_other() -> None:
    state = RunState()
    for step, loss in ((1, 0.5), (2, 0.0), (3, None), (4, float("nan")), (5, 0.25)):
        state = reduce(state, StepLogged(float(step), step, 0.1, loss, 1e-4, 1.0))
    assert state.loss.shown == ((1, 0.5), (2, 0.0), (5, 0.25))
    assert state.loss.gaps == (3, 4)
    assert all(value == value for _, value in smoothed(state.loss.shown))
    assert Curve().add(1, 0.0).last == 0.0


def test_every_curve_is_drawn_among_them_validation_rates_and_norms() -> None:
    state = reduce(RunState(), RunStarted(1.0, "r1", "first"))
    norms = {"model_grad_norm": 3.0, "encoder_grad_norm": 4.0, "model_update": 0.1, "encoder_update": 0.2}
    for step in (1, 2):
        state = reduce(state, StepLogged(1.0 + step, step, 0.1, 1.0, 1e-4, 5.0, encoder_learning_rate=1e-3, **norms))
    state = reduce(state, Evaluated(9.0, 2, 1.25, 0.1, 0.5))
    run = json.loads(chart_payload(state, "en"))["runs"][0]
    drawn = {**run["curves"], "loss": run["loss"], "validation_loss": run["validation"]}
    assert set(CURVES) <= set(drawn)
    assert all(drawn[name]["x"][-1] == 2 for name in CURVES)
    assert drawn["validation_loss"]["y"] == [1.25]


@pytest.mark.parametrize(("is_initialized", "is_looked_at"), [(False, False), (True, True)])
def test_no_gauge_wakes_an_accelerator(
    monkeypatch: pytest.MonkeyPatch, is_initialized: bool, is_looked_at: bool
) -> None:
    cuda = SimpleNamespace(is_initialized=lambda: is_initialized)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert (loaded_cuda() is cuda) is is_looked_at


def test_an_empty_file_of_settings_breaks_nothing(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    for text in ("", "\0", json.dumps([])):
        (tmp_path / "settings.json").write_text(text, encoding="utf-8")
        file = SettingsFile(workspace, {})
        assert file.current() == AppSettings()
        assert file.problems


def imported(but: str = "") -> set[tuple[str, str]]:
    """(part, top package) of every import in the source; `but` is a module that is left out."""
    found = set()
    for path in SOURCE.rglob("*.py"):
        if path.relative_to(SOURCE).as_posix() == but:
            continue
        part = path.relative_to(SOURCE).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {(part, alias.name.split(".")[0]) for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found.add((part, (node.module or "").split(".")[0]))
    return found


def test_packages_for_pictures_sound_and_word_counts_are_not_needed() -> None:
    unneeded = {"torchvision", "torchaudio", "jieba", "nltk", "rouge_chinese", "PIL", "soundfile", "librosa"}
    assert unneeded & {package for _, package in imported()} == set()


def test_rows_are_prepared_in_the_one_process() -> None:
    # Rows are generated by as many processes as somebody asks for; the rows of a run never are.
    found = imported(but="data/synth/dataset.py")
    assert {("data", "multiprocessing"), ("data", "concurrent"), ("data", "datasets")} & found == set()
