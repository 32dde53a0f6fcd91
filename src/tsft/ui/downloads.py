"""Files for the browser: one that it makes itself, so that nothing has to be served; a link to one that is served."""

import base64
import json
from html import escape
from pathlib import Path
from urllib.parse import quote

from tsft.i18n import translate

# Takes what `download` gives; "" makes no file.
DOWNLOAD = """(text) => {
  if (!text) return;
  const file = JSON.parse(text);
  const content = file.bytes ? Uint8Array.from(atob(file.bytes), (each) => each.charCodeAt(0)) : file.text;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: file.type }));
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}"""


def link_html(path: Path, language: str) -> str:
    """A link that downloads a file below a folder of `gr.set_static_paths`."""
    name = path.name.replace('"', "")
    label = escape(translate(language, "page.data.download", name=name))
    return f'<a class="download" href="gradio_api/file={quote(str(path))}" download="{escape(name)}">{label}</a>'


def download(name: str, kind: str, content: str | bytes) -> str:
    """What the page sends for a file: its name, its media type, and its text or bytes."""
    held = {"text": content} if isinstance(content, str) else {"bytes": base64.b64encode(content).decode("ascii")}
    return json.dumps({"name": name, "type": kind, **held}, ensure_ascii=False)
