"""What data asks of a model's processor: Protocols, so that rows can be encoded without knowing any model."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np


class EncodedRow(Protocol):
    """What an encoder makes of a row: ids, labels of the same length (-100: not trained), scaled float32 series."""

    @property
    def input_ids(self) -> Sequence[int]: ...
    @property
    def labels(self) -> Sequence[int]: ...
    @property
    def values(self) -> Sequence[np.ndarray]: ...


class RowEncoder(Protocol):
    """The model's processor, as far as data needs it. Each series becomes prefix text and one id a patch."""

    @property
    def patch_size(self) -> int: ...
    @property
    def max_points(self) -> int | None: ...
    @property
    def fingerprint(self) -> str: ...
    def encode(
        self, turns: Sequence[Mapping[str, str]], series: Sequence[np.ndarray], train_on: str = "answers"
    ) -> EncodedRow: ...


class PromptEncoder(RowEncoder, Protocol):
    """A processor that also makes prompts: rows that end where the assistant is to go on, without labels."""

    def prompt(self, turns: Sequence[Mapping[str, str]], series: Sequence[np.ndarray]) -> EncodedRow: ...


class RowReader(RowEncoder, Protocol):
    """A processor that also shows what it made of a row: for the viewer."""

    @property
    def series_id(self) -> int:
        """The id that stands for a patch."""
        ...

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The text of each token; a character made of several tokens stands with the first of them."""
        ...
