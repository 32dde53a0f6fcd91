"""The workspace folder: where everything lies, and names that are safe to use as file names."""

import hashlib
import os
import re
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from tsft.errors import UserError, message

DEFAULT_FOLDER = "tsft-workspace"
VARIABLE = "TSFT_WORKSPACE"

# Bytes of a name that are kept: file systems stop at 255, and times, counters and endings are still added.
NAME_BYTES = 100
# Names that Windows keeps for devices, whatever their ending.
_DEVICE_NAMES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Workspace:
    """The folders of one workspace, by the name of what they hold."""

    root: Path

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    @property
    def tables(self) -> Path:
        """Tables of measurements that were brought in and wait to be made rows of."""
        return self.root / "tables"

    def dataset_folders(self, own: str = "") -> list[Path]:
        """Where datasets are looked for, in this order: a folder of the person's own, then the workspace's."""
        return [*([Path(own).expanduser()] if own else []), self.datasets]

    @property
    def presets(self) -> Path:
        return self.root / "presets"

    @property
    def exports(self) -> Path:
        """Made with the first export."""
        return self.root / "exports"

    @property
    def evaluations(self) -> Path:
        """Made with the first evaluation."""
        return self.root / "evaluations"

    @property
    def launches(self) -> Path:
        """Configs of runs that are started by hand; made with the first."""
        return self.root / "launches"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def labels(self) -> Path:
        """The inbox of the label room."""
        return self.root / "labels"

    @property
    def chat(self) -> Path:
        """What people said of answers in the Chat."""
        return self.root / "chat"

    @property
    def database(self) -> Path:
        return self.root / "tsft.db"


def open_workspace(path: Path | None = None) -> Workspace:
    """The workspace at `path`, else at $TSFT_WORKSPACE, else at ./tsft-workspace; its folders are made where missing.

    Raises UserError naming the folder when it cannot be written to.
    """
    root = (path or Path(os.environ.get(VARIABLE) or DEFAULT_FOLDER)).expanduser().resolve()
    workspace = Workspace(root)
    try:
        for folder in (workspace.runs, workspace.models, workspace.datasets, workspace.presets, workspace.cache):
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        why = error.strerror or str(error)
        raise UserError(message("workspace.not_writable", path=str(root), why=why)) from error
    return workspace


def slug(name: str) -> str:
    """A file name for `name`: letters and digits of any script, "-", "_" and "." stay, the rest becomes "-".

    Different names give different file names: where anything was changed, "~" and eight hex digits of the original
    follow ("~" itself never stays). Give it names, not slugs: a slug with "~" in it would change again.
    """
    kept = readable_part(name)
    if kept == name and not _DEVICE_NAMES.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode("utf-8", errors="surrogatepass")).hexdigest()[:8]
    return f"{kept}~{digest}"


def readable_part(name: str) -> str:
    """The same without the digits: different names may give the same, so it is for names made unique by other means."""
    kept = "".join(letter if _is_safe(letter) else "-" for letter in unicodedata.normalize("NFC", name))
    if kept != name:
        kept = re.sub(r"-{2,}", "-", kept)
    return _cut(kept, NAME_BYTES).strip("-.") or "unnamed"


def inside(root: Path, name: str) -> Path:
    """`root / name`, made absolute. Raises UserError when that is not below `root` (“..”, another root, a link out)."""
    refused = UserError(message("workspace.outside", path=name))
    if "\0" in name:
        raise refused
    base = root.resolve()
    path = (base / name).resolve()
    if path == base or not path.is_relative_to(base):
        raise refused
    return path


def _is_safe(letter: str) -> bool:
    # Marks (M) belong to letters in many scripts.
    return letter in "-_." or letter.isalnum() or unicodedata.category(letter).startswith("M")


def _cut(text: str, limit_bytes: int) -> str:
    return text.encode("utf-8", errors="ignore")[:limit_bytes].decode("utf-8", errors="ignore")
