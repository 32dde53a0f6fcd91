"""The words that stand before a placeholder and tell the model what scaling took away, in each era's wording.

The era belongs to the weights (`families.py`); the numbers come from `scaling.py`.
"""

import re

from tsft.model.scaling import ScaledSeries

PLACEHOLDER = "<ts><ts/>"

# Whatever the era, a bracket that opens like a prefix right before a placeholder is one.
_ENCODED = re.compile(r"\[(?:offset=|Value Offset:|Offset:)[^\[\]]*\]\s*<ts><ts/>")


def prefix_text(series: ScaledSeries, era: str) -> str:
    """The prefix without the placeholder. Minus zero prints as "-0.0000", as the models have always seen it."""
    offset, scale = f"{series.offset:.4f}", f"{series.scale:.4f}"
    match era:
        case "current":
            return (
                f"[offset={offset}|scaling={scale}|length={series.length}|max={series.maximum:.4f}"
                f"|min={series.minimum:.4f}|left={series.left:.4f}|right={series.right:.4f}]"
            )
        case "short":
            return f"[offset={offset}|scaling={scale}]"
        case "paper":
            return f"[Value Offset: {offset}|Value Scaling: {scale}]"
        case "prerelease":
            return f"[Offset: {offset}|Scaled by: {scale}]"
        case _:
            raise ValueError(f"unknown prefix era {era!r}")


def is_already_encoded(text: str) -> bool:
    """True when a placeholder in `text` already has a prefix: such rows hold scaled values, not raw ones."""
    return _ENCODED.search(text) is not None
