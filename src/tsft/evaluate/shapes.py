"""Frozen dataclasses to plain JSON and back, by their annotations: what a report is made of, and nothing more."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from tsft.errors import Message

Shape = TypeVar("Shape")


def to_json(value: Any) -> Any:
    """Dataclasses and mappings as objects, tuples as lists, numbers of numpy as Python's."""
    if isinstance(value, Message):
        return value.to_json()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_json(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): to_json(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(each) for each in value]
    return value.item() if hasattr(value, "item") else value


def from_json(shape: type[Shape], data: Any) -> Shape:
    """An instance of `shape` from what `to_json` made. Fields that are absent keep their defaults."""
    return typing.cast(Shape, _read(shape, data))


def _read(shape: Any, data: Any) -> Any:
    origin, inner = typing.get_origin(shape), typing.get_args(shape)
    if origin in (typing.Union, types.UnionType):
        if data is None:
            return None
        return _read(next(each for each in inner if each is not types.NoneType), data)
    if origin is tuple:
        return tuple(_read(inner[0], each) for each in data)
    if origin is not None and issubclass(origin, Mapping):
        return {name: _read(inner[1], each) for name, each in data.items()}
    if shape is Message:
        return Message.from_json(data)
    if dataclasses.is_dataclass(shape):
        hints = typing.get_type_hints(shape)
        given = {name: _read(hint, data[name]) for name, hint in hints.items() if name in data}
        return shape(**given)  # type: ignore[operator]
    return data
