"""Generated preference rows for tests of the stages that learn from them."""

from pathlib import Path

from tsft.data.synth.dataset import SynthJob, write_dataset
from tsft.data.synth.recipe import SynthRecipe


def write_rows(folder: Path, answers: str, count: int = 24, task: str = "trend", seed: int = 7) -> str:
    """A dataset of this kind of answers ("pairs" or "judged") in `folder`; its name."""
    recipe = SynthRecipe(
        count=count,
        seed=seed,
        answers=answers,
        tasks={task: 1.0},
        styles={"short": 1.0},
        languages={"en": 1.0},
        lengths=(32, 48),
        series=(1, 1),
        context_share=0.0,
    )
    return write_dataset(SynthJob(recipe), answers, folder, folder.parent / "cache", replaces=True).name
