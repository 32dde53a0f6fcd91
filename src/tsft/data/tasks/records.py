"""Tasks whose answer is what people wrote into a label column: named events and their report."""

from typing import Any

import numpy as np

from tsft.data.tasks import fields
from tsft.data.tasks.fields import Field
from tsft.data.tasks.subject import Subject
from tsft.data.tasks.task import Parameters, Task

# Names a question lists at most: those that are true, and others.
LISTED_NAMES = 8


def _draw(wording: str, subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    if subject.named is None or (wanted and (not subject.named) != (wanted == "none")):
        return None
    true = {each.name for each in subject.named}
    others = [each for each in subject.kinds if each not in true]
    shown = [*true, *(others[int(place)] for place in generator.permutation(len(others)))][:LISTED_NAMES]
    # The order of the list says nothing about the answer.
    order = sorted(shown)
    return {"wording": wording, "types": [order[int(place)] for place in generator.permutation(len(order))]}


def _draw_events(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    return _draw("named_events", subject, generator, wanted)


def _draw_report(subject: Subject, generator: np.random.Generator, wanted: str) -> dict[str, Any] | None:
    return None if wanted == "none" or not subject.named else _draw("report", subject, generator, wanted)


def _solve(subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    if subject.named is None or any(each.name not in parameters["types"] for each in subject.named):
        return None
    length = max(len(each) for each in subject.series)
    found = [(each.name, each.start) for each in subject.named]
    return (fields.named_events("events", found, parameters["types"], length),)


RECORD_TASKS = (
    Task("named_events", "names", _draw_events, _solve, ("named_events",), can_be_none=True),
    Task("report", "names", _draw_report, _solve, ("report",)),
)
QUESTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "named_events": {
        "en": (
            "Which of these recorded events occur in {names}, and where does each begin: {types}?",
            "List the recorded events in {names} with name and first point. Names: {types}.",
            "Find every recorded event in {names}: its name out of {types}, and its first point.",
            "What was recorded for {names}? Give name and first point of each event. Possible names: {types}.",
            "Name the events of {names} with the point where each begins. They can be: {types}.",
            "At which points do events begin in {names}, and which are they? Choose from {types}.",
            "Report the events of {names} by name and first point; the names are {types}.",
            "Go through {names} and note each event, by name and first point, out of {types}.",
        ),
        "zh": (
            "{names}中出现了以下哪些有记录的事件，各从哪一点开始：{types}？",
            "请列出{names}中有记录的事件，给出名称和起点。名称：{types}。",
            "找出{names}中的每个有记录的事件：名称（从 {types} 中选）和起点。",
            "{names}有哪些记录？请给出每个事件的名称和起点。可能的名称：{types}。",
            "请说出{names}的各个事件及其起点，可能是：{types}。",
            "{names}在哪些点开始出现事件，分别是什么？从 {types} 中选择。",
            "请按名称和起点报告{names}的事件，名称包括 {types}。",
            "请通看{names}，逐一记下事件的名称（从 {types} 中选）和起点。",
        ),
    },
    "report": {
        "en": (
            "Describe what happened in {names}. Events have these names: {types}.",
            "Write a short report on {names}, with the events ({types}) and where they begin.",
            "What would a log of {names} say? Use these names: {types}.",
            "Summarise the events of {names}. They can be: {types}.",
            "Tell in words what was recorded for {names}; the names are {types}.",
            "Put down for a colleague what happened in {names}, with these names: {types}.",
            "Give an account of {names}: which of {types} occurred, and where.",
            "Comment on {names}: name the events, out of {types}, and their first points.",
        ),
        "zh": (
            "请描述{names}中发生了什么。事件名称有：{types}。",
            "请就{names}写一份简短报告，说明事件（{types}）及其起点。",
            "{names}的日志会怎么写？请使用这些名称：{types}。",
            "请概括{names}的事件，可能是：{types}。",
            "请用文字说明{names}有哪些记录，名称包括 {types}。",
            "请为同事记下{names}中发生的事，使用这些名称：{types}。",
            "请说明{names}的情况：出现了 {types} 中的哪些，位于何处。",
            "请点评{names}：指出事件（从 {types} 中选）及其起点。",
        ),
    },
}
