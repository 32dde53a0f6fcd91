"""From names in the settings to rows in training order, with every row accounted for."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.data_fakes import TS_ID, FakeEncoder, row, write_lines
from tsft.config.run_config import DataSettings
from tsft.data.preparation import prepare
from tsft.errors import UserError
from tsft.i18n import LANGUAGES, say, say_all
from tsft.run.ports import Stopped

SOURCE = str(Path(__file__).resolve().parents[1] / "src")


def numbered(count, start=0, length=20):
    return [row(answer=str(n), series=[[n + 0.5 * k for k in range(length)]]) for n in range(start, start + count)]


def settings(*names, **more):
    return DataSettings(**{"datasets": names, "validation": "none", "system_prompt": "", **more})


def answers(rows):
    return ["".join(chr(label - 10 + 90 * (label < 42)) for label in each["labels"] if label != -100) for each in rows]


@pytest.fixture
def folder(tmp_path):
    write_lines(tmp_path / "first.jsonl", numbered(40))
    write_lines(tmp_path / "second.jsonl", numbered(10, 100))
    return tmp_path


def run(folder, given, encoder=None, **more):
    return prepare(given, encoder or FakeEncoder(), [folder], folder / "cache", **more)


def test_rows_come_back_as_the_encoder_made_them(folder):
    data = run(folder, settings("first"))
    encoded = data.train[7]
    assert list(encoded) == ["input_ids", "labels", "values"]
    assert len(encoded["input_ids"]) == len(encoded["labels"]) == data.train.lengths[7]
    assert encoded["input_ids"].count(TS_ID) == 3
    (values,) = encoded["values"]
    assert values.dtype == np.float32 and values.flags.writeable
    assert values.tolist() == [7 + 0.5 * k for k in range(20)]
    assert answers(data.train)[:3] == ["0", "1", "2"]
    assert [data.train[i]["labels"] for i in range(len(data.train))] == [each["labels"] for each in data.train]


def test_the_report_accounts_for_every_row(folder):
    bad = [row(answer=""), "{broken", *numbered(5), *numbered(1, length=4_000), row(series=[[1.0, float("nan")]])]
    write_lines(folder / "bad.jsonl", bad)
    report = run(folder, settings("bad", "first", cutoff_length=200, overlong="drop")).report
    first = report.datasets[0]
    assert first.rows_read == 9 == first.kept + first.dropped_rows
    assert first.dropped == {
        "data.row.empty_answer": 1,
        "data.row.broken_json": 1,
        "data.row.value_nan": 1,
        "data.row.too_long": 1,
    }
    assert sorted(problem.row for problem in first.problems) == [1, 2, 8, 9]
    assert report.train_rows == 45 and report.patches.median == 3
    for language in LANGUAGES:
        assert all(say(language, sentence) for sentence in report.messages())


def test_shortened_and_cut_rows_are_counted(folder):
    write_lines(folder / "long.jsonl", numbered(3, length=2_000))
    shortened = run(folder, settings("long", cutoff_length=100, overlong="shorten_series")).report.datasets[0]
    assert (shortened.kept, shortened.shortened, shortened.tokens.maximum) == (3, 3, 99)
    write_lines(folder / "wordy.jsonl", [row("word " * 100 + "<ts><ts/>")] * 2)
    cut = run(folder, settings("wordy", cutoff_length=100, overlong="cut_text")).report.datasets[0]
    assert (cut.kept, cut.cut) == (2, 2) and cut.tokens.maximum <= 100


def test_the_system_prompt_is_used_where_a_row_has_none(folder):
    write_lines(folder / "own.jsonl", [{**row(), "system": "Mine"}, row()])
    plain = run(folder, settings("own")).train.lengths
    prompted = run(folder, settings("own", system_prompt="Help")).train.lengths
    assert (prompted - plain).tolist() == [0, 4]


def test_the_cache_is_used_until_something_that_matters_changes(folder):
    encoder = FakeEncoder()
    calls = []
    for given in (
        settings("first"),
        settings("first", validation="fraction"),
        settings("first", cutoff_length=5_000),
        settings("first", train_on="last_answer"),
    ):
        run(folder, given, encoder)
        calls.append(encoder.calls)
    assert calls == [40, 40, 80, 120]
    encoder.fingerprint = "fake-2"
    run(folder, settings("first"), encoder)
    assert encoder.calls == 160


def test_a_stop_at_any_row_leaves_no_half_cache(folder):
    for stop_after in (0, 5, 39, 45, 20):
        asked = iter(range(1_000))
        with pytest.raises(Stopped):
            run(folder, settings("first"), should_stop=lambda asked=asked, n=stop_after: next(asked) >= n)
        assert not [path for path in (folder / "cache").iterdir() if ".part-" in path.name]
    assert len(run(folder, settings("first")).train) == 40


def test_progress_ends_at_the_total(folder):
    seen = []
    run(folder, settings("first"), progress=lambda what, done, total: seen.append((what.key, done, total)))
    assert ("data.progress.encoding", 40, 40) in seen
    size = (folder / "first.jsonl").stat().st_size
    assert ("data.progress.reading", size, size) in seen


def test_a_fraction_by_time_and_a_separate_dataset_validate(folder):
    fraction = run(folder, settings("first", "second", validation="fraction", validation_fraction=0.2), seed=3)
    assert (len(fraction.train), len(fraction.evaluation)) == (40, 10)
    assert not set(answers(fraction.train)) & set(answers(fraction.evaluation))
    time = run(folder, settings("first", "second", validation="time", validation_fraction=0.1))
    assert answers(time.evaluation) == ["36", "37", "38", "39", "109"]
    separate = run(folder, settings("first", validation="dataset", validation_datasets=("second",)))
    assert (len(separate.train), len(separate.evaluation)) == (40, 10)
    assert run(folder, settings("first")).evaluation is None


def test_series_on_both_sides_of_a_separate_dataset_are_said(folder):
    write_lines(folder / "overlap.jsonl", numbered(4, 38))
    data = run(folder, settings("first", validation="dataset", validation_datasets=("overlap",)))
    (remark,) = data.report.remarks
    assert (remark.key, remark.values["count"]) == ("data.remark.shared_series", 2)


def test_datasets_mix_by_weight(folder):
    data = run(folder, settings("first", "second", mixing="interleave_over", weights=(0.5, 0.5)), seed=1)
    again = run(folder, settings("first", "second", mixing="interleave_over", weights=(0.5, 0.5)), seed=1)
    assert answers(data.train) == answers(again.train)
    assert set(answers(data.train)) == {str(n) for n in [*range(40), *range(100, 110)]}
    assert len(data.train) > 60


def test_num_samples_draws_fewer_or_repeats(folder):
    info = '{{"some": {{"file_name": "first.jsonl", "num_samples": {}}}}}'
    (folder / "dataset_info.json").write_text(info.format(15), encoding="utf-8")
    few = run(folder, settings("some"), seed=4)
    assert len(few.train) == 15 and few.report.datasets[0].left_out == 25
    (folder / "dataset_info.json").write_text(info.format(100), encoding="utf-8")
    assert len(run(folder, settings("some"), seed=4).train) == 100


def test_no_trainable_row_is_an_error_with_the_counts(folder):
    write_lines(folder / "bad.jsonl", [row(answer=""), row(answer=""), row("no place")])
    with pytest.raises(UserError) as refused:
        run(folder, settings("bad"))
    keys = [problem.message.key for problem in refused.value.problems]
    assert keys == ["data.none_left", "data.report.dropped", "data.report.dropped"]
    assert "2" in say_all("en", refused.value)


def test_a_reason_names_its_first_twenty_rows(folder):
    write_lines(folder / "bad.jsonl", [row(), *[row(answer="")] * 3, *numbered(1), row("no place")])
    write_lines(folder / "many.jsonl", [row(answer="")] * 30)
    (folder / "dataset_info.json").write_text('{"both": {"file_name": "parts"}}', encoding="utf-8")
    (folder / "parts").mkdir()
    for name in ("a.jsonl", "b.jsonl"):
        write_lines(folder / "parts" / name, [row(), row(answer="")])
    report = run(folder, settings("bad", "many", "both")).report
    told = [each for each in report.messages() if each.key == "data.report.dropped"]
    numbers = ", ".join(map(str, range(1, 21)))
    assert [each.values["rows"] for each in told] == ["2, 3, 4", "6", f"{numbers} …", "a.jsonl: 2; b.jsonl: 2"]
    assert "2, 3, 4" in say("en", told[0])


def test_every_wrong_name_is_said_at_once(folder):
    given = settings("frist", "nothing", validation="dataset", validation_datasets=("first", "secnd"))
    with pytest.raises(UserError) as refused:
        run(folder, given)
    assert [problem.field for problem in refused.value.problems] == ["data.datasets"] * 2 + ["data.validation_datasets"]
    with pytest.raises(UserError) as refused:
        run(folder, settings("first", validation="dataset", validation_datasets=("first",)))
    assert refused.value.message.key == "data.same_dataset"


def test_rows_travel_to_another_process_by_path(folder):
    rows = run(folder, settings("first")).train.row_sets[0]
    there = pickle.loads(pickle.dumps(rows))
    assert there[3]["input_ids"] == rows[3]["input_ids"] and len(pickle.dumps(rows)) < 1_000


def test_a_file_deleted_after_listing_is_named(folder):
    (folder / "parts").mkdir()
    with pytest.raises(UserError):
        run(folder, settings(str(Path("parts") / "gone.jsonl")))


def test_data_loads_neither_torch_nor_gradio():
    code = (
        "import sys, tsft.data.preparation; print([m for m in ('torch', 'transformers', 'gradio') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": SOURCE},
    )
    assert done.stdout.strip() == "[]"
