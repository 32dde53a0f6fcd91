"""Presets: named configs, shipped with tsft or saved in the workspace. A file may hold a few settings only."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsft.atomic import write_json
from tsft.config.codec import FORMAT, from_json, readable_part, to_json
from tsft.config.llamafactory_work import Leftover, Mapped
from tsft.config.run_config import RunConfig
from tsft.config.tracker_rules import check_addresses
from tsft.errors import Message, Problem, UserError, message, raise_if_any
from tsft.resources import resource_folder
from tsft.store.imports import import_tree, is_own, read_tree
from tsft.store.workspace import Workspace, slug


@dataclass(frozen=True)
class Preset:
    """A preset as a list shows it. `problem` says why its file cannot be read, None when it can.

    about: a shipped one has its sentences in the locales (`title_key`, `about_key`, `needs_key`), an own one its text
    here.
    """

    name: str
    path: Path
    is_shipped: bool
    about: str = ""
    problem: Message | None = None

    @property
    def title_key(self) -> str:
        return f"preset.{self.name}.title"

    @property
    def about_key(self) -> str:
        return f"preset.{self.name}.about"

    @property
    def needs_key(self) -> str:
        return f"preset.{self.name}.needs"


@dataclass(frozen=True)
class ImportedPreset:
    """What came of an imported file. problems: what in a file of tsft's own cannot be read; it is kept as it is.

    mapped and leftovers tell how settings of LLaMA-Factory were understood.
    """

    preset: Preset
    problems: tuple[Problem, ...] = ()
    mapped: tuple[Mapped, ...] = ()
    leftovers: tuple[Leftover, ...] = ()


def list_presets(workspace: Workspace) -> list[Preset]:
    """The shipped ones, then the workspace's own, by name; a file that cannot be read is listed with its problem."""
    own = sorted((_describe(path, False) for path in workspace.presets.glob("*.json")), key=lambda preset: preset.name)
    return [*shipped_presets(), *own]


def shipped_presets() -> list[Preset]:
    return [_describe(path, True) for path in sorted(resource_folder("presets").glob("*.json"))]


def load_preset(workspace: Workspace, name: str) -> RunConfig:
    """The config of a preset: what its file says, everything else as by default.

    Raises UserError when there is none of that name, or with every setting in it that is wrong.
    """
    return read_preset(find_preset(workspace, name))


def read_preset(preset: Preset) -> RunConfig:
    return from_json(_read(preset.path))


def readable_preset(workspace: Workspace, name: str) -> tuple[RunConfig, list[Problem]]:
    """What can be read of a preset, and what is unknown or wrong in it. Say that before the rest is used."""
    return readable_part(_read(find_preset(workspace, name).path))


def find_preset(workspace: Workspace, name: str) -> Preset:
    presets = list_presets(workspace)
    for preset in presets:
        if preset.name == name:
            return preset
    raise UserError(message("preset.unknown", name=name, names=", ".join(preset.name for preset in presets)))


def save_preset(
    workspace: Workspace, name: str, config: RunConfig, *, about: str = "", overwrite: bool = False
) -> Preset:
    """Save a whole config under a name. Raises UserError when it is taken (unless `overwrite`) or a shipped one's.

    An address that may hold a secret is refused too: nothing would take it out of the file again.
    """
    raise_if_any(check_addresses(config))
    name = _own_name(workspace, name, overwrite)
    return _write(workspace, name, {**to_json(config), "about": {"text": about}})


def rename_preset(workspace: Workspace, name: str, new_name: str) -> Preset:
    """Give one of the workspace's own presets another name. Raises UserError when that one is taken or shipped."""
    preset = _own(workspace, name)
    if new_name.strip() == name:
        return preset
    renamed = _write(workspace, _own_name(workspace, new_name), _read(preset.path))
    preset.path.unlink()
    return renamed


def delete_preset(workspace: Workspace, name: str) -> None:
    """Delete one of the workspace's own presets. Raises UserError for a shipped or unknown one."""
    _own(workspace, name).path.unlink()


def export_preset(workspace: Workspace, name: str) -> tuple[str, str]:
    """A preset as a file: its file name and its text, which `import_preset` takes back. A shipped one gets its name."""
    preset = find_preset(workspace, name)
    tree = dict(_read(preset.path))
    about = tree.pop("about", None)
    texts = {**about} if isinstance(about, Mapping) else {}
    whole = {"format": tree.pop("format", FORMAT), "about": {**texts, "name": name}, **tree}
    return f"{slug(name)}.json", json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def import_preset(workspace: Workspace, data: bytes, file_name: str, name: str = "") -> ImportedPreset:
    """Save a file's settings as a preset of the workspace's own, under `name`, else the file's own name, made free.

    Takes tsft's JSON, LLaMA-Factory's training YAML and the forms its web page saves. Raises UserError for others.
    """
    tree = read_tree(data, file_name)
    about = tree.get("about")
    given = name.strip() or str(about.get("name") or "" if isinstance(about, Mapping) else "")
    free_name = _free_name(workspace, given or Path(file_name).stem)
    if is_own(tree):
        config, problems = readable_part(tree)
        raise_if_any(check_addresses(config))
        return ImportedPreset(_write(workspace, free_name, tree), tuple(problems))
    found = import_tree(tree, file_name)
    preset = _write(workspace, free_name, {**to_json(found.config), "about": {"text": file_name}})
    return ImportedPreset(preset, (), found.mapped, found.leftovers)


def _own(workspace: Workspace, name: str) -> Preset:
    preset = find_preset(workspace, name)
    if preset.is_shipped:
        raise UserError(message("preset.shipped_stays", name=name))
    return preset


def _own_name(workspace: Workspace, name: str, overwrite: bool = False) -> str:
    """`name` without blanks around it. Raises UserError when it is empty, a shipped preset's, or taken."""
    name = name.strip()
    if not name:
        raise UserError(message("preset.empty_name"))
    if name in {preset.name for preset in shipped_presets()}:
        raise UserError(message("preset.shipped_name", name=name))
    if _path(workspace, name).exists() and not overwrite:
        raise UserError(message("preset.exists", name=name))
    return name


def _free_name(workspace: Workspace, wanted: str) -> str:
    """`wanted`, with a number behind it when a preset is called so already."""
    taken = {preset.name for preset in list_presets(workspace)}
    names = (wanted if number == 1 else f"{wanted} {number}" for number in itertools.count(1))
    return next(name for name in names if name not in taken and not _path(workspace, name).exists())


def _path(workspace: Workspace, name: str) -> Path:
    return workspace.presets / f"{slug(name)}.json"


def _write(workspace: Workspace, name: str, tree: Mapping[str, Any]) -> Preset:
    """Write a preset's file under a name; everything else in the tree stays as it is."""
    path, rest = _path(workspace, name), dict(tree)
    about = rest.pop("about", None)
    texts = about if isinstance(about, Mapping) else {}
    write_json(path, {"format": rest.pop("format", FORMAT), "about": {**texts, "name": name}, **rest})
    return _describe(path, False)


def _describe(path: Path, is_shipped: bool) -> Preset:
    try:
        about = _read(path).get("about")
    except UserError as error:
        return Preset(path.stem, path, is_shipped, problem=error.message)
    texts = about if isinstance(about, Mapping) else {}
    name = path.stem if is_shipped else str(texts.get("name") or path.stem)
    return Preset(name, path, is_shipped, str(texts.get("text") or ""))


def _read(path: Path) -> Mapping[str, Any]:
    try:
        tree = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UserError(message("preset.unreadable", path=str(path), why=error.strerror or str(error))) from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        line = getattr(error, "lineno", 1)
        raise UserError(message("config.not_json", path=str(path), line=line, why=str(error))) from error
    if not isinstance(tree, dict):
        raise UserError(message("config.not_an_object"))
    return tree
