"""The model card of an export: what it was made from and with what data and settings, how good it is, how it is used.

Written in one of our languages; the block on top is the hubs'. Nothing in it names folders, people or machines.
"""

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tsft.config.catalog import base_model, hub_name
from tsft.config.codec import to_json
from tsft.config.run_config import ModelSettings
from tsft.engine.versions import code_versions
from tsft.errors import Message
from tsft.i18n import say, translate
from tsft.run.export import ADAPTER, PLAIN, Exported, SelfTest
from tsft.store.debug_bundle import private
from tsft.store.runs import RunInfo, run_config

_LICENSE = re.compile(r"^license:\s*[\"']?([A-Za-z0-9][\w.+-]*)", re.MULTILINE)
_LICENSE_FILES = ("LICENSE*", "NOTICE*")
# Package versions that decide how the weights behave.
_PACKAGES = ("tsft", "torch", "transformers", "peft")


@dataclass(frozen=True)
class Base:
    """What a model was made from. name: its id on the hub, or as it is called here. license: "" when not known."""

    name: str
    folder: Path
    is_on_hub: bool
    license: str = ""


def base_of(folder: Path, settings: ModelSettings | None) -> Base:
    """The base whose folder this is, by the settings it was named in, else by what the folder says."""
    given = settings.name if settings is not None and settings.name else folder.name
    hub_id = hub_name(given, settings.hub if settings is not None else "huggingface")
    is_path = Path(given).is_absolute() or given.startswith((".", "~"))
    name = Path(given).name if is_path else hub_id or given
    entry = base_model(given)
    return Base(name, folder, not is_path and "/" in hub_id, license_in(folder) or (entry.license if entry else ""))


def license_in(folder: Path) -> str:
    """The licence that the card of a model folder names, "" when it has no card or names none."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    _, found, rest = text.partition("---\n")
    head = rest.partition("\n---")[0] if found and text.startswith("---") else ""
    match = _LICENSE.search(head)
    return match[1] if match else ""


def copy_licenses(base: Path, folder: Path) -> None:
    """Licence and notice of the base go along with what is made from it."""
    for pattern in _LICENSE_FILES:
        for path in sorted(base.glob(pattern)):
            if path.is_file():
                shutil.copyfile(path, folder / path.name)


def write_card(
    folder: Path, exported: Exported, run: RunInfo | None, base: Base, test: SelfTest, told: tuple[Message, ...]
) -> None:
    """README.md into the folder. told: what other programs can make of it, with the folder's own name as its place."""
    settings = exported.settings
    lines = [
        *_head(exported, run, base),
        f"# {_title(run, folder)}",
        "",
        translate(settings.language, f"card.about.{settings.form}", base=base.name),
        "",
        *_use(settings.form, folder, base, settings.language),
        *_data(run, settings.language),
        *_scores(run, folder, settings.language),
        *_tested(test, settings.language),
        *_elsewhere(told, settings.language),
        *_recipe(run, settings.language),
        *_license(base, settings.language),
    ]
    (folder / "README.md").write_text(private("\n".join(lines) + "\n"), encoding="utf-8", newline="\n")


def _head(exported: Exported, run: RunInfo | None, base: Base) -> Iterator[str]:
    form = exported.settings.form
    tags = ["time-series", "tsft", *([] if form == PLAIN else ["chatts"])]
    facts: dict[str, Any] = {
        "license": base.license or "other",
        "library_name": "peft" if form == ADAPTER else "transformers" if form == PLAIN else "tsft",
        "pipeline_tag": "text-generation",
        "tags": tags,
    }
    if base.is_on_hub:
        facts["base_model"] = base.name
        facts["base_model_relation"] = "adapter" if form == ADAPTER else "finetune"
    yield "---"
    for name, value in facts.items():
        yield f"{name}: {json.dumps(value, ensure_ascii=False)}"  # JSON is YAML too
    yield from ("---", "")


def _use(form: str, folder: Path, base: Base, language: str) -> Iterator[str]:
    yield from (f"## {translate(language, 'card.use')}", "", translate(language, f"card.use.{form}"), "")
    yield from ("```python", *_code(form, folder.name, base), "```", "")


def _code(form: str, name: str, base: Base) -> Iterator[str]:
    """A program that asks the export something."""
    question = [
        'turns = [{"role": "user", "content": "What happens in <ts><ts/>?"}]',
        "series = [[0.0] * 40 + [5.0] * 40]",
    ]
    if form == ADAPTER:
        yield from ("from pathlib import Path", "", "import torch", "from tsft.model.adapters import load_adapter")
        yield from ("from tsft.model.answer import answer", "", *question)
        yield f'loaded = load_adapter(Path("{name}"), Path("{base.name.rsplit("/", 1)[-1]}"), torch.float32)'
        yield "print(answer(loaded.model, loaded.processor, turns, series, 64))"
    elif form == PLAIN:
        yield from ("from pathlib import Path", "", "import torch", "from tsft.model.answer import answer")
        yield from (
            "from tsft.model.layouts import PlainWithSeries",
            "from tsft.model.processor import SeriesProcessor",
        )
        yield from ("", *question, f'folder = Path("{name}")')
        yield "model, processor = PlainWithSeries(folder, torch.float32), SeriesProcessor.load(folder)"
        yield "print(answer(model, processor, turns, series, 64))"
    else:
        yield from ("from pathlib import Path", "", "import torch", "from tsft.model.answer import answer")
        yield from ("from tsft.model.loading import load", "", *question)
        yield f'loaded = load(Path("{name}"), dtype=torch.float32)'
        yield "print(answer(loaded.model, loaded.processor, turns, series, 64))"


def _data(run: RunInfo | None, language: str) -> Iterator[str]:
    yield from (f"## {translate(language, 'card.data')}", "")
    if run is None or not (run.data or run.datasets):
        yield from (translate(language, "card.unknown"), "")
        return
    titles = [translate(language, f"card.column.{name}") for name in ("dataset", "rows", "rows_read", "content")]
    yield f"| {' | '.join(titles)} |"
    yield "|---|---:|---:|---|"
    if run.data:
        for each in run.data:
            yield f"| {_cell(each.name)} | {each.rows:,} | {each.rows_read:,} | `{each.content[:16]}` |"
    else:
        yield from (f"| {_cell(name)} | | | |" for name in run.datasets)
    yield ""


def _scores(run: RunInfo | None, folder: Path, language: str) -> Iterator[str]:
    yield from (f"## {translate(language, 'card.scores')}", "")
    if run is None:
        yield from (translate(language, "card.unknown"), "")
        return
    facts: dict[str, str] = {"steps": f"{run.step:,} / {run.steps:,}" if run.steps else f"{run.step:,}"}
    for name, value in (("loss", run.loss), ("validation_loss", run.best_validation_loss)):
        if value is not None:
            facts[name] = f"{value:.4g}"
    yield from (f"- {translate(language, f'card.fact.{name}')}: {value}" for name, value in facts.items())
    if run.score is not None and run.score_name != "validation_loss":
        yield f"- {run.score_name}: {run.score:.4g}"
    if run.answer_score is not None:
        yield f"- {translate(language, 'card.fact.answers')}: {_answers(run.scores, language)}"
        for task, value in sorted(run.scores.get("tasks", {}).items()):
            yield f"  - {_cell(task)}: {100 * value:.1f} %"
    yield ""


def _answers(scores: Mapping[str, Any], language: str) -> str:
    """The newest evaluation's headline score with its interval, where it has one."""
    told = {"score": f"{100 * scores['score']:.1f}", "rows": f"{scores['rows']:,}"}
    told["datasets"] = ", ".join(_cell(name) for name in scores["datasets"])
    if scores.get("low") is None or scores.get("high") is None:
        return translate(language, "card.answers.plain", **told)
    bounds = {name: f"{100 * scores[name]:.1f}" for name in ("low", "high")}
    return translate(language, "card.answers.interval", **told, **bounds)


def _tested(test: SelfTest, language: str) -> Iterator[str]:
    yield from (f"## {translate(language, 'card.tested')}", "")
    yield from (f"- {say(language, told)}" for told in test.messages())
    yield ""


def _elsewhere(told: tuple[Message, ...], language: str) -> Iterator[str]:
    yield from (f"## {translate(language, 'card.elsewhere')}", "")
    for each in told:
        yield f"- {say(language, each)}"
    yield ""


def _recipe(run: RunInfo | None, language: str) -> Iterator[str]:
    yield from (f"## {translate(language, 'card.recipe')}", "")
    if run is None:
        yield from (translate(language, "card.unknown"), "")
        return
    versions = dict(run.versions) or dict(code_versions())
    used = [f"{name} {versions[name]}" for name in _PACKAGES if name in versions]
    if used:
        yield from (f"{translate(language, 'card.versions')}: {', '.join(used)}", "")
    recipe = _without_places(to_json(run_config(run.folder)))
    yield from ("```json", json.dumps(recipe, ensure_ascii=False, indent=1), "```", "")


def _license(base: Base, language: str) -> Iterator[str]:
    yield from (f"## {translate(language, 'card.license')}", "")
    if base.license:
        yield translate(language, "card.license.known", base=base.name, license=base.license)
    else:
        yield translate(language, "card.license.unknown", base=base.name)


def _without_places(tree: Any) -> Any:
    """The config with folders of this machine shortened to their last name."""
    if isinstance(tree, Mapping):
        return {name: _without_places(value) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_without_places(value) for value in tree]
    if isinstance(tree, str) and (tree.startswith(("/", "~", "\\\\")) or re.match(r"[A-Za-z]:[\\/]", tree)):
        return re.split(r"[\\/]", tree.rstrip("\\/"))[-1]
    return tree


def _title(run: RunInfo | None, folder: Path) -> str:
    return _cell(run.name if run is not None else folder.name)


def _cell(text: str) -> str:
    """Text of a person within Markdown: one line, and nothing in it is markup."""
    return re.sub(r"([\\`*_\[\]<>|#])", r"\\\1", " ".join(text.split()))
