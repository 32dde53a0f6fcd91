"""Generated datasets: alike for any number of workers, mixed as asked, described beside the file, and made again."""

import json
import shlex
from dataclasses import replace

import pyarrow.parquet as parquet
import pytest

from tsft.cli import main
from tsft.data.preparation import check_dataset
from tsft.data.provenance import read_provenance
from tsft.data.recipe_files import RECIPE_SUFFIX
from tsft.data.synth.dataset import SynthJob, command, read_job, write_dataset
from tsft.data.synth.recipe import SynthRecipe, check_recipe
from tsft.errors import UserError
from tsft.flags import command_parser
from tsft.run.ports import Stopped
from tsft.synth_commands import job_of

SMALL = SynthRecipe(count=60, tasks={"trend": 1.0, "rule": 2.0}, lengths=(64, 80))
OWN = [
    {"input": f"Load <ts><ts/>: which way, {index}?", "output": "Up.", "timeseries": [[1.0, 2.0, float(index)]]}
    for index in range(70)
]


def write(tmp_path, job, name="made", **more):
    return write_dataset(job, name, tmp_path / "datasets", tmp_path / "cache", folders=[tmp_path / "datasets"], **more)


def own_rows(tmp_path, rows=OWN):
    (tmp_path / "datasets").mkdir()
    (tmp_path / "datasets" / "own.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_two_workers_make_the_rows_of_one(tmp_path):
    job = SynthJob(replace(SMALL, count=450))
    one = write(tmp_path, job, "one").path.read_bytes()
    assert write(tmp_path, job, "two", workers=2).path.read_bytes() == one and one.count(b"\n") == 450


def test_a_dataset_passes_the_check_and_tells_where_it_comes_from(tmp_path):
    written = write(tmp_path, SynthJob(SMALL), by="anna")
    report = check_dataset("made", [tmp_path / "datasets"], tmp_path / "cache")
    assert (report.rows_read, report.kept, report.warned) == (60, 60, {})
    told = read_provenance(written.path)
    assert told.rows == 60 and told.by == "anna" and told.steps[0].do == "synth"
    assert SynthRecipe.from_json(told.steps[0].options) == SMALL


def test_the_recipe_beside_a_dataset_makes_it_again(tmp_path):
    first = write(tmp_path, SynthJob(SMALL))
    job = read_job(first.path.with_name(first.path.name + RECIPE_SUFFIX))
    assert write(tmp_path, job, "again").path.read_bytes() == first.path.read_bytes()


def test_parquet_holds_the_same_rows(tmp_path):
    lines = write(tmp_path, SynthJob(SMALL)).path.read_text(encoding="utf-8").splitlines()
    path = write(tmp_path, SynthJob(SMALL, format="parquet"), "columns").path
    table = parquet.read_table(path).to_pylist()
    assert [{k: row[k] for k in ("id", "input", "output", "timeseries", "meta")} for row in table] == [
        json.loads(line) for line in lines
    ]
    assert check_dataset("columns", [tmp_path / "datasets"], tmp_path / "cache").kept == 60


@pytest.mark.parametrize(("share", "generated"), [(0.3, 30), (0.5, 70), (0.01, 1)])
def test_a_mix_keeps_every_own_row_and_the_share_of_generated_ones(tmp_path, share, generated):
    own_rows(tmp_path)
    written = write(tmp_path, SynthJob(SMALL, mix_with="own", share=share))
    rows = [json.loads(line) for line in written.path.read_text(encoding="utf-8").splitlines()]
    assert (written.generated, written.own) == (generated, 70)
    assert [row["input"] for row in rows if row["id"].startswith("own")] == [row["input"] for row in OWN]
    # Evenly mixed: any half has its half of the generated rows.
    first = sum(row["id"].startswith("synth") for row in rows[: len(rows) // 2])
    assert abs(first - generated / 2) <= 1
    told = read_provenance(written.path)
    assert [each.name for each in told.parents] == ["own"] and told.steps[1].options == {"with": "own", "share": share}


def test_a_mix_keeps_system_and_history_of_own_rows(tmp_path):
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One <ts><ts/>?"},
        {"role": "assistant", "content": "Yes."},
        {"role": "user", "content": "And now?"},
        {"role": "assistant", "content": "No."},
    ]
    own_rows(tmp_path, [{"messages": talk, "timeseries": [[1.0, 2.0]]}])
    written = write(tmp_path, SynthJob(SMALL, mix_with="own", share=0.5))
    rows = [json.loads(line) for line in written.path.read_text(encoding="utf-8").splitlines()]
    own = next(row for row in rows if row["id"] == "own-0")
    assert own["system"] == "Be brief." and own["history"] == [["One <ts><ts/>?", "Yes."]] and own["output"] == "No."
    assert check_dataset("made", [tmp_path / "datasets"], tmp_path / "cache").kept == 2


def test_stopping_leaves_nothing_behind(tmp_path):
    done = []
    with pytest.raises(Stopped):
        write(tmp_path, SynthJob(SMALL), should_stop=lambda: len(done) > 0 or done.append(1) is not None)
    assert list((tmp_path / "datasets").iterdir()) == []


def test_a_name_that_is_taken_is_refused_unless_it_may_be_replaced(tmp_path):
    write(tmp_path, SynthJob(SMALL))
    with pytest.raises(UserError) as refused:
        write(tmp_path, SynthJob(SMALL))
    assert refused.value.message.key == "data.synth.exists"
    assert write(tmp_path, SynthJob(replace(SMALL, count=5)), replaces=True).generated == 5


def test_all_that_is_wrong_with_a_recipe_is_told_at_once():
    wrong = SynthRecipe(
        count=0,
        seed=-1,
        split="trian",
        tasks={"trends": 1.0, "rule": -1.0},
        languages={"de": 1.0},
        lengths=(8, 4),
        series=(0, 99),
        domains=("space",),
        difficulty="impossible",
        none_share=2.0,
        version=1,
    )
    fields = [each.field for each in check_recipe(wrong)]
    assert set(fields) == {
        "count", "seed", "split", "tasks", "languages", "lengths", "series", "domains", "difficulty", "none_share",
        "version",
    }  # fmt: skip
    with pytest.raises(UserError) as refused:
        SynthRecipe.from_json({"sead": 3})
    assert refused.value.message.values["near"] == "seed"


def test_a_recipe_survives_json():
    recipe = SynthRecipe(3, tasks={"trend": 2.0}, domains=("energy",), lengths=(64, 99), difficulty="curriculum")
    assert SynthRecipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


@pytest.mark.parametrize(
    "text", ["[1]", "{", '{"recipe": {}, "mix": 1}', '{"recipe": {}, "mix_with": "a", "share": 1}']
)
def test_a_broken_recipe_file_is_refused_with_a_sentence(tmp_path, text):
    path = tmp_path / "x.recipe"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError):
        read_job(path)
    with pytest.raises(UserError):
        read_job(tmp_path / "absent.recipe")


def test_the_command_of_a_job_says_the_same_job():
    recipe = SynthRecipe(
        9,
        3,
        "test",
        {"trend": 1.0, "rule": 2.5},
        {"zh": 1.0},
        {"json": 1.0},
        (64, 128),
        (2, 4),
        (1, 5),
        ("energy",),
        "hard",
        0.4,
    )
    job = SynthJob(recipe, "own data", 0.25, "parquet")

    words = shlex.split(command(job, "made"))[1:]
    assert job_of(command_parser("en").parse_args(words)) == job
    assert command(SynthJob(), "x") == "tsft data synth x"


def test_the_command_line_generates_and_shows_the_baselines(tmp_path, capsys):
    words = ["data", "synth", "made", "--count", "30", "--tasks", "trend,spike=2", "--lengths", "64-96", "--table"]
    assert main([*words, "--workspace", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "30" in told and "spike" in told and "tsft data synth made --count 30" in told
    assert (tmp_path / "datasets" / "made.jsonl").read_text(encoding="utf-8").count("\n") == 30
    assert main(["data", "synth", "other", "--tasks", "trends", "--workspace", str(tmp_path)]) == 2
    assert "trend" in capsys.readouterr().err
    assert main(["data", "synth", "other", "--lengths", "long", "--workspace", str(tmp_path)]) == 2
