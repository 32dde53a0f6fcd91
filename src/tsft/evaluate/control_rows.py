"""Every control by name and kind, and the rows to ask a model under it."""

from collections.abc import Sequence

from tsft.evaluate.controls import BLIND
from tsft.evaluate.permutations import permuted
from tsft.evaluate.perturbations import PERTURBATIONS, perturbed
from tsft.evaluate.shown import Shown

OPTIONS = "options"
# By name, in the order in which they are shown.
CONTROLS: dict[str, str] = {
    **dict.fromkeys(BLIND, "blind"),
    OPTIONS: "permuted",
    **dict.fromkeys(PERTURBATIONS, "perturbed"),
}


def control_rows(control: str, rows: Sequence[Shown], seed: int = 0) -> list[tuple[int, Shown]]:
    """(place in `rows`, what is shown instead) for each row that the control of this name says something about."""
    kind = CONTROLS[control]
    if kind == "blind":
        return list(enumerate(BLIND[control](rows, seed)))
    changed = [permuted(row, seed) if kind == "permuted" else perturbed(control, row, seed) for row in rows]
    return [(place, each) for place, each in enumerate(changed) if each is not None]
