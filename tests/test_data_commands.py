"""`tsft data check` and `tsft data fix` from the command line."""

import json

import pytest

from tests.data_fakes import write_lines
from tests.test_data_diagnosis import changed, good
from tsft.cli import BAD_SETTINGS, FAILED, FINISHED, main


@pytest.fixture
def bad(tmp_path):
    return write_lines(tmp_path / "rows.jsonl", [good(1), changed(2, timeseries=[[1.0, None, 2.5]]), good(1)])


def test_a_copy_fixed_by_the_command_passes_the_check(tmp_path, bad, capsys):
    workspace = ["--workspace", str(tmp_path / "w"), "--lang", "en"]
    assert main(["data", "check", str(bad), *workspace]) == FAILED
    told = capsys.readouterr().out
    assert "value_null" in told and "- rows.jsonl, row 2" in told and "Fixes: impute, longest_run, drop" in told
    assert main(["data", "fix", str(bad), "--fix", "value_null=impute", "--name", "mended", *workspace]) == FINISHED
    assert "mended.jsonl" in capsys.readouterr().out
    assert main(["data", "check", "mended", "--json", *workspace]) == FINISHED
    report = json.loads(capsys.readouterr().out)
    assert [each["kind"] for each in report["findings"]] == ["duplicate"]
    assert main(["data", "check", "mended", "--waive", "duplicate", *workspace]) == FINISHED
    assert "is ready to train on" in capsys.readouterr().out
    assert main(["data", "fix", "mended", *workspace]) == FINISHED
    assert "nothing to fix" in capsys.readouterr().out


def test_errors_cannot_be_waived_and_unfit_fixes_are_refused(tmp_path, bad, capsys):
    workspace = ["--workspace", str(tmp_path / "w"), "--lang", "en"]
    assert main(["data", "check", str(bad), "--waive", "value_null", *workspace]) == BAD_SETTINGS
    assert main(["data", "fix", str(bad), "--fix", "value_null=balance", *workspace]) == BAD_SETTINGS
    assert "fitting ones: impute, longest_run, drop" in capsys.readouterr().err


def test_a_quick_check_compares_no_rows(tmp_path, capsys):
    path = write_lines(tmp_path / "rows.jsonl", [good(1), good(1)])
    assert main(["data", "check", str(path), "--quick", "--workspace", str(tmp_path / "w")]) == FINISHED
    assert "duplicate" not in capsys.readouterr().out


def test_files_are_brought_in_listed_and_taken_away(tmp_path, capsys):
    path = write_lines(tmp_path / "rows.jsonl", [good(1), good(2)])
    workspace = ["--workspace", str(tmp_path / "w"), "--lang", "en"]
    assert main(["data", "import", str(path), *workspace]) == FINISHED
    assert "Dataset rows was added." in capsys.readouterr().out
    assert main(["data", "list", *workspace]) == FINISHED
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in told] == ["Name", "rows", "demo", "power_days"] and told[1].split()[1] == "2"
    assert (
        main(["data", "export", "rows", "--format", "parquet", "--to", str(tmp_path / "out"), *workspace]) == FINISHED
    )
    assert "2 rows were exported" in capsys.readouterr().out
    assert (tmp_path / "out" / "rows.parquet").is_file()
    assert main(["data", "import", str(tmp_path / "gone.jsonl"), *workspace]) == BAD_SETTINGS
    assert "gone.jsonl" in capsys.readouterr().err
    assert main(["data", "export", "rows", "--hub", "nobody", *workspace]) == BAD_SETTINGS
