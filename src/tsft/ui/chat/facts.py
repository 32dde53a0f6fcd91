"""What an encoder gets of a series: points, patches and the prefix text, as the chosen model's processor makes it."""

from dataclasses import dataclass
from html import escape

from tsft.config.run_config import RunConfig
from tsft.data.encoding import RowReader
from tsft.data.examples import PLACEHOLDER
from tsft.data.mapping import PLAIN_TEXT
from tsft.errors import Message, UserError, message
from tsft.i18n import say, translate
from tsft.run.ports import EnginePort
from tsft.ui.chat.talk import Attached


@dataclass(frozen=True)
class Facts:
    """prefix: the words in front of the patches. problem: why the model cannot take the series, None where it can."""

    points: int
    patches: int = 0
    patch_points: int = 0
    prefix: str = ""
    problem: Message | None = None


def reader_of(engine: EnginePort, config: RunConfig) -> RowReader | Message:
    """The model's processor, or why there is none."""
    try:
        reader: RowReader = engine.reader(config)
    except UserError as error:
        return error.message
    return reader


def facts_of(series: Attached, reader: RowReader | Message) -> Facts:
    """What the processor makes of the series alone."""
    count = len(series.points)
    if isinstance(reader, Message):
        return Facts(count, problem=reader)
    if reader.max_points is not None and count > reader.max_points:
        return Facts(count, problem=message("page.chat.above_encoder", count=count, most=reader.max_points))
    try:
        encoded = reader.encode([{"role": PLAIN_TEXT, "content": PLACEHOLDER}], [series.points])
    except UserError as error:
        return Facts(count, problem=error.message)
    ids = list(encoded.input_ids)
    first = ids.index(reader.series_id) if reader.series_id in ids else len(ids)
    return Facts(count, ids.count(reader.series_id), reader.patch_size, "".join(reader.pieces(ids[:first])).strip())


def facts_html(series: Attached, facts: Facts, language: str) -> str:
    """The facts as one line, and where the series comes from."""
    parts = [translate(language, "page.chat.points", count=f"{facts.points:,}")]
    if facts.patches:
        told = {"count": f"{facts.patches:,}", "points": facts.patch_points}
        parts.append(translate(language, "page.chat.patches", **told))
    if series.filled:
        parts.append(translate(language, "page.chat.filled", count=f"{series.filled:,}"))
    if series.origin is not None:
        parts.append(say(language, series.origin))
    shown = escape(" · ".join(parts))
    prefix = f"<code>{escape(facts.prefix)}</code>" if facts.prefix else ""
    wrong = f'<span class="field-problem">{escape(say(language, facts.problem))}</span>' if facts.problem else ""
    return f"<span>{shown}</span>{prefix}{wrong}"
