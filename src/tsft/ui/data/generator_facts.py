"""What the generator knows of a series, as sentences: measured on what was rendered."""

from collections.abc import Mapping, Sequence
from html import escape

from tsft.data.tasks.event_types import EVENT_TYPE
from tsft.data.tasks.subject import Attributes, Event, Subject
from tsft.evaluate.baselines import TextOnly
from tsft.i18n import translate
from tsft.ui.data.row_card import Known
from tsft.ui.readings import plain

COLUMNS = ("task", "rows", "none_share", "top_share", "top_score", "prefix_share")


def known_of(subject: Subject, language: str) -> list[Known]:
    """By series: its name, what was measured on it, and where its events are."""
    found = []
    for each in subject.series:
        events = (each.attributes.events if each.attributes else None) or ()
        spans = [(event.start, event.end) for event in events]
        found.append(Known([each.name, *_facts(each.attributes, language)], spans))
    return found


def worth_html(worth: Mapping[str, TextOnly], language: str) -> str:
    """What the most frequent answer alone would score, by task."""
    head = "".join(f"<th>{escape(translate(language, f'page.synth.worth.{each}'))}</th>" for each in COLUMNS)
    lines = []
    for task, each in worth.items():
        shares = (each.none_share, each.share, each.score, each.prefix_share)
        cells = "".join(f"<td>{value:.0%}</td>" for value in shares)
        name = escape(translate(language, f"page.data.task.{task}"))
        lines.append(f"<tr><th scope=row>{name}</th><td>{each.count}</td>{cells}</tr>")
    told = escape(translate(language, "page.synth.worth.about"))
    table = f'<table class="counts"><thead><tr>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    return f'<p class="told">{told}</p><div class="wide">{table}</div>'


def _facts(known: Attributes | None, language: str) -> list[str]:
    if known is None:
        return []
    parts = []
    if known.trend is not None:
        trend = translate(language, f"page.synth.trend.{known.trend}")
        parts.append(translate(language, "page.synth.fact.trend", trend=trend, change=plain(known.change)))
    if known.period == 0:
        parts.append(translate(language, "page.synth.fact.no_period"))
    elif known.period:
        parts.append(translate(language, "page.synth.fact.period", period=known.period, swing=plain(known.swing)))
    if known.sigma is not None:
        kind = translate(language, f"page.synth.noise.{known.noise or 'between'}")
        parts.append(translate(language, "page.synth.fact.noise", noise=kind, sigma=plain(known.sigma)))
    parts.append(_events(known.events, language))
    return [part for part in parts if part]


def _events(events: Sequence[Event] | None, language: str) -> str:
    if events is None:
        return ""
    if not events:
        return translate(language, "page.synth.fact.no_events")
    listed = "; ".join(f"{_type(each.type, language)} {each.start}–{each.end} ({each.size:+.4g})" for each in events)
    return translate(language, "page.synth.fact.events", events=listed)


def _type(key: str, language: str) -> str:
    """ChatTS's name; the generator itself speaks English and Chinese."""
    return EVENT_TYPE[key].chinese if language == "zh" else key
