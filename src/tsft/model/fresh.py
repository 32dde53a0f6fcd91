"""A new, untrained time-series language model: a Qwen3-shaped decoder, a patch encoder and a tokenizer of its own.

The tokenizer is a byte-level BPE trained on the given texts; the weights are random, from one seed. `tsft models new`
makes such a model, and the built-in one began as one.
"""

import dataclasses
import math
import shutil
import tempfile
from collections.abc import Iterable
from importlib.resources import files
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tsft.config.new_model import FreshModel
from tsft.model.building import BUILDING
from tsft.model.chat import CHATML
from tsft.model.encoder import TimeSeriesEncoder
from tsft.model.families import NewEncoder, new_family, written_identity
from tsft.model.fusion import classes_for, make_config
from tsft.model.loading import save
from tsft.model.processor import SeriesProcessor, add_series_tokens

_SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<ts>", "<ts/>")
# Words whole, every digit alone: a number costs the same tokens wherever it stands.
_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_LONGEST = 32768
# Adapters leave the head frozen, and with the usual 0.02 its logits could hardly move. Twenty LoRA steps of four public
# ChatTS rows bring the held-out loss from 8.3 to 5.3 at 0.06, from 10.1 to 5.0 at 0.15. Unit-size embeddings keep the
# tokens apart in the frozen residual stream.
_HEAD_STD = 0.15
_EMBEDDING_STD = 1.0
# Through four GELUs a gain of 1.6 keeps patches as large as the words beside them; Xavier's lets them shrink to a
# sixtieth, and a model that starts from nothing then learns to read later.
_ENCODER_GAIN = 1.6
# Positions begin as sines whose periods grow by 2.5 from two points on: neighbours are told apart as well as ends.
_POSITION_SIZE, _FIRST_PERIOD, _PERIOD_GROWTH = 0.1, 2.0, 2.5


def make_fresh(shape: FreshModel, texts: Iterable[str], folder: Path) -> torch.nn.Module:
    """Write the model of this shape into `folder`, in the place of what is there; same shape and texts, same bytes.

    The tokenizer learns from `texts` and from a page of plain English and Chinese. Returns the model, float32.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    working = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        tokenizer = _train_tokenizer(chain(_plain_text(), texts), shape.vocabulary)
        family = new_family(_encoder(shape))
        start_id, end_id = add_series_tokens(tokenizer, family)
        family = dataclasses.replace(family, start_id=start_id, end_id=end_id)
        model = _make_model(shape, tokenizer, start_id, end_id)
        made = save(model, SeriesProcessor(tokenizer, family), working / "model")
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return model


def _encoder(shape: FreshModel) -> NewEncoder:
    return NewEncoder(
        patch_size=shape.patch_size,
        embedding_dim=16,
        max_points=shape.max_points,
        prefix="short",
        seed=shape.seed,
    )


def _plain_text() -> list[str]:
    return files("tsft.model").joinpath("corpus.txt").read_text(encoding="utf-8").splitlines(keepends=True)


def _train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(_SPLIT), behavior="isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(_SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in _SPECIALS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=CHATML,
        model_max_length=_LONGEST,
        clean_up_tokenization_spaces=False,
    )


def _make_model(shape: FreshModel, tokenizer: PreTrainedTokenizerFast, start_id: int, end_id: int) -> Any:
    raw: dict[str, Any] = {
        "hidden_size": shape.hidden_size,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_value_heads,
        "head_dim": shape.hidden_size // shape.heads,
        "max_position_embeddings": _LONGEST,
        "rope_theta": 10000.0,
        "rms_norm_eps": 1e-6,
        "tie_word_embeddings": False,
        "attention_dropout": 0.0,
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "bos_token_id": None,
        "ts": _encoder(shape).ts_block(shape.hidden_size),
        "ts_token_start_index": start_id,
        "ts_token_end_index": end_id,
    }
    config = make_config("qwen3", raw, written_identity("qwen3"))
    with BUILDING, torch.random.fork_rng(devices=[]):  # nobody else's random numbers move because a model was made
        model = classes_for("qwen3").causal(config)
    _initialise(model, shape)
    return model.float()


@torch.no_grad()
def _initialise(model: torch.nn.Module, shape: FreshModel) -> None:
    generator = torch.Generator(device="cpu").manual_seed(shape.seed)
    for name, parameter in model.named_parameters():
        if parameter.dim() < 2:
            parameter.fill_(0.0 if name.endswith("bias") else 1.0)
            continue
        if name == "model.embed_tokens.weight" or name == "lm_head.weight":
            std = _HEAD_STD if name.startswith("lm_head") else _EMBEDDING_STD
        else:
            std = (_ENCODER_GAIN if ".ts_encoder." in name else 1.0) / math.sqrt(parameter.shape[1])
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                std /= math.sqrt(2 * shape.layers)
        parameter.copy_(torch.empty(parameter.shape).normal_(0.0, std, generator=generator))
    _place(model.model.ts_encoder)


def _place(encoder: TimeSeriesEncoder) -> None:
    """Sines and cosines of every point's number as its position vector."""
    assert encoder.position_embedding is not None
    table = encoder.position_embedding.weight
    points, width = table.shape
    periods = _FIRST_PERIOD * _PERIOD_GROWTH ** torch.arange(width // 2)
    angles = 2 * math.pi * torch.arange(points).unsqueeze(1) / periods
    table.copy_(_POSITION_SIZE * torch.cat([angles.sin(), angles.cos()], dim=1))
