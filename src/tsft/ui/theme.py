"""How the page looks: the theme, and the files of `assets/`."""

from functools import cache
from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).resolve().parent / "assets"
# In this order: later ones use what earlier ones put into `window.tsft`.
SCRIPTS = (
    *("page.js", "plot.js", "chart.js", "notices.js"),
    *("series_plot.js", "series.js", "entries.js", "label.js", "sections.js", "evaluate.js", "chat.js"),
)
STYLES = (
    "colors.css",
    "page.css",
    "chart.css",
    "runs.css",
    "datasets.css",
    "series.css",
    "check.css",
    "data.css",
    "label.css",
    "evaluate.css",
    "export.css",
    "chat.css",
)


def make_theme() -> gr.themes.Base:
    """Indigo on slate, thin borders, no shadows; fonts of the system, so that nothing is fetched from outside."""
    return gr.themes.Base(
        primary_hue="indigo",
        neutral_hue="slate",
        font=["system-ui", "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "sans-serif"],
        font_mono=["ui-monospace", "DejaVu Sans Mono", "monospace"],
        radius_size="md",
        spacing_size="sm",
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        block_background_fill_dark="*neutral_900",
        block_shadow="none",
        block_border_width="1px",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_800",
        block_label_text_weight="500",
        block_title_text_weight="500",
        block_title_text_size="*text_sm",
        block_title_text_color="*neutral_600",
        block_title_text_color_dark="*neutral_300",
        block_info_text_size="*text_xs",
        input_border_width="1px",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        input_background_fill="white",
        input_background_fill_dark="*neutral_950",
        input_shadow="none",
        input_shadow_focus="0 0 0 2px *primary_200",
        input_shadow_focus_dark="0 0 0 2px *primary_800",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_text_color="white",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_500",
        button_large_text_weight="600",
        button_transform_active="none",
    )


@cache
def asset(name: str) -> str:
    """The text of a file in `assets/`."""
    return (ASSETS / name).read_text(encoding="utf-8")


def head() -> str:
    """What the page's <head> gets: the page's own scripts, nothing from outside."""
    return "\n".join(f"<script>{asset(name)}</script>" for name in SCRIPTS)


def style() -> str:
    """The page's own style sheets as one."""
    return "\n".join(asset(name) for name in STYLES)
