"""From a subject and a task to one training row: question, computed answer, series, and the label a scorer takes."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsft.data.tasks.catalog import QUESTIONS, find_task
from tsft.data.tasks.fields import Field, decimals_for, written
from tsft.data.tasks.format import answer, clause, option_word, to_label
from tsft.data.tasks.leaks import is_prefix_answerable
from tsft.data.tasks.prose import PROSE, prose, prose_clause
from tsft.data.tasks.questions_short import QUESTIONS as SHORT_QUESTIONS
from tsft.data.tasks.statements import LETTERS
from tsft.data.tasks.subject import Subject
from tsft.data.tasks.task import Parameters
from tsft.data.tasks.words import ABOUT, ABOUT_UNIT, INTRODUCTIONS, NONE_OF_THESE

LABEL_VERSION = 1


@dataclass(frozen=True)
class Asked:
    """One question with its answer. `label` is plain JSON: task, style, language, fields, parameters.

    fields: of the answer, the main one first; wording: which of several wordings the answer has.
    """

    question: str
    answer: str
    label: dict[str, Any]
    fields: tuple[Field, ...] = ()
    wording: int = 0

    @property
    def is_none(self) -> bool:
        return bool(self.label["is_none"])


def ask(
    key: str, subject: Subject, generator: np.random.Generator, language: str, style: str, wanted: str = ""
) -> Asked | None:
    """A question of the task with its computed answer; None where this subject is not fit for it, or not as wanted.

    wanted: "some" for an answer that names something, "none" for one that says there is nothing, "" for either.
    """
    task = find_task(key)
    is_fit = task.needs in subject.knows() and len(subject.series) >= task.least_series
    if not is_fit or min(len(each) for each in subject.series) < task.least_points:
        return None
    parameters = task.draw(subject, generator, wanted)
    fields = None if parameters is None else task.solve(subject, parameters)
    if parameters is None or fields is None:
        return None
    chosen = PROSE if key in ("caption", "report") and style == "short" else style
    table = SHORT_QUESTIONS if style == "short" and parameters["wording"] in SHORT_QUESTIONS else QUESTIONS
    wordings = table[parameters["wording"]][language]
    asked = wordings[int(generator.integers(len(wordings)))].format(**_slots(subject, parameters, language))
    how = int(generator.integers(12))
    if chosen == PROSE:
        told, said = prose_clause(language, how), prose(fields, language, how)
    else:
        names_points = any(name in parameters for name in ("point", "start")) or key == "mcq"
        told = clause(fields, chosen, language, how, may_be_none=task.can_be_none, names_points=names_points)
        said = answer(fields, chosen, language)
    gap = " " if language == "en" else ""
    label = _label(key, chosen, language, fields, parameters, subject)
    return Asked(f"{asked}{gap}{told}", said, label, fields, how)


def worded(fields: Sequence[Field], asked: Asked) -> str:
    """An answer of these fields in the style and the wording of another one."""
    style, language = asked.label["style"], asked.label["language"]
    return prose(fields, language, asked.wording) if style == PROSE else answer(fields, style, language)


def recompute(key: str, subject: Subject, parameters: Parameters) -> tuple[Field, ...] | None:
    """The answer once more from the subject and the parameters of a label; for checks of finished rows."""
    return find_task(key).solve(subject, parameters)


def introduction(subject: Subject, language: str, generator: np.random.Generator) -> str:
    """One line a series with its name, unit, length and placeholder; one wording for the whole row."""
    wordings = INTRODUCTIONS[language]
    wording = wordings[int(generator.integers(len(wordings)))]
    lines = []
    for each in subject.series:
        about = (ABOUT_UNIT if each.unit else ABOUT)[language].format(unit=each.unit, length=len(each))
        lines.append(wording.format(name=each.name, about=about))
    return "\n".join(lines)


def to_row(
    asked: Asked,
    subject: Subject,
    language: str,
    generator: np.random.Generator,
    context: str = "",
    meta: Mapping[str, Any] | None = None,
    then: Sequence[Asked] = (),
    answers: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """A row of ChatTS shape: input, output, timeseries (floats), meta (one JSON text, so that all rows have one type).

    The series stand before the first question. Where more is asked `then`, the last question is the row's input and its
    label the row's; what comes before is `history`. meta holds task, style, language, label, prefix_answerable, is_none
    and what is given in `meta` (seed, source …). answers: columns in the place of `output`.
    """
    opening = [*([context] if context else []), introduction(subject, language, generator), asked.question]
    questions = ["\n".join(opening), *(each.question for each in then)]
    last = then[-1] if then else asked
    pairs = [[question, each.answer] for question, each in zip(questions, (asked, *then), strict=True)]
    names = ("task", "style", "language", "prefix_answerable", "is_none")
    about = {**{name: last.label[name] for name in names}, "label": last.label, **(meta or {})}
    return {
        **({"history": pairs[:-1]} if then else {}),
        "input": questions[-1],
        **(answers or {"output": last.answer}),
        "timeseries": [[float(value) for value in each.values.tolist()] for each in subject.series],
        "meta": json.dumps(about, ensure_ascii=False),
    }


def _label(
    key: str, style: str, language: str, fields: Sequence[Field], parameters: Parameters, subject: Subject
) -> dict[str, Any]:
    shown = fields[:1] if style == "short" else fields
    return {
        "version": LABEL_VERSION,
        "task": key,
        "wording": parameters["wording"],
        "style": style,
        "language": language,
        "fields": [to_label(each, language) for each in shown],
        "parameters": {name: value for name, value in parameters.items() if name != "wording"},
        "is_none": fields[0].is_none or (fields[0].kind == "letter" and fields[0].value == LETTERS[-1]),
        "prefix_answerable": is_prefix_answerable(key, shown, parameters, subject),
    }


def _slots(subject: Subject, parameters: Parameters, language: str) -> dict[str, str]:
    """The texts of a template's slots."""
    comma = ", " if language == "en" else "、"
    slots: dict[str, str] = {"names": comma.join(each.name for each in subject.series)}
    if "pair" in parameters:
        slots["first"], slots["second"] = (subject.series[index].name for index in parameters["pair"])
    if "series" in parameters:
        series = subject.series[parameters["series"]]
        slots["name"] = series.name
        for name in ("threshold", "size"):
            if name in parameters:
                number = written(parameters[name], decimals_for(series.values))
                slots[name] = f"{number} {series.unit}".rstrip()
    slots |= {name: str(parameters[name]) for name in ("point", "start", "around", "least") if name in parameters}
    if "end" in parameters:
        slots["last"] = str(parameters["end"] - 1)
    if "types" in parameters:
        slots["types"] = comma.join(option_word(each, language) for each in parameters["types"])
    if parameters["wording"] == "classify":
        slots["options"] = comma.join(parameters["options"])
    if parameters["wording"] == "statement":
        slots["statements"] = _statements(parameters["options"], language)
    return slots


def _statements(options: Sequence[Mapping[str, Any]], language: str) -> str:
    at, gap, end = (" at point {}", "; ", ".") if language == "en" else ("（第 {} 点）", "；", "。")
    texts = [f"{option_word(each['type'], language)}{at.format(each['start'])}" for each in options]
    texts.append(NONE_OF_THESE[language])
    return gap.join(f"{letter}. {text}" for letter, text in zip(LETTERS, texts, strict=True)) + end
