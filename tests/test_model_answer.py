"""Answers: whole, in pieces, in a batch, stopped."""

import pytest
import torch

from tests.model_fakes import ENCODER, plain_model_folder, wave
from tsft.model.answer import Sampling, answer, answer_many, answer_streaming
from tsft.model.loading import load

ASKED = [{"role": "user", "content": "What does <ts><ts/> show?"}]
GREEDY = Sampling(max_new_tokens=12)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    folder = plain_model_folder(tmp_path_factory.mktemp("answer") / "base")
    result = load(folder, dtype=torch.float32, new_encoder=ENCODER)
    result.model.generation_config.eos_token_id = None
    return result


def test_an_answer_in_pieces_is_the_whole_answer(loaded):
    whole = answer(loaded.model, loaded.processor, ASKED, [wave(20)], max_new_tokens=12)
    pieces = list(answer_streaming(loaded.model, loaded.processor, ASKED, [wave(20)], sampling=GREEDY))
    assert whole
    assert "".join(pieces) == whole


def test_a_batch_of_questions_gets_the_answers_of_each_alone(loaded):
    asked = [(ASKED, [wave(20)]), ([{"role": "user", "content": "And without?"}], [])]
    together = answer_many(loaded.model, loaded.processor, asked, sampling=GREEDY)
    assert together == [answer_many(loaded.model, loaded.processor, [each], sampling=GREEDY)[0] for each in asked]


def test_a_seed_repeats_a_drawn_answer(loaded):
    drawn = [
        answer(loaded.model, loaded.processor, ASKED, [wave(20)], sampling=Sampling(12, temperature=1.0, seed=seed))
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]


def test_an_answer_stops_when_asked(loaded):
    calls = []

    def should_stop():
        calls.append(1)
        return len(calls) >= 3

    answer(loaded.model, loaded.processor, ASKED, [wave(20)], 200, should_stop=should_stop)
    assert len(calls) == 3


def test_closing_the_stream_ends_the_writer(loaded):
    asked = []

    def should_stop():
        asked.append(1)
        return False

    long = Sampling(max_new_tokens=2000)
    pieces = answer_streaming(loaded.model, loaded.processor, ASKED, [wave(20)], sampling=long, should_stop=should_stop)
    next(pieces)
    pieces.close()
    assert len(asked) < 2000


def test_a_failure_while_writing_reaches_the_reader(loaded):
    def should_stop():
        raise RuntimeError("the accelerator is gone")

    with pytest.raises(RuntimeError, match="accelerator is gone"):
        list(
            answer_streaming(
                loaded.model, loaded.processor, ASKED, [wave(20)], sampling=GREEDY, should_stop=should_stop
            )
        )


def test_a_model_in_training_goes_on_training(loaded):
    loaded.model.train()
    answer(loaded.model, loaded.processor, ASKED, [wave(20)], 2)
    assert loaded.model.training
    loaded.model.eval()
