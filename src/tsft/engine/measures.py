"""What is measured beside the loss while learning from preferences: sums over rows, read as means."""

from collections.abc import Mapping

# By name: the sum of a measure and over how many rows.
Sums = Mapping[str, tuple[float, int]]


class Measures:
    """Adds up from batch to batch; `means` tells and `clear` begins anew."""

    def __init__(self, sums: Sums | None = None) -> None:
        self._sums: dict[str, tuple[float, int]] = dict(sums or {})

    def add(self, sums: Sums) -> None:
        for name, (total, rows) in sums.items():
            before, count = self._sums.get(name, (0.0, 0))
            self._sums[name] = (before + total, count + rows)

    def clear(self) -> None:
        self._sums = {}

    @property
    def sums(self) -> dict[str, tuple[float, int]]:
        return dict(self._sums)

    @property
    def means(self) -> tuple[tuple[str, float], ...]:
        """By name, in the order in which they came.

        Where good and bad answers come apart, the margin is the difference of their means.
        """
        means = {name: total / rows for name, (total, rows) in self._sums.items() if rows}
        if {"chosen_reward", "rejected_reward"} <= means.keys():
            means.setdefault("margin", means["chosen_reward"] - means["rejected_reward"])
        return tuple(means.items())
