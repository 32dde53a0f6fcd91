"""Puts an exported folder on a hub. The token comes from the environment and goes nowhere else."""

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

from tsft.engine.export_files import Progress, files_of
from tsft.errors import Problem, UserError, message
from tsft.i18n import translate
from tsft.log import hide
from tsft.model.download import HubHttpError
from tsft.run.export import TOKENS, ExportSettings, token_variable

_NAMES = {"huggingface": "Hugging Face", "modelscope": "ModelScope"}
# By which name modelscope raises what went wrong differs between its releases.
_MODELSCOPE_ERRORS = ("HubError", "NotExistError", "RequestError", "HTTPError", "NotLoginException", "InvalidParameter")


def token_of(hub: str, environment: Mapping[str, str] = os.environ) -> str:
    """The token in the environment, "" when there is none."""
    variable = token_variable(hub, environment)
    if not variable:
        return ""
    hide(environment[variable])
    return environment[variable]


def hub_problems(settings: ExportSettings, environment: Mapping[str, str] = os.environ) -> list[Problem]:
    """What is missing to push: the token, or the package of the hub."""
    if not settings.repository or settings.hub not in TOKENS:
        return []
    problems = []
    if not token_of(settings.hub, environment):
        values = {"hub": _NAMES[settings.hub], "variable": TOKENS[settings.hub][0]}
        problems.append(Problem("repository", message("export.no_token", **values)))
    if settings.hub == "modelscope" and not _has_modelscope():
        problems.append(Problem("hub", message("download.modelscope_missing")))
    return problems


def push(folder: Path, settings: ExportSettings, progress: Progress, api: Any = None) -> str:
    """Upload the folder and return its address. `progress` (files, all, name) may raise between two files.

    api: the hub's client, made here unless given. Raises UserError when the hub refuses or cannot be reached.
    """
    token = token_of(settings.hub)
    if settings.hub == "modelscope":
        return _push_modelscope(folder, settings, progress, api or _modelscope(), token)
    return _push_huggingface(folder, settings, progress, api or HfApi(token=token))


def _push_huggingface(folder: Path, settings: ExportSettings, progress: Progress, api: Any) -> str:
    files = files_of(folder)
    name = settings.repository
    try:
        address = api.create_repo(name, private=not settings.is_public, exist_ok=True)
        additions = [CommitOperationAdd(path.relative_to(folder).as_posix(), str(path)) for path in files]
        # Large files go up one by one; nothing is seen of them until the commit.
        for number, addition in enumerate(additions):
            progress(number, len(files), addition.path_in_repo)
            api.preupload_lfs_files(name, additions=[addition])
        progress(len(files), len(files), "")
        api.create_commit(name, operations=additions, commit_message=_commit(settings))
    except HfHubHTTPError as error:
        raise _refused(settings, error) from error
    except (OfflineModeIsEnabled, HubHttpError, ConnectionError) as error:
        raise UserError(Problem("repository", message("download.offline", hub="Hugging Face", name=name))) from error
    return str(address)


def _push_modelscope(folder: Path, settings: ExportSettings, progress: Progress, api: Any, token: str) -> str:
    """Its client brings the folder as one piece: no stop between two files."""
    name = settings.repository
    progress(0, 1, folder.name)
    try:
        if not api.repo_exists(name, repo_type="model", token=token):
            visibility = "public" if settings.is_public else "private"
            api.create_repo(name, repo_type="model", visibility=visibility, token=token)
        api.upload_folder(
            repo_id=name,
            folder_path=str(folder),
            repo_type="model",
            token=token,
            commit_message=_commit(settings),
        )
    except _modelscope_errors() as error:
        raise _refused(settings, error) from error
    progress(1, 1, folder.name)
    endpoint = str(getattr(api, "endpoint", "") or "").rstrip("/")
    return f"{endpoint}/models/{name}" if endpoint else name


def _refused(settings: ExportSettings, error: Exception) -> UserError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    values = {"hub": _NAMES[settings.hub], "name": settings.repository, "reason": reason}
    return UserError(Problem("repository", message("export.hub_refused", **values)))


def _commit(settings: ExportSettings) -> str:
    return translate("en", "export.commit", form=settings.form)


def _has_modelscope() -> bool:
    return find_spec("modelscope") is not None


def _modelscope() -> Any:
    from modelscope.hub.api import HubApi

    return HubApi()


def _modelscope_errors() -> tuple[type[Exception], ...]:
    known: tuple[type[Exception], ...] = (OSError, ValueError)
    if not _has_modelscope():
        return known
    from modelscope.hub import errors

    return (*known, *(getattr(errors, name) for name in _MODELSCOPE_ERRORS if hasattr(errors, name)))
