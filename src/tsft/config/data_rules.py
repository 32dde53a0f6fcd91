"""What the chosen datasets may not be together. `check.py` asks here, and so does the data layer before it reads."""

from collections.abc import Iterator

from tsft.config.run_config import DataSettings
from tsft.errors import Problem, message


def check_both_sides(data: DataSettings) -> Iterator[Problem]:
    """Each dataset chosen for training and for validation: its scores would be those of rows already seen."""
    if data.validation != "dataset":
        return
    for name in dict.fromkeys(data.validation_datasets):
        if name in data.datasets:
            yield Problem("data.validation_datasets", message("data.same_dataset", name=name))
