"""`tsft chat`: questions to a model in the terminal, one after another or a single one, answered piece by piece."""

import argparse
import contextlib
import queue
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from tsft.chat_series import AskedRow, NamedSeries, read_row, read_series
from tsft.config.catalog import base_model, is_hub_name
from tsft.config.run_config import ModelSettings, RunConfig
from tsft.endings import BAD_SETTINGS, BUSY, FAILED, FINISHED, STOPPED, complain
from tsft.engine.engine import Engine
from tsft.errors import UserError, message
from tsft.i18n import say, translate
from tsft.run.answers import WAITING, Answer, Answering, AnswerOptions, Question, Tell, check_options
from tsft.store.app_settings import SettingsFile, first_config
from tsft.store.models import is_here
from tsft.store.record import Record
from tsft.store.runs import list_results
from tsft.store.workspace import Workspace, open_workspace

PLACEHOLDER = "<ts><ts/>"
POLL_SECONDS = 0.1
SIGN = "> "
# Refusals that another answer to --beside turns into an answer.
_BUSY_KEYS = ("engine.busy", "export.busy", "evaluation.busy")
COMMANDS = ("/series", "/clear", "/help", "/quit")


class Answerer(Protocol):
    """What is needed of the engine."""

    def answer(
        self,
        config: RunConfig,
        questions: Sequence[Question],
        options: AnswerOptions | None = None,
        tell: Tell | None = None,
    ) -> int: ...
    def answering(self) -> Answering | None: ...
    def stop_answering(self, number: int = 0) -> bool: ...


def chat(options: argparse.Namespace, language: str) -> int:
    """Answer and return the exit code. Ctrl-C ends the answer; where nothing is answered it ends the chat."""
    workspace = open_workspace(options.workspace)
    record = Record(workspace)
    record.sweep()
    sampling = _sampling(options)
    problems = check_options(sampling)
    if problems:
        for each in problems:
            complain(f"--{each.field.replace('_', '-')}: {say(language, each.message)}")
        return BAD_SETTINGS
    series = [each for text in options.series for each in read_series(text)]
    row = read_row(options.row, workspace) if options.row else None
    prompt = sys.stdin.read().strip() if options.prompt == "-" else options.prompt
    engine = Engine(workspace, record)
    try:
        config = config_of(options.source, workspace, record)
        talk = Talk(engine, config, sampling, language, options.system, list(series))
        if prompt or row is not None:
            return _once(talk, prompt, row, language)
        return _on_and_on(talk, language)
    finally:
        engine.close()


def config_of(source: str, workspace: Workspace, record: Record) -> RunConfig:
    """The model that is meant: a base on this machine, what a run left, a folder; "" is the workspace's default.

    Raises UserError where there is none; nothing is fetched.
    """
    config = first_config(SettingsFile(workspace).current().defaults)
    name = source or config.model.name
    if not name:
        raise UserError(message("chat.no_model"))
    if is_here(workspace, name) and not Path(name).expanduser().is_dir():
        return replace(config, model=replace(config.model, name=name))
    results = list_results(workspace)
    result = next((each.name for each in results if each.name == name), "")
    if not result and not any((root / name).expanduser().is_dir() for root in (workspace.root, Path())):
        if base_model(name) is not None or is_hub_name(name):
            raise UserError(message("chat.not_here", name=name))
        run = record.find(name)
        result = next((each.name for each in results if each.run_id == run.id), "")
        if not result:
            raise UserError(message("chat.nothing_left", name=run.name))
    return RunConfig(model=ModelSettings(continue_from=result or str(name), precision=config.model.precision))


@dataclass
class Talk:
    """A conversation. waiting: series for the next question; out: where pieces of answers go."""

    engine: Answerer
    config: RunConfig
    options: AnswerOptions
    language: str
    system: str = ""
    waiting: list[NamedSeries] = field(default_factory=list)
    write: Callable[[str], None] = field(default=lambda text: _write(text))
    turns: list[dict[str, str]] = field(default_factory=list)
    series: list[Any] = field(default_factory=list)

    def clear(self) -> None:
        self.turns, self.series, self.waiting = [], [], []

    def ask(self, text: str) -> int:
        """Ask the next question with the series that wait for it; the exit code as if it were the only one."""
        points = [each.points for each in self.waiting]
        code = self._answered([*self.turns, {"role": "user", "content": self._with_series(text)}], points)
        self.waiting = []
        return code

    def ask_row(self, row: AskedRow) -> int:
        """Ask a row's own question, with the turns before it."""
        self.turns, self.series, self.waiting = [], [], []
        return self._answered([*row.turns], [each.points for each in row.series])

    def _with_series(self, text: str) -> str:
        """The text with a placeholder for each waiting series, in lines before it where it has none."""
        if PLACEHOLDER in text or not self.waiting:
            return text
        lines = []
        for number, each in enumerate(self.waiting, start=1):
            name = each.name or translate(self.language, "chat.series_name", number=number)
            lines.append(f"{name}: {PLACEHOLDER}")
        return "\n".join([*lines, text])

    def _answered(self, turns: list[dict[str, str]], points: list[Any]) -> int:
        series = [*self.series, *points]
        system = [{"role": "system", "content": self.system}] if self.system else []
        question = Question([*system, *turns], series)
        answers: queue.Queue[Answer] = queue.Queue()
        number = self.engine.answer(self.config, [question], self.options, answers.put)
        text, code = self._follow(number, answers)
        if text:  # also of an answer that was stopped: the next question may be about it
            self.turns, self.series = [*turns, {"role": "assistant", "content": text}], series
        return code

    def _follow(self, number: int, answers: "queue.Queue[Answer]") -> tuple[str, int]:
        """Write the answer as it grows; what was written, and how it ended."""
        shown, is_waiting = "", False
        with _stopping(lambda: self.engine.stop_answering(number)):
            while True:
                try:
                    answer = answers.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    now = self.engine.answering()
                    if now is None or now.number != number or (now.is_done and answers.empty()):
                        return shown, self._told_end(now, shown)
                    if now.phase == WAITING and not is_waiting:
                        is_waiting = True
                        complain(translate(self.language, "chat.waits"))
                    continue
                if not answer.text.startswith(shown):  # a run came between, and it begins again
                    self.write("\n")
                    shown = ""
                self.write(answer.text[len(shown) :])
                shown = answer.text
                if answer.is_done:
                    self.write("\n")
                    return shown, self._told_problem(answer)

    def _told_end(self, now: Answering | None, shown: str) -> int:
        if shown:
            self.write("\n")
        if now is not None and now.problem is not None:
            complain(say(self.language, now.problem.message))
            return FAILED
        complain(translate(self.language, "chat.stopped"))
        return STOPPED

    def _told_problem(self, answer: Answer) -> int:
        if answer.problem is not None:
            complain(say(self.language, answer.problem))
            return FAILED
        if answer.is_cut:
            complain(translate(self.language, "chat.cut", tokens=answer.tokens))
        return FINISHED


def follow_lines(talk: Talk, lines: Iterator[str], language: str) -> int:
    """Obey and answer line after line until they end or /quit; the exit code of the last one that went wrong."""
    code = FINISHED
    for line in lines:
        text = line.strip()
        command, _, argument = text.partition(" ")
        if command == "/quit":
            break
        if not text:
            continue
        try:
            if text.startswith("/"):
                _obey(talk, command, argument.strip(), language)
            else:
                code = talk.ask(text) or code
        except UserError as error:
            code = _complain(error, language)
    return code


def _obey(talk: Talk, command: str, argument: str, language: str) -> None:
    match command:
        case "/series" if argument:
            found = read_series(argument)
            talk.waiting += found
            told = ", ".join(f"{each.name} ({len(each.points)})" for each in found)
            complain(translate(language, "chat.series_added", series=told))
        case "/clear":
            talk.clear()
            complain(translate(language, "chat.cleared"))
        case "/help":
            complain(translate(language, "chat.help"))
        case _:
            raise UserError(message("chat.no_command", command=command, known=", ".join(COMMANDS)))


def _once(talk: Talk, prompt: str, row: AskedRow | None, language: str) -> int:
    try:
        if row is not None and not prompt:
            code = talk.ask_row(row)
            if row.expected:
                complain(translate(language, "chat.expected", answer=row.expected))
            return code
        talk.waiting += row.series if row is not None else ()
        return talk.ask(prompt)
    except UserError as error:
        return _complain(error, language)


def _on_and_on(talk: Talk, language: str) -> int:
    if not sys.stdin.isatty():
        return follow_lines(talk, iter(sys.stdin.readline, ""), language)
    complain(translate(language, "chat.begin", model=talk.config.model.continue_from or talk.config.model.name))
    follow_lines(talk, _typed(), language)
    return FINISHED


def _typed() -> Iterator[str]:
    """What a person types, until Ctrl-D."""
    while True:
        try:
            yield input(SIGN)
        except EOFError:
            return


def _complain(error: UserError, language: str) -> int:
    for each in error.problems:
        complain(say(language, each.message))
    if error.message.key in _BUSY_KEYS:
        complain(translate(language, "chat.busy_hint"))
        return BUSY
    return BAD_SETTINGS


def _sampling(options: argparse.Namespace) -> AnswerOptions:
    names = ("max_new_tokens", "temperature", "top_p", "top_k", "repetition_penalty", "seed", "beside")
    return AnswerOptions(**{name: getattr(options, name) for name in names}, keeps_model=True)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


@contextlib.contextmanager
def _stopping(stop: Callable[[], Any]) -> Iterator[None]:
    """Within it Ctrl-C is a wish to stop."""
    before = signal.signal(signal.SIGINT, lambda *_: stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
