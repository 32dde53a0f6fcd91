"""From a raw record to turns and raw series, by the dataset's mapping. Whether they make sense, the doctor says."""

from collections.abc import Mapping
from typing import Any

from tsft.data.examples import refuse
from tsft.data.files import json_type, parse_json
from tsft.data.mapping import PLAIN_TEXT, ColumnMapping

_USER = ("user", "human")
_ASSISTANT = ("assistant", "gpt")
_SYSTEM = ("system",)


def turns_of(record: Mapping[str, Any], mapping: ColumnMapping) -> list[dict[str, str]]:
    """The conversation of one record; a RowRefused names the column or turn that is wrong."""
    if mapping.formatting == PLAIN_TEXT:
        if mapping.prompt not in record:
            raise refuse("data.row.missing_column", column=mapping.prompt or "text")
        return [_turn(PLAIN_TEXT, _text(record, mapping.prompt))]
    if mapping.formatting == "alpaca":
        return _alpaca(record, mapping)
    return _conversation(record, mapping)


def series_value_of(record: Mapping[str, Any], mapping: ColumnMapping) -> Any:
    """What stands in the series column: a list, or None where the row has none. JSON text in a cell is read."""
    value = record.get(mapping.timeseries)
    return from_cell(value)


def _alpaca(record: Mapping[str, Any], mapping: ColumnMapping) -> list[dict[str, str]]:
    prompts = [name for name in (mapping.prompt, mapping.query) if name]
    present = [name for name in prompts if name in record]
    if not present:
        raise refuse("data.row.missing_column", column=" / ".join(prompts) or "prompt")
    if not mapping.response or mapping.response not in record:
        raise refuse("data.row.missing_column", column=mapping.response or "response")
    question = "\n".join(text for text in (_text(record, name) for name in present) if text)
    turns: list[dict[str, str]] = []
    system = _text(record, mapping.system) if mapping.system else ""
    if system:
        turns.append(_turn("system", system))
    for asked, answered in _history(record, mapping):
        turns += [_turn("user", asked), _turn("assistant", answered)]
    return [*turns, _turn("user", question), _turn("assistant", _text(record, mapping.response))]


def _history(record: Mapping[str, Any], mapping: ColumnMapping) -> list[tuple[str, str]]:
    pairs = from_cell(record.get(mapping.history)) if mapping.history else None
    if pairs is None:
        return []
    if not isinstance(pairs, list):
        raise refuse("data.row.not_list", column=mapping.history, type=json_type(pairs))
    for number, pair in enumerate(pairs, 1):
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)):
            raise refuse("data.row.history_pair", column=mapping.history, pair=number)
    return [(pair[0], pair[1]) for pair in pairs]


def _conversation(record: Mapping[str, Any], mapping: ColumnMapping) -> list[dict[str, str]]:
    candidates = (mapping.messages,) if mapping.messages else ("conversations", "messages")
    column = next((name for name in candidates if name in record), None)
    if column is None:
        raise refuse("data.row.missing_column", column=" / ".join(candidates))
    messages = from_cell(record[column])
    if not isinstance(messages, list):
        raise refuse("data.row.not_list", column=column, type=json_type(messages))
    turns = [_message(each, number, mapping) for number, each in enumerate(messages, 1)]
    system = _text(record, mapping.system) if mapping.system else ""
    if system and not (turns and turns[0]["role"] == "system"):
        turns.insert(0, _turn("system", system))
    return turns


def _message(value: Any, number: int, mapping: ColumnMapping) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise refuse("data.row.turn_not_object", turn=number, type=json_type(value))
    role_tags = (mapping.role_tag,) if mapping.role_tag else ("from", "role")
    content_tags = (mapping.content_tag,) if mapping.content_tag else ("value", "content")
    role_tag = next((tag for tag in role_tags if tag in value), None)
    content_tag = next((tag for tag in content_tags if tag in value), None)
    if role_tag is None:
        raise refuse("data.row.turn_field", turn=number, field=" / ".join(role_tags))
    if content_tag is None:
        raise refuse("data.row.turn_field", turn=number, field=" / ".join(content_tags))
    return _turn(_role(value[role_tag], number, mapping), _content(value[content_tag], number))


def _role(name: Any, number: int, mapping: ColumnMapping) -> str:
    known = {
        "user": (mapping.user_tag,) if mapping.user_tag else _USER,
        "assistant": (mapping.assistant_tag,) if mapping.assistant_tag else _ASSISTANT,
        "system": (mapping.system_tag,) if mapping.system_tag else _SYSTEM,
    }
    for role, names in known.items():
        if name in names:
            return role
    wanted = ", ".join(each for names in known.values() for each in names)
    raise refuse("data.row.role_unknown", turn=number, role=str(name)[:40], roles=wanted)


def _content(value: Any, number: int) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):  # OpenAI's content parts
        texts = [part.get("text") for part in value if isinstance(part, Mapping) and part.get("type") == "text"]
        if len(texts) == len(value) and all(isinstance(text, str) for text in texts):
            return "\n".join(str(text) for text in texts)
    raise refuse("data.row.turn_not_text", turn=number, type=json_type(value))


def _text(record: Mapping[str, Any], column: str) -> str:
    value = record.get(column)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise refuse("data.row.not_text", column=column, type=json_type(value))
    return value


def from_cell(value: Any) -> Any:
    """A CSV cell holds lists as JSON text; an empty cell is no value."""
    if isinstance(value, str):
        return parse_json(value) if value.strip() else None
    return value


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
