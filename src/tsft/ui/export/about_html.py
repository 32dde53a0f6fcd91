"""What is told of an export before it is made: what opens it, its size, what others can carry, the token."""

from collections.abc import Mapping, Sequence
from html import escape

from tsft.errors import Message
from tsft.i18n import say, translate
from tsft.run.export import FORMS, TOKENS, ExportSettings, carried, token_variable
from tsft.store.exports import Outlook
from tsft.ui.readings import size

HUB_NAMES = {"huggingface": "Hugging Face", "modelscope": "ModelScope"}


def about_html(settings: ExportSettings, ahead: Outlook, devices: Sequence[str], language: str) -> str:
    """The chosen form in a sentence, its size, and what vLLM and GGUF make of it, with commands to copy."""
    if settings.form not in FORMS:
        return ""
    lines = [_line(translate(language, f"page.export.about.{settings.form}")), *_sizes(ahead, language)]
    if len(devices) < 2:
        lines.append(_line(translate(language, "export.no_cuda")))
    place = str(ahead.path.with_suffix("") if settings.is_zipped else ahead.path)
    told = carried(settings.form, place, lacks_code=ahead.lacks_code)
    return "".join(lines) + carried_html(told, "export-ahead", language)


def carried_html(told: Sequence[Message], name: str, language: str) -> str:
    """What other programs can make of an export; a command in a sentence gets a line of its own. name: for ids."""
    title = escape(translate(language, "page.export.elsewhere"))
    items = "".join(f"<li>{_with_command(each, f'{name}-{number}', language)}</li>" for number, each in enumerate(told))
    return f'<p class="facts-title">{title}</p><ul class="carried">{items}</ul>' if items else ""


def token_html(settings: ExportSettings, environment: Mapping[str, str], language: str) -> str:
    """Where the token of the hub comes from and whether there is one; the token itself is never read here."""
    if settings.hub not in TOKENS:
        return ""
    found = token_variable(settings.hub, environment)
    key = "page.export.token_found" if found else "page.export.token_missing"
    values = {"hub": HUB_NAMES[settings.hub], "variable": found or TOKENS[settings.hub][0]}
    kind = "bad" if settings.repository and not found else "quiet"
    return f'<p class="token {kind}">{escape(translate(language, key, **values))}</p>'


def _sizes(ahead: Outlook, language: str) -> list[str]:
    free = size(ahead.free_bytes)
    if ahead.bytes is None or ahead.needed_bytes is None:
        return [_line(translate(language, "page.export.size_unknown", free=free))]
    told = translate(language, "page.export.size", size=size(ahead.bytes), free=free, path=str(ahead.path))
    if ahead.needed_bytes <= ahead.free_bytes:
        return [_line(told)]
    short = translate(language, "page.export.no_room", needed=size(ahead.needed_bytes), free=free)
    return [_line(told), f'<p class="told bad" role="alert">{escape(short)}</p>']


def _line(text: str) -> str:
    return f'<p class="told">{escape(text)}</p>'


def _with_command(told: Message, name: str, language: str) -> str:
    sentence, command = escape(say(language, told)), escape(str(told.values.get("command", "")))
    if not command or command not in sentence:
        return sentence
    copy, done = (escape(translate(language, key)) for key in ("page.preview.copy", "page.data.copied"))
    button = f'<button type="button" class="tool" data-copies="{name}" data-done="{done}">{copy}</button>'
    block = f'<span class="command"><code id="{name}" tabindex="0">{command}</code> {button}</span>'
    return sentence.replace(command, block)
