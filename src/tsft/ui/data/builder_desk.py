"""What the builder's controls do: look at a table, show rows, build, and take recipes over."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gradio as gr

from tsft.data.builder.dataset import Built, build, preview, survey
from tsft.data.builder.recipe import BuildRecipe, check_recipe, command, read_recipe
from tsft.data.builder.rows import Plan
from tsft.errors import Problem, UserError, message, raise_if_any
from tsft.i18n import say, translate
from tsft.ui import monitor
from tsft.ui.data import builder_form, builder_look
from tsft.ui.data.builder_form import COLUMNS, ROLE_KEYS, STYLES, TASKS
from tsft.ui.data.builder_look import Found
from tsft.ui.data.desk import DataDesk
from tsft.ui.data.entries import has_lines, reading, texts_feed, texts_html, weights_feed, weights_html
from tsft.ui.data.held_tables import held_tables, hold_table
from tsft.ui.data.job_box import refuse, watch, wire_job_box
from tsft.ui.data.jobs import DONE, Move, ShouldStop
from tsft.ui.data.problems import problems_html
from tsft.ui.data.recipe_box import recipe_html
from tsft.ui.data.recipes_list import recipes_here
from tsft.ui.data.row_card import row_card
from tsft.ui.events import PRIVATE, QUEUED

PREVIEW_ROWS = 20
# Larger tables are looked at when the button is pressed, not at every change.
LARGE_BYTES = 32_000_000
NOTHING: Mapping[str, Any] = MappingProxyType({})


class BuilderDesk:
    """Handlers of one section; each gives updates by component."""

    def __init__(self, section: Any, desk: DataDesk, who: Any) -> None:
        self.at, self.desk, self.who = section, desk, who
        self.controls: Mapping[str, Any] = section.form.controls

    def wire(self) -> None:
        at, form, language = self.at, self.at.form, self.desk.language
        given = [language, *form.inputs]
        js = reading(list(form.entries.values()), given)
        looked = [*form.controls.values(), at.looked, at.problems, at.recipe.shown, at.recipes, at.open]
        looked += [each for box in form.entries.values() for each in (box.shown, box.feed)]
        look: dict[str, Any] = {"inputs": given, "outputs": looked, "js": js, **QUEUED}
        anew = {**look, "fn": self.look_anew}
        self.desk.section["build"].select(self.opened, [language], [*looked, *at.job.watching], **PRIVATE)
        sources, intervals = form.controls["sources"], form.controls["intervals"]
        filled = [sources, intervals, at.problems]
        brought = at.brought.upload(self.bring, [at.brought, sources, intervals], filled, **QUEUED)
        brought.then(**anew)
        sources.input(**anew)
        rest = [each.input for name, each in form.controls.items() if name not in ("sources", "name")]
        rest += [box.shown.select for box in form.entries.values()]
        gr.on(rest, self.look_beside, trigger_mode="always_last", **look)
        form.controls["name"].input(self.tell_recipe, given, at.recipe.shown, js=js, **PRIVATE)
        at.look.click(self.look, **look)
        at.preview.click(self.preview, given, [at.shown, at.problems], js=js, **QUEUED)
        building = [language, at.replaces, *form.inputs]
        build_js = reading(list(form.entries.values()), building)
        at.build.click(self.build, building, [at.problems, at.told, at.open, *at.job.watching], js=build_js, **QUEUED)
        wire_job_box(at.job, self.desk.room.jobs, language)
        at.job.ended.change(
            self.ended, [at.job.ended, language], [at.told, at.open, at.built, self.desk.which, at.recipes], **QUEUED
        )
        at.open.click(self.open, None, [self.desk.sections, self.desk.goto], **QUEUED)
        loading = [language, form.controls["sources"], form.controls["intervals"]]
        for event, where in ((at.recipes.input, at.recipes), (at.recipe_file.upload, at.recipe_file)):
            event(self.load, [where, *loading], looked, **QUEUED)
        self._wire_language(look)

    def _wire_language(self, look: Mapping[str, Any]) -> None:
        at, language = self.at, self.desk.language
        again = self.desk.relabel["build"].click(self.look_again, **look)
        again.then(self.ended_again, [at.built, language], at.told, **PRIVATE)
        shown = {"inputs": [at.shown, *look["inputs"]], "outputs": [at.shown, at.problems], **QUEUED}
        again.then(self.preview_again, js=reading(list(at.form.entries.values()), shown["inputs"]), **shown)

    # -- the table --------------------------------------------------------------------------------------------------

    def opened(self, language: str) -> dict[Any, Any]:
        """The tables and recipes that are here now, and a build that goes on."""
        found = self._offers(language)
        going = self.desk.room.jobs.going("build")
        if going is not None:
            found |= dict(zip(self.at.job.watching, watch(going, language), strict=True))
        return found

    def bring(self, files: Sequence[str] | None, sources: Sequence[str] | None, intervals: str) -> dict[Any, Any]:
        """What was dropped is kept in the workspace: tables to build from, a file of stretches as such."""
        held, stretches, folder = [], "", self.desk.room.workspace.tables
        for each in files or ():
            path = hold_table(folder, Path(each))
            if builder_look.is_stretches(path):
                stretches = str(path)
            else:
                held.append(str(path))
        # Another table in place of one that was there: its stretches are not this one's.
        intervals = stretches or ("" if held and sources else intervals)
        tables = held_tables(folder)
        chosen = held or list(sources or [])
        return {
            self.controls["sources"]: gr.update(choices=tables, value=chosen),
            self.controls["intervals"]: gr.update(choices=[("", ""), *tables], value=intervals),
            self.at.problems: "",
        }

    def look_anew(self, language: str, *given: Any) -> dict[Any, Any]:
        """Another table: what its columns are is guessed."""
        values = self.at.form.values(given)
        before = builder_form.recipe_of(values)
        return self._looked(builder_form.without_guesses(before), language, str(values["name"] or ""), is_new=True)

    def look(self, language: str, *given: Any) -> dict[Any, Any]:
        """The same table under other settings."""
        values = self.at.form.values(given)
        return self._looked(builder_form.recipe_of(values), language, str(values["name"] or ""), drawn=values)

    def look_beside(self, language: str, *given: Any) -> dict[Any, Any]:
        """After a change: at once for a table of usual size."""
        recipe = builder_form.recipe_of(self.at.form.values(given))
        size = sum(Path(each).stat().st_size for each in recipe.sources if Path(each).is_file())
        if not recipe.sources or size > LARGE_BYTES:
            return {self.at.recipe.shown: self.tell_recipe(language, *given)}
        return self.look(language, *given)

    def look_again(self, language: str, *given: Any) -> dict[Any, Any]:
        """In another language."""
        values = self.at.form.values(given)
        if not values["sources"]:
            return {self.at.problems: ""}
        return self._looked(builder_form.recipe_of(values), language, str(values["name"] or ""))

    def _looked(
        self, recipe: BuildRecipe, language: str, name: str, is_new: bool = False, drawn: Mapping[str, Any] = NOTHING
    ) -> dict[Any, Any]:
        """Updates for all that follows from table and settings.

        drawn: the values of the form, whose tables of small controls stay as they are where they have the right lines.
        """
        at = self.at
        if not recipe.sources:
            return {at.looked: "", at.problems: "", at.recipe.shown: ""}
        try:
            found = builder_look.find(recipe)
        except UserError as error:
            return {at.looked: "", at.problems: self._problems(error.problems, language)}
        recipe = recipe if not is_new else found.recipe
        updates: dict[Any, Any] = {at.problems: "", **self._role_updates(found, recipe, language, is_new, drawn)}
        shown, feeds = "", {}
        try:
            raise_if_any(check_recipe(recipe))
            recipe, plan = _surveyed(recipe, is_new, bool(found.table.roles))
            shown = builder_look.plan_html(plan, language)
            feeds = {TASKS: builder_look.task_choices(plan, language), STYLES: builder_look.style_choices(language)}
        except UserError as error:
            updates[at.problems] = self._problems(error.problems, language)
        for key, choices in feeds.items():
            weights = getattr(recipe, key)
            if has_lines(drawn.get(key, ""), [each.key for each in choices if not each.reason]):
                continue
            box, title = at.form.entries[key], translate(language, f"page.build.{key}")
            updates |= {
                box.shown: weights_html(title, choices, weights, language),
                box.feed: weights_feed(choices, weights),
            }
        if is_new:
            updates |= {self.controls[each]: getattr(recipe, each) for each in ("window", "split_by")}
            name = name or found.table.path.stem
            updates[self.controls["name"]] = name
        updates[at.looked] = builder_look.table_html(found, language) + shown
        updates[at.recipe.shown] = self._recipe_html(recipe, name, language)
        return updates

    def _role_updates(
        self, found: Found, recipe: BuildRecipe, language: str, is_new: bool, drawn: Mapping[str, Any]
    ) -> dict[Any, Any]:
        """The choices of columns; for a new table what they look like, too."""
        columns, form = builder_look.column_choices(found, language), self.at.form
        shown = builder_form.form_values(found.recipe)
        updates: dict[Any, Any] = {}
        for name in ROLE_KEYS:
            value = {"value": shown[name]} if is_new else {}
            updates[self.controls[name]] = gr.update(choices=columns, **value)
        value = {"value": shown["values"]} if is_new else {}
        updates[self.controls["values"]] = gr.update(choices=found.columns, **value)
        if is_new:
            for name in ("layout", "time_format", "label_kind"):
                updates[self.controls[name]] = shown[name]
        keys = builder_look.value_keys(found, recipe)
        if has_lines(drawn.get(COLUMNS, ""), keys):
            return updates
        texts = builder_form.column_texts(recipe, keys)
        parts = {each: translate(language, f"page.build.names.{each}") for each in ("en", "zh", "unit")}
        box = form.entries[COLUMNS]
        title = translate(language, "page.build.names")
        return updates | {box.shown: texts_html(title, parts, texts), box.feed: texts_feed(texts)}

    # -- rows -------------------------------------------------------------------------------------------------------

    def preview(self, language: str, *given: Any) -> dict[Any, Any]:
        """Twenty rows as they will be written."""
        try:
            rows = preview(survey(builder_form.recipe_of(self.at.form.values(given))), PREVIEW_ROWS)
        except UserError as error:
            return {self.at.shown: "", self.at.problems: self._problems(error.problems, language)}
        cards = [row_card(each, each["id"], language) for each in rows]
        title = translate(language, "page.build.preview_rows", count=len(rows))
        return {self.at.shown: f'<p class="told">{title}</p>{"".join(cards)}', self.at.problems: ""}

    def preview_again(self, shown: str, language: str, *given: Any) -> dict[Any, Any]:
        return self.preview(language, *given) if shown else {self.at.problems: gr.skip()}

    def build(self, language: str, replaces: bool, request: gr.Request, *given: Any) -> dict[Any, Any]:
        """Begin the job; what is wrong is told at once."""
        at, room = self.at, self.desk.room
        values = at.form.values(given)
        recipe, name, by = builder_form.recipe_of(values), str(values["name"] or "").strip(), self.who(request)

        def work(move: Move, should_stop: ShouldStop) -> Built:
            workspace = room.workspace
            return build(
                recipe, name, workspace.datasets, workspace.cache,
                replaces=replaces, progress=move, should_stop=should_stop, by=by,
            )  # fmt: skip

        try:
            nameless = [] if name else [Problem("name", message("page.data.no_name"))]
            raise_if_any([*check_recipe(recipe), *nameless])
            job = room.jobs.begin("build", name, work, (recipe, replaces))
        except UserError as error:
            told: dict[Any, Any] = {at.problems: self._problems(error.problems, language)}
            return told | dict(zip(at.job.watching, refuse(""), strict=True))
        told = {at.problems: "", at.told: "", at.open: gr.update(visible=False)}
        return told | dict(zip(at.job.watching, watch(job, language), strict=True))

    def ended(self, number: int, language: str) -> dict[Any, Any]:
        """What was written; the rows to train on are chosen at the top of the tab."""
        job = self.desk.room.jobs.get(int(number))
        if job is None or job.state != DONE:
            return {self.at.built: 0}
        built: Built = job.result
        first = next((path.stem for split, path in built.paths.items() if built.rows[split]), None)
        return {
            self.at.told: self.ended_again(number, language),
            self.at.open: gr.update(visible=True),
            self.at.built: number,
            self.desk.which: self.desk.offer(first),
            self.at.recipes: gr.update(choices=self._recipes()),
        }

    def ended_again(self, number: int, language: str) -> str:
        job = self.desk.room.jobs.get(int(number))
        if job is None or job.state != DONE:
            return ""
        return built_html(job.result, language)

    def open(self) -> dict[Any, Any]:
        return {self.desk.sections: self.desk.open("rows"), self.desk.goto: {"row": 0, "at": time.time()}}

    # -- recipes ----------------------------------------------------------------------------------------------------

    def load(self, path: str | None, language: str, sources: Sequence[str] | None, intervals: str) -> dict[Any, Any]:
        """A recipe of before; tables that are chosen already stay: it is then run on new data."""
        if not path:
            return {self.at.recipes: gr.update(choices=self._recipes())}
        try:
            recipe = read_recipe(Path(path))
        except UserError as error:
            return {self.at.problems: self._problems(error.problems, language)}
        if sources:
            recipe = replace(recipe, sources=tuple(sources), intervals=intervals or "")
        shown = {self.controls[name]: value for name, value in builder_form.form_values(recipe).items()}
        updates = self._looked(recipe, language, "")
        merged = {each: _with_value(updates.get(each), value) for each, value in shown.items()}
        # Of a recipe that was loaded the name is left to the person: the old one would be in the way.
        return {**updates, **merged, self.at.recipe.shown: self._recipe_html(recipe, "", language)}

    def tell_recipe(self, language: str, *given: Any) -> str:
        values = self.at.form.values(given)
        return self._recipe_html(builder_form.recipe_of(values), str(values["name"] or ""), language)

    def _recipe_html(self, recipe: BuildRecipe, name: str, language: str) -> str:
        if not recipe.sources:
            return ""
        told = command(recipe, name or Path(recipe.sources[0]).stem)
        return recipe_html(self.at.recipe.name, told, recipe.to_json(), language)

    def _recipes(self) -> list[tuple[str, str]]:
        return recipes_here(self.desk.room.workspace.datasets, "sources")

    def _offers(self, language: str) -> dict[Any, Any]:
        tables = held_tables(self.desk.room.workspace.tables)
        return {
            self.controls["sources"]: gr.update(choices=tables),
            self.controls["intervals"]: gr.update(choices=[("", ""), *tables]),
            self.at.recipes: gr.update(choices=self._recipes()),
        }

    def _problems(self, problems: Sequence[Problem], language: str) -> str:
        return problems_html(problems, "build", self.controls, language)


def _surveyed(recipe: BuildRecipe, is_new: bool, are_cases: bool) -> tuple[BuildRecipe, Plan]:
    """The plan; for a new table with short recordings, or with cases, a window that fits them."""
    if is_new and are_cases:
        recipe = builder_look.fitted(recipe, are_cases)
    try:
        return recipe, survey(recipe)
    except UserError:
        fitted = builder_look.fitted(recipe, are_cases) if is_new else recipe
        if fitted == recipe:
            raise
        return fitted, survey(fitted)


def built_html(built: Built, language: str) -> str:
    """What was built, as sentences, and how many rows each task has."""
    lines = [say(language, each) for each in built.messages()]
    counted = (f"{translate(language, f'page.data.task.{task}')} {count:,}" for task, count in built.tasks.items())
    return monitor.told("good", [*lines, " · ".join(counted)])


def _with_value(update: Any, value: Any) -> Any:
    return {**update, "value": value} if isinstance(update, dict) else value
