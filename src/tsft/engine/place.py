"""Where a run stands between two steps beside its weights: random generators, the half-averaged loss, the counts.

A checkpoint needs these of the last whole step, and can be asked for in the middle of the next one.
"""

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Place:
    """After `step`. loss_sum: of the steps since the last logged one. counts: as of `Reporter.counts`."""

    step: int
    generators: Mapping[str, Any]
    loss_sum: float
    counts: Mapping[str, Any]


def generators() -> Mapping[str, Any]:
    """The state of every random generator that training draws from."""
    states = {"python": random.getstate(), "numpy": np.random.get_state(), "cpu": torch.random.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def set_generators(states: Mapping[str, Any]) -> None:
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    torch.random.set_rng_state(states["cpu"])
    if "cuda" in states:
        torch.cuda.set_rng_state_all(states["cuda"])


@contextmanager
def unnoticed() -> Iterator[None]:
    """What is drawn within it, training does not notice."""
    states = generators()
    try:
        yield
    finally:
        set_generators(states)
