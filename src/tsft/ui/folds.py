"""The folds of settings on the Train tab: which there are, which of them show, and in which a setting lies."""

from collections.abc import Iterable
from typing import Any

import gradio as gr

from tsft.config.run_config import RunConfig
from tsft.config.schema import section_names, setting_by_key
from tsft.ui.form import Form

SIMPLE, ADVANCED = "simple", "advanced"
# Sections of the folds below the basic settings, in order; a fold shows only while one of its settings has a meaning.
_COMBINED = (("tuning", ("tuning",)), ("encoder", ("encoder",)), ("schedule", ("schedule", "optim")))
_LAST = (("data", ("data",)), ("output", ("output",)), ("model", ("model",)))
_NAMED = {section for _, sections in (*_COMBINED, *_LAST) for section in sections}
# A section that is not named here has a fold of its own, so that a new one needs no line in this file.
_OWN = tuple((name, (name,)) for name in section_names() if name not in _NAMED)
FOLDS: tuple[tuple[str, tuple[str, ...]], ...] = (*_OWN, *_COMBINED, *_LAST)


def fold_updates(form: Form, folds: Iterable[tuple[str, bool]], config: RunConfig, mode: str) -> list[Any]:
    """Which of these folds show for a config: those with a setting that has a meaning in it and shows in the mode."""
    sections_of, updates = dict(FOLDS), []
    for name, is_advanced in folds:
        sections = sections_of[name]
        is_shown = mode == ADVANCED and form.is_rest_active(sections, config, True)
        if not is_advanced:
            is_shown = is_shown or form.is_rest_active(sections, config, False)
        updates.append(gr.update(visible=is_shown))
    return updates


def folds_around(form: Form, key: str) -> list[str]:
    """The element ids of the folds a setting lies in, the outermost first."""
    name = next((name for name, sections in FOLDS if form.is_among_rest(sections, key)), None)
    if name is None:
        return []
    return [f"fold-{name}", f"more-{name}"] if setting_by_key()[key].facts.is_advanced else [f"fold-{name}"]
