"""Whether a dataset looks like one that is kept for examinations: what is trained on it can no longer be examined."""

import re

from tsft.data.provenance import read_provenance
from tsft.data.registry import DatasetInfo

_HELD_BACK = ("validation", "test")
_NAMED = re.compile(
    r"(?:^|[-_. ])(?:validation|valid|val|dev|test|eval|exam|held[-_]?out|held)(?:[-_. ]?\d*)?$|测试|验证",
    re.IGNORECASE,
)


def is_exam(dataset: DatasetInfo) -> bool:
    """By what built or generated it, else by its name."""
    known = read_provenance(dataset.path)
    splits = {each.do: str(each.options.get("split") or "") for each in known.steps} if known is not None else {}
    if any(each in _HELD_BACK for each in splits.values()):
        return True
    # The generator calls everything "train" that it is told nothing of; the builder means it.
    return splits.get("build") != "train" and bool(_NAMED.search(dataset.name))
