"""A box of text to copy: a command, a script, JSON."""

from typing import Any

import gradio as gr

from tsft.ui.words import Words


def place_code(words: Words, language: str, label: str, elem_id: str, *, lines: int, visible: bool = True) -> Any:
    """Nobody writes into it. language: of gradio's highlighting; label: a key; lines: from so many on it scrolls."""
    code = gr.Code(
        language=language,  # type: ignore[arg-type]
        interactive=False,
        wrap_lines=True,
        show_line_numbers=False,
        max_lines=lines,
        buttons=["copy"],
        visible=visible,
        elem_id=elem_id,
    )
    return words.add(code, label=label)
