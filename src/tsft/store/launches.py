"""Configs written for runs that are started by hand or by a scheduler: the commands name these files."""

import time
from pathlib import Path

from tsft.atomic import write_json
from tsft.config.codec import to_json
from tsft.config.run_config import RunConfig
from tsft.errors import UserError, message
from tsft.store.rows import default_name
from tsft.store.workspace import Workspace, readable_part


def write_launch(workspace: Workspace, config: RunConfig) -> Path:
    """The file that holds the config. Raises UserError when the disk refuses."""
    name = readable_part(config.output.name.strip() or default_name(config))
    path = workspace.launches / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}.json"
    try:
        workspace.launches.mkdir(exist_ok=True)
    except OSError as error:
        why = error.strerror or str(error)
        raise UserError(message("file.not_written", path=str(workspace.launches), why=why)) from error
    write_json(path, to_json(config))
    return path
