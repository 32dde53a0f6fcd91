"""What a model is shown of a row: turns, series and label, and of which series the prefix is printed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

PLACEHOLDER = "<ts><ts/>"

Turn = Mapping[str, str]


@dataclass(frozen=True)
class Shown:
    """One question as it is put. Controls make another of it and never change the one they got.

    turns: without the answer; `<ts><ts/>` once a series. series: float64[L] each, as the encoder gets them.
    label: what is right now. prefix_series: the series whose numbers the prefix text prints; None: those of `series`.
    Where it is given, each is as long as the one shown, so that the text of an encoding of `prefix_series` and the
    patches of an encoding of `series` fit together.
    """

    turns: tuple[Turn, ...]
    series: tuple[np.ndarray, ...]
    label: Mapping[str, Any]
    series_key: str = ""
    prefix_series: tuple[np.ndarray, ...] | None = None
