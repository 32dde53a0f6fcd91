"""The readiness card of the Train tab: what a run would do, need and take, before it is started.

`card_html` is made from plain data; names that come from a person or a dataset are escaped and shown as text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from tsft.errors import Problem, UserError
from tsft.i18n import say, translate
from tsft.run.readiness import DatasetCounts, Examined, Readiness
from tsft.ui import monitor
from tsft.ui.context import PageContext
from tsft.ui.events import PRIVATE
from tsft.ui.form import Form
from tsft.ui.readings import duration, plain, size
from tsft.ui.slot_question import SlotQuestion, chat_that_ends, place_slot_question, wire_slot_question
from tsft.ui.words import Words

# While a look is under way it is looked at this often.
TICK_SECONDS = 0.5
WIDTH, HEIGHT = 480, 70


@dataclass(frozen=True)
class ReadinessBox:
    """The controls. number: which look of the engine this session waits for; 0 for none. problems: why it has none."""

    check: Any
    dry_run: Any
    asking: SlotQuestion
    card: Any
    number: Any
    problems: Any
    timer: Any


def place_readiness(words: Words) -> ReadinessBox:
    """Lay the two buttons and the card out."""
    with gr.Row(elem_classes=["gap-small"]):
        check = words.add(gr.Button(size="sm", elem_id="check", min_width=110), value="page.ready.check")
        dry_run = words.add(gr.Button(size="sm", elem_id="dry-run", min_width=110), value="page.ready.dry_run")
    asking = place_slot_question(words, "dry-run")
    card = gr.HTML(elem_id="readiness", apply_default_css=False)
    kept = (gr.State(0), gr.State([]), gr.Timer(TICK_SECONDS, active=False))
    return ReadinessBox(check, dry_run, asking, card, *kept)


def wire_readiness(box: ReadinessBox, form: Form, context: PageContext, language: Any) -> None:
    """Begin a look at what the form says, and follow it until it is done."""

    def begin(is_trial: bool, chosen_language: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            config = form.config(values)
            number = context.engine.dry_run(config) if is_trial else context.engine.examine(config)
        except UserError as error:
            problems = [each for each in error.problems if not each.is_warning]
            return [monitor.refusal(problems, {}, chosen_language), 0, problems, gr.Timer(active=False)]
        begun = examined_html(Examined(number, is_trial), chosen_language)
        return [begun, number, [], gr.Timer(TICK_SECONDS, active=True)]

    def check(chosen_language: str, *values: Any) -> list[Any]:
        return begin(False, chosen_language, values)

    def dry_run(chosen_language: str, *values: Any) -> list[Any]:
        """The problems hold a chat that would end as a warning, for the page to ask; nothing is begun then."""
        ends = chat_that_ends(context.engine)
        config, wrong = form.read(values)
        if ends is None or wrong or any(not each.is_warning for each in context.engine.check(config)):
            return begin(True, chosen_language, values)
        return [gr.skip(), gr.skip(), [ends], gr.skip()]

    def dry_run_agreed(chosen_language: str, *values: Any) -> list[Any]:
        return begin(True, chosen_language, values)

    def relabel(number: int, problems: Sequence[Problem], chosen_language: str) -> str:
        if not number:
            return monitor.refusal([each for each in problems if not each.is_warning], {}, chosen_language)
        return follow(number, chosen_language)[0]

    def follow(number: int, chosen_language: str) -> list[Any]:
        examined = context.engine.readiness()
        if examined is None or examined.number != number:  # another session has looked since
            return [monitor.said(translate(chosen_language, "page.ready.given_up")), gr.Timer(active=False)]
        return [examined_html(examined, chosen_language), gr.Timer(active=False) if examined.is_done else gr.skip()]

    inputs, outputs = [language, *form.widgets], [box.card, box.number, box.problems, box.timer]
    begun = [
        button.click(handler, inputs, outputs, **PRIVATE)
        for button, handler in ((box.check, check), (box.dry_run, dry_run), (box.asking.yes, dry_run_agreed))
    ]
    wire_slot_question(box.asking, begun, box.problems, context, language, "dry_run")
    language.input(relabel, [box.number, box.problems, language], box.card, **PRIVATE)
    box.timer.tick(follow, [box.number, language], [box.card, box.timer], concurrency_limit=None, **PRIVATE)


def examined_html(examined: Examined, language: str) -> str:
    """A look so far: its phase while under way, then the card, or why there is none."""
    state = "done" if examined.is_done else "working"
    inside = "" if examined.is_done else _progress(examined, language)
    if examined.problems:
        inside += monitor.refusal(examined.problems, {}, language)
    elif examined.is_done and examined.readiness is None:
        inside += monitor.said(translate(language, "page.ready.given_up"))
    if examined.readiness is not None:
        inside += card_html(examined.readiness, examined, language)
    return f'<div class="ready" data-look="{state}">{inside}</div>'


def card_html(ready: Readiness, examined: Examined, language: str) -> str:
    """The card itself."""
    rows = "".join(f"<tr>{_cell(name)}{_cell(value)}</tr>" for name, value in _facts(ready, language))
    parts = (
        _verdict(ready, language),
        f'<table class="facts">{rows}</table>',
        _groups(ready, language),
        _histogram(ready, language),
        _memory(ready, examined, language),
        "".join(_dataset(each, language) for each in ready.datasets),
    )
    return f'<div class="panel">{"".join(parts)}</div>'


def _progress(examined: Examined, language: str) -> str:
    words = [translate(language, f"phase.{examined.phase}"), examined.subject]
    if examined.total:
        words.append(f"{100 * examined.done // examined.total} %")
    return monitor.said(" · ".join(word for word in words if word))


def _verdict(ready: Readiness, language: str) -> str:
    if not ready.memory.fits:
        lines = [translate(language, "page.ready.too_large")]
        lines.append(say(language, ready.change.message) if ready.change else translate(language, "page.ready.nothing"))
    elif ready.disk_bytes > ready.disk_free_bytes:
        lines = [translate(language, "page.ready.disk_full")]
    else:
        lines = [translate(language, "page.ready.fits")]
    shown = "".join(f"<p>{escape(line)}</p>" for line in lines)
    return f'<div class="box {"good" if ready.is_ready else "bad"}">{shown}</div>'


def _facts(ready: Readiness, language: str) -> Iterator[tuple[str, str]]:
    def word(key: str, **values: Any) -> str:
        return translate(language, f"page.ready.{key}", **values)

    yield word("model"), f"{ready.model} · {ready.device} · {ready.precision}"
    yield word("rows"), word("rows_value", train=ready.rows_train, validation=ready.rows_validation)
    method = translate(language, f"setting.tuning.method.choice.{ready.method}")
    share = f"{100 * ready.parameters_trained / max(1, ready.parameters):.2g}"
    yield word("trained"), word("trained_value", method=method, count=f"{ready.parameters_trained:,}", share=share)
    encoder = translate(language, f"setting.encoder.training.choice.{ready.encoder}")
    positions = word("positions_trained" if ready.trains_positions else "positions_fixed")
    yield word("encoder"), " · ".join([encoder, positions, *([word("encoder_new")] if ready.encoder_is_new else [])])
    yield word("steps"), word("steps_value", steps=ready.steps, epochs=plain(ready.epochs))
    basis = translate(language, f"page.ready.basis.{ready.time.basis}")
    if ready.time.basis == "unknown":
        yield word("time"), basis
    else:
        yield word("time"), f"{duration(ready.time.seconds)} · {plain(ready.time.seconds_a_step)} s · {basis}"
    yield word("disk"), word("of", need=size(ready.disk_bytes), available=size(ready.disk_free_bytes))


def _groups(ready: Readiness, language: str) -> str:
    heads = "".join(f"<th>{escape(translate(language, f'page.ready.{key}'))}</th>" for key in ("part", "count", "rate"))
    rows = "".join(
        f"<tr>{_cell(translate(language, f'page.ready.group.{each.name}'))}{_cell(f'{each.parameters:,}')}"
        f"{_cell(plain(each.learning_rate))}</tr>"
        for each in ready.groups
    )
    return f'<table class="groups"><tr>{heads}</tr>{rows}</table>'


def _histogram(ready: Readiness, language: str) -> str:
    """Bars of row lengths on an axis from nothing to the cut-off, or to the longest row where that is far below it."""
    if not ready.bars:
        return ""
    last = ready.bars[-1].last
    shows_line = ready.cutoff_length <= 4 * last
    right = max(last, ready.cutoff_length if shows_line else 0) * 1.02
    highest = max(bar.rows for bar in ready.bars)
    shapes = []
    for bar in ready.bars:
        x, width = WIDTH * bar.first / right, max(1.0, WIDTH * (bar.last - bar.first + 1) / right - 1)
        height = HEIGHT * bar.rows / highest
        title = f"<title>{bar.first}–{bar.last}: {bar.rows}</title>"
        shapes.append(
            f'<rect x="{x:.1f}" y="{HEIGHT - height:.1f}" width="{width:.1f}" height="{height:.1f}">{title}</rect>'
        )
    if shows_line:
        at = WIDTH * ready.cutoff_length / right
        shapes.append(f'<line class="cutoff" x1="{at:.1f}" x2="{at:.1f}" y1="0" y2="{HEIGHT}"/>')
    values = {"median": ready.tokens_median, "longest": ready.tokens_longest, "cutoff": ready.cutoff_length}
    caption = escape(translate(language, "page.ready.lengths", **values))
    return (
        f'<figure class="lengths"><svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="{caption}">{"".join(shapes)}</svg><figcaption>{caption}</figcaption></figure>'
    )


def _memory(ready: Readiness, examined: Examined, language: str) -> str:
    """A bar of the parts against what is available, and the parts as text."""
    memory = ready.memory
    whole = max(memory.total_bytes, memory.available_bytes, 1)
    shown = [part for part in memory.parts if part.bytes]
    pieces = "".join(
        f'<span class="part {escape(part.name)}" style="width:{100 * part.bytes / whole:.2f}%"></span>'
        for part in shown
    )
    texts = [f"{translate(language, f'page.ready.memory.{part.name}')} {size(part.bytes)}" for part in shown]
    title = translate(
        language,
        "page.ready.memory_value",
        need=size(memory.total_bytes),
        available=size(memory.available_bytes),
        batch=ready.batch_size,
        tokens=ready.batch_tokens,
    )
    lines = [f"<p>{escape(title)}</p>"]
    if examined.trial is not None:
        measured = translate(language, "page.ready.measured", peak=size(examined.trial.peak_bytes))
        lines.append(f"<p><b>{escape(measured)}</b></p>")
    return f'{"".join(lines)}<div class="memory">{pieces}</div><p class="quiet">{escape(" · ".join(texts))}</p>'


def _dataset(counts: DatasetCounts, language: str) -> str:
    """What was kept of a dataset; reasons for the rest, most frequent first."""
    kept = translate(language, "data.report.rows", dataset=counts.name, read=counts.rows_read, kept=counts.kept)
    lines = [kept]
    for each in counts.dropped:
        first = {"dataset": counts.name, "count": each.count, "rows": each.rows, "first": say(language, each.first)}
        lines.append(translate(language, "data.report.dropped", **first))
    for key in ("shortened", "cut", "left_out"):
        count = getattr(counts, key)
        if count:
            lines.append(translate(language, f"data.report.{key}", dataset=counts.name, count=count))
    return "".join(f'<p class="quiet">{escape(line)}</p>' for line in lines)


def _cell(text: str) -> str:
    return f"<td>{escape(text)}</td>"
