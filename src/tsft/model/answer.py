"""Asks a model: one conversation in, its answer out, whole or piece by piece, and stoppable at any token."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList, TextIteratorStreamer

from tsft.model.batches import collate
from tsft.model.chat import Turn
from tsft.model.processor import EncodedRow, SeriesProcessor


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen: the likeliest when `temperature` is 0, else drawn."""

    max_new_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int | None = None
    min_new_tokens: int = 0


def answer(
    model: Any,
    processor: SeriesProcessor,
    turns: Sequence[Turn],
    series: Sequence[Any],
    max_new_tokens: int = 512,
    *,
    sampling: Sampling | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> str:
    """The answer to the last turn, without special tokens. Stopped early, it is what was written so far."""
    chosen = sampling or Sampling(max_new_tokens=max_new_tokens)
    return answer_many(model, processor, [(turns, series)], sampling=chosen, should_stop=should_stop)[0]


def answer_many(
    model: Any,
    processor: SeriesProcessor,
    conversations: Sequence[tuple[Sequence[Turn], Sequence[Any]]],
    *,
    sampling: Sampling,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[str]:
    """The answers to several conversations as one batch, padded on the left."""
    rows = [processor.prompt(turns, series) for turns, series in conversations]
    return answer_encoded(model, processor, rows, sampling=sampling, should_stop=should_stop)


@torch.inference_mode()
def answer_encoded(
    model: Any,
    processor: SeriesProcessor,
    rows: Sequence[EncodedRow],
    *,
    sampling: Sampling,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[str]:
    """The same from prompts that are encoded already (`SeriesProcessor.prompt`)."""
    batch = _batch(model, processor, rows)
    written = _generate(model, batch, processor.pad_id, sampling, _StopWhen(should_stop))
    start = batch["input_ids"].shape[1]
    return processor.tokenizer.batch_decode(written[:, start:], skip_special_tokens=True)


@torch.no_grad()
def answer_ids(
    model: Any,
    batch: dict[str, torch.Tensor],
    pad_id: int,
    *,
    sampling: Sampling,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[list[int]]:
    """The tokens of an answer to each row of a batch that is padded on the left, the one that ends it included."""
    written = _generate(model, batch, pad_id, sampling, _StopWhen(should_stop))
    ends = set(end_ids(model))
    answers = []
    for row in written[:, batch["input_ids"].shape[1] :].tolist():
        end = next((place for place, token in enumerate(row, 1) if token in ends), len(row))
        answers.append(row[:end])
    return answers


def end_ids(model: Any) -> tuple[int, ...]:
    """The tokens that end an answer."""
    ids = model.generation_config.eos_token_id
    return tuple(ids) if isinstance(ids, list | tuple) else () if ids is None else (ids,)


def answer_streaming(
    model: Any,
    processor: SeriesProcessor,
    turns: Sequence[Turn],
    series: Sequence[Any],
    *,
    sampling: Sampling,
    should_stop: Callable[[], bool] = lambda: False,
    hear: Callable[[int], None] = lambda token: None,
) -> Iterator[str]:
    """The answer in pieces as they are written. Closing the iterator stops the model within one token.

    hear: is told each token, the one that ends the answer too, on the writing thread.
    """
    batch = _batch(model, processor, [processor.prompt(turns, series)])
    streamer = TextIteratorStreamer(processor.tokenizer, skip_prompt=True, skip_special_tokens=True)
    is_abandoned = threading.Event()

    def write() -> None:
        try:
            with torch.inference_mode():
                stop = _StopWhen(lambda: is_abandoned.is_set() or should_stop(), hear)
                _generate(model, batch, processor.pad_id, sampling, stop, streamer)
        finally:
            streamer.end()

    with ThreadPoolExecutor(1, thread_name_prefix="tsft-answer") as writer:
        writing = writer.submit(write)
        try:
            for piece in streamer:
                if piece:
                    yield piece
        finally:
            is_abandoned.set()
        writing.result()  # a failure of the writer is raised here, in the reader's thread


class _StopWhen(StoppingCriteria):
    """Asked after each token; `hear` is told the newest one of the first row."""

    def __init__(self, should_stop: Callable[[], bool], hear: Callable[[int], None] | None = None) -> None:
        self.should_stop = should_stop
        self.hear = hear

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        if self.hear is not None:
            self.hear(int(input_ids[0, -1]))
        return torch.full((input_ids.shape[0],), self.should_stop(), dtype=torch.bool, device=input_ids.device)


def _batch(model: Any, processor: SeriesProcessor, rows: Sequence[EncodedRow]) -> dict[str, torch.Tensor]:
    family = processor.family
    batch = collate(rows, processor.pad_id, family.patch_size, family.last_patch, side="left")
    return {name: tensor.to(model.device) for name, tensor in batch.items()}


def _generate(
    model: Any,
    batch: dict[str, torch.Tensor],
    pad_id: int,
    sampling: Sampling,
    stop: _StopWhen,
    streamer: TextIteratorStreamer | None = None,
) -> torch.Tensor:
    options: dict[str, Any] = {"do_sample": sampling.temperature > 0}
    if sampling.temperature > 0:
        options |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
        if sampling.seed is not None:
            torch.manual_seed(sampling.seed)
    was_training = model.training
    model.eval()
    try:
        return model.generate(
            **batch,
            **options,
            max_new_tokens=sampling.max_new_tokens,
            min_new_tokens=sampling.min_new_tokens or None,
            repetition_penalty=sampling.repetition_penalty,
            stopping_criteria=StoppingCriteriaList([stop]),
            streamer=streamer,
            pad_token_id=pad_id,
            use_cache=True,
        )
    finally:
        model.train(was_training)
