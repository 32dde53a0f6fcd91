"""Which component shows which sentences, and their text in one language. No language is ever kept on the server."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gradio as gr
from gradio.blocks import Block

from tsft.i18n import FALLBACK, LANGUAGES, best_language, translate

# Set by the page's script when a person chooses a language: it belongs to the browser, not to the server.
COOKIE = "tsft_lang"


@dataclass
class Words:
    """The page's components and, for each, how its worded properties are made for a language.

    Every worded component is registered with `add` where it is created; `updates` relabels all of them at once.
    """

    _makers: dict[Block, Callable[[str], dict[str, Any]]] = field(default_factory=dict)

    def add(self, component: Block, **keys: str) -> Any:
        """Register a component whose properties (`label`, `value`, `placeholder` …) are sentences by their key."""
        return self.add_made(component, lambda language: {name: translate(language, key) for name, key in keys.items()})

    def add_made(self, component: Any, maker: Callable[[str], dict[str, Any]]) -> Any:
        """Register a component whose properties a function makes for a language (choices, for one)."""
        self._makers[component] = maker
        for name, text in maker(FALLBACK).items():
            setattr(component, name, text)
        return component

    @property
    def components(self) -> list[Block]:
        return list(self._makers)

    def properties(self, language: str) -> Mapping[Block, dict[str, Any]]:
        """The worded properties of each component in a language."""
        return {component: maker(language) for component, maker in self._makers.items()}

    def updates(self, language: str) -> list[Any]:
        """Updates for `components`, in their order; what a person has typed or chosen is not touched."""
        return [gr.update(**properties) for properties in self.properties(language).values()]


def language_of(request: gr.Request | None, default: str = "") -> str:
    """The browser's own choice (`?lang=`, the cookie), else `default`, else what it says it reads, else English."""
    if request is None:
        return default or FALLBACK
    for chosen in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if chosen in LANGUAGES:
            return str(chosen)
    if default:
        return default
    return best_language(request.headers.get("accept-language", ""))
