"""Tiny random models of any family, with the golden tokenizer: what the model tests run on."""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING

from tsft.model.families import NewEncoder

TOKENIZER = Path(__file__).parent / "golden" / "tokenizer"
ENCODER = NewEncoder(max_points=512, seed=7)
SHAPE = {
    "vocab_size": 298,  # one row short of `<ts>` and `<ts/>`, as a plain base without spare rows would be
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 4096,
    "pad_token_id": 296,
    "eos_token_id": 295,
    "bos_token_id": None,
    # Weights so large that a wrong mask or a lost series shows in the logits.
    "initializer_range": 0.2,
}


def plain_model_folder(folder, family="qwen3", **changes):
    """A plain language model of `family` with random weights, as it would come from a hub."""
    config = CONFIG_MAPPING[family](**{**SHAPE, **changes})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)](config)
    model.save_pretrained(str(folder))
    for path in TOKENIZER.iterdir():
        shutil.copyfile(path, folder / path.name)
    return Path(folder)


def question(text="What does <ts><ts/> show?", answer="It rises."):
    return [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]


def wave(length, seed=0):
    points = np.arange(length)
    return 10 * np.sin(points / 7 + seed) + seed * points


def edit_json(path, **changes):
    data = json.loads(path.read_text())
    data.update(changes)
    path.write_text(json.dumps({name: value for name, value in data.items() if value is not None}))
