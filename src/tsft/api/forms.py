"""What comes in and goes out of the REST interface, as pydantic models: the source of its OpenAPI description."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tsft.run.events import COMMANDS

# Of JSON, what a setting may be given as; each is read as its setting's own kind.
Value = bool | int | float | str | list[bool | int | float | str] | None


class Strict(BaseModel):
    """Names that are not described are refused, not dropped."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _refuse_half_characters(cls, tree: Any) -> Any:
        """No file name and no sentence can hold them."""
        if not _is_text_sound(tree):
            raise ValueError("text with NUL or half of a surrogate pair")
        return tree


class Wanted(Strict):
    """A run: a preset or a config (sections with settings), and on top of it single settings by their dotted names."""

    preset: str = Field("", max_length=200, examples=["first_run"])
    config: dict[str, Any] | None = Field(None, examples=[{"model": {"name": "builtin"}}])
    overrides: dict[str, Value] = Field(default_factory=dict, examples=[{"optim.learning_rate": 1e-3}])


class WantedRun(Wanted):
    """queue: wait for the run in progress instead of being refused."""

    queue: bool = False


class WantedRuns(Strict):
    """Runs for the end of the queue. sweep: a word that says they belong together."""

    runs: list[Wanted] = Field(min_length=1, max_length=200)
    sweep: str = Field("", max_length=200)


class WantedCommand(Strict):
    command: Literal[COMMANDS]  # type: ignore[valid-type]


class WantedResume(Strict):
    """checkpoint_step 0: from the newest. epochs: how many more than planned."""

    checkpoint_step: int = Field(0, ge=0, le=2**31 - 1)
    epochs: float = Field(0.0, ge=0.0, le=100_000.0)
    queue: bool = False


class WantedPlace(Strict):
    """position 1 is next."""

    position: int = Field(ge=1, le=1_000_000)


class WantedHold(Strict):
    """is_held: start nothing from the queue until it is let go on; the run in progress goes on."""

    is_held: bool


class Begun(BaseModel):
    run: str
    queued: bool = False


class Enqueued(BaseModel):
    runs: list[str]


class Obeyed(BaseModel):
    run: str
    command: str


class Fault(BaseModel):
    """One thing that is wrong. key: the same in all languages. field: a setting's dotted name, "" for none."""

    key: str
    field: str
    sentence: str


class Checked(BaseModel):
    """warnings do not keep a run from starting."""

    problems: list[Fault]
    warnings: list[Fault]


class RunLine(BaseModel):
    """A run as a list shows it. Times are seconds since the epoch, None when not yet."""

    run: str
    name: str
    status: str
    model: str
    datasets: list[str]
    method: str
    step: int
    steps: int
    loss: float | None
    best_loss: float | None
    created_at: float | None
    started_at: float | None
    ended_at: float | None
    bytes: int
    by: str
    result: str


class RunPage(BaseModel):
    """next_offset: where the next page begins, None at the end."""

    runs: list[RunLine]
    next_offset: int | None


class WaitingRun(BaseModel):
    position: int
    run: str
    name: str
    model: str
    datasets: list[str]
    by: str
    at: float
    sweep: str


class Queue(BaseModel):
    is_held: bool
    runs: list[WaitingRun]


class HealthCheck(BaseModel):
    """detail: numbers and names. matters: whether the whole is unhealthy without it."""

    name: str
    ok: bool
    matters: bool
    detail: dict[str, Any]


class Health(BaseModel):
    healthy: bool
    version: str
    checks: list[HealthCheck]


def _is_text_sound(tree: Any) -> bool:
    if isinstance(tree, str):
        return "\0" not in tree and not any("\ud800" <= letter <= "\udfff" for letter in tree)
    if isinstance(tree, Mapping):
        return all(_is_text_sound(key) and _is_text_sound(value) for key, value in tree.items())
    return all(_is_text_sound(each) for each in tree) if isinstance(tree, list) else True
