"""A value for any setting that is sound and not its default: for tests that walk the schema."""

from typing import Any

from tsft.config.schema import Setting, settings


def another_value(setting: Setting) -> Any:
    """A list gets two entries, one of them with a comma and blanks where any text may stand."""
    facts, default = setting.facts, setting.default
    if setting.is_list:
        if setting.kind is str:
            return facts.choices[:2] or ("one", "two, with a comma")
        return (0.25, 0.75) if setting.kind is float else (1, 2)
    if facts.choices:
        return next((each for each in facts.choices if each != default), default)
    if setting.kind is bool:
        return not default
    if setting.kind is str:
        return '{"min_lr": 1e-6}' if facts.widget == "json" else "another — “text”"
    step = 1 if setting.kind is int else default / 3 or 1e-7
    return default + step if facts.high is None or default + step <= facts.high else default - step


def changeable() -> list[Setting]:
    """The settings that can be anything but their default: not those whose list of choices has one entry so far."""
    return [each for each in settings() if another_value(each) != each.default]
