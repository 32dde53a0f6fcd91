"""Advantages and losses of the stages that learn from their own answers, on numbers that can be reckoned by hand."""

import math

import pytest
import torch

from tsft.config.sampled_settings import GrpoSettings, PpoSettings
from tsft.engine.advantages import generalised, group_advantages, leave_one_out, spread, whitened
from tsft.engine.answer_logprobs import Logprobs
from tsft.engine.policy_losses import divergence, grpo_loss, ppo_policy_loss, ppo_value_loss, rloo_loss
from tsft.engine.sampler import EpochSampler, repeated

NAN = math.nan


def logprobs(*answers: list[float]) -> Logprobs:
    """Of answers with these log-probabilities of their tokens."""
    values = torch.tensor([each for answer in answers for each in answer], requires_grad=True)
    rows = torch.tensor([row for row, answer in enumerate(answers) for _ in answer])
    places = torch.tensor([place for answer in answers for place, _ in enumerate(answer, 1)])
    return Logprobs(values, rows, places, torch.tensor([len(answer) for answer in answers]))


def test_answers_are_compared_with_the_others_to_the_same_question() -> None:
    rewards = torch.tensor([1.0, 0.0, 10.0, 10.0])

    plain = group_advantages(rewards, 2, "none")
    by_group, by_batch = (group_advantages(rewards, 2, scaling) for scaling in ("group", "batch"))

    assert plain.tolist() == [0.5, -0.5, 0.0, 0.0]
    torch.testing.assert_close(by_group, plain / (math.sqrt(0.5) + 1e-4))
    torch.testing.assert_close(by_batch, plain / (float(rewards.std()) + 1e-4))
    assert leave_one_out(rewards, 2).tolist() == [1.0, -1.0, 0.0, 0.0]


def test_an_answer_that_cannot_be_judged_moves_nothing() -> None:
    rewards = torch.tensor([1.0, NAN, 0.0, NAN, NAN, 2.0])

    for found in (group_advantages(rewards, 3, "group"), leave_one_out(rewards, 3)):
        assert found.isfinite().all() and found[1] == 0 and found[3:].tolist() == [0.0, 0.0, 0.0]
        assert found[0] > 0 > found[2]
    assert spread(torch.tensor([[1.0, NAN, 3.0], [NAN, NAN, 1.0]])).tolist() == [pytest.approx(math.sqrt(2)), 0.0]


def test_a_good_answer_is_made_likelier_and_a_bad_one_less_likely() -> None:
    now = logprobs([-1.0, -2.0], [-1.0])
    gains = torch.tensor([1.0, -1.0])
    for loss in (
        grpo_loss(now, now.values.detach(), gains, GrpoSettings(), usual_tokens=3).loss,
        rloo_loss(now, now.values.detach(), gains, 0.2).loss,
        ppo_policy_loss(now.values, now.values.detach(), gains[now.rows], PpoSettings()).loss,
    ):
        (pull,) = torch.autograd.grad(loss, now.values)
        assert (pull[:2] < 0).all() and pull[2] > 0


def test_what_moved_too_far_is_pushed_no_further() -> None:
    now = logprobs([-1.0], [-1.0])
    old = torch.tensor([-2.0, -1.0])
    gains = torch.tensor([1.0, 1.0])

    clipped = grpo_loss(now, old, gains, GrpoSettings(), usual_tokens=2)
    (pull,) = torch.autograd.grad(clipped.loss, now.values)

    assert pull[0] == 0 and pull[1] < 0
    assert float(clipped.clipped) == 0.5
    assert float(rloo_loss(now, old, gains, 0.2).clipped) == 0.5


def test_the_four_losses_weigh_long_and_short_answers_differently() -> None:
    now = logprobs([0.0, 0.0, 0.0], [0.0])
    gains = torch.tensor([-1.0, -2.0])

    found = {
        kind: float(
            grpo_loss(
                now, now.values.detach(), gains, GrpoSettings(loss=kind), most_tokens=10, usual_tokens=5
            ).loss.detach()
        )
        for kind in ("grpo", "bnpo", "dr_grpo", "dapo")
    }

    assert found == pytest.approx({"grpo": 1.5, "bnpo": 5 / 4, "dr_grpo": 5 / 20, "dapo": 5 / 5})


def test_distance_from_the_reference_is_never_negative_and_costs() -> None:
    now = logprobs([-1.0, -3.0])
    reference = torch.tensor([-2.0, -1.0])
    settings = GrpoSettings(beta=0.5)

    apart = divergence(now.values, reference)
    held = grpo_loss(now, now.values.detach(), torch.zeros(1), settings, reference=reference, usual_tokens=2)

    assert (apart >= 0).all() and float(held.loss.detach()) == pytest.approx(0.5 * float(apart.detach().mean()))


def test_generalised_advantages_are_those_reckoned_by_hand() -> None:
    rewards = torch.tensor([0.0, 1.0, 2.0])
    values = torch.tensor([0.5, 0.25, 1.0])

    found = generalised(rewards, values, torch.tensor([2, 1]), discount=0.9, smoothing=0.5)

    last = 1.0 - 0.25
    assert found.tolist() == pytest.approx([0.9 * 0.25 - 0.5 + 0.9 * 0.5 * last, last, 1.0])


def test_values_are_drawn_to_the_returns_but_not_far_at_once() -> None:
    values = torch.tensor([0.0, 0.5], requires_grad=True)

    loss = ppo_value_loss(values, torch.zeros(2), torch.ones(2), PpoSettings(value_clip=0.2))
    (pull,) = torch.autograd.grad(loss, values)

    assert pull[0] < 0 and pull[1] == 0


def test_whitening_takes_mean_and_spread() -> None:
    white = whitened(torch.tensor([1.0, 2.0, 3.0]))
    kept = whitened(torch.tensor([1.0, 2.0, 3.0]), keeps_mean=True)

    assert float(white.mean()) == pytest.approx(0, abs=1e-6) and float(white.var(unbiased=False)) == pytest.approx(1)
    assert float(kept.mean()) == pytest.approx(2)
    assert whitened(torch.tensor([4.0])).tolist() == [4.0]


def test_rows_come_in_whole_steps_each_as_often_as_it_is_learnt() -> None:
    order = torch.arange(5).numpy()

    assert repeated(order, 2, 2).tolist() == [0, 1, 0, 1, 2, 3, 2, 3, 4, 0, 4, 0]
    sampler = EpochSampler(order + 1, 2, seed=0, groups_by_length=False, repeats=3, batches=2)
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == 24
    assert drawn[:4] == drawn[4:8] == drawn[8:12] and set(drawn) == set(range(5))
