"""What the joined model promises: rows do not disturb each other, the cache and the short loss change nothing."""

import pytest
import torch
from peft import LoraConfig, get_peft_model

from tests.model_fakes import ENCODER, SHAPE, plain_model_folder, question, wave
from tsft.model.batches import collate
from tsft.model.families import BACKBONES, written_identity
from tsft.model.fusion import classes_for, make_config
from tsft.model.loading import load

MAIN = ("qwen2", "qwen3", "llama")


@pytest.fixture(scope="module", params=[(family, attention) for family in MAIN for attention in ("sdpa", "eager")])
def loaded(request, tmp_path_factory):
    family, attention = request.param
    folder = plain_model_folder(tmp_path_factory.mktemp("plain") / family, family)
    result = load(folder, dtype=torch.float32, attention=attention, new_encoder=ENCODER)
    result.model.eval()
    return result


ROWS = [
    (question("Short <ts><ts/>?"), [wave(30)]),
    (question("Two <ts><ts/> and <ts><ts/>, which is longer?"), [wave(64, 1), wave(9, 2)]),
    (question("No series at all."), []),
]


def batch_of(loaded, rows, side="right"):
    encoded = [loaded.processor.encode(*row) for row in rows]
    return collate(encoded, loaded.processor.pad_id, loaded.family.patch_size, loaded.family.last_patch, side)


def prompts_of(loaded, rows):
    encoded = [loaded.processor.prompt(turns[:1], series) for turns, series in rows]
    return collate(encoded, loaded.processor.pad_id, loaded.family.patch_size, side="left")


def without_labels(batch):
    return {name: tensor for name, tensor in batch.items() if name != "labels"}


@torch.no_grad()
def test_a_row_alone_equals_the_same_row_in_a_batch_padded_on_either_side(loaded):
    for side in ("left", "right"):
        batch = without_labels(batch_of(loaded, ROWS, side))
        together = loaded.model(**batch).logits
        for number, row in enumerate(ROWS):
            alone = loaded.model(**without_labels(batch_of(loaded, [row]))).logits[0]
            in_batch = together[number][batch["attention_mask"][number].bool()]
            torch.testing.assert_close(in_batch, alone, rtol=0, atol=2e-5)


@torch.no_grad()
def test_logits_change_with_the_series(loaded):
    batch = without_labels(batch_of(loaded, ROWS[:1]))
    before = loaded.model(**batch).logits
    batch["ts_values"] = batch["ts_values"] + 1.0
    assert (loaded.model(**batch).logits - before).abs().max() > 1e-3


@torch.no_grad()
def test_generation_with_the_cache_equals_generation_without(loaded):
    batch = prompts_of(loaded, ROWS)
    options = {"max_new_tokens": 8, "do_sample": False, "eos_token_id": None}
    cached, recomputed = (loaded.model.generate(**batch, **options, use_cache=use) for use in (True, False))
    assert torch.equal(cached, recomputed)
    for number, row in enumerate(ROWS):
        alone = loaded.model.generate(**prompts_of(loaded, [row]), **options)
        assert alone[0, -8:].tolist() == cached[number, -8:].tolist()


@torch.no_grad()
def test_beams_and_several_answers_keep_each_row_with_its_series(loaded):
    options = {"max_new_tokens": 6, "num_beams": 3, "num_return_sequences": 2, "eos_token_id": None, "do_sample": False}
    together = loaded.model.generate(**prompts_of(loaded, ROWS), **options)[:, -6:]
    assert together.shape == (6, 6)
    for number, row in enumerate(ROWS):
        alone = loaded.model.generate(**prompts_of(loaded, [row]), **options)[:, -6:]
        assert torch.equal(alone, together[2 * number : 2 * number + 2])


def test_the_loss_at_labelled_positions_is_the_loss_of_the_full_computation(loaded):
    batch = batch_of(loaded, ROWS)
    with torch.no_grad():
        logits = loaded.model(**without_labels(batch)).logits
    targets = batch["labels"][:, 1:].flatten()
    expected = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1).float(), targets)
    count = int((targets != -100).sum())
    short = loaded.model(**batch)
    full = loaded.model(**batch, full_logits=True)
    assert short.logits.shape == (count, SHAPE["vocab_size"])
    assert full.logits.shape == logits.shape
    torch.testing.assert_close(short.loss, expected)
    torch.testing.assert_close(full.loss, expected)
    for items in (5, torch.tensor(5)):
        summed = loaded.model(**batch, num_items_in_batch=items).loss
        torch.testing.assert_close(summed, expected * count / 5)


def test_no_labelled_token_gives_zero_and_zero_gradients(loaded):
    batch = batch_of(loaded, ROWS[:1])
    batch["labels"] = torch.full_like(batch["labels"], -100)
    loaded.model.zero_grad()
    loss = loaded.model(**batch).loss
    loss.backward()
    assert loss.item() == 0.0
    assert all(not p.grad.any() for p in loaded.model.model.ts_encoder.parameters())


def test_a_batch_of_plain_text_keeps_the_encoder_in_the_graph(loaded):
    loaded.model.zero_grad()
    loaded.model(**batch_of(loaded, ROWS[2:])).loss.backward()
    gradients = [parameter.grad for parameter in loaded.model.model.ts_encoder.parameters()]
    assert all(gradient is not None and not gradient.any() for gradient in gradients)


def test_placeholders_and_patches_that_do_not_match_are_refused(loaded):
    batch = batch_of(loaded, ROWS[:2])
    batch["ts_mask"][0, 0] = False
    with pytest.raises(ValueError, match="placeholders and patches do not match"):
        loaded.model(**batch)
    with pytest.raises(ValueError, match="placeholders and patches do not match"):
        loaded.model(input_ids=batch["input_ids"])
    # The same total with the patches in the wrong rows is no match either.
    batch = batch_of(loaded, [ROWS[0], ROWS[0]])
    batch["ts_mask"] = torch.roll(torch.nn.functional.pad(batch["ts_mask"], (0, 0, 0, 1)), 0)
    batch["ts_values"] = torch.nn.functional.pad(batch["ts_values"], (0, 0, 0, 1))
    batch["ts_positions"] = torch.nn.functional.pad(batch["ts_positions"], (0, 1))
    batch["ts_mask"][0, -1], batch["ts_mask"][1, 0] = True, False
    with pytest.raises(ValueError, match="placeholders and patches do not match"):
        loaded.model(**batch)


def test_series_tokens_without_a_row_in_the_vocabulary_never_reach_the_decoder(loaded):
    assert loaded.processor.family.start_id >= loaded.model.config.vocab_size
    assert loaded.model.get_input_embeddings().num_embeddings == SHAPE["vocab_size"]
    assert loaded.model.generation_config.suppress_tokens is None


def test_lora_with_the_encoder_behaves_as_the_model_itself(loaded, tmp_path_factory):
    folder = plain_model_folder(tmp_path_factory.mktemp("lora") / "base", loaded.model.config.to_dict()["model_type"]
                                .replace("chatts", "qwen2").removesuffix("ts"))  # fmt: skip
    fresh = load(folder, dtype=torch.float32, attention=loaded.model.config._attn_implementation, new_encoder=ENCODER)
    torch.manual_seed(0)
    config = LoraConfig(
        r=4, target_modules=["q_proj", "v_proj"], modules_to_save=["ts_encoder"], init_lora_weights=False
    )
    model = get_peft_model(fresh.model, config).eval()
    batch = batch_of(loaded, ROWS)
    model(**batch).loss.backward()
    assert all(p.grad is not None for name, p in model.named_parameters() if p.requires_grad)
    prompts = prompts_of(loaded, ROWS)
    options = {"max_new_tokens": 6, "do_sample": False, "eos_token_id": None}
    with torch.no_grad():
        cached, recomputed = (model.generate(**prompts, **options, use_cache=use) for use in (True, False))
        beams = model.generate(**prompts, **options, num_beams=3, num_return_sequences=2)
    assert torch.equal(cached, recomputed)
    assert beams.shape[0] == 2 * len(ROWS)


@pytest.mark.parametrize("family", BACKBONES)
def test_every_backbone_reads_series_masks_padding_and_generates(family):
    # Built from the family's own class: what transformers changes in one of them shows here.
    raw = {**SHAPE, "vocab_size": 64, "pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 2}
    raw |= {"ts": ENCODER.ts_block(32), "ts_token_start_index": 70, "ts_token_end_index": 71}
    torch.manual_seed(0)
    model = classes_for(family).causal(make_config(family, raw, written_identity(family))).eval()
    ids = torch.tensor([[3, 4, 70, 70, 5, 6, 7], [0, 0, 0, 8, 70, 5, 6]])
    mask = torch.ones(2, 2, 8, dtype=torch.bool)
    mask[1, 1] = False
    series = {"ts_values": torch.randn(2, 2, 8), "ts_mask": mask, "ts_positions": torch.tensor([[0, 8], [0, 0]])}
    batch = {"input_ids": ids, "attention_mask": (ids != 0).long(), **series}
    labels = ids.masked_fill((ids == 70) | (ids == 0), -100)
    with torch.no_grad():
        logits = model(**batch).logits
        alone = model(ids[1:, 3:], **{name: tensor[1:] for name, tensor in series.items()}).logits
        torch.testing.assert_close(logits[1, 3:], alone[0], rtol=0, atol=1e-4)
        expected = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        torch.testing.assert_close(model(**batch, labels=labels).loss, expected)
        options = {"max_new_tokens": 4, "do_sample": False, "eos_token_id": None}
        cached, recomputed = (model.generate(**batch, **options, use_cache=use) for use in (True, False))
        assert torch.equal(cached, recomputed)
        batch["ts_values"] = batch["ts_values"] + 1
        assert not torch.equal(model(**batch).logits, logits)
