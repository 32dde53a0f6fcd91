"""How much each patch of the series supports a part of an answer: by what is lost when the patch is taken away.

Occlusion: a patch is replaced by the mean of its series, which is 0 after scaling; the prefix, which tells the numbers
of the whole series, stays as it was. Measured is the mean log-probability of the part's tokens, given all before them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tsft.engine.token_losses import AT_ONCE, token_losses
from tsft.errors import UserError, message
from tsft.model.batches import IGNORED, collate
from tsft.model.processor import EncodedRow, SeriesProcessor
from tsft.run.answers import Question

# Windows of one series that are tried: on a page they are a few pixels wide, and each costs a pass of the model.
MOST_WINDOWS = 64
# Tokens of one batch, and rows: a prompt of 2,000 tokens is tried four at a time.
BATCH_TOKENS, MOST_ROWS = 8192, 16


@dataclass(frozen=True)
class Window:
    """Points begin..end of series number `series` (from 0): some whole patches, the last one as long as it is."""

    series: int
    begin: int
    end: int


def windows_of(lengths: Sequence[int], patch_size: int, most: int = MOST_WINDOWS) -> list[Window]:
    """All series cut into windows, at most `most` each: one patch, or as many neighbours as that takes."""
    windows = []
    for number, length in enumerate(lengths):
        patches = -(-length // patch_size)
        width = -(-patches // most) * patch_size
        windows += [Window(number, begin, min(begin + width, length)) for begin in range(0, length, width or 1)]
    return windows


def occluded(values: Sequence[NDArray[np.float32]], window: Window) -> list[NDArray[np.float32]]:
    """The scaled series, float32[L] each, with one window at the mean of its series."""
    changed = list(values)
    changed[window.series] = values[window.series].copy()
    changed[window.series][window.begin : window.end] = 0.0
    return changed


def part_row(processor: SeriesProcessor, question: Question, answer: str, part: tuple[int, int]) -> EncodedRow:
    """The question with its answer, labelled at the tokens that characters begin..end of the answer touch.

    Raises UserError `attribution.no_part` when these are none.
    """
    turns = [*(dict(turn) for turn in question.turns), {"role": "assistant", "content": answer}]
    row = processor.encode(turns, question.series, train_on="last_answer")
    places = [place for place, label in enumerate(row.labels) if label != IGNORED]
    pieces = processor.pieces([row.input_ids[place] for place in places])
    start, skipped = _start_of("".join(pieces), answer)
    begin, end = start + max(part[0] - skipped, 0), start + min(part[1], len(answer)) - skipped
    labels = [IGNORED] * len(row.labels)
    done, first = 0, 0
    for place, piece in zip(places, pieces, strict=True):
        if piece:  # a token without text goes on with the character of the one before
            first, done = done, done + len(piece)
        if first < end and done > begin:
            labels[place] = row.labels[place]
    if all(label == IGNORED for label in labels):
        raise UserError(message("attribution.no_part", begin=part[0], end=part[1], length=len(answer)))
    return replace(row, labels=labels)


@torch.inference_mode()
def log_probability(model: Any, processor: SeriesProcessor, rows: Sequence[EncodedRow]) -> list[float]:
    """The mean log-probability of each row's labelled tokens; all rows have equally many."""
    batch = collate(rows, processor.pad_id, processor.patch_size, processor.family.last_patch)
    batch = {name: tensor.to(model.device) for name, tensor in batch.items()}
    logits = model(**batch).logits  # [M, V], row by row
    logits = logits.reshape(-1, logits.shape[-1])
    targets = batch["labels"][batch["labels"] != IGNORED].to(logits.device)
    return (-token_losses(logits, targets)).reshape(len(rows), -1).mean(-1).tolist()


def drops(
    model: Any, processor: SeriesProcessor, row: EncodedRow, windows: Sequence[Window], obey: Callable[[], None]
) -> Iterator[list[float]]:
    """What the part's mean log-probability loses without each window, in batches of the windows' order.

    `obey` is called before each pass and may raise.
    """
    obey()
    whole = log_probability(model, processor, [row])[0]
    size = rows_at_once(row)
    for first in range(0, len(windows), size):
        obey()
        tried = [replace(row, values=occluded(row.values, window)) for window in windows[first : first + size]]
        yield [whole - each for each in log_probability(model, processor, tried)]


def rows_at_once(row: EncodedRow) -> int:
    """How many rows like this are tried together; a long part costs memory for its logits, not for its prompt."""
    part = sum(label != IGNORED for label in row.labels)
    return max(1, min(MOST_ROWS, BATCH_TOKENS // len(row.input_ids), AT_ONCE // max(1, part)))


def patch_weights(
    lengths: Sequence[int], patch_size: int, windows: Sequence[Window], found: Sequence[float]
) -> tuple[tuple[float, ...], ...]:
    """One weight a patch for each series; the patches of a window share its weight."""
    weights: list[list[float]] = [[] for _ in lengths]
    for window, drop in zip(windows, found, strict=True):
        weights[window.series] += [drop] * -(-(window.end - window.begin) // patch_size)
    return tuple(tuple(each) for each in weights)


def _start_of(text: str, answer: str) -> tuple[int, int]:
    """Where in the text of the learnt tokens the answer begins, and how many of its characters are not in there.

    A template may write before it (tags of thinking) or strip it, and a token that begins in the prompt is not learnt.
    """
    for skipped in range(min(len(answer), 16)):
        start = text.find(answer[skipped:].rstrip())
        if start >= 0:
            return start, skipped
    raise UserError(message("attribution.no_answer"))
