"""A head that says, at each token of an answer, what the whole answer will be worth: PPO's critic.

It lives beside the language model's head while a run trains and is in no result: what a run leaves answers questions.
"""

from typing import Any

from peft import PeftModel
from torch import nn

HEAD = "value_head"


def add_value_head(model: Any) -> None:
    """Give a model (under an adapter: its base) a trainable head in float32 that says 0 of everything at first."""
    bare = bare_model(model)
    embedding = bare.get_input_embeddings().weight
    head = nn.Linear(int(bare.config.hidden_size), 1, device=embedding.device)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    setattr(bare, HEAD, head)


def value_head(model: Any) -> nn.Linear | None:
    """The head, None where the model has none."""
    return getattr(bare_model(model), HEAD, None)


def drop_value_head(model: Any) -> None:
    """Take it away where there is one."""
    if value_head(model) is not None:
        delattr(bare_model(model), HEAD)


def bare_model(model: Any) -> Any:
    """The model under its adapter, if it has one."""
    return model.get_base_model() if isinstance(model, PeftModel) else model
