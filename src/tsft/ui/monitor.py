"""What the output area shows of a run, as HTML made from its state: readings, log, and the sentence at the end.

Everything that comes from a person, a model or a dataset is escaped here and shown as text.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tsft.errors import Problem
from tsft.i18n import say, translate
from tsft.run.events import Noted
from tsft.run.ports import Fetch
from tsft.run.state import RunState, seconds_left, steps_per_second
from tsft.ui.charts import is_rewarded, main_curves
from tsft.ui.failure_box import failure_html
from tsft.ui.readings import NONE, clock, duration, plain, size, speed
from tsft.ui.widgets import element_id


def panel(state: RunState, language: str) -> str:
    """Status, phase, progress bar and readings."""
    if not state.run_id:
        idle = translate(language, "page.idle")
        return f'<div class="panel" data-status="idle"><p class="idle">{escape(idle)}</p></div>'
    tiles = "".join(
        _tile(translate(language, f"page.tile.{name}"), value) for name, value in _readings(state, language)
    )
    facts = f'data-status="{escape(state.status)}" data-phase="{escape(state.phase)}" data-step="{state.step}"'
    head = _headline(state, language) + _bar(state, language) + pending_html(state, language)
    return f'<div class="panel" {facts}>{head}<dl class="tiles">{tiles}</dl></div>'


def announcement(state: RunState, language: str) -> str:
    """Status and phase alone, for screen readers: changes seldom, and is read out when it does."""
    if not state.run_id:
        return ""
    return escape(f"{_status_word(state.status, language)} · {_phase_word(state, language)}")


def log(notes: Sequence[Noted], language: str) -> str:
    """The kept notes, each with its time and level."""
    if not notes:
        return f'<p class="idle">{escape(translate(language, "page.log.empty"))}</p>'
    return '<ol class="log">' + "".join(_note(each, language) for each in notes) + "</ol>"


def pending_html(state: RunState, language: str) -> str:
    """What was asked for, by whom, and not done yet; "" when there is nothing."""
    lines = [
        translate(
            language,
            "page.command.pending",
            command=translate(language, f"command.{each.command}"),
            by=each.by or translate(language, "page.command.somebody"),
        )
        for each in state.pending
        if state.is_active
    ]
    return "".join(f'<p class="pending">{escape(line)}</p>' for line in lines)


def result(state: RunState, language: str, failed_rows: Sequence[Any] = (), log: str = "") -> str:
    """How the run ended and what to do next; empty while it goes on.

    failed_rows: what the rows at fault hold. log: the last lines of its log, where it failed.
    """
    if state.finish is not None:
        following = state.finish.status if state.finish.result else "without_result"
        lines = [say(language, state.finish.message), translate(language, f"page.next.{following}")]
        return _box("good" if state.finish.status == "finished" else "calm", lines)
    if state.failure is not None:
        return failure_html(state.failure, state.run_id, failed_rows, log, language)
    if state.status == "interrupted":
        return _box("calm", [translate(language, "page.next.interrupted", step=state.step)])
    return ""


def refusal(problems: Sequence[Problem], labels: Mapping[str, str], language: str) -> str:
    """Why Start did nothing: how many things are wrong, and each; those of a field lead to it by a click."""
    if not problems:
        return ""
    rows = []
    for problem in problems:
        sentence = escape(say(language, problem.message))
        if problem.field in labels:
            target = element_id(problem.field)
            name = escape(labels[problem.field])
            sentence = f'<button type="button" class="to-field" data-field="{target}">{name}</button> {sentence}'
        rows.append(f"<li>{sentence}</li>")
    if len(problems) == 1:
        return f'<div class="box bad" role="alert"><ul>{rows[0]}</ul></div>'
    count = escape(translate(language, "page.problems", count=len(problems)))
    return f'<div class="box bad" role="alert"><strong>{count}</strong><ul>{"".join(rows)}</ul></div>'


def said(sentence: str, is_bad: bool = False) -> str:
    """A short answer to a click (a preset was saved), as a box."""
    return _box("bad" if is_bad else "calm", [sentence]) if sentence else ""


def told(kind: str, lines: Sequence[str]) -> str:
    """Several sentences as a box: "good", "calm" or "bad"."""
    return _box(kind, lines)


def fetching(fetches: Mapping[str, Fetch], language: str) -> str:
    """The downloads of base models: a bar for each on its way, a sentence for each that ended."""
    return "".join(_fetch(each, language) for each in fetches.values())


def _headline(state: RunState, language: str) -> str:
    status = escape(_status_word(state.status, language))
    phase = escape(_phase_word(state, language)) if state.is_active else ""
    since = f' data-since="{state.started_at:.0f}"' if state.is_active else ""
    passed = duration(max(0.0, (state.ended_at or state.updated_at) - state.started_at))
    return (
        f'<div class="headline"><span class="pill {escape(state.status)}">{status}</span>'
        f'<span class="phase">{phase}</span>'
        f'<span class="run-name" title="{escape(state.name)}">{escape(state.name)}</span>'
        f'<span class="elapsed" title="{escape(translate(language, "page.tile.elapsed"))}"{since}>{passed}</span></div>'
    )


def _bar(state: RunState, language: str) -> str:
    """Done of the whole run while training, of the present phase before and after; striped when that is unknown."""
    done, total = (
        (state.step, state.steps) if state.steps and state.phase in ("training", "ended") else (state.done, state.total)
    )
    percent = min(100.0, 100 * done / total) if total else 0.0
    label = escape(translate(language, "page.progress"))
    kind = " unknown" if state.is_active and not total else ""
    value = f' aria-valuenow="{percent:.0f}"' if total else ""
    return (
        f'<div class="bar{kind}" role="progressbar" aria-label="{label}" aria-valuemin="0" aria-valuemax="100"{value}>'
        f'<i style="width:{percent:.2f}%"></i></div>'
    )


def _readings(state: RunState, language: str) -> list[tuple[str, str]]:
    left = seconds_left(state)
    steps = f"{state.step:,} / {state.steps:,}" if state.steps else NONE
    readings = [
        ("step", steps),
        ("epoch", f"{state.epoch:.2f} / {state.epochs:.3g}" if state.epochs else NONE),
        ("speed", speed(steps_per_second(state), language)),
        ("left", duration(left) if state.is_active else NONE),
        *_judged(state),
    ]
    if state.is_active and state.phase not in ("training", "ended") and state.total:
        readings[0] = ("in_phase", _amount(state, language))
    return readings


def _judged(state: RunState) -> list[tuple[str, str]]:
    """The loss of training and validation, or the reward where a run learns from its own answers."""
    main, validation = main_curves(state)
    names = ("reward", "validation_reward") if is_rewarded(state) else ("loss", "validation_loss")
    return [(names[0], plain(main.last)), (names[1], plain(validation.last))]


def _amount(state: RunState, language: str) -> str:
    if state.unit == "bytes":
        return f"{size(state.done)} / {size(state.total)}"
    return f"{state.done:,} / {state.total:,} {translate(language, f'unit.{state.unit}')}"


def _status_word(status: str, language: str) -> str:
    return translate(language, f"status.{status}")


def _phase_word(state: RunState, language: str) -> str:
    phase = translate(language, f"phase.{state.phase}")
    return f"{phase}: {state.subject}" if state.subject else phase


def _tile(name: str, value: str) -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"


def _note(note: Noted, language: str) -> str:
    level = note.level if note.level in ("info", "warning", "error") else "info"
    word = escape(translate(language, f"page.level.{level}"))
    return (
        f'<li class="{level}"><time>{clock(note.at)}</time> <b>{word}</b> '
        f"<span>{escape(say(language, note.message))}</span></li>"
    )


def _box(kind: str, lines: Sequence[str]) -> str:
    text = "".join(f"<p>{escape(line)}</p>" for line in lines if line)
    return f'<div class="box {kind}">{text}</div>'


def _fetch(fetch: Fetch, language: str) -> str:
    if fetch.problem is not None:
        return _box("bad", [say(language, fetch.problem)])
    if fetch.is_done:
        return _box("good", [translate(language, "page.fetch.done", name=fetch.name)])
    percent = min(100.0, 100 * fetch.done_bytes / fetch.total_bytes) if fetch.total_bytes else 0.0
    amount = f"{size(fetch.done_bytes)} / {size(fetch.total_bytes)}" if fetch.total_bytes else size(fetch.done_bytes)
    sentence = escape(translate(language, "page.fetch.running", name=fetch.name, amount=amount))
    kind = "" if fetch.total_bytes else " unknown"
    return (
        f'<div class="box calm"><p>{sentence}</p><div class="bar{kind}" role="progressbar" aria-label="{sentence}" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent:.0f}">'
        f'<i style="width:{percent:.2f}%"></i></div></div>'
    )
