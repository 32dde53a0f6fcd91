"""The settings as a table for `docs/settings.md`, made from the schema and the English sentences."""

from pathlib import Path

from tsft.config.schema import Setting, section_names, settings
from tsft.i18n import FALLBACK, translate

BEGIN = "<!-- settings: made by `python -m tsft.config.docs`, do not edit -->"
END = "<!-- end of settings -->"


def settings_table() -> str:
    """A Markdown table of all settings: name, default, and its label; the help sentence stays on the page."""
    lines = ["| setting | default | what it is |", "|---|---|---|"]
    for section in section_names():
        lines += [_row(each) for each in settings() if each.section == section]
    return "\n".join(lines)


def with_table(text: str) -> str:
    """`text` with the part between the marks replaced by the present table. ValueError when a mark is missing."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the marks {BEGIN!r} and {END!r} are not both there")
    return f"{before}{BEGIN}\n{settings_table()}\n{END}{after}"


def _row(setting: Setting) -> str:
    label = translate(FALLBACK, setting.label_key)
    choices = " / ".join(f"`{choice}`" for choice in setting.facts.choices)
    unit = f" ({translate(FALLBACK, f'unit.{setting.facts.unit}')})" if setting.facts.unit else ""
    about = f"{label}{unit}" + (f": {choices}" if choices else "")
    return f"| `{setting.key}` | {_default(setting)} | {about.replace('|', '/')} |"


def _default(setting: Setting) -> str:
    if setting.is_list:
        return ", ".join(f"`{each}`" for each in setting.default) or "none"
    if setting.kind is bool:
        return "yes" if setting.default else "no"
    if setting.kind is float:
        return f"`{setting.default:g}`"
    return f"`{setting.default}`" if setting.default != "" else "none"


if __name__ == "__main__":
    page = Path("docs/settings.md")
    page.write_text(with_table(page.read_text(encoding="utf-8")), encoding="utf-8")
