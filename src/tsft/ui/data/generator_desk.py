"""What the generator's controls do: show examples, tell what the text alone is worth, generate, take recipes over."""

import json
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from tsft.data.synth.dataset import SynthJob, Written, check_job, command, read_job, write_dataset
from tsft.data.synth.recipe import check_recipe
from tsft.data.synth.rows import synth_row, synth_scene
from tsft.data.tasks.catalog import SYNTH_TASKS
from tsft.data.tasks.words import STYLES as ALL_STYLES
from tsft.errors import Problem, UserError, message, raise_if_any
from tsft.evaluate.baselines import TextOnly, text_only
from tsft.i18n import translate
from tsft.run.ports import Stopped
from tsft.ui import monitor
from tsft.ui.data import generator_form
from tsft.ui.data.desk import DataDesk
from tsft.ui.data.entries import Choice, reading, weights_feed, weights_html
from tsft.ui.data.generator_facts import known_of, worth_html
from tsft.ui.data.generator_form import STYLES, TASKS
from tsft.ui.data.job_box import refuse, watch, wire_job_box
from tsft.ui.data.jobs import DONE, Move, ShouldStop
from tsft.ui.data.problems import problems_html
from tsft.ui.data.recipe_box import recipe_html
from tsft.ui.data.recipes_list import recipes_here
from tsft.ui.data.row_card import row_card
from tsft.ui.events import PRIVATE, QUEUED

EXAMPLES = 5
# Rows from which the worth of the text alone is told; the same as the command line takes.
MEASURED_ROWS = 400
# From here on other processes make the rows: a thread of this one would take turns with a run.
ROWS_FOR_WORKERS, WORKERS = 2_000, 2
MOST_SEED = 1_000_000


class GeneratorDesk:
    """Handlers of one section; each gives updates by component."""

    def __init__(self, section: Any, desk: DataDesk, who: Any) -> None:
        self.at, self.desk, self.who = section, desk, who
        self.controls: Mapping[str, Any] = section.form.controls

    def wire(self) -> None:
        at, form, language = self.at, self.at.form, self.desk.language
        boxes, given = list(form.entries.values()), [language, *form.inputs]
        js = reading(boxes, given)
        tables = [each for box in boxes for each in (box.shown, box.feed)]
        everything = [*form.controls.values(), *tables, at.recipes, at.recipe.shown, at.problems, at.open]
        opened = [*everything, *at.job.watching]
        self.desk.section["generate"].select(self.opened, given, opened, js=js, **PRIVATE)
        changed = [each.input for each in form.controls.values()] + [box.shown.select for box in boxes]
        gr.on(changed, self.tell_recipe, given, at.recipe.shown, js=js, trigger_mode="always_last", **PRIVATE)
        shown = [at.shown, at.showing, at.problems]
        at.examples.click(self.examples, given, shown, js=js, **QUEUED)
        reseeded = at.reseed.click(lambda: random.randrange(MOST_SEED), None, self.controls["seed"], **PRIVATE)
        reseeded.then(self.examples, given, shown, js=js, **QUEUED).then(
            self.tell_recipe, given, at.recipe.shown, js=js, **PRIVATE
        )
        single = [at.number, *given]
        at.single.click(self.single, single, shown, js=reading(boxes, single), **QUEUED)
        begun = [at.problems, at.told, at.open, *at.job.watching]
        making = [language, at.replaces, *form.inputs]
        at.generate.click(self.generate, making, begun, js=reading(boxes, making), **QUEUED)
        at.measure.click(self.measure, given, [at.problems, at.worth, *at.measuring.watching], js=js, **QUEUED)
        self._wire_jobs()
        for event, where in ((at.recipes.input, at.recipes), (at.recipe_file.upload, at.recipe_file)):
            event(self.load, [where, language], everything, **QUEUED)
        at.open.click(self.open, None, [self.desk.sections, self.desk.goto], **QUEUED)
        again = [at.showing, at.made, at.measured, *given]
        outputs = [*everything, at.shown, at.told, at.worth]
        self.desk.relabel["generate"].click(self.speak, again, outputs, js=reading(boxes, again), **QUEUED)

    def _wire_jobs(self) -> None:
        at, language, jobs = self.at, self.desk.language, self.desk.room.jobs
        for box in (at.job, at.measuring):
            wire_job_box(box, jobs, language)
        after = [at.told, at.open, at.made, self.desk.which, at.recipes]
        at.job.ended.change(self.ended, [at.job.ended, language], after, **QUEUED)
        at.measuring.ended.change(self.was_measured, [at.measuring.ended, language], [at.worth, at.measured], **QUEUED)

    # -- form -------------------------------------------------------------------------------------------------------

    def opened(self, language: str, *given: Any) -> dict[Any, Any]:
        """The tables of weights, the datasets that can be mixed in, recipes, and a job that goes on."""
        job = generator_form.job_of(self.at.form.values(given))
        updates = {**self._tables(job, language), **self._offers(language)}
        updates[self.at.recipe.shown] = self.tell_recipe(language, *given)
        going = self.desk.room.jobs.going("synth")
        if going is not None:
            updates |= dict(zip(self.at.job.watching, watch(going, language), strict=True))
        return updates

    def tell_recipe(self, language: str, *given: Any) -> str:
        values = self.at.form.values(given)
        return self._recipe_html(generator_form.job_of(values), str(values["name"] or ""), language)

    def load(self, path: str | None, language: str) -> dict[Any, Any]:
        """A recipe of before."""
        if not path:
            return self._offers(language)
        try:
            job = read_job(Path(path))
        except UserError as error:
            return {self.at.problems: self._problems(error.problems, language)}
        shown = {self.controls[name]: value for name, value in generator_form.form_values(job).items()}
        told = {self.at.problems: "", self.at.recipe.shown: self._recipe_html(job, "generated", language)}
        return {**shown, **self._tables(job, language), **told}

    def speak(self, showing: Sequence[int], made: int, measured: int, language: str, *given: Any) -> dict[Any, Any]:
        """Everything that is shown, in another language."""
        if not self.at.form.values(given)[TASKS]:
            return {self.at.problems: ""}
        updates = {**self.opened(language, *given), self.at.problems: ""}
        if showing:
            updates[self.at.shown] = self._rows(list(showing), language, *given)[self.at.shown]
        updates |= {self.at.told: self._written(made, language), self.at.worth: self._worth(measured, language)}
        return {each: update for each, update in updates.items() if each not in self.at.job.watching}

    # -- rows -------------------------------------------------------------------------------------------------------

    def examples(self, language: str, *given: Any) -> dict[Any, Any]:
        """The first rows of the stream."""
        return self._rows(list(range(EXAMPLES)), language, *given)

    def single(self, number: Any, language: str, *given: Any) -> dict[Any, Any]:
        """One row alone, as it stands in the stream."""
        index = generator_form.whole(number)
        if not isinstance(index, int) or index < 0:
            problem = Problem("number", message("page.synth.bad_number", value=str(number)))
            return {self.at.shown: "", self.at.showing: (), self.at.problems: self._problems([problem], language)}
        return self._rows([index], language, *given)

    def _rows(self, numbers: Sequence[int], language: str, *given: Any) -> dict[Any, Any]:
        job = generator_form.job_of(self.at.form.values(given))
        try:
            raise_if_any(check_recipe(job.recipe))
        except UserError as error:
            return {self.at.shown: "", self.at.showing: (), self.at.problems: self._problems(error.problems, language)}
        cards = []
        for number in numbers:
            row, subject = synth_scene(job.recipe, number)
            told = translate(language, "page.synth.row", number=number)
            cards.append(row_card(row, told, language, known_of(subject, language)))
        return {self.at.shown: "".join(cards), self.at.showing: tuple(numbers), self.at.problems: ""}

    def measure(self, language: str, *given: Any) -> dict[Any, Any]:
        """Begin to find out what the text alone is worth."""
        at, values = self.at, self.at.form.values(given)
        job, name = generator_form.job_of(values), str(values["name"] or "").strip()

        def work(move: Move, should_stop: ShouldStop) -> dict[str, TextOnly]:
            labels, count = [], min(job.recipe.count, MEASURED_ROWS)
            for index in range(count):
                if should_stop():
                    raise Stopped
                labels.append(json.loads(synth_row(job.recipe, index)["meta"])["label"])
                move(index + 1, count)
            return text_only(labels)

        begun = self._begin("worth", name, job, work, at.measuring, language)
        return {at.worth: "", **begun}

    def generate(self, language: str, replaces: bool, request: gr.Request, *given: Any) -> dict[Any, Any]:
        """Begin the job; what is wrong is told at once."""
        at, room = self.at, self.desk.room
        values = at.form.values(given)
        job, name, by = generator_form.job_of(values), str(values["name"] or "").strip(), self.who(request)

        def work(move: Move, should_stop: ShouldStop) -> Written:
            workspace = room.workspace
            return write_dataset(
                job, name, workspace.datasets, workspace.cache, folders=room.folders,
                workers=WORKERS if job.recipe.count > ROWS_FOR_WORKERS else 1,
                replaces=replaces, progress=move, should_stop=should_stop, by=by,
            )  # fmt: skip

        begun = self._begin("synth", name, job, work, at.job, language)
        return {at.told: "", at.open: gr.update(visible=False), **begun}

    def _begin(self, kind: str, name: str, job: SynthJob, work: Any, box: Any, language: str) -> dict[Any, Any]:
        try:
            nameless = [] if name else [Problem("name", message("page.data.no_name"))]
            raise_if_any([*check_recipe(job.recipe), *check_job(job), *nameless])
            begun = self.desk.room.jobs.begin(kind, name, work, job)
        except UserError as error:
            told = {self.at.problems: self._problems(error.problems, language)}
            return told | dict(zip(box.watching, refuse(""), strict=True))
        return {self.at.problems: "", **dict(zip(box.watching, watch(begun, language), strict=True))}

    def ended(self, number: int, language: str) -> dict[Any, Any]:
        """What was written; it is chosen at the top of the tab."""
        told = self._written(number, language)
        if not told:
            return {self.at.made: 0}
        written = self._result(number)
        return {
            self.at.told: told,
            self.at.open: gr.update(visible=True),
            self.at.made: number,
            self.desk.which: self.desk.offer(written.name),
            self.at.recipes: gr.update(choices=self._recipes()),
        }

    def was_measured(self, number: int, language: str) -> dict[Any, Any]:
        return {self.at.worth: self._worth(number, language), self.at.measured: number}

    def open(self) -> dict[Any, Any]:
        return {self.desk.sections: self.desk.open("rows"), self.desk.goto: {"row": 0, "at": time.time()}}

    # -- what is shown ----------------------------------------------------------------------------------------------

    def _result(self, number: Any) -> Any:
        job = self.desk.room.jobs.get(int(number or 0))
        return job.result if job is not None and job.state == DONE else None

    def _written(self, number: Any, language: str) -> str:
        written = self._result(number)
        if written is None:
            return ""
        counts = {"generated": written.generated, "own": written.own}
        told = translate(language, "cli.synth.written", name=written.name, path=str(written.path), **counts)
        return monitor.told("good", [told])

    def _worth(self, number: Any, language: str) -> str:
        worth = self._result(number)
        return "" if worth is None else worth_html(worth, language)

    def _tables(self, job: SynthJob, language: str) -> dict[Any, Any]:
        keys = {TASKS: [each.key for each in SYNTH_TASKS], STYLES: ALL_STYLES}
        kind = {TASKS: "task", STYLES: "style"}
        updates: dict[Any, Any] = {}
        for name, box in self.at.form.entries.items():
            choices = [Choice(key, translate(language, f"page.data.{kind[name]}.{key}")) for key in keys[name]]
            weights, title = getattr(job.recipe, name), translate(language, f"page.build.{name}")
            updates[box.shown] = weights_html(title, choices, weights, language)
            updates[box.feed] = weights_feed(choices, weights)
        return updates

    def _offers(self, language: str) -> dict[Any, Any]:
        names = generator_form.mix_choices(self.desk.room.usable(), language)
        return {
            self.controls["mix_with"]: gr.update(choices=names),
            self.at.recipes: gr.update(choices=self._recipes()),
        }

    def _recipes(self) -> list[tuple[str, str]]:
        return recipes_here(self.desk.room.workspace.datasets, "recipe")

    def _recipe_html(self, job: SynthJob, name: str, language: str) -> str:
        return recipe_html(self.at.recipe.name, command(job, name or "generated"), job.to_json(), language)

    def _problems(self, problems: Sequence[Problem], language: str) -> str:
        # Two controls stand for one entry of the recipe: the way goes to the first.
        pairs = {name: f"{name}_least" for name in generator_form.PAIRS}
        named = [Problem(pairs.get(each.field, each.field), each.message) for each in problems]
        return problems_html(named, "synth", self.controls, language)
