"""What the page answers to a load, a tick, another language, Start, Stop and a change by hand. Layout: `page.py`."""

import logging
import time
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import gradio as gr

from tsft.config.run_config import RunConfig
from tsft.config.schema import setting_by_key, value_of
from tsft.errors import Problem, UserError, message
from tsft.i18n import FALLBACK, translate
from tsft.log import without_secrets
from tsft.ui import monitor
from tsft.ui.command_bar import button_updates
from tsft.ui.dataset_box import DATASET_KEYS, dataset_choices
from tsft.ui.folds import SIMPLE, fold_updates
from tsft.ui.live import IDLE_SECONDS, View
from tsft.ui.mode_box import differs_html
from tsft.ui.parts import Parts
from tsft.ui.preset_box import about_html
from tsft.ui.top_bar import RESULT_KEYS, fetch_update, offered, path_of, result_choices
from tsft.ui.train_tab import errors_html, problems_html, remaining_problems, start_run
from tsft.ui.widgets import limited, shown

logger = logging.getLogger(__name__)


class Handlers:
    """The handlers of one page. They keep nothing of a visitor: what a session saw comes in and goes out again."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._context = parts.context
        self._words = parts.words
        self._form = parts.form
        self._live = parts.live

    def load(
        self, language: str, remembered: Any, page: str, mode: str = SIMPLE, loaded: str | None = ""
    ) -> Mapping[Any, Any]:
        """Everything a fresh page shows: words, the remembered or first settings, and the run in progress."""
        self._live.seen(page)
        form = self._form
        if isinstance(remembered, dict) and remembered:
            form_updates = form.restored(remembered)
        else:
            form_updates = form.updates(self._first_config())
            loaded = self._context.first_preset
        updates: dict[Any, dict[str, Any]] = {
            each: dict(words) for each, words in self._words.properties(language).items()
        }
        for widget, update in zip(form.widgets, form_updates, strict=True):
            updates.setdefault(widget, {}).update(_properties(update))
        values = dict(zip(form.keys, (_properties(each)["value"] for each in form_updates), strict=True))
        for key in DATASET_KEYS:
            updates[form.widget(key)]["choices"] = dataset_choices(self._context, values["data.folder"])
        config = form.chosen([values[key] for key in form.controlling()])
        folds, modes = self._parts.train.folds, self._parts.train.modes
        for fold, update in zip(folds.values(), fold_updates(form, folds, config, mode), strict=True):
            updates[fold].update(_properties(update))
        updates[modes.mode]["value"] = mode
        updates[self._parts.top.language]["value"] = language
        result: dict[Any, Any] = {each: gr.update(**properties) for each, properties in updates.items()}
        result[self._parts.words_feed] = words_feed_html(language)
        result[self._parts.train.presets.loaded] = loaded
        result[self._parts.train.preset_box.about] = about_html(self._context, self._context.first_preset, language)
        result[self._parts.train.errors] = self._beside([], values, language)
        result[self._parts.knows_limits] = language if self._context.engine.limits() else ""
        result[modes.differs] = differs_html(form, self._context, list(values.values()), loaded, mode, language)
        result[self._parts.top.path] = gr.update(
            **updates[self._parts.top.path], value=path_of(values["model.name"], values["model.hub"])
        )
        live = self._live_updates({}, language, values["model.name"], values["model.hub"])
        for component, update in zip([*self._parts.live_outputs, self._parts.seen], live, strict=True):
            result[component] = _together(result.get(component), update)
        result[self._parts.timer] = gr.Timer(IDLE_SECONDS)
        return result

    def relabel(
        self, language: str, problems: Sequence[Problem], model: str, hub: str, values: Sequence[Any]
    ) -> list[Any]:
        """All words in another language; what is typed and chosen stays."""
        summary = problems_html(problems, language)
        beside = self._beside(problems, dict(zip(self._form.keys, values, strict=True)), language)
        result: dict[Any, Any] = dict(zip(self._words.components, self._words.updates(language), strict=True))
        result |= {
            self._parts.words_feed: words_feed_html(language),
            self._parts.train.refusal: summary,
            self._parts.train.errors: beside,
        }
        for component, update in zip(
            [*self._parts.live_outputs, self._parts.seen], self._live_updates({}, language, model, hub), strict=True
        ):
            result[component] = _together(result.get(component), update)
        return [result[each] for each in self._parts.relabel_outputs]

    def tick(
        self,
        seen: dict[str, Any],
        problems: Sequence[Problem],
        knows_limits: str,
        language: str,
        model: str,
        hub: str,
        request: gr.Request,
    ) -> list[Any]:
        self._live.seen(str(request.session_hash))
        *updates, parts = self._live_updates(seen, language, model, hub)
        is_active, _, is_preparing = parts["buttons"]
        seconds = self._live.interval_seconds(is_active, is_preparing)
        now_seen = {**parts, "seconds": seconds}
        timer = gr.Timer(seconds) if seen.get("seconds") != seconds else gr.skip()
        has_ended = bool(seen.get("buttons", (False,))[0]) and not is_active
        ended = self._after_a_run(problems, language) if has_ended else [gr.skip()] * (2 + len(RESULT_KEYS))
        ended, others = ended[:3], ended[3:]
        known = gr.skip() if knows_limits or not self._context.engine.limits() else language
        return [now_seen if now_seen != seen else gr.skip(), timer, *ended, *updates, *others, known]

    def _after_a_run(self, problems: Sequence[Problem], language: str) -> list[Any]:
        """A run ended: there is more to continue from, and nothing is in the way of the next one any more."""
        choices = [gr.update(choices=result_choices(self._context, language, key)) for key in RESULT_KEYS]
        if problems and not any(each.field for each in problems):
            return ["", [], *choices]
        return [gr.skip(), gr.skip(), *choices]

    def _live_updates(self, seen: Mapping[str, Any], language: str, model: str, hub: str) -> list[Any]:
        """Updates for `_live_outputs`, skipping what this page has already, and then what it has seen now."""
        view: View = self._live.view(language)
        parts = {**view.parts(), "language": language}
        isolated = {
            "panel": view.panel,
            "announcement": f'<p role="status">{view.announcement}</p>',
            "chart": f'<div data-payload="{escape(view.chart)}"></div>',
            "log": view.log,
            "result": view.result,
            "fetches": view.fetches,
            "queue": view.queue,
            "probes": view.probes,
            "gauges": view.gauges,
        }
        is_relabelled = seen.get("language") != language
        if is_relabelled and not view.run_id:
            isolated["result"] = self._cut_off(language)
        changed = {name: is_relabelled or seen.get(name) != parts[name] for name in [*isolated, "buttons", "commands"]}
        updates = [text if changed[name] else gr.skip() for name, text in isolated.items()]
        fetch = fetch_update(model, hub, self._context, language) if changed["fetches"] or is_relabelled else gr.skip()
        stop = gr.update(interactive=view.is_active and not view.is_stopping) if changed["buttons"] else gr.skip()
        commands = button_updates(view.commands)
        if not changed["commands"]:
            commands = [gr.skip()] * len(commands)
        return [*updates, fetch, stop, *commands, parts]

    def _cut_off(self, language: str) -> str:
        """While nothing runs: that the newest run was cut off, and can go on; "" when it was not."""
        newest = next(iter(self._context.runs()), None)
        if newest is None or newest.status != "interrupted":
            return ""
        return monitor.said(f"{newest.name}: {translate(language, 'page.next.interrupted', step=newest.step)}")

    def start(self, request: gr.Request, language: str, parent: str, *values: Any) -> list[Any]:
        """Start; what is wrong is shown.

        Where a chat would end, nothing is started: the problems hold that as a warning, for the page to ask.
        """
        return self._start(request, language, parent, values)

    def start_agreed(self, request: gr.Request, language: str, parent: str, *values: Any) -> list[Any]:
        """The same after somebody agreed that a chat ends."""
        return self._start(request, language, parent, values, may_end_chat=True)

    def _start(
        self,
        request: gr.Request,
        language: str,
        parent: str,
        values: Sequence[Any],
        *,
        may_end_chat: bool = False,
    ) -> list[Any]:
        form, context = self._form, self._context
        try:
            problems = start_run(form, context, who(request), values, parent, may_end_chat=may_end_chat)
        except Exception as error:  # noqa: BLE001 (the outermost frame of the request: logged and shown as a sentence)
            logger.exception("Start failed")
            why = without_secrets(f"{type(error).__name__}: {error}")[:300]
            problems = [Problem("", message("page.start_failed", why=why))]
        remembered = dict(zip(self._form.keys, values, strict=True))
        beside = self._beside(problems, remembered, language)
        return [problems_html(problems, language), beside, problems, remembered]

    def _beside(self, problems: Sequence[Problem], values: Mapping[str, Any], language: str) -> str:
        """The sentences beside the fields: what is wrong, and what this machine cannot do."""
        notes = limited(values, self._context.engine.limits())
        return errors_html(self._form, problems, language, notes)

    def stop(self, language: str, request: gr.Request) -> list[Any]:
        try:
            self._context.engine.stop(who(request))
        except UserError as error:
            return [gr.skip(), problems_html(error.problems, language)]
        return [gr.update(interactive=False), ""]

    def edited(
        self, language: str, problems: Sequence[Problem], before: Mapping[str, Any] | None, *values: Any
    ) -> list[Any]:
        """After a change by hand: remember the form; of what was wrong, keep what still is."""
        remembered = dict(zip(self._form.keys, values, strict=True))
        limits = self._context.engine.limits()
        if not problems and limited(before or {}, limits) == limited(remembered, limits):
            return [gr.skip(), gr.skip(), gr.skip(), remembered]
        left = self._still_wrong(problems, before or {}, remembered)
        beside = self._beside(left, remembered, language)
        return [problems_html(left, language), beside, left, remembered]

    def _still_wrong(
        self, problems: Sequence[Problem], before: Mapping[str, Any], now: Mapping[str, Any]
    ) -> list[Problem]:
        """What the form can judge is judged anew; what the machine said of a field stays until that field changes."""
        wrong = remaining_problems(self._form, list(now.values()))
        was_wrong = remaining_problems(self._form, [before.get(key, value) for key, value in now.items()])
        of_machine = [each for each in problems if each not in was_wrong]
        kept = [each for each in of_machine if now.get(each.field) == before.get(each.field)]
        fields = {each.field for each in problems}
        return [*kept, *(each for each in wrong if each.field in fields and each not in kept)]

    def show_and_hide(self, mode: str, *values: Any) -> list[Any]:
        config = self._form.chosen(values)
        return [*self._form.visibilities(config), *fold_updates(self._form, self._parts.train.folds, config, mode)]

    def change_mode(self, mode: str, loaded: str | None, language: str, *values: Any) -> list[Any]:
        """Updates for what the browser keeps, the line of differences, and the folds."""
        chosen = dict(zip(self._form.keys, values, strict=True))
        config = self._form.chosen([chosen[key] for key in self._form.controlling()])
        differs = differs_html(self._form, self._context, values, loaded, mode, language)
        return [mode, differs, *fold_updates(self._form, self._parts.train.folds, config, mode)]

    def config_updates(self, config: RunConfig, language: str, mode: str) -> list[Any]:
        """Updates for `_config_outputs`."""
        remembered = {key: shown(setting_by_key()[key], value_of(config, key)) for key in self._form.keys}
        path = path_of(config.model.name, config.model.hub)
        fetch = fetch_update(config.model.name, config.model.hub, self._context, language)
        folds = fold_updates(self._form, self._parts.train.folds, config, mode)
        return [path, fetch, "", self._beside([], remembered, language), [], remembered, *folds]

    def name_from_path(self, path: str, name: str, hub: str, language: str) -> list[Any]:
        """Updates for path, name and fetch button: what is typed as a path becomes the model.

        Not when it is empty or says where the chosen one comes from anyway.
        """
        path = (path or "").strip()
        if path in ("", path_of(name, hub)):
            return [gr.skip()] * 3
        return [path_of(path, hub), path, fetch_update(path, hub, self._context, language)]

    def follow_model(self, name: str, hub: str, language: str) -> list[Any]:
        """Updates for path and fetch button after another model or hub was chosen."""
        return [path_of(name, hub), fetch_update(name, hub, self._context, language)]

    def fetch(self, name: str, hub: str, language: str) -> list[Any]:
        wanted = offered(name, hub, self._context, self._context.engine.fetches())
        if wanted:
            try:
                self._context.engine.fetch_model(wanted, hub)
            except UserError as error:
                return [gr.skip(), problems_html(error.problems, language)]
        return [gr.update(visible="hidden"), gr.skip()]

    def _first_config(self) -> RunConfig:
        try:
            config = self._context.load_preset(self._context.first_preset)
        except UserError as error:
            logger.warning("opened the page without the preset %s: %s", self._context.first_preset, error)
            config = RunConfig()
        return self._context.with_defaults(config)


def words_feed_html(language: str) -> str:
    """Tells the page's script the language of the labels, what the server's clock says, and a word of Gradio's."""
    copy = escape(translate(language or FALLBACK, "page.preview.copy"))
    return f'<div data-language="{language}" data-now="{time.time():.3f}" data-copy="{copy}"></div>'


def _together(words: Any, update: Any) -> Any:
    """Two updates of one component as one: its words and its state."""
    return {**words, **update} if isinstance(words, dict) and isinstance(update, dict) else update


def _properties(update: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in update.items() if name != "__type__"}


def who(request: gr.Request | None) -> str:
    return str(getattr(request, "username", None) or "")
