"""A loss or a gradient that is no number, with the rows it came from."""

from collections.abc import Sequence


class NotFiniteError(Exception):
    """The loss of a batch is NaN or infinite. rows: indices into the training rows."""

    def __init__(self, rows: Sequence[int], step: int) -> None:
        super().__init__(f"loss not finite at step {step}, rows {list(rows)}")
        self.rows = tuple(rows)
        self.step = step
