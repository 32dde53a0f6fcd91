"""The model that ships with tsft: small, random, and able to learn on any machine within a minute.

Made at first use from a fixed seed, as `fresh.py` makes models. It knows nothing; it is there to try the product, and
for tests.
"""

import logging
from pathlib import Path

from tsft.config.new_model import FreshModel
from tsft.model.fresh import make_fresh

logger = logging.getLogger(__name__)

_SHAPE = FreshModel(layers=5, vocabulary=3072)


def make_builtin(folder: Path) -> Path:
    """The built-in model in `folder`, made if it is not there yet; the same bytes on every machine."""
    folder = Path(folder)
    if (folder / "config.json").is_file():
        return folder
    model = make_fresh(_SHAPE, (), folder, xavier=True)
    logger.info("made the built-in model (%.1f M parameters)", sum(p.numel() for p in model.parameters()) / 1e6)
    return folder
