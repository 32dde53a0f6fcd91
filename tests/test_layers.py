"""Imports go down one way (CONTRIBUTING, "Layers"), and heavy packages stay where they belong. Told from the source."""

import ast
import functools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "tsft"

# From the top down. A part may import parts of later rows, never of its own row or an earlier one.
LAYERS = (
    (
        "cli",
        "__main__",
        "flags",
        "terminal",
        "installation",
        "preset_commands",
        "run_commands",
        "training_commands",
        "endings",
        "settings_command",
        "data_commands",
        "dataset_commands",
        "synth_commands",
        "build_commands",
        "export_commands",
        "evaluation_commands",
        "evaluation_flags",
        "chat_commands",
        "model_commands",
        "model_flags",
        "chat_flags",
        "chat_series",
        "preference_commands",
        "preference_flags",
    ),
    ("app",),
    ("ui", "engine", "api", "notify"),
    ("store", "data", "model", "evaluate"),
    ("run",),
    ("config",),
    ("base",),
)
BASE = ("errors", "i18n", "resources", "log", "access", "atomic", "wheels", "__init__")
# Modules of the command line help each other; so do those of the base.
FRIENDLY_ROWS = (0, len(LAYERS) - 1)
STANDARD_LIBRARY_ONLY = ("run", "config", "base")
HOMES = {
    "torch": ("model", "engine"),
    "transformers": ("model", "engine"),
    "peft": ("model", "engine"),
    "accelerate": ("model", "engine"),
    "safetensors": ("model", "engine"),
    "gradio": ("ui", "app"),
    "fastapi": ("api",),
    "pydantic": ("api",),
    "matplotlib": ("ui",),
    "sqlalchemy": ("store",),
    "yaml": ("store",),
    "rich": ("terminal",),
    "sacrebleu": ("evaluate",),
}
# ui asks for answers and charts through what the app hands it, never from the model.
FORBIDDEN = {("ui", "model")}
# Parts that may load others at first use, so that the page and --help are there at once.
LATE = ("cli", "engine")
# Optional extras (modelscope brings requests), and what only a download, a picture or a spreadsheet needs.
LATE_PACKAGES = (
    "modelscope", "requests", "huggingface_hub", "gguf", "matplotlib", "openpyxl", "bitsandbytes", "torchao",
    "deepspeed",
)  # fmt: skip


@dataclass(frozen=True)
class Import:
    """One import statement: of what, where, and whether it stands inside a function."""

    target: str
    file: str
    line: int
    is_late: bool


def part_of(dotted: str) -> str:
    """ "tsft.engine.recipe" is of the part "engine"; single modules at the top are parts of their own, or the base."""
    names = dotted.split(".")
    name = names[1] if len(names) > 1 else "__init__"
    return "base" if name in BASE else name


def row_of(part: str) -> int:
    rows = [number for number, row in enumerate(LAYERS) if part in row]
    assert rows, f"{part} is in no layer: put it into the table of tests/test_layers.py and CONTRIBUTING.md"
    return rows[0]


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(("tsft", *path.relative_to(PACKAGE).with_suffix("").parts))


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imports_of(path: Path) -> list[Import]:
    return list(_imports_of(path))


def _imports_of(path: Path) -> Iterator[Import]:
    tree = tree_of(path)
    late = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: imports are absolute"
            targets = [node.module or ""]
            if node.module == "tsft":
                targets = ["tsft" if alias.name.startswith("__") else f"tsft.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("importlib.import_module", "import_module"):
            argument = node.args[0]
            targets = [argument.value] if isinstance(argument, ast.Constant) else []
        else:
            continue
        for target in targets:
            yield Import(target, path.name, node.lineno, id(node) in late)


def test_there_is_code_to_look_at() -> None:
    assert len(files()) > 40


def test_imports_go_down_one_way() -> None:
    wrong = []
    for path in files():
        part = part_of(module_of(path))
        row = row_of(part)
        for each in imports_of(path):
            if each.target.split(".")[0] != "tsft":
                continue
            other = part_of(each.target)
            is_own = other == part or (row in FRIENDLY_ROWS and row_of(other) == row)
            if not (is_own or row_of(other) > row) or (part, other) in FORBIDDEN:
                wrong.append(f"{each.file}:{each.line}: {part} imports {other}")
    assert wrong == []


def test_heavy_packages_stay_where_they_belong() -> None:
    wrong = []
    for path in files():
        part = part_of(module_of(path))
        for each in imports_of(path):
            top = each.target.split(".")[0]
            homes = HOMES.get(top)
            if homes is not None and part not in homes:
                wrong.append(f"{each.file}:{each.line}: {top} belongs in {homes}, not in {part}")
            if part in STANDARD_LIBRARY_ONLY and top != "tsft" and top not in sys.stdlib_module_names:
                wrong.append(f"{each.file}:{each.line}: {part} uses the standard library only")
    assert wrong == []


def test_only_the_command_line_and_the_engine_import_late() -> None:
    late = [
        f"{each.file}:{each.line}: {each.target}"
        for path in files()
        if part_of(module_of(path)) not in LATE
        for each in imports_of(path)
        if each.is_late and each.target.split(".")[0] not in LATE_PACKAGES
    ]
    assert late == []


def test_pyplot_with_its_global_state_is_used_nowhere() -> None:
    used = [each for path in files() for each in imports_of(path) if each.target.startswith("matplotlib.pyplot")]
    assert used == []


def test_every_module_says_what_it_owns() -> None:
    assert [path.name for path in files() if not ast.get_docstring(tree_of(path))] == []


def test_no_module_is_too_long() -> None:
    lengths = {module_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in files()}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_no_function_is_too_long() -> None:
    lengths = {
        f"{path.name}:{node.lineno}: {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    assert {name: length for name, length in lengths.items() if length > 60} == {}
