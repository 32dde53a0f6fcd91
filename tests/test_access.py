"""Who may come in: accounts from a file or the environment, and the growing pause after wrong passwords."""

import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsft.access import (
    FORGOTTEN_SECONDS,
    FREE_TRIES,
    LONGEST_PAUSE_SECONDS,
    REMEMBERED,
    Accounts,
    Door,
    accounts_from,
    accounts_of,
    generated_account,
    others_can_read,
    pause_seconds,
    read_accounts,
)
from tsft.errors import UserError
from tsft.log import BLOT, without_secrets

TWO = Accounts({"anna": "correct horse", "bob": "staple-staple"})


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def door(clock: Clock) -> Door:
    return Door(TWO, clock)


def test_accounts_are_read_line_by_line_and_comments_do_not_count() -> None:
    found = accounts_of("# ours\n\nanna:correct horse\nbob : a:b:c \n", "file")
    assert dict(found.passwords) == {"anna": "correct horse", "bob": "a:b:c"}


def test_every_wrong_line_is_named_and_no_password_is_told() -> None:
    with pytest.raises(UserError) as caught:
        accounts_of("anna\n:nobody\nbob:first-secret\nbob:second-secret\n", "file")
    lines = [each.message.values["line"] for each in caught.value.problems]
    assert lines == [1, 2, 4]
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n# only a comment\n"])
def test_an_empty_file_opens_nothing(text: str) -> None:
    with pytest.raises(UserError, match="access.empty"):
        accounts_of(text, "file")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="access.unreadable"):
        read_accounts(tmp_path / "none")


def test_a_password_on_the_command_line_is_refused() -> None:
    with pytest.raises(UserError, match="access.literal") as caught:
        accounts_from("anna:secret-password", {})
    assert "secret-password" not in str(caught.value)


def test_the_environment_gives_accounts_once_and_keeps_none(tmp_path: Path) -> None:
    environment = {"TSFT_AUTH": "anna:one-password\nbob:two-password"}
    accounts, path = accounts_from("", environment)
    assert accounts is not None and accounts.names == ("anna", "bob")
    assert (path, environment) == (None, {})
    (tmp_path / "accounts").write_text("carl:three-password", encoding="utf-8")
    named, path = accounts_from("", {"TSFT_AUTH_FILE": str(tmp_path / "accounts"), "TSFT_AUTH": "x:y"})
    assert named is not None and named.names == ("carl",) and path == tmp_path / "accounts"
    assert accounts_from("", {}) == (None, None)


def test_passwords_are_in_no_text_and_no_log_line(caplog: pytest.LogCaptureFixture) -> None:
    accounts = accounts_of("anna:a-long-password-of-hers", "file")
    made = generated_account("tsft")
    with caplog.at_level(logging.INFO):
        logging.getLogger("tsft.test").info("%s %s", accounts, made)
    assert "a-long-password-of-hers" not in caplog.text + repr(accounts)
    assert without_secrets("it was a-long-password-of-hers") == f"it was {BLOT}"


@pytest.mark.parametrize(("mode", "told"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_file_that_others_can_read_is_noticed(tmp_path: Path, mode: int, told: bool) -> None:
    path = tmp_path / "accounts"
    path.write_text("anna:x", encoding="utf-8")
    path.chmod(mode)
    assert others_can_read(path) is told


def test_the_right_password_opens_and_wrong_ones_do_not(door: Door) -> None:
    assert door.knock("anna", "correct horse", "here").name == "anna"
    assert door.knock("anna", "staple-staple", "here").name == ""
    assert door.knock("carl", "correct horse", "here").name == ""
    assert door.knock("", "", "here").name == ""
    assert door.knock_with_token("staple-staple", "here").name == "bob"
    assert door.knock_with_token("", "here").name == ""


def test_the_pause_grows_and_during_it_even_the_right_password_waits(door: Door, clock: Clock) -> None:
    pauses = []
    for _ in range(12):
        assert door.knock("anna", "wrong", "here").name == ""
        pauses.append(door.knock("anna", "correct horse", "here").wait_seconds)
        clock.now += max(pauses[-1], 0.0)
        if pauses[-1] == 0.0:
            door.knock("anna", "wrong", "here")
            clock.now += door.knock("anna", "wrong", "here").wait_seconds
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    assert sorted(pauses) == pauses
    assert door.knock("anna", "correct horse", "here").name == "anna"
    assert door.knock("anna", "correct horse", "here").wait_seconds == 0


def test_nobody_else_is_locked_out(door: Door) -> None:
    for _ in range(50):
        door.knock("anna", "wrong", "attacker")
    assert door.knock("anna", "correct horse", "attacker").wait_seconds > 0
    assert door.knock("anna", "correct horse", "home").name == "anna"
    assert door.knock("bob", "staple-staple", "attacker").name == "bob"


def test_wrong_tries_are_forgotten_after_a_while(door: Door, clock: Clock) -> None:
    for _ in range(FREE_TRIES + 3):
        clock.now += LONGEST_PAUSE_SECONDS
        door.knock("anna", "wrong", "here")
    clock.now += FORGOTTEN_SECONDS + 1
    door.knock("anna", "wrong", "here")
    assert door.knock("anna", "correct horse", "here").name == "anna"


def test_memory_stays_bounded_and_made_up_names_share_one_entry(door: Door) -> None:
    for number in range(3 * REMEMBERED):
        door.knock(f"nobody-{number}", "wrong", "attacker")
        door.knock("anna", "wrong", f"address-{number}")
    assert len(door._wrong) <= REMEMBERED
    for number in range(FREE_TRIES + 2):
        door.knock(f"other-{number}", "wrong", "second")
    assert door.knock("yet another", "wrong", "second").wait_seconds > 0


@given(st.integers(0, 10**6))
def test_a_pause_is_never_longer_than_the_longest_and_never_shrinks(wrong: int) -> None:
    assert 0 <= pause_seconds(wrong) <= pause_seconds(wrong + 1) <= LONGEST_PAUSE_SECONDS


@given(st.text(), st.text())
def test_any_text_may_be_tried(name: str, password: str) -> None:
    knock = Door(TWO).knock(name, password, "")
    assert knock.name == (name if TWO.passwords.get(name) == password else "")
