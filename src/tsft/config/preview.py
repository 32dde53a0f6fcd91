"""A config as others can run it: the `tsft train` command, the JSON file, a Python script. Each gives the same run.

What the command line reads back is decided in `codec.py` and `flags.py`; here is only how it is written.
"""

import json
import shlex
from collections.abc import Mapping
from typing import Any

from tsft.config.codec import parse, to_json
from tsft.config.run_config import RunConfig
from tsft.config.schema import Setting, differing, setting_by_key, value_of

_SCRIPT = """\
from tsft.config.codec import from_flat
from tsft.engine.engine import Engine
from tsft.store.record import Record
from tsft.store.workspace import open_workspace

config = from_flat({settings})
workspace = open_workspace({folder})
engine = Engine(workspace, Record(workspace))
run_id = engine.start(config)
state = engine.wait()
print(state.status, workspace.runs / run_id)
"""


def command(config: RunConfig, workspace: str = "") -> str:
    """One line for a POSIX shell: `tsft train` with every setting that is not at its default, quoted where needed."""
    words = ["tsft", "train"]
    words += [f"--{key}={_typed(setting_by_key()[key], value)}" for key, value in _changed(config).items()]
    if workspace:
        words.append(f"--workspace={workspace}")
    return shlex.join(words)


def json_text(config: RunConfig) -> str:
    """The whole config as a file that `tsft train FILE.json` takes."""
    return json.dumps(to_json(config), ensure_ascii=False, indent=2) + "\n"


def script(config: RunConfig, workspace: str = "") -> str:
    """A short Python program that starts the run and waits for its end."""
    lines = [f"    {key!r}: {_as_python(value)},\n" for key, value in _changed(config).items()]
    settings = "{\n" + "".join(lines) + "}" if lines else "{}"
    imports, folder = ("from pathlib import Path\n\n", f"Path({workspace!r})") if workspace else ("", "")
    return imports + _SCRIPT.format(settings=settings, folder=folder)


def _changed(config: RunConfig) -> Mapping[str, Any]:
    return {key: value_of(config, key) for key in differing(config, RunConfig())}


def _typed(setting: Setting, value: Any) -> str:
    """A value as text behind its flag, exact: it is read back as the same value."""
    if not setting.is_list:
        # repr keeps every digit of a float; "%g" would round it.
        return str(value).lower() if setting.kind is bool else repr(value) if setting.kind is float else str(value)
    text = ",".join(repr(each) if setting.kind is float else str(each) for each in value)
    # An entry with a comma or a blank at its end, or an empty one, needs the exact form.
    return text if _reads_as(setting, text, value) else json.dumps(list(value), ensure_ascii=False)


def _reads_as(setting: Setting, text: str, value: Any) -> bool:
    try:
        return bool(parse(setting, text) == value)
    except (ValueError, TypeError):
        return False


def _as_python(value: Any) -> str:
    return repr(list(value)) if isinstance(value, tuple) else repr(value)
