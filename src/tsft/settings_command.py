"""`tsft settings`: every setting of the app with its present value, what it does, and where it is changed."""

import argparse

from tsft.i18n import say, translate
from tsft.store.app_settings import SettingsFile, app_settings
from tsft.store.workspace import open_workspace


def run(options: argparse.Namespace, language: str) -> list[str]:
    """The lines to print: the file, what is wrong with it, then one line and one sentence a setting."""
    file = SettingsFile(open_workspace(options.workspace))
    settings = file.current()
    lines = [translate(language, "app_settings.file", path=str(file.path)), *(say(language, n) for n in file.notes())]
    for each in app_settings():
        value = getattr(getattr(settings, each.section), each.name)
        # The address of a webhook is as good as a password.
        shown = "***" if each.key == "notify.webhook_url" and value else _shown(value)
        changed = "" if value == each.default else " *"
        lines.append(f"{each.key} = {shown}{changed}")
        lines.append(f"    {translate(language, f'app_settings.help.{each.section}_{each.name}')}")
    return lines


def _shown(value: object) -> str:
    return ", ".join(str(each) for each in value) or "—" if isinstance(value, tuple) else str(value) or "—"
