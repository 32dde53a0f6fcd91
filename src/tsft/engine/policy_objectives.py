"""What GRPO, RLOO and PPO make of a batch of answers that were written, judged and compared already."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tsft.config.run_config import RunConfig
from tsft.engine.answer_logprobs import Said, said
from tsft.engine.objectives import Judged
from tsft.engine.policy_losses import divergence, grpo_loss, ppo_policy_loss, ppo_value_loss, rloo_loss

# The keys of such a batch besides the model's inputs (see `rollouts.py`). advantages: float32[R], for PPO float32[M];
# old_logprobs, reference_logprobs, old_values, returns: float32[M]; usual_tokens: float32[], of the step's batches.
ADVANTAGES, OLD, REFERENCE = "advantages", "old_logprobs", "reference_logprobs"
OLD_VALUES, RETURNS, USUAL_TOKENS = "old_values", "returns", "usual_tokens"
JUDGEMENTS = (ADVANTAGES, OLD, REFERENCE, OLD_VALUES, RETURNS, USUAL_TOKENS)


class PolicyObjective:
    """The loss of one batch of R answers with M tokens."""

    def __init__(self, config: RunConfig) -> None:
        self._config = config

    def __call__(self, model: nn.Module, batch: Mapping[str, Any]) -> Judged:
        config = self._config
        given = {name: batch[name] for name in JUDGEMENTS if name in batch}
        inputs = {name: value for name, value in batch.items() if name not in JUDGEMENTS}
        found = said(model, inputs, config.sampling.temperature, with_values=config.data.task == "ppo")
        loss, sums = self._judge(found, given)
        tokens, rows = len(found.entropies), len(found.logprobs.counts)
        sums = {"entropy": (float(found.entropies.sum()), tokens), **sums}
        if REFERENCE in given and tokens:
            apart = divergence(found.logprobs.values.detach(), given[REFERENCE])
            sums["reference_kl"] = (float(apart.sum()), tokens)
        return Judged(loss, rows, sums)

    def _judge(self, found: Said, given: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, tuple[float, int]]]:
        config, now = self._config, found.logprobs
        # Where each answer is learnt once, the model is still the one that wrote it.
        old = given.get(OLD, now.values.detach())
        tokens = len(now.values)
        match config.data.task:
            case "grpo":
                clipped = grpo_loss(
                    now,
                    old,
                    given[ADVANTAGES],
                    config.grpo,
                    reference=given.get(REFERENCE),
                    most_tokens=config.sampling.max_tokens,
                    usual_tokens=float(given[USUAL_TOKENS]),
                )
                return clipped.loss, {"clipped": (float(clipped.clipped) * tokens, tokens)}
            case "rloo":
                clipped = rloo_loss(now, old, given[ADVANTAGES], config.rloo.clip)
                rows = len(now.counts)
                return clipped.loss, {"clipped": (float(clipped.clipped) * rows, rows)}
            case _:
                return self._judge_values(found, old, given)

    def _judge_values(
        self, found: Said, old: Tensor, given: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, tuple[float, int]]]:
        settings, tokens = self._config.ppo, len(found.logprobs.values)
        assert found.values is not None
        policy = ppo_policy_loss(found.logprobs.values, old, given[ADVANTAGES], settings)
        value = ppo_value_loss(found.values, given[OLD_VALUES], given[RETURNS], settings)
        loss = policy.loss + settings.value_weight * value
        measured = (("clipped", policy.clipped), ("policy_loss", policy.loss), ("value_loss", value))
        return loss, {name: (float(each.detach()) * tokens, tokens) for name, each in measured}


def learnable(
    prompts: list[list[int]], answers: list[list[int]], series: Mapping[str, Tensor], pad_id: int, left_out: list[bool]
) -> dict[str, Tensor]:
    """The model's inputs of R answers: padded on the right, labels at the answers' tokens alone.

    prompts, answers: R rows each; series: tensors of R rows; left_out: of which rows nothing is learnt
    """
    length = max(len(one) + len(two) for one, two in zip(prompts, answers, strict=True))
    ids = torch.full((len(prompts), length), pad_id, dtype=torch.long)
    attention = torch.zeros(len(prompts), length, dtype=torch.long)
    labels = torch.full((len(prompts), length), -100, dtype=torch.long)
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        size = len(prompt) + len(answer)
        ids[row, :size] = torch.tensor([*prompt, *answer])
        attention[row, :size] = 1
        if not left_out[row]:
            labels[row, len(prompt) : size] = torch.tensor(answer)
    return {"input_ids": ids, "attention_mask": attention, "labels": labels, **series}
