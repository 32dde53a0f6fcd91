"""Pinned probes as text: `dataset:row`, or that and a question of one's own. Reads them, and says what is wrong."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tsft.config.run_config import RunConfig
from tsft.errors import Problem, message

MOST_PINNED = 16
_PIN = re.compile(r"(?P<dataset>.+?):(?P<row>[0-9]{1,12})(?:\s+(?P<question>\S.*))?", re.DOTALL)


@dataclass(frozen=True)
class Pin:
    """A row to ask about. row counts from 1, as everywhere; question is "" where the row's own is meant."""

    dataset: str
    row: int
    question: str = ""

    @property
    def source(self) -> str:
        return f"{self.dataset}:{self.row}"


def parse_pin(text: str) -> Pin | None:
    """The pin that a text stands for; None when it stands for none."""
    found = _PIN.fullmatch(text.strip())
    if found is None or not int(found["row"]):
        return None
    return Pin(found["dataset"].strip(), int(found["row"]), (found["question"] or "").strip())


def readable_pins(texts: Iterable[str]) -> list[Pin]:
    """Those of the texts that stand for a pin."""
    return [pin for text in texts if (pin := parse_pin(text)) is not None]


def check_probes(config: RunConfig) -> Iterator[Problem]:
    """Probes are asked at evaluations, so there must be some; and each pin must be readable."""
    probes = config.probes
    if probes.source == "off":
        return
    if config.data.validation == "none":
        yield Problem("probes.source", message("check.probes_need_validation"))
    if probes.source != "pinned":
        return
    if not probes.pinned:
        yield Problem("probes.pinned", message("check.no_probe"))
    if len(probes.pinned) > MOST_PINNED:
        counts = {"count": len(probes.pinned), "most": MOST_PINNED}
        yield Problem("probes.pinned", message("check.too_many_probes", **counts))
    for text in probes.pinned:
        if parse_pin(text) is None:
            yield Problem("probes.pinned", message("check.probe_form", value=text[:80]))
