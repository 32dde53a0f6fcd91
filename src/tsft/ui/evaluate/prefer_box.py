"""The fold of the Evaluate tab that makes preference rows of the answers in view: counted first, then written."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.data.preferences.ranking import AGAINST, JUDGED, KINDS, PAIRS, Rule, check_rule
from tsft.data.registry import safe_name
from tsft.errors import Message, Problem, UserError, message
from tsft.i18n import say, translate
from tsft.run.evaluation import CHATTS
from tsft.store.evaluations import EvaluationInfo
from tsft.ui import monitor
from tsft.ui.data.placing import Placing, field_label
from tsft.ui.evaluate.preferring import Wanted, counted, prefer
from tsft.ui.evaluate.room import EvaluateRoom
from tsft.ui.events import PRIVATE, QUEUED
from tsft.ui.readings import moment
from tsft.ui.words import Words

SECTION = "prefer"
PLAIN = Rule()
# What a kind of rows hangs on; the others are hidden.
OF_KIND = {PAIRS: ("against", "margin", "per_row"), JUDGED: ("good", "bad")}
NUMBERS = ("margin", "per_row", "good", "bad")
# Evaluations that are offered beside the one in view.
OFFERED = 50

Updates = dict[Any, Any]


@dataclass(frozen=True)
class PreferBox:
    """controls by name, in the order in which a handler gets them."""

    fold: Any
    controls: Mapping[str, Any]
    count: Any
    write: Any
    said: Any

    @property
    def inputs(self) -> list[Any]:
        return list(self.controls.values())

    @property
    def filled(self) -> list[Any]:
        """What `filled` may change."""
        return [self.fold, *(self.controls[each] for each in ("others", "models", "name")), self.said]


def place_prefer_box(words: Words) -> PreferBox:
    """A closed fold, hidden while no evaluation with answers is in view."""
    placing = Placing(words, SECTION, {"kind": KINDS, "against": AGAINST})
    chosen: dict[str, Any] = {"choices": [], "value": [], "multiselect": True}
    with gr.Accordion(open=False, visible=False, elem_id="evaluate-prefer", elem_classes=["fold"]) as fold:
        about = gr.HTML(apply_default_css=False, elem_id="prefer-about")
        words.add_made(
            about, lambda language: {"value": f'<p class="quiet">{translate(language, "page.prefer.about")}</p>'}
        )
        with gr.Row(equal_height=False):
            placing.put("others", gr.Dropdown, **chosen, min_width=240)
            placing.put("models", gr.Dropdown, **chosen, min_width=240)
        with gr.Row(equal_height=False):
            placing.pick("kind", PLAIN.kind)
            placing.pick("against", PLAIN.against)
            placing.put("margin", gr.Number, value=PLAIN.margin, step=0.05)
            placing.put("per_row", gr.Number, value=PLAIN.per_row, step=1)
            placing.put("good", gr.Number, value=PLAIN.good, step=0.05, visible=False)
            placing.put("bad", gr.Number, value=PLAIN.bad, step=0.05, visible=False)
        placing.put("free_text", gr.Checkbox, value=False)
        with gr.Row(elem_classes=["gap-small"], equal_height=False):
            placing.put("name", gr.Textbox, value="", max_lines=1, min_width=200)
            count = gr.Button(size="md", elem_id="prefer-count", scale=0, min_width=130)
            write = gr.Button(size="md", variant="primary", elem_id="prefer-write", scale=0, min_width=150)
        words.add(count, value="page.prefer.do.count")
        words.add(write, value="page.prefer.do.write")
        said = gr.HTML(elem_id="prefer-said", apply_default_css=False)
    words.add(fold, label="page.prefer.title")
    return PreferBox(fold, placing.controls, count, write, said)


def filled(box: PreferBox, info: EvaluationInfo | None, room: EvaluateRoom) -> Updates:
    """For the evaluation in view: what else was asked the same datasets, and which models there are."""
    if info is None or info.settings.mode == CHATTS or not info.answered:
        return {box.fold: gr.update(visible=False), box.said: ""}
    others = [each for each in room.listed() if _fits(each, info)][:OFFERED]
    models = list(dict.fromkeys(model for each in (info, *others) for model in each.models))
    choices = [(f"{each.name} · {moment(each.created_at)}", each.id) for each in others]
    return {
        box.fold: gr.update(visible=True),
        box.controls["others"]: gr.update(choices=choices, value=[]),
        box.controls["models"]: gr.update(choices=models, value=[]),
        box.controls["name"]: f"{safe_name(info.name)}-preferences",
        box.said: "",
    }


def wire_prefer_box(
    box: PreferBox, chosen: Any, room: EvaluateRoom, language: Any, who: Callable[[gr.Request], str]
) -> None:
    """chosen: the state with the evaluation in view."""

    def turned(kind: str) -> list[Any]:
        return [gr.update(visible=name in OF_KIND[kind]) for names in OF_KIND.values() for name in names]

    def count(evaluation: str, spoken: str, *given: Any) -> Iterator[str]:
        yield from answered(spoken, lambda: _counted(room, box, evaluation, given))

    def write(evaluation: str, spoken: str, request: gr.Request, *given: Any) -> Iterator[str]:
        yield from answered(spoken, lambda: _written(room, box, evaluation, given, who(request)))

    of_kinds = [box.controls[name] for names in OF_KIND.values() for name in names]
    box.controls["kind"].input(turned, box.controls["kind"], of_kinds, **PRIVATE)
    given = [chosen, language, *box.inputs]
    # Every answer is scored and every row read: what is slow has its place in the queue.
    box.count.click(count, given, box.said, concurrency_limit=2, **QUEUED)
    box.write.click(write, given, box.said, concurrency_limit=2, **QUEUED)


def answered(language: str, act: Callable[[], Sequence[Message]]) -> Iterator[str]:
    """That it is being done, then what came of it or why nothing did."""
    yield monitor.said(translate(language, "page.prefer.working"))
    try:
        yield monitor.told("calm", [say(language, each) for each in act()])
    except UserError as error:
        yield monitor.told("bad", [_sentence(each, language) for each in error.problems])


def wanted_of(box: PreferBox, evaluation: str, given: Sequence[Any]) -> Wanted:
    """What the controls say. UserError with all that is wrong with them."""
    told = dict(zip(box.controls, given, strict=True))
    missing = [
        Problem(name, message("page.evaluate.no_number"))
        for name in OF_KIND[told["kind"]]
        if name in NUMBERS and not _is_number(told[name])
    ]
    numbers = {name: told[name] for name in NUMBERS if _is_number(told[name])}
    if "per_row" in numbers and numbers["per_row"] == int(numbers["per_row"]):
        numbers["per_row"] = int(numbers["per_row"])
    rule = Rule(told["kind"], told["against"], **numbers)
    wrong = [each for each in check_rule(rule) if each.field in OF_KIND[rule.kind]]
    if missing or wrong:
        raise UserError(*missing, *wrong)
    evaluations = tuple(dict.fromkeys((evaluation, *(str(each) for each in told["others"] or ()))))
    return Wanted(evaluations, rule, tuple(map(str, told["models"] or ())), bool(told["free_text"]))


def _counted(room: EvaluateRoom, box: PreferBox, evaluation: str, given: Sequence[Any]) -> list[Message]:
    tally, notes = counted(room.workspace, wanted_of(box, evaluation, given))
    return [*tally.messages(), *notes]


def _written(room: EvaluateRoom, box: PreferBox, evaluation: str, given: Sequence[Any], by: str) -> list[Message]:
    name = str(dict(zip(box.controls, given, strict=True))["name"] or "")
    written = prefer(room.workspace, wanted_of(box, evaluation, given), name, by=by)
    return [*written.messages(), message("page.prefer.next", name=written.name)]


def _fits(other: EvaluationInfo, info: EvaluationInfo) -> bool:
    is_alike = other.settings.mode != CHATTS and set(other.settings.datasets) & set(info.settings.datasets)
    return bool(other.id != info.id and other.answered and is_alike)


def _sentence(problem: Problem, language: str) -> str:
    text = say(language, problem.message)
    is_own = problem.field in NUMBERS
    return f"{field_label(SECTION, problem.field, language)}: {text}" if is_own else text


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
