"""docs/chat.md tells the truth: every field, flag, command and status is there."""

import re
from pathlib import Path

from tsft.api.chat_errors import STATUS_BY_KEY
from tsft.api.chat_forms import IGNORED, MOST_STOPS, NEUTRAL, WantedChat
from tsft.api.chat_turns import MOST_WAITING
from tsft.chat_commands import COMMANDS
from tsft.engine.beside import IDLE_SECONDS, MOST_THREADS
from tsft.flags import command_parser
from tsft.run.answers import BESIDE, AnswerOptions

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "chat.md").read_text(encoding="utf-8")
PROGRAM, DURING = TEXT.index("## From a program"), TEXT.index("## During a run")


def test_every_field_is_told_of_and_whether_it_counts() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", TEXT[PROGRAM:DURING], flags=re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert told == set(WantedChat.model_fields) - {"model"}
    ignored, neutral = (
        re.search(r"^`metadata`.*?are ignored", TEXT, re.S | re.M),
        re.search(r"`n` is 1;.*?nothing", TEXT, re.S),
    )
    assert ignored is not None and neutral is not None
    assert re.findall(r"`(\w+)`", ignored[0]) == list(IGNORED)
    assert set(re.findall(r"`(\w+)`", neutral[0])) == set(NEUTRAL)


def test_every_status_is_told_of() -> None:
    assert {str(int(status)) for status in STATUS_BY_KEY.values()} <= set(
        re.findall(r"\b\d{3}\b", TEXT[PROGRAM:DURING])
    )


def test_what_becomes_of_questions_during_a_run_is_told() -> None:
    told = re.findall(r"^\| `(\w+)` \|", TEXT[DURING:], flags=re.MULTILINE)
    assert told[: 1 + len(BESIDE)] == ["beside", *BESIDE]


def test_every_flag_and_command_of_the_terminal_is_told_of() -> None:
    parser = command_parser("en")
    chat = next(each for action in parser._subparsers._group_actions for each in [action.choices["chat"]])
    flags = {flag for action in chat._actions for flag in action.option_strings if flag.startswith("--")}
    terminal = TEXT[TEXT.index("## In the terminal") :]
    assert {flag for flag in flags - {"--help", "--workspace", "--lang"} if f"`{flag}" not in terminal} == set()
    assert [each for each in COMMANDS if f"`{each}" not in terminal] == []


def test_its_numbers_are_those_of_the_code() -> None:
    assert f"up to {MOST_STOPS};" in TEXT and f"up to {MOST_WAITING} wait" in TEXT
    assert f"{AnswerOptions().max_new_tokens} unless given" in TEXT
    assert (IDLE_SECONDS, MOST_THREADS) == (300.0, 4)  # "five minutes", "never more than four"
