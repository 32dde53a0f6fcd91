"""The same question with its options in another order: whoever knows the answer gives it again.

Lettered statements ("A. …; B. …") change places under their letters, lists of classes change their order. A last
option that says "none of these" stays last.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tsft.evaluate.shown import Shown

_LETTER = re.compile(r"(?<![A-Za-z0-9])([A-Z])[.．、):：)]\s*")
_END = re.compile(r"[\s;；,，.。]*$")
_NONE = re.compile(r"none|以上|都不", re.IGNORECASE)
# What may stand between two options of a list, in a sentence, a form or JSON.
_BETWEEN = r"[\"'“”]*\s*(?:,\s*or\b|[,，、|/]|\bor\b|\band\b|或|和)\s*[\"'“”]*"


def permuted(row: Shown, seed: int = 0) -> Shown | None:
    """The row with its options in another order, and its label as it is then; None where it lists none."""
    field = row.label["fields"][0]
    generator = np.random.default_rng([seed, len(row.turns[-1]["content"]), len(row.series)])
    if field["kind"] == "letter":
        return _letters(row, field, generator)
    return _classes(row, field, generator) if field["kind"] == "class" else None


def _letters(row: Shown, field: Mapping[str, Any], generator: np.random.Generator) -> Shown | None:
    place = _question(row)
    text = row.turns[place]["content"]
    letters = list(field["options"])
    marks = [each for each in _LETTER.finditer(text) if each.group(1) in letters]
    run = _run(marks, letters)
    if run is None:
        return None
    starts = [each.end() for each in run]
    bodies = [text[start:end] for start, end in zip(starts, [*(e.start() for e in run[1:]), len(text)], strict=True)]
    last = re.split(r"(?<=[.。;；\n])", bodies[-1], maxsplit=1)[0]
    bodies[-1] = last
    tails = [_tail(each) for each in bodies]
    texts = [each[: len(each) - len(tail)] for each, tail in zip(bodies, tails, strict=True)]
    movable = len(letters) - bool(_NONE.search(texts[-1]))
    order = _another_order(movable, generator) + list(range(movable, len(letters)))
    parts = [text[: starts[0]]]
    for index, start in enumerate(starts):
        end = start + len(bodies[index])
        following = starts[index + 1] if index + 1 < len(starts) else len(text)
        parts.append(texts[order[index]] + tails[index] + text[end:following])
    value = letters[order.index(letters.index(field["value"]))]
    label = _with_main(row.label, {**field, "value": value})
    options = (row.label.get("parameters") or {}).get("options")
    if options is not None and len(options) >= movable:
        listed = [options[order[index]] if index < movable else each for index, each in enumerate(options)]
        label["parameters"] = {**row.label["parameters"], "options": listed}
    return _with_text(row, place, "".join(parts), label)


def _classes(row: Shown, field: Mapping[str, Any], generator: np.random.Generator) -> Shown | None:
    place = _question(row)
    text = row.turns[place]["content"]
    options: Mapping[str, str] = field["options"]
    keys = list(options)
    if len(keys) < 2:
        return None
    order = _another_order(len(keys), generator)
    changed = text
    for words in {tuple(keys), tuple(options.values())}:
        pattern = _BETWEEN.join(f"({re.escape(each)})" for each in words)
        found = re.search(pattern, changed)
        if found is not None:
            changed = _replaced(changed, found, [words[index] for index in order])
    if changed == text:
        return None
    new = {**field, "options": {keys[index]: options[keys[index]] for index in order}}
    return _with_text(row, place, changed, _with_main(row.label, new))


def _run(marks: Sequence[re.Match[str]], letters: Sequence[str]) -> list[re.Match[str]] | None:
    """The last marks that go through all letters in order."""
    names = [each.group(1) for each in marks]
    for start in range(len(names) - len(letters), -1, -1):
        if names[start : start + len(letters)] == list(letters):
            return list(marks[start : start + len(letters)])
    return None


def _another_order(count: int, generator: np.random.Generator) -> list[int]:
    """A rotation, so that no option keeps its place."""
    step = int(generator.integers(1, count)) if count > 1 else 0
    return [(index + step) % count for index in range(count)]


def _replaced(text: str, found: re.Match[str], words: Sequence[str]) -> str:
    parts, at = [], found.start()
    for number, word in enumerate(words, start=1):
        parts += [text[at : found.start(number)], word]
        at = found.end(number)
    return text[: found.start()] + "".join(parts) + text[at:]


def _tail(text: str) -> str:
    found = _END.search(text)
    return "" if found is None else found.group()


def _question(row: Shown) -> int:
    return max(index for index, turn in enumerate(row.turns) if turn["role"] == "user")


def _with_main(label: Mapping[str, Any], main: Mapping[str, Any]) -> dict[str, Any]:
    return {**label, "fields": [main, *label["fields"][1:]]}


def _with_text(row: Shown, place: int, text: str, label: Mapping[str, Any]) -> Shown:
    turns = tuple({**turn, "content": text} if index == place else turn for index, turn in enumerate(row.turns))
    return replace(row, turns=turns, label=label)
