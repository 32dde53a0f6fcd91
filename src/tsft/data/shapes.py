"""From a raw record to turns, raw series and judged answers, by the dataset's mapping.

Whether they make sense, the doctor says.
"""

from collections.abc import Mapping
from typing import Any

from tsft.data.examples import RowRefused, refuse
from tsft.data.files import json_type, parse_json
from tsft.data.mapping import PLAIN_TEXT, ColumnMapping

_USER = ("user", "human")
_ASSISTANT = ("assistant", "gpt")
_SYSTEM = ("system",)
_VERDICTS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def turns_of(record: Mapping[str, Any], mapping: ColumnMapping) -> list[dict[str, str]]:
    """The conversation of one record, with the better answer where it has two.

    A RowRefused names the column or turn that is wrong.
    """
    if mapping.formatting == PLAIN_TEXT:
        if mapping.prompt not in record:
            raise refuse("data.row.missing_column", column=mapping.prompt or "text")
        return [_turn(PLAIN_TEXT, _text(record, mapping.prompt))]
    if mapping.formatting == "alpaca":
        return _alpaca(record, mapping)
    if mapping.chosen:
        answer = _answer(record, mapping.chosen, mapping)
        return [*_question(record, mapping, mapping.chosen), _turn("assistant", answer)]
    return _conversation(record, mapping)


def rejected_of(record: Mapping[str, Any], mapping: ColumnMapping) -> str | None:
    """The worse answer; None for a dataset without pairs."""
    if not mapping.has_pairs:
        return None
    answer = _answer(record, mapping.rejected, mapping)
    is_apart = mapping.formatting == "alpaca" or _messages_column(record, mapping) is not None
    if not is_apart and _question(record, mapping, mapping.chosen) != _question(record, mapping, mapping.rejected):
        raise refuse("data.row.pair_questions_differ")
    return answer


def verdict_of(record: Mapping[str, Any], mapping: ColumnMapping) -> bool | None:
    """Whether the answer is a good one, as the row says; None for a dataset that says nothing of it."""
    if not mapping.kto_tag:
        return None
    value = record.get(mapping.kto_tag)
    verdict = value if isinstance(value, bool) else _VERDICTS.get(str(value).strip().lower())
    if verdict is None:
        raise refuse("data.row.verdict", column=mapping.kto_tag, value=str(value)[:40])
    return verdict


def series_value_of(record: Mapping[str, Any], mapping: ColumnMapping) -> Any:
    """What stands in the series column: a list, or None where the row has none. JSON text in a cell is read."""
    value = record.get(mapping.timeseries)
    return from_cell(value)


def _alpaca(record: Mapping[str, Any], mapping: ColumnMapping) -> list[dict[str, str]]:
    prompts = [name for name in (mapping.prompt, mapping.query) if name]
    present = [name for name in prompts if name in record]
    if not present:
        raise refuse("data.row.missing_column", column=" / ".join(prompts) or "prompt")
    answer = mapping.chosen or mapping.response
    if not answer or answer not in record:
        raise refuse("data.row.missing_column", column=answer or "response")
    question = "\n".join(text for text in (_text(record, name) for name in present) if text)
    turns: list[dict[str, str]] = []
    system = _text(record, mapping.system) if mapping.system else ""
    if system:
        turns.append(_turn("system", system))
    for asked, answered in _history(record, mapping):
        turns += [_turn("user", asked), _turn("assistant", answered)]
    said = _answer(record, answer, mapping) if mapping.chosen else _text(record, answer)
    return [*turns, _turn("user", question), _turn("assistant", said)]


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


def _answer(record: Mapping[str, Any], column: str, mapping: ColumnMapping) -> str:
    """One of the judged answers: a text, a message, or messages of which the last is the answer."""
    if record.get(column) is None:
        raise refuse("data.row.missing_column", column=column)
    value = _messages_cell(record[column], mapping)
    if isinstance(value, str):
        return value
    last = value[-1] if isinstance(value, list) and value else value
    is_apart = mapping.formatting == "alpaca" or _messages_column(record, mapping) is not None
    if isinstance(value, list) and len(value) != 1 and (is_apart or not value):
        raise refuse("data.row.answer_messages", column=column, count=len(value))
    turn = _message(last, len(value) if isinstance(value, list) else 1, mapping)
    if turn["role"] != "assistant":
        raise refuse("data.row.answer_role", column=column, role=turn["role"])
    return turn["content"]


def _question(record: Mapping[str, Any], mapping: ColumnMapping, column: str) -> list[dict[str, str]]:
    """The turns before a judged answer: the messages, or all but the last of a whole conversation."""
    if _messages_column(record, mapping) is not None:
        return _conversation(record, mapping)
    messages = _messages_cell(record.get(column), mapping)
    if not isinstance(messages, list):
        raise refuse("data.row.missing_column", column=mapping.messages or "prompt")
    return [_message(each, number, mapping) for number, each in enumerate(messages[:-1], 1)]


def _messages_cell(value: Any, mapping: ColumnMapping) -> Any:
    """Of a table, messages are JSON text; a text that only begins like one stays a text."""
    if not (isinstance(value, str) and mapping.formatting != "alpaca" and value.lstrip()[:1] in ("[", "{")):
        return value
    try:
        return parse_json(value)
    except RowRefused:
        return value


def _messages_column(record: Mapping[str, Any], mapping: ColumnMapping) -> str | None:
    candidates = (mapping.messages,) if mapping.messages else ("conversations", "messages")
    return next((name for name in candidates if name in record), None)


def _conversation(record: Mapping[str, Any], mapping: ColumnMapping) -> list[dict[str, str]]:
    column = _messages_column(record, mapping)
    if column is None:
        raise refuse("data.row.missing_column", column=mapping.messages or "conversations / messages")
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
