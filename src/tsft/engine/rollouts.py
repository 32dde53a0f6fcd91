"""Has answers written to the questions of one optimizer step, judges them, and makes batches to learn from of them.

What is drawn here, training does not notice: the answers of a step depend on the run's seed, the step and the weights
alone, so that a run that goes on from a checkpoint writes what it would have written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from tsft.config.run_config import RunConfig
from tsft.engine.advantages import generalised, group_advantages, leave_one_out, spread, whitened
from tsft.engine.answer_logprobs import Said, said
from tsft.engine.control import Control
from tsft.engine.measures import Measures, Sums
from tsft.engine.numbered import ROWS
from tsft.engine.objectives import mean_of_all
from tsft.engine.policy_objectives import (
    ADVANTAGES,
    OLD,
    OLD_VALUES,
    REFERENCE,
    RETURNS,
    USUAL_TOKENS,
    learnable,
)
from tsft.engine.questions import Questions
from tsft.engine.reference import Reference
from tsft.engine.rewarding import Rewarding, Worth, sums_of
from tsft.engine.sampled import answers_a_question, repeats
from tsft.model.answer import Sampling, answer_ids, end_ids
from tsft.model.processor import SeriesProcessor

Batch = dict[str, Tensor]
# What of a batch stands in rows of the model's input besides tokens.
SERIES = ("ts_values", "ts_mask", "ts_positions")


@dataclass(frozen=True)
class Written:
    """Answers to the questions of one micro-batch, those to one question one after another.

    rows: int[R], the question's row of each answer; said: what the model and the reference find, where it was asked
    """

    batch: Batch
    rows: list[int]
    texts: list[str]
    tokens: list[int]
    worths: list[Worth]
    is_cut: list[bool]
    policy: Said | None = None
    reference: Tensor | None = None

    @property
    def rewards(self) -> Tensor:
        """float32[R], nan where nothing could be judged."""
        return torch.tensor([each.total for each in self.worths])


class Writer:
    """Over one run. reference: the model as the run found it, None where it is not compared with."""

    def __init__(
        self,
        config: RunConfig,
        processor: SeriesProcessor,
        rewarding: Rewarding,
        control: Control,
        reference: Reference | None,
    ) -> None:
        self._config = config
        self._processor = processor
        self._rewarding = rewarding
        self._control = control
        self._reference = reference

    def write(self, model: Any, questions: Questions, asked: Sequence[Mapping[str, Tensor]]) -> list[Written]:
        """Drawn answers to each batch of questions, judged. Raises Stopped, at most a token late."""
        sampling, count = self._config.sampling, answers_a_question(self._config)
        drawn = Sampling(
            sampling.max_tokens,
            sampling.temperature,
            sampling.top_p,
            sampling.top_k,
            min_new_tokens=sampling.min_tokens,
        )
        written = [self._written(model, questions, batch, drawn, count) for batch in asked]
        return [self._compared(model, each) for each in written]

    def greedy(self, model: Any, questions: Questions, batch: Mapping[str, Tensor]) -> Sums:
        """What the likeliest answers to a batch of questions are worth, and how long they are."""
        sampling = Sampling(self._config.sampling.max_tokens, min_new_tokens=self._config.sampling.min_tokens)
        written = self._written(model, questions, batch, sampling, 1)
        return {**sums_of(written.worths), **_lengths(written)}

    def learnable(self, written: Sequence[Written]) -> tuple[list[Batch], Sums]:
        """The batches with their advantages, and what is measured of the answers."""
        config, device = self._config, written[0].batch["input_ids"].device
        rewards = torch.cat([each.rewards for each in written]).to(device)
        measures = Measures()
        for each in written:
            measures.add({**sums_of(each.worths), **_lengths(each)})
        measures.add(_spreads(rewards, answers_a_question(config)))
        if config.data.task == "ppo":
            judged = _with_values(config, written, rewards)
        else:
            judged = _with_advantages(config, written, rewards)
        tokens = [float((each.batch["labels"] != -100).sum()) for each in written]
        usual = mean_of_all(torch.tensor(sum(tokens) / len(tokens), device=device))
        rows = [torch.tensor(sorted(set(each.rows))) for each in written]
        batches = [
            {**each.batch, **more, USUAL_TOKENS: usual, ROWS: which}
            for each, more, which in zip(written, judged, rows, strict=True)
        ]
        return batches, measures.sums

    def _written(
        self, model: Any, questions: Questions, batch: Mapping[str, Tensor], sampling: Sampling, count: int
    ) -> Written:
        device = next(model.parameters()).device
        names = ("input_ids", "attention_mask", *SERIES)
        given = {name: batch[name].repeat_interleave(count, 0).to(device) for name in names}
        answers = answer_ids(
            model, given, self._processor.pad_id, sampling=sampling, should_stop=self._control.should_stop
        )
        self._control.obey()  # an answer that was cut off by a stop is none
        rows = [row for row in batch[ROWS].tolist() for _ in range(count)]
        ends = set(end_ids(model))
        is_cut = [not answer or answer[-1] not in ends for answer in answers]
        texts = [text.strip() for text in self._processor.tokenizer.batch_decode(answers, skip_special_tokens=True)]
        tokens = [len(answer) for answer in answers]
        worths = self._rewarding.worths(questions, rows, texts, tokens)
        prompts = [
            ids[mask.bool()].tolist() for ids, mask in zip(given["input_ids"], given["attention_mask"], strict=True)
        ]
        left_out = [cut and self._config.sampling.leave_out_cut for cut in is_cut]
        series = {name: given[name] for name in SERIES}
        made = learnable(prompts, answers, series, self._processor.pad_id, left_out)
        made = {name: value.to(device) for name, value in made.items()}
        return Written(made, rows, texts, tokens, worths, is_cut)

    def _compared(self, model: Any, written: Written) -> Written:
        """With what the model and the reference find of the answers, as far as the stage needs it."""
        task, temperature = self._config.data.task, self._config.sampling.temperature
        needs_policy = task != "grpo" or repeats(self._config) > 1
        policy = reference = None
        was_training = model.training
        model.eval()
        try:
            with torch.no_grad():
                if needs_policy:
                    policy = said(model, written.batch, temperature, with_values=task == "ppo")
                if self._reference is not None:
                    with self._reference.in_place_of(model):
                        reference = said(model, written.batch, temperature).logprobs.values
        finally:
            model.train(was_training)
        return replace(written, policy=policy, reference=reference)


def _with_advantages(config: RunConfig, written: Sequence[Written], rewards: Tensor) -> list[Batch]:
    """For each batch of GRPO or RLOO."""
    count = config.sampling.answers
    if config.data.task == "grpo":
        advantages = group_advantages(rewards, count, config.grpo.scaling)
    else:
        limit = config.rloo.reward_limit
        worth = rewards.clamp(-limit, limit) if limit else rewards
        advantages = leave_one_out(worth - _penalties(config, written), count, normalises=config.rloo.normalise)
    parts = advantages.split([len(each.rows) for each in written])
    return [{ADVANTAGES: part, **_found(each)} for part, each in zip(parts, written, strict=True)]


def _penalties(config: RunConfig, written: Sequence[Written]) -> Tensor:
    """float32[R], what RLOO takes off each answer for being away from the reference."""
    found = []
    for each in written:
        assert each.policy is not None
        logs = each.policy.logprobs
        if each.reference is None:
            found.append(logs.values.new_zeros(len(logs.counts)))
        else:
            found.append(config.rloo.beta * logs.sums_of(logs.values - each.reference))
    return torch.cat(found)


def _with_values(config: RunConfig, written: Sequence[Written], rewards: Tensor) -> list[Batch]:
    """For each batch of PPO: the answer's reward at its last token, the distance from the reference at each."""
    settings, judged = config.ppo, []
    scores = rewards.nan_to_num(0.0)
    if settings.normalise_scores:
        scores = whitened(scores)
    for each, score in zip(written, scores.split([len(one.rows) for one in written]), strict=True):
        assert each.policy is not None and each.policy.values is not None
        logs = each.policy.logprobs
        tokens = torch.zeros_like(logs.values)
        if each.reference is not None:
            tokens = -settings.kl_weight * (logs.values - each.reference)
        is_last = logs.places == logs.counts[logs.rows]
        judged.append((logs, tokens + torch.where(is_last, score[logs.rows], 0.0), each.policy.values))
    if settings.whiten_rewards:
        white = whitened(torch.cat([tokens for _, tokens, _ in judged]), keeps_mean=True)
        parts = white.split([len(tokens) for _, tokens, _ in judged])
        judged = [(logs, part, values) for (logs, _, values), part in zip(judged, parts, strict=True)]
    gains = [
        generalised(tokens, values, logs.counts, settings.discount, settings.smoothing)
        for logs, tokens, values in judged
    ]
    white = whitened(torch.cat(gains)).split([len(each) for each in gains])
    return [
        {ADVANTAGES: advantage, RETURNS: gain + values, OLD_VALUES: values, **_found(each)}
        for advantage, gain, (_, _, values), each in zip(white, gains, judged, written, strict=True)
    ]


def _found(written: Written) -> Batch:
    found = {} if written.policy is None else {OLD: written.policy.logprobs.values}
    return found if written.reference is None else {**found, REFERENCE: written.reference}


def _lengths(written: Written) -> Sums:
    count = len(written.tokens)
    return {"answer_tokens": (float(sum(written.tokens)), count), "cut_answers": (float(sum(written.is_cut)), count)}


def _spreads(rewards: Tensor, count: int) -> Sums:
    """How far rewards lie apart: within the answers to a question, or where there is one to each, of the step."""
    groups = rewards.view(-1, count) if count > 1 else rewards.view(1, -1)
    found = spread(groups)
    sums = {"reward_spread": (float(found.sum()), len(found))}
    if count > 1:
        sums["flat_groups"] = (float((found < 1e-8).sum()), len(found))
    return sums
