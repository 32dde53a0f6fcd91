"""The fold of the Evaluate tab that makes preference rows of the answers in view: counted first, then written.

Both are jobs: every answer is scored and every row read, which takes its time with many.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from tsft.data.preferences.ranking import AGAINST, JUDGED, KINDS, PAIRS, Rule, check_rule
from tsft.data.preferences.writing import Tally, Written
from tsft.data.registry import safe_name
from tsft.errors import Message, Problem, UserError, message, raise_if_any
from tsft.i18n import say, translate
from tsft.run.evaluation import CHATTS
from tsft.store.evaluations import EvaluationInfo
from tsft.ui import monitor
from tsft.ui.data.job_box import JobBox, place_job_box, refuse, watch, wire_job_box
from tsft.ui.data.jobs import Job, Move, ShouldStop, Work
from tsft.ui.data.placing import Placing, field_label
from tsft.ui.evaluate.preferring import Wanted, counted, prefer
from tsft.ui.evaluate.room import EvaluateRoom
from tsft.ui.events import BESIDE, PRIVATE
from tsft.ui.readings import moment
from tsft.ui.words import Words

SECTION = KIND = "prefer"
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
    job: JobBox

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
        job = place_job_box(words, SECTION)
        said = gr.HTML(elem_id="prefer-said", apply_default_css=False)
    words.add(fold, label="page.prefer.title")
    return PreferBox(fold, placing.controls, count, write, said, job)


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

    def begin(spoken: str, name: str, work: Callable[[], Work], asked: Any) -> list[Any]:
        try:
            job = room.data.jobs.begin(KIND, name, work(), asked)
        except UserError as error:
            return ["", *refuse(problems_html(error.problems, spoken))]
        return ["", *watch(job, spoken)]

    def named(given: Sequence[Any]) -> str:
        return str(dict(zip(box.controls, given, strict=True))["name"] or "").strip()

    def count(evaluation: str, spoken: str, *given: Any) -> list[Any]:
        make = lambda: counting(room, wanted_of(box, evaluation, given))  # noqa: E731
        return begin(spoken, named(given) or evaluation, make, ("count", evaluation, given))

    def write(evaluation: str, spoken: str, request: gr.Request, *given: Any) -> list[Any]:
        name, by = named(given), who(request)
        make = lambda: writing(room, wanted_of(box, evaluation, given), name, by)  # noqa: E731
        return begin(spoken, name or evaluation, make, ("write", evaluation, given))

    def ended(number: int, spoken: str) -> str:
        return ended_html(room.data.jobs.get(int(number)), spoken)

    of_kinds = [box.controls[name] for names in OF_KIND.values() for name in names]
    box.controls["kind"].input(turned, box.controls["kind"], of_kinds, **PRIVATE)
    wire_job_box(box.job, room.data.jobs, language)
    given = [chosen, language, *box.inputs]
    for button, act in ((box.count, count), (box.write, write)):
        button.click(act, given, [box.said, *box.job.watching], **PRIVATE)
    box.job.ended.change(ended, [box.job.ended, language], box.said, **BESIDE)


def counting(room: EvaluateRoom, wanted: Wanted) -> Work:
    """The work of a job: what would be written."""

    def work(move: Move, should_stop: ShouldStop) -> tuple[Tally, tuple[Message, ...]]:
        return counted(room.workspace, wanted, move, should_stop)

    return work


def writing(room: EvaluateRoom, wanted: Wanted, name: str, by: str) -> Work:
    """The work of a job: the dataset."""

    def work(move: Move, should_stop: ShouldStop) -> Written:
        return prefer(room.workspace, wanted, name, by=by, progress=move, should_stop=should_stop)

    return work


def ended_html(job: Job | None, language: str) -> str:
    """What came of a job; "" where its bar says why nothing did."""
    if job is None or job.kind != KIND or job.result is None:
        return ""
    if isinstance(job.result, Written):
        lines = [*job.result.messages(), message("page.prefer.next", name=job.result.name)]
    else:
        tally, notes = job.result
        lines = [*tally.messages(), *notes]
    return monitor.told("calm", [say(language, each) for each in lines])


def problems_html(problems: Sequence[Problem], language: str) -> str:
    """What is wrong, with the label of the control where it is one's."""
    return monitor.told("bad", [_sentence(each, language) for each in problems])


def wanted_of(box: PreferBox, evaluation: str, given: Sequence[Any]) -> Wanted:
    """What the controls say. UserError with all that is wrong with them."""
    told = dict(zip(box.controls, given, strict=True))
    # What is hidden stays at its default, whatever was typed there.
    usable = {name: _number(name, told[name]) for name in OF_KIND[told["kind"]] if name in NUMBERS}
    missing = [Problem(name, message("page.evaluate.no_number")) for name, value in usable.items() if value is None]
    numbers: dict[str, Any] = {name: value for name, value in usable.items() if value is not None}
    rule = Rule(told["kind"], told["against"], **numbers)
    raise_if_any([*missing, *check_rule(rule)])
    evaluations = tuple(dict.fromkeys((evaluation, *(str(each) for each in told["others"] or ()))))
    return Wanted(evaluations, rule, tuple(map(str, told["models"] or ())), bool(told["free_text"]))


def _fits(other: EvaluationInfo, info: EvaluationInfo) -> bool:
    is_alike = other.settings.mode != CHATTS and set(other.settings.datasets) & set(info.settings.datasets)
    return bool(other.id != info.id and other.answered and is_alike)


def _sentence(problem: Problem, language: str) -> str:
    text = say(language, problem.message)
    is_own = problem.field in NUMBERS
    return f"{field_label(SECTION, problem.field, language)}: {text}" if is_own else text


def _number(name: str, value: Any) -> float | None:
    """None where it is none; how many pairs is a whole one."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    if name != "per_row":
        return value
    return int(value) if value == int(value) else None
