"""`tsft models new`: from flags to an untrained model in the workspace. Sentences go to the `tell` of `cli.py`."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields

from tsft.config.catalog import base_model
from tsft.config.new_model import FreshModel
from tsft.data.preparation import read_dataset
from tsft.data.registry import safe_name
from tsft.errors import Problem, UserError, message, raise_if_any
from tsft.i18n import translate
from tsft.model.fresh import make_fresh
from tsft.store.workspace import Workspace, open_workspace

# A tokenizer of a few thousand tokens is the same from here on.
READ_ROWS = 20_000
# Every byte, the special tokens, and something over.
LEAST_VOCABULARY = 300


def new_model(options: argparse.Namespace, language: str, tell: Callable[[str], None]) -> None:
    """Make the model and say where it lies. UserError where it cannot have this shape or the name is taken."""
    shape = shape_of(options)
    workspace = open_workspace(options.workspace)
    folder = workspace.models / safe_name(options.name)
    if folder.exists() or base_model(options.name) is not None:
        raise UserError(message("model.new.exists", name=options.name))
    model = make_fresh(shape, _texts(options.text, workspace), folder)
    count = sum(parameter.numel() for parameter in model.parameters())
    tell(translate(language, "cli.model_new", name=folder.name, path=str(folder), millions=f"{count / 1e6:.1f}"))


def shape_of(options: argparse.Namespace) -> FreshModel:
    """The shape that the flags name. UserError with everything that is wrong."""
    given = {each.name: getattr(options, each.name) for each in fields(FreshModel)}
    shape = FreshModel(**{name: value for name, value in given.items() if value is not None})
    problems = [
        Problem(each.name, message("model.new.least", name=each.name, value=getattr(shape, each.name)))
        for each in fields(FreshModel)
        if getattr(shape, each.name) < (0 if each.name == "seed" else 1)
    ]
    if not problems:
        if shape.hidden_size % (2 * shape.heads):
            told = message("model.new.heads", hidden=shape.hidden_size, heads=shape.heads)
            problems.append(Problem("hidden_size", told))
        if shape.heads % shape.key_value_heads:
            told = message("model.new.key_value_heads", heads=shape.heads, value=shape.key_value_heads)
            problems.append(Problem("key_value_heads", told))
        if shape.vocabulary < LEAST_VOCABULARY:
            told = message("model.new.vocabulary", value=shape.vocabulary, least=LEAST_VOCABULARY)
            problems.append(Problem("vocabulary", told))
    raise_if_any(problems)
    return shape


def _texts(datasets: Sequence[str], workspace: Workspace) -> Iterator[str]:
    for name in datasets:
        rows, _ = read_dataset(name, workspace.dataset_folders(), workspace.cache, max_rows=READ_ROWS)
        for example in rows:
            yield from (turn["content"] + "\n" for turn in example.turns)
