"""Which column of a source holds what: LLaMA-Factory's `columns` and `tags`, and the guess for a file without them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

Formatting = Literal["alpaca", "sharegpt", "openai"]
FORMATTINGS: tuple[str, ...] = get_args(Formatting)
# Not one of LLaMA-Factory's: rows that are a text, for continued pre-training. `prompt` names its column.
PLAIN_TEXT = "text"


@dataclass(frozen=True)
class ColumnMapping:
    """The columns and tags of one dataset. An empty name means: this dataset has no such column.

    An empty `role_tag` or `content_tag` means either of ShareGPT's (from, value) and OpenAI's (role, content).
    chosen, rejected: the columns of two answers to one question, the better one first. kto_tag: the column that says
    whether the one answer is good; `chosen` alone is then an answer that stands apart from its conversation.
    """

    formatting: str = "alpaca"
    prompt: str = "instruction"
    query: str = "input"
    response: str = "output"
    history: str = "history"
    messages: str = ""
    system: str = "system"
    timeseries: str = "timeseries"
    role_tag: str = ""
    content_tag: str = ""
    user_tag: str = ""
    assistant_tag: str = ""
    system_tag: str = ""
    chosen: str = ""
    rejected: str = ""
    kto_tag: str = ""
    is_guessed: bool = False

    @property
    def has_pairs(self) -> bool:
        """Whether each row has a better and a worse answer."""
        return bool(self.chosen and self.rejected)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> "ColumnMapping":
        known = {each.name for each in fields(ColumnMapping)}
        return ColumnMapping(**{name: value for name, value in data.items() if name in known})


GUESS = ColumnMapping(is_guessed=True)
_COLUMNS = ("prompt", "query", "response", "history", "messages", "system", "timeseries", "kto_tag")
_TAGS = ("role_tag", "content_tag", "user_tag", "assistant_tag", "system_tag")


def mapping_of(entry: Mapping[str, Any]) -> ColumnMapping:
    """The mapping an entry of dataset_info.json describes (its types were checked by the registry).

    As in LLaMA-Factory, `columns` names everything that is used; what it does not name is not read. Only `timeseries`
    keeps its default, because an entry written for another tool cannot know it.
    """
    columns = entry.get("columns")
    tags = entry.get("tags") or {}
    names: dict[str, Any] = {"formatting": entry.get("formatting", "alpaca")}
    if columns:
        names.update({name: columns.get(name) or "" for name in _COLUMNS if name != "timeseries"})
        names["timeseries"] = columns.get("timeseries") or "timeseries"
    names.update({name: tags[name] for name in _TAGS if tags.get(name)})
    if entry.get("ranking"):
        given = columns or {}
        names |= {name: given.get(name) or name for name in ("chosen", "rejected")}
    return ColumnMapping(**names)


def for_pretraining(mapping: ColumnMapping) -> ColumnMapping:
    """An entry that names a prompt and no answer, as LLaMA-Factory's pre-training sets do, is a column of texts."""
    is_text = mapping.formatting == "alpaca" and not (mapping.is_guessed or mapping.response or mapping.messages)
    return replace(mapping, formatting=PLAIN_TEXT) if is_text else mapping


def guess_mapping(record: Mapping[str, Any]) -> ColumnMapping | None:
    """The mapping a row's own column names suggest, or None when they suggest nothing."""
    if record.get("chosen") is not None and "rejected" in record:
        return _guess_question(record, chosen="chosen", rejected="rejected")
    # A column of this name is a class in many tables: beside a completion it is TRL's verdict.
    for tag, answer in (("kto_tag", ""), ("label", "completion")):
        if record.get(tag) is not None and (not answer or answer in record):
            return _guess_question(record, chosen=answer, kto_tag=tag)
    for column in ("conversations", "messages"):
        if column in record:
            return ColumnMapping(formatting="sharegpt", messages=column)
    if "output" in record and ("input" in record or "instruction" in record):
        return ColumnMapping()
    if "question" in record and "answer" in record:
        return ColumnMapping(prompt="question", query="", response="answer")
    if "text" in record:
        return ColumnMapping(formatting=PLAIN_TEXT, prompt="text")
    return None


def _guess_question(
    record: Mapping[str, Any], chosen: str = "", rejected: str = "", kto_tag: str = ""
) -> ColumnMapping:
    """Where the question of a judged answer stands: as messages, as the columns of Alpaca, or as TRL's `prompt`."""
    answers = ColumnMapping(chosen=chosen, rejected=rejected, kto_tag=kto_tag)
    for column in ("conversations", "messages"):
        if column in record:
            return replace(answers, formatting="sharegpt", messages=column)
    if isinstance(record.get("prompt"), str):
        return replace(answers, prompt="prompt", query="")
    if "instruction" in record or "input" in record:
        return answers
    if "question" in record:
        return replace(answers, prompt="question", query="", response="answer")
    # TRL's messages as a prompt; without one both answers are whole conversations.
    return replace(answers, formatting="openai", messages="prompt" if "prompt" in record else "")
