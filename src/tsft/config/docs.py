"""The settings as tables, made from the schema and the English sentences: those that most runs meet in the README,
all of them with their help in `docs/settings.md`."""

from pathlib import Path

from tsft.config.schema import Setting, section_names, settings
from tsft.i18n import FALLBACK, translate

BEGIN = "<!-- settings: made by `python -m tsft.config.docs`, do not edit -->"
END = "<!-- end of settings -->"


def settings_table() -> str:
    """A Markdown table of the settings that are not advanced: name, default, and label."""
    lines = ["| setting | default | what it is |", "|---|---|---|"]
    lines += [_row(each) for each in settings() if not each.facts.is_advanced]
    return "\n".join(lines)


def settings_page() -> str:
    """Every setting by section: name, default, label, choices and what it does."""
    lines = [
        "# All settings",
        "",
        "Made by `python -m tsft.config.docs`, do not edit. The form on the page, presets and",
    ]
    lines += ["`tsft train --section.name value` use these names.", ""]
    for section in section_names():
        lines += [f"## {section}", "", "| setting | default | what it is |", "|---|---|---|"]
        for each in settings():
            if each.section == section:
                told = translate(FALLBACK, each.help_key).replace("|", "/").replace("\n", " ")
                lines.append(f"{_row(each).removesuffix(' |')}. {told} |")
        lines.append("")
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
    readme = Path("README.md")
    readme.write_text(with_table(readme.read_text(encoding="utf-8")), encoding="utf-8")
    Path("docs/settings.md").write_text(settings_page(), encoding="utf-8")
