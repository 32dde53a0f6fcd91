"""What comes in at /v1/chat/completions, as pydantic models, and what the engine is asked for it."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict

from tsft.api.forms import Strict as Sound
from tsft.errors import Problem, UserError, message
from tsft.run.answers import BESIDE, MOST_NEW_TOKENS, REFUSE, AnswerOptions, Question

# What stands in a text for a series that comes apart from it.
PLACEHOLDER = "<ts><ts/>"
DEFAULT_TOKENS = 512
MOST_STOPS = 16
# Sent by clients for their own books or a hoster's; without them the answer is the same.
IGNORED = (
    "metadata",
    "parallel_tool_calls",
    "prompt_cache_key",
    "safety_identifier",
    "service_tier",
    "store",
    "user",
)
# Taken only where they ask for nothing: (name, values that do).
NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "audio": (),
    "frequency_penalty": (0,),
    "functions": ([],),
    "function_call": ("none", "auto"),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "n": (1,),
    "prediction": (),
    "presence_penalty": (0,),
    "response_format": ({"type": "text"},),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
    "top_logprobs": (0,),
}
_ROLES = {"developer": "system", "system": "system", "user": "user", "assistant": "assistant"}


def _many(given: Any) -> Any:
    """A single series may come as it is."""
    return [given] if isinstance(given, list) and not any(isinstance(each, list) for each in given) else given


def _parts(given: Any) -> Any:
    """A content that is only text may come as it is, and there may be none."""
    if given is None:
        return []
    return [{"type": "text", "text": given}] if isinstance(given, str) else given


# The first wrong value is told and no other: two million of them fit into a request, and each would take a kilobyte.
Points = Annotated[list[Annotated[float, Strict()]], Field(fail_fast=True)]
Series = Annotated[list[Points], Field(fail_fast=True), BeforeValidator(_many)]


class TextPart(BaseModel):
    type: Literal["text"]
    text: str


class SeriesPart(BaseModel):
    """One series or several, raw; they stand where the part stands."""

    type: Literal["timeseries"]
    timeseries: Series


Part = Annotated[TextPart | SeriesPart, Field(discriminator="type")]
Content = Annotated[list[Part], Field(fail_fast=True), BeforeValidator(_parts)]


class ChatMessage(BaseModel):
    """What else a client sends back of an answer (refusal, annotations …) is ignored; a call of a tool is not."""

    model_config = ConfigDict(extra="allow")

    role: Literal["system", "developer", "user", "assistant"]
    content: Content = Field(default_factory=list)


class StreamOptions(BaseModel):
    include_usage: bool = False


class SeriesData(BaseModel):
    """Series apart from the text, as vLLM takes them: one for each placeholder, in order."""

    timeseries: Series


class WantedChat(Sound):
    """The request. Beyond OpenAI's: top_k, repetition_penalty, timeseries or multi_modal_data, and beside."""

    model_config = ConfigDict(extra="allow")

    model: str = Field("", max_length=500)
    messages: list[ChatMessage] = Field(min_length=1, max_length=1000)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(None, ge=1, le=MOST_NEW_TOKENS)
    max_completion_tokens: int | None = Field(None, ge=1, le=MOST_NEW_TOKENS)
    temperature: float | None = Field(None, ge=0, le=5)
    top_p: float | None = Field(None, ge=0.01, le=1)
    top_k: int | None = Field(None, ge=-1, le=1_000_000)
    repetition_penalty: float | None = Field(None, ge=0.1, le=10)
    seed: int | None = Field(None, ge=-(2**63), le=2**63 - 1)
    stop: str | list[str] | None = None
    beside: Literal[BESIDE] = REFUSE  # type: ignore[valid-type]
    timeseries: Series | None = None
    multi_modal_data: SeriesData | None = None

    def refuse_what_cannot_be(self) -> None:
        """Raise UserError with every field that would change the answer and cannot be honoured."""
        raise_all(self._problems())

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end the answer, which holds none of them."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(each for each in given if each)

    @property
    def options(self) -> AnswerOptions:
        return AnswerOptions(
            max_new_tokens=self.max_completion_tokens or self.max_tokens or DEFAULT_TOKENS,
            temperature=self.temperature or 0.0,
            top_p=self.top_p or 1.0,
            top_k=max(self.top_k or 0, 0),
            repetition_penalty=self.repetition_penalty or 1.0,
            seed=self.seed,
            keeps_model=True,
            beside=self.beside,
        )

    @property
    def question(self) -> Question:
        """The turns with a placeholder for each series, and the series in their order.

        Series beside the messages stand for the placeholders that are written in the text.
        """
        beside = self.timeseries or (self.multi_modal_data.timeseries if self.multi_modal_data is not None else [])
        apart = iter(beside)
        turns: list[dict[str, str]] = []
        series: list[Points] = []
        for each in self.messages:
            text = ""
            for part in each.content:
                if isinstance(part, TextPart):
                    text += part.text
                    # One too few leaves a gap, one too many is put behind; the engine's sentence counts both.
                    series += islice(apart, part.text.count(PLACEHOLDER))
                else:
                    text += PLACEHOLDER * len(part.timeseries)
                    series += part.timeseries
            turns.append({"role": _ROLES[each.role], "content": text})
        return Question(turns, [*series, *apart])

    def _problems(self) -> Iterator[Problem]:
        for name, value in (self.model_extra or {}).items():
            is_nothing = value is None or name in IGNORED
            if not is_nothing and not any(value == each for each in NEUTRAL.get(name, ())):
                yield Problem(name, message("api.chat.cannot", name=name))
        for place, each in enumerate(self.messages):
            for name in ("tool_calls", "function_call"):
                if (each.model_extra or {}).get(name):
                    yield Problem(f"messages.{place}.{name}", message("api.chat.cannot", name=name))
        if len(self.stops) > MOST_STOPS:
            yield Problem("stop", message("api.chat.stops", count=len(self.stops), most=MOST_STOPS))
        if self.messages[-1].role != "user":
            yield Problem("messages", message("api.chat.last_turn", role=self.messages[-1].role))


def raise_all(problems: Iterator[Problem]) -> None:
    found = list(problems)
    if found:
        raise UserError(*found)
