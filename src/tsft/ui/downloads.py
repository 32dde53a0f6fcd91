"""A file that the browser makes itself, so that nothing has to be served."""

import base64
import json

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


def download(name: str, kind: str, content: str | bytes) -> str:
    """What the page sends for a file: its name, its media type, and its text or bytes."""
    held = {"text": content} if isinstance(content, str) else {"bytes": base64.b64encode(content).decode("ascii")}
    return json.dumps({"name": name, "type": kind, **held}, ensure_ascii=False)
