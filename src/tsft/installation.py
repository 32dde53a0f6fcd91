"""Whether this installation is sound, one finding an item, without loading torch or gradio (`tsft-webui --check`)."""

import json
import platform
import re
import socket
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from tsft.config.check import check
from tsft.errors import Message, UserError, message
from tsft.i18n import LANGUAGES, placeholders, sentences
from tsft.resources import PACKAGE
from tsft.store.presets import read_preset, shipped_presets
from tsft.store.workspace import open_workspace


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    is_good: bool
    message: Message


def examine(workspace: Path | None, host: str, port: int) -> Iterator[Finding]:
    """Python, packages against their ranges, locales, presets, workspace, port; each finding as soon as it is known."""
    yield Finding(True, message("installation.python", version=platform.python_version()))
    yield from (_package(requirement) for requirement in requirements())
    yield _locales()
    yield from _presets()
    yield _workspace(workspace)
    yield _port(host, port)


def requirements() -> list[Requirement]:
    """What tsft needs, without the extras: from the installed package, else from the checkout's pyproject.toml."""
    try:
        lines = metadata.requires("tsft") or []
    except metadata.PackageNotFoundError:
        project = tomllib.loads((PACKAGE.parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
        lines = project["project"]["dependencies"]
    parsed = [Requirement(re.sub(r"\s+", " ", line)) for line in lines]
    return [each for each in parsed if each.marker is None or each.marker.evaluate({"extra": ""})]


def _package(requirement: Requirement) -> Finding:
    wanted = str(requirement.specifier) or "*"
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return Finding(False, message("installation.package_missing", name=requirement.name, wanted=wanted))
    is_good = requirement.specifier.contains(version, prereleases=True)
    key = "installation.package" if is_good else "installation.package_wrong"
    return Finding(is_good, message(key, name=requirement.name, version=version, wanted=wanted))


def _locales() -> Finding:
    """All languages have the same keys with the same placeholders."""
    try:
        tables = {language: sentences(language) for language in LANGUAGES}
    except (OSError, json.JSONDecodeError) as error:
        return Finding(False, message("installation.locales_broken", why=str(error)))
    shapes = {language: {key: placeholders(text) for key, text in table.items()} for language, table in tables.items()}
    uneven = sorted(language for language in LANGUAGES if shapes[language] != shapes["en"])
    if uneven:
        return Finding(False, message("installation.locales_broken", why=", ".join(uneven)))
    return Finding(True, message("installation.locales", count=len(tables), sentences=len(tables["en"])))


def _presets() -> Iterator[Finding]:
    try:
        presets = shipped_presets()
    except FileNotFoundError as error:
        yield Finding(False, message("installation.presets_missing", why=str(error)))
        return
    if not presets:
        yield Finding(False, message("installation.presets_missing", why="presets/*.json"))
    for preset in presets:
        try:
            problems = [each.message for each in check(read_preset(preset)) if not each.is_warning]
        except UserError as error:
            problems = [error.message]
        if problems:
            found = message("installation.preset_broken", name=preset.name, why=problems[0].to_json())
            yield Finding(False, found)
        else:
            yield Finding(True, message("installation.preset", name=preset.name))


def _workspace(path: Path | None) -> Finding:
    try:
        return Finding(True, message("installation.workspace", path=str(open_workspace(path).root)))
    except UserError as error:
        return Finding(False, error.message)


def _port(host: str, port: int) -> Finding:
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # As the server binds: an address in TIME_WAIT is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        why = error.strerror or str(error)
        return Finding(False, message("installation.port_taken", host=host, port=str(port), why=why))
    return Finding(True, message("installation.port", host=host, port=str(port)))
