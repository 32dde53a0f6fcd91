"""What is *not* loaded: a fresh interpreter shows that --help, the page and the data tools come without torch."""

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = str(Path(__file__).resolve().parents[1] / "src")
HEAVY = ("torch", "transformers", "peft", "accelerate", "gradio", "sqlalchemy", "pandas", "matplotlib", "datasets")
MARK = "loaded modules:"
MODEL = ("torch", "transformers", "peft", "accelerate")


def loaded_after(code: str) -> set[str]:
    """The top-level packages that a fresh interpreter has loaded after running `code`."""
    lines = ("import sys", f"sys.path.insert(0, {SOURCE!r})", code, f"print({MARK!r}, *sys.modules)")
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.rpartition(MARK)[2].split()}


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import tsft.cli", (*HEAVY, "numpy", "rich", "psutil")),
        ("import tsft.config.check, tsft.run.board, tsft.log, tsft.i18n", (*HEAVY, "numpy", "orjson")),
        ("import tsft.store.record, tsft.store.presets", tuple(set(HEAVY) - {"sqlalchemy"})),
        ("import tsft.data.preparation", (*MODEL, "gradio", "sqlalchemy")),
        ("import tsft.engine.engine", (*MODEL, "gradio")),
        ("import tsft.ui.page", MODEL),
        ("import tsft.app", MODEL),
        ("import tsft.installation", tuple(set(HEAVY) - {"sqlalchemy"})),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_needed_is_not_loaded(code: str, absent: tuple[str, ...]) -> None:
    assert loaded_after(code) & set(absent) == set()


@pytest.mark.parametrize("call", ["main(['--help'])", "main(['train', '--help'])", "webui(['--help'])"])
def test_help_loads_nothing_heavy(call: str) -> None:
    code = f"from tsft.cli import main, webui\ntry:\n    {call}\nexcept SystemExit as end:\n    assert end.code == 0"
    assert loaded_after(code) & {*HEAVY, "numpy", "rich", "psutil"} == set()


def test_wrong_settings_are_told_before_torch_is_loaded(tmp_path: Path) -> None:
    arguments = ["train", "first_run", "--lora.rank", "0", "--workspace", str(tmp_path)]
    code = f"from tsft.cli import main\nassert main({arguments!r}) == 2"
    assert loaded_after(code) & {*MODEL, "gradio"} == set()


def test_the_first_part_of_check_loads_neither_torch_nor_gradio(tmp_path: Path) -> None:
    call = f"list(examine(Path({str(tmp_path)!r}), '127.0.0.1', 0))"
    code = f"from pathlib import Path\nfrom tsft.installation import examine\n{call}"
    assert loaded_after(code) & {*MODEL, "gradio"} == set()
