"""The generator's controls and what they say as a job, and back."""

from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from tsft.data.synth.dataset import FORMATS, SynthJob
from tsft.data.synth.domains import DOMAIN
from tsft.data.synth.recipe import ANSWERS, DIFFICULTIES, PAIRS, SPLITS, SynthRecipe
from tsft.i18n import translate
from tsft.ui.data.entries import place_entries, weights_of
from tsft.ui.data.placing import Placing, RecipeForm, chinese_share, languages_of, step_title, whole
from tsft.ui.words import Words

CHOICES: dict[str, Sequence[str]] = {
    "difficulty": DIFFICULTIES,
    "domains": tuple(DOMAIN),
    "split": SPLITS,
    "answers": ANSWERS,
}
SHARES = ("none_share", "context_share", "missing_share")
TASKS, STYLES = "tasks", "styles"


def place_generator_form(words: Words) -> RecipeForm:
    """Lay the form out, but for the dataset's name, which stands beside the buttons."""
    plain, placing = SynthRecipe(), Placing(words, "synth", CHOICES)
    share: dict[str, Any] = {"minimum": 0, "maximum": 1, "step": 0.05, "buttons": []}
    step_title(words, "synth", "rows")
    with gr.Row(elem_classes=["gap-small"]):
        placing.put("count", gr.Number, value=plain.count, step=1)
        placing.put("seed", gr.Number, value=plain.seed, step=1)
        placing.pick("split", plain.split)
    tasks, styles = place_entries("synth-tasks"), place_entries("synth-styles")
    with gr.Row(elem_classes=["gap-small"]):
        placing.put("chinese", gr.Slider, value=0.5, **share)
        placing.put("none_share", gr.Slider, value=plain.none_share, **share)
        placing.put("context_share", gr.Slider, value=plain.context_share, **share)
    placing.pick("answers", plain.answers, gr.Radio)
    step_title(words, "synth", "series")
    with gr.Row(elem_classes=["gap-small"]):
        for name in PAIRS:
            for place, bound in enumerate(("least", "most")):
                placing.put(f"{name}_{bound}", gr.Number, value=getattr(plain, name)[place], step=1, min_width=100)
    placing.pick("difficulty", plain.difficulty, gr.Radio)
    placing.pick("domains", list(DOMAIN), gr.CheckboxGroup)
    placing.put("missing_share", gr.Slider, value=plain.missing_share, **share)
    step_title(words, "synth", "mix")
    with gr.Row(elem_classes=["gap-small"]):
        placing.put("mix_with", gr.Dropdown, choices=[""], value="", allow_custom_value=True)
        placing.put("share", gr.Slider, value=SynthJob().share, **share)
        placing.put("format", gr.Radio, choices=[(each.upper(), each) for each in FORMATS], value=FORMATS[0])
    return RecipeForm(placing.controls, {TASKS: tasks, STYLES: styles})


def job_of(values: Mapping[str, Any]) -> SynthJob:
    """What the controls say, unchecked."""
    pairs: dict[str, Any] = {
        name: tuple(whole(values[f"{name}_{bound}"]) for bound in ("least", "most")) for name in PAIRS
    }
    domains = tuple(values["domains"] or ())
    recipe = SynthRecipe(
        count=whole(values["count"]),
        seed=whole(values["seed"]),
        split=values["split"] or "",
        tasks=weights_of(values[TASKS]),
        styles=weights_of(values[STYLES]),
        languages=languages_of(values["chinese"]),
        # All of them are none in particular.
        domains=() if set(domains) == set(DOMAIN) else domains or ("",),
        difficulty=values["difficulty"] or "",
        answers=values["answers"] or "",
        **pairs,
        **{name: values[name] for name in SHARES},
    )
    return SynthJob(recipe, str(values["mix_with"] or ""), values["share"], values["format"] or "")


def form_values(job: SynthJob) -> dict[str, Any]:
    """What the controls show for a job; tables and the dataset's name are left out."""
    recipe = job.recipe
    found = {name: getattr(recipe, name) for name in ("count", "seed", "split", "difficulty", "answers", *SHARES)}
    for name in PAIRS:
        found[f"{name}_least"], found[f"{name}_most"] = getattr(recipe, name)
    found |= {"mix_with": job.mix_with, "share": job.share, "format": job.format}
    return found | {"domains": list(recipe.domains or DOMAIN), "chinese": chinese_share(recipe.languages)}


def mix_choices(names: Sequence[str], language: str) -> list[tuple[str, str]]:
    """The datasets that can be mixed in, and first of all none."""
    return [(translate(language, "page.synth.mix_none"), ""), *((each, each) for each in names)]
