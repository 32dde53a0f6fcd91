"""The conversation as HTML: each question with its series, its answers beside each other, and what can be done.

What people, data and models wrote is escaped. An answer that is being written has an empty place, which the page's
script fills from the feed, so that nothing else is drawn anew meanwhile.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape

from tsft.data.examples import PLACEHOLDER
from tsft.data.names import SeriesName
from tsft.data.view import SeriesView, series_view
from tsft.i18n import say, translate
from tsft.run.answers import LOADING, WAITING
from tsft.ui.chat.quoted import Named, marks_of, named_in
from tsft.ui.chat.talk import ASKED, BASE, DONE, FAILED, OWN, STOPPED, Attached, Change, Reply, Turn, Weights
from tsft.ui.data.row_html import with_cuts
from tsft.ui.data.series_html import Heat, Mark, series_html, title_of

HEIGHT = 120
# Points of all drawings together, which are sent anew with each change; of each series so many at least.
DRAWN_POINTS, LEAST_DRAWN = 50_000, 2_000


@dataclass(frozen=True)
class Look:
    """What is needed beside the turns. name: words of a model; has_base: whether that of the last answer has a base.

    patch_points: points of a patch, 0 while unknown; correcting: the reply whose text is being corrected.
    most_points: of each series that are drawn; `turns_html` knows how many. is_builtin: whether the model that would
    answer is the one that ships with tsft, whose limits are told.
    """

    language: str
    name: Callable[[str], str]
    has_base: bool = False
    patch_points: int = 0
    correcting: int = 0
    most_points: int = DRAWN_POINTS
    is_builtin: bool = False


# What a conversation can begin with in one click: a task of the generator, asked about a series made for it.
STARTS = ("trend", "period", "spike", "level_shift", "events")


def turns_html(turns: Sequence[Turn], look: Look) -> str:
    """The whole conversation; how to begin where there is none."""
    if not turns:
        return _beginning(look)
    last, look = len(turns) - 1, replace(look, most_points=points_each(_drawn(turns)))
    shown = "".join(_turn(place, turn, place == last, look) for place, turn in enumerate(turns))
    # All of it is sent anew with each change: read out it would be read from the beginning. `over_html` is instead.
    label = escape(translate(look.language, "page.tab.chat"), quote=True)
    return f'<div role="log" aria-live="off" aria-label="{label}">{shown}</div>'


def _beginning(look: Look) -> str:
    told = [translate(look.language, "page.chat.empty")]
    if look.is_builtin:
        told.append(translate(look.language, "page.chat.builtin_can"))
    told.append(translate(look.language, "page.chat.start"))
    said = "".join(f"<p>{escape(each)}</p>" for each in told)
    buttons = "".join(
        f'<button type="button" class="tool" data-do="start" data-kind="{each}">'
        f"{escape(translate(look.language, f'page.data.task.{each}'))}</button>"
        for each in STARTS
    )
    return f'<div class="chat-empty">{said}<div class="chat-do">{buttons}</div></div>'


def over_html(reply: Reply | None, language: str) -> str:
    """What a screen reader says of the answer that was finished last."""
    if reply is None:
        return ""
    said = [reply.text.strip()]
    if reply.state == FAILED and reply.problem is not None:
        said.append(say(language, reply.problem))
    if reply.state == STOPPED:
        said.append(translate(language, "page.chat.stopped"))
    if reply.state == DONE and not reply.text.strip():
        said.append(translate(language, "page.ask.empty"))
    name = translate(language, "page.role.assistant")
    told = " ".join(each for each in said if each)
    return f'<p data-over="{reply.id}">{escape(name)}: {escape(told)}</p>'


def feed_html(reply: int, text: str, phase: str, language: str) -> str:
    """The text of the answer under way for the page's script."""
    shown = text or translate(language, f"page.chat.phase.{phase if phase in (WAITING, LOADING) else 'writing'}")
    is_text = int(bool(text))
    return f'<div data-for="{reply}" data-written="{is_text}" data-text="{escape(shown, quote=True)}"></div>'


def points_each(series: int) -> int:
    """How many points of each are sent where so many series are drawn."""
    return max(LEAST_DRAWN, DRAWN_POINTS // max(1, series))


def views_of(
    series: Sequence[Attached], patch_points: int = 0, shown: Collection[int] | None = None
) -> list[SeriesView]:
    """shown: the numbers of those that are drawn, from 1; None for all."""
    return [
        series_view(number, each.points, SeriesName(each.name, each.unit), patch_points)
        for number, each in enumerate(series, 1)
        if shown is None or number in shown
    ]


def heat_of(weights: Weights) -> Mapping[int, Heat]:
    """By the number of a series; the strongest patch of all counts 1."""
    most = max((abs(each) for row in weights.by_series for each in row), default=0.0)
    return {
        number: Heat([each / most if most else 0.0 for each in row], weights.patch_points)
        for number, row in enumerate(weights.by_series, 1)
    }


def _turn(place: int, turn: Turn, is_last: bool, look: Look) -> str:
    own = turn.own
    series = own.series if own is not None else turn.series
    before = len(series) - len(turn.series)
    shown = set(range(before + 1, len(series) + 1))
    marks: list[Mark] = []
    heat: Mapping[int, Heat] = {}
    if own is not None and own.state != FAILED:
        marks = marks_of(_places(own, turn), own.text)
        heat = heat_of(own.weights) if own.weights is not None else {}
        # What the answer names of earlier questions is drawn here too.
        shown |= {each.series for each in marks if each.series} | set(heat)
    views = views_of(series, look.patch_points, shown)
    key = f"chat-{own.id if own is not None else place}"
    drawn = _drawing(views, marks, look, key, heat)
    replies = "".join(_reply(each, turn, is_last, look) for each in turn.replies)
    many = " many" if len(turn.replies) > 1 else ""
    return (
        f'<section class="chat-turn" data-turn="{place}">{_question(turn, before, look.language)}{drawn}'
        f'<div class="chat-replies{many}">{replies}</div></section>'
    )


def _drawn(turns: Sequence[Turn]) -> int:
    """How many series are drawn of the questions and of the changes; the few that an answer names are left out."""
    changes = [reply.change for turn in turns for reply in turn.replies if reply.change is not None]
    return sum(len(turn.series) for turn in turns) + sum(len(each.places) for each in changes)


def _question(turn: Turn, before: int, language: str) -> str:
    pieces = [escape(piece) for piece in turn.question.split(PLACEHOLDER)]
    text = pieces[0]
    for number, piece in enumerate(pieces[1:], before + 1):
        chip = escape(translate(language, "page.preview.series", number=number))
        text += f'<span class="series-chip">{chip}</span>{piece}'
    name = escape(translate(language, "page.role.user"))
    return f'<p class="turn user"><b>{name}</b><span class="chat-text">{text}</span></p>'


def _reply(reply: Reply, turn: Turn, is_last: bool, look: Look) -> str:
    language = look.language
    places = _places(reply, turn)
    return (
        f'<article class="chat-reply {reply.kind}" data-reply="{reply.id}" data-state="{reply.state}">'
        f"{_head(reply, look)}{_own_series(reply, places, look)}{_text(reply, places, language)}"
        f"{_beyond(reply, places, language)}{_rests_on(reply, language)}"
        f"{_actions(reply, turn, is_last, look)}</article>"
    )


def _places(reply: Reply, turn: Turn) -> list[Named]:
    return named_in(turn.question, reply.text, reply.series) if reply.state in (DONE, STOPPED) else []


def _head(reply: Reply, look: Look) -> str:
    language = look.language
    parts = []
    if reply.change is not None:
        parts.append(change_words(reply.change, language))
    if reply.state in (DONE, STOPPED) and reply.tokens:
        told = {"seconds": f"{reply.seconds:.1f}", "tokens": f"{reply.tokens:,}"}
        parts.append(translate(language, "page.chat.took", **told))
    pill = ""
    if reply.kind != OWN:
        pill = f'<span class="pill">{escape(translate(language, f"page.chat.kind.{reply.kind}"))}</span> '
    facts = escape(" · ".join([look.name(reply.model), *parts]))
    return f'<p class="chat-head">{pill}<b>{facts}</b></p>'


def change_words(change: Change, language: str) -> str:
    """How the series were changed, in words."""
    kind = translate(language, f"page.chat.change.{change.kind}")
    values = {"kind": kind, "percent": f"{change.percent:g}"}
    stretches = {(first, last) for _, first, last in change.places}
    # Where series of several lengths have their places apart, the drawings show them.
    if change.kind in ("noise", "shift", "scale") or len(stretches) != 1:
        return translate(language, "page.chat.changed_all", **values)
    ((first, last),) = stretches
    return translate(language, "page.chat.changed_part", **values, first=first, last=last)


def _own_series(reply: Reply, places: Sequence[Named], look: Look) -> str:
    """The series of an answer that stands beside the own one: with its own marks, or changed."""
    if reply.kind == OWN:
        return ""
    marks = marks_of(places, reply.text)
    heat = heat_of(reply.weights) if reply.weights is not None else {}
    shown = {each.series for each in marks} | set(heat)
    if reply.change is not None:
        change = reply.change
        shown |= {number for number, _, _ in change.places}
        if change.kind in ("gap", "spike"):
            kind = translate(look.language, f"page.chat.change.{change.kind}")
            marks += [Mark(number, first, last, kind, "question") for number, first, last in change.places]
    return _drawing(views_of(reply.series, look.patch_points, shown), marks, look, f"chat-{reply.id}", heat)


def _drawing(views: Sequence[SeriesView], marks: Sequence[Mark], look: Look, key: str, heat: Mapping[int, Heat]) -> str:
    return series_html(views, marks, look.language, key=key, height=HEIGHT, heat=heat, most_points=look.most_points)


def _text(reply: Reply, places: Sequence[Named], language: str) -> str:
    if reply.state == ASKED:
        phase = escape(translate(language, f"page.chat.phase.{WAITING}"))
        return f'<p class="chat-text chat-writing" data-place="{reply.id}" aria-busy="true">{phase}</p>'
    said = ""
    if reply.state == FAILED and reply.problem is not None:
        said = f'<div class="box bad"><p>{escape(say(language, reply.problem))}</p></div>'
    if reply.state == STOPPED:
        said = f'<p class="quiet">{escape(translate(language, "page.chat.stopped"))}</p>'
    if reply.is_cut:
        said = f'<p class="quiet">{escape(translate(language, "page.chat.cut"))}</p>'
    if reply.state == DONE and not reply.text.strip():
        return f'<p class="quiet">{escape(translate(language, "page.ask.empty"))}</p>'
    cuts = [
        (each.begin, each.end, f'<mark class="{"wrong" if each.beyond else "answer"}">\0</mark>') for each in places
    ]
    if reply.weights is not None:
        begin, end = reply.weights.part
        if (begin, end) != (0, len(reply.text)):
            cuts = [each for each in cuts if each[1] <= begin or each[0] >= end]
            cuts.append((begin, end, '<mark class="explained">\0</mark>'))
    text = f'<p class="chat-text chat-answer" data-text="{reply.id}">{with_cuts(reply.text, cuts)}</p>'
    return (text if reply.text else "") + said


def _beyond(reply: Reply, places: Sequence[Named], language: str) -> str:
    """Places that no series has, in words."""
    lines = []
    for each in places:
        if not each.beyond:
            continue
        series = reply.series[each.beyond - 1]
        title = title_of(series_view(each.beyond, series.points, SeriesName(series.name, series.unit)), language)
        told = {"where": reply.text[each.begin : each.end], "name": title, "last": len(series.points) - 1}
        lines.append(f"<li>{escape(translate(language, 'page.chat.beyond', **told))}</li>")
    unique = "".join(dict.fromkeys(lines))
    return f'<ul class="chat-beyond">{unique}</ul>' if unique else ""


def _rests_on(reply: Reply, language: str) -> str:
    """The strongest patches in words, and what the colours mean."""
    if reply.weights is None:
        return ""
    found = [
        (weight, number, place)
        for number, row in enumerate(reply.weights.by_series, 1)
        for place, weight in enumerate(row)
    ]
    part = reply.text[slice(*reply.weights.part)]
    weight, number, place = max(found, default=(0.0, 1, 0))
    if weight <= 0:
        told = translate(language, "page.chat.rests_on_nothing", part=part)
    else:
        size, series = reply.weights.patch_points, reply.series[number - 1]
        title = title_of(series_view(number, series.points, SeriesName(series.name, series.unit)), language)
        last = min((place + 1) * size, len(series.points)) - 1
        values = {"part": part, "name": title, "first": place * size, "last": last, "drop": f"{weight:.2f}"}
        told = translate(language, "page.chat.rests_on", **values)
    legend = escape(translate(language, "page.chat.heat"))
    return f'<p class="chat-rests">{escape(told)} <span class="quiet">{legend}</span></p>'


def _actions(reply: Reply, turn: Turn, is_last: bool, look: Look) -> str:
    if reply.state not in (DONE, STOPPED) or not reply.text.strip():
        return ""
    buttons = [
        _button("up", reply, look, pressed=reply.thumb > 0),
        _button("down", reply, look, pressed=reply.thumb < 0),
        _button("correct", reply, look, pressed=reply.id == look.correcting),
        _button("save", reply, look, pressed=None if not reply.saved else True),
        _button("explain", reply, look) if reply.series else "",
    ]
    has_base = any(each.kind == BASE for each in turn.replies)
    if is_last and reply.kind == OWN and look.has_base and not has_base:
        buttons.append(_button("base", reply, look))
    return f'<div class="chat-do">{"".join(buttons)}</div>'


def _button(do: str, reply: Reply, look: Look, pressed: bool | None = None) -> str:
    words = escape(translate(look.language, f"page.chat.do.{do}"))
    state = "" if pressed is None else f' aria-pressed="{"true" if pressed else "false"}"'
    return f'<button type="button" class="tool" data-do="{do}" data-reply="{reply.id}"{state}>{words}</button>'
