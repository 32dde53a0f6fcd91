"""A waived warning stays quiet in training too, for this content and for no other."""

from tests.data_fakes import FakeEncoder, row, write_lines
from tsft.config.run_config import DataSettings
from tsft.data.content import content_hash
from tsft.data.preparation import prepare
from tsft.data.waivers import unwaive, waive, waived_kinds

ROWS = [row(), row(series=[[5.0, 5.0, 5.0]]), row(series=[[1e16, 2e16]])]


def warned(tmp_path):
    settings = DataSettings(datasets=("rows",), validation="none")
    return set(prepare(settings, FakeEncoder(), [tmp_path], tmp_path / "cache").report.datasets[0].warned)


def test_training_is_quiet_about_what_was_waived_and_about_nothing_else(tmp_path):
    path = write_lines(tmp_path / "rows.jsonl", ROWS)
    assert warned(tmp_path) == {"data.warning.constant", "data.warning.large"}
    waive(tmp_path, content_hash([path], tmp_path / "cache"), "constant", by="me")
    assert warned(tmp_path) == {"data.warning.large"}
    write_lines(path, [*ROWS, row()])
    assert warned(tmp_path) == {"data.warning.constant", "data.warning.large"}


def test_a_waiver_can_be_taken_back_and_a_broken_file_waives_nothing(tmp_path):
    waive(tmp_path, "abc", "constant")
    waive(tmp_path, "abc", "tiny")
    unwaive(tmp_path, "abc", "tiny")
    unwaive(tmp_path, "abc", "never")
    assert waived_kinds([tmp_path / "none", tmp_path], "abc") == {"constant"}
    (tmp_path / ".waivers.json").write_text("{")
    assert waived_kinds([tmp_path], "abc") == set()
