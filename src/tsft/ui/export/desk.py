"""What the controls of the Export tab do: tell what would come of it, export, follow, stop, show cards, delete."""

import json
from collections.abc import Sequence
from dataclasses import replace
from html import escape
from typing import Any

import gradio as gr

from tsft.errors import Problem, UserError
from tsft.i18n import FALLBACK, say, say_all, translate
from tsft.run.export import Exported, ExportSettings
from tsft.ui import monitor
from tsft.ui.data.placing import element
from tsft.ui.data.problems import problems_html
from tsft.ui.events import PRIVATE, QUEUED
from tsft.ui.export.about_html import about_html, token_html
from tsft.ui.export.earlier_html import earlier_html
from tsft.ui.export.form import SECTION, device_update, follow_form, settings_of
from tsft.ui.export.progress_html import card_html, outcome_html, progress_html
from tsft.ui.export.room import ExportRoom
from tsft.ui.result_words import result_words

Updates = dict[Any, Any]


class ExportDesk:
    """Handlers; each gives updates by component. What a session saw comes in and goes out again."""

    def __init__(self, tab: Any, room: ExportRoom, language: Any) -> None:
        self.at, self.room, self.language = tab, room, language

    def wire(self) -> None:
        at, language, controls = self.at, self.language, list(self.at.controls.values())
        given, shown = [language, *controls], [at.refused, at.stopping, at.carded]
        looked = [at.problems, at.errors, at.token, at.about, *self._going, at.outcome, at.card, at.earlier, at.said]
        everything = list(dict.fromkeys([*at.words.components, *controls, *looked, at.labelled, at.seen]))
        at.tab.select(self.opened, [at.labelled, *shown, *given], everything, **PRIVATE)
        language.input(self.spoken, [at.is_open, at.labelled, *shown, *given], everything, **PRIVATE)
        changed = [at.about, at.token, *(at.controls[name] for name in ("dtype", "shard_gb"))]
        edits = [each.input for each in controls]
        gr.on(edits, self.changed, given, changed, trigger_mode="always_last", **PRIVATE)
        begun = [at.problems, at.errors, at.refused, *self._going, at.outcome, at.card, at.carded, at.seen, at.stopping]
        at.begin.click(self.begin, given, [*begun, at.said], **QUEUED)
        at.stop.click(self.stop, language, [at.progress, at.stop, at.stopping], **PRIVATE)
        ticked = [at.errors, *self._going, at.outcome, at.earlier, at.seen, at.card, at.carded]
        at.timer.tick(
            self.tick, [at.seen, at.stopping, language], ticked, concurrency_limit=None, trigger_mode="once", **PRIVATE
        )
        asking = [at.said, at.question, at.question_text, at.deleting, at.card, at.carded]
        at.earlier.select(self.chosen, language, asking, **PRIVATE)
        at.cancel.click(self.asked_no, None, [at.question, at.deleting], **PRIVATE)
        gone = [at.said, at.question, at.deleting, at.earlier, at.outcome, at.card, at.carded]
        at.confirm.click(self.delete, [at.deleting, at.carded, language], gone, **QUEUED)

    @property
    def _going(self) -> list[Any]:
        """What shows whether an export goes on."""
        return [self.at.progress, self.at.timer, self.at.begin, self.at.stop]

    # -- looking ----------------------------------------------------------------------------------------------------

    def follow(self, event: gr.EventData) -> list[Any]:
        """The clock goes only while the tab is in front and something goes on."""
        is_open = event._data.get("id") == self.at.tab.id
        return [gr.Timer(active=is_open and self._is_going(self.room.made())), is_open]

    def opened(
        self, labelled: str, refused: Sequence[Problem], stopping: int, carded: str, language: str, *given: Any
    ) -> Updates:
        """Everything as it is now: results, what goes on or came out last, and what lies in the workspace."""
        at, settings = self.at, self._settings(given, language)
        words = at.words.properties(language) if labelled != language else {}
        results = self.room.results()
        names = [each.name for each in results]
        chosen = settings.result if settings.result in names else next(iter(names), "")
        # What is chosen is not sent again: the answer may come after the next choice.
        moved: Updates = {} if chosen == settings.result else {"value": chosen or None}
        settings = replace(settings, result=chosen)
        offered = gr.update(choices=[(result_words(each, language), each.name) for each in results], **moved)
        device = device_update(self.room.engine.devices())
        now = self.room.made()
        shows_new = now is not None and now.is_done and bool(now.path) and not carded
        updates: Updates = {
            at.controls["result"]: offered,
            at.controls["device"]: device,
            **self._told(settings, language),
            **self._refusal(refused, language),
            **self._progress(now, stopping, language),
            at.outcome: outcome_html(now, language),
            at.card: self._card(now, language) if shows_new else self._card_named(carded, language),
            at.earlier: earlier_html(self.room.exports(), language),
            at.said: "" if results else monitor.said(translate(language, "page.export.no_results")),
            at.labelled: language,
            at.seen: _key(now),
        }
        return updates | {each: {**gr.update(**texts), **updates.get(each, {})} for each, texts in words.items()}

    def spoken(self, is_open: bool, labelled: str, *given: Any) -> Updates:
        """Another language, now where the tab is in front, else when it is opened."""
        return self.opened(labelled, *given) if is_open else {self.at.labelled: gr.skip()}

    def changed(self, language: str, *given: Any) -> Updates:
        settings = self._settings(given, language)
        return {**self._told(settings, language), **follow_form(self.at.controls, settings.form)}

    def tick(self, seen: Sequence[Any], stopping: int, language: str) -> Updates:
        """What has moved since this session was told."""
        at, now = self.at, self.room.made()
        key = _key(now)
        if key == list(seen):
            return {at.seen: gr.skip()}
        updates = {**self._progress(now, stopping, language), at.seen: key}
        if self._is_going(now):
            return updates
        updates |= {at.outcome: outcome_html(now, language), at.earlier: earlier_html(self.room.exports(), language)}
        problems = now.problems if now is not None else ()
        return {
            **updates,
            at.errors: self._errors(problems, language),
            at.card: self._card(now, language),
            at.carded: "",
        }

    # -- doing ------------------------------------------------------------------------------------------------------

    def begin(self, language: str, *given: Any) -> Updates:
        """Export what the controls say, or everything that stands in the way, at its field."""
        at = self.at
        try:
            self.room.begin(self._settings(given, language))
        except UserError as error:
            now = self.room.made()  # it may be another's that stands in the way: it is shown then
            return {
                **self._refusal(error.problems, language),
                **self._progress(now, 0, language),
                at.refused: list(error.problems),
                at.seen: _key(now),
            }
        now = self.room.made()
        cleared = {at.outcome: "", at.card: "", at.carded: "", at.said: "", at.refused: [], at.stopping: 0}
        return {**cleared, **self._refusal((), language), **self._progress(now, 0, language), at.seen: _key(now)}

    def stop(self, language: str) -> Updates:
        now = self.room.made()
        self.room.engine.stop_export()
        number = now.number if now is not None else 0
        told = progress_html(now, True, language)
        return {self.at.progress: told, self.at.stop: gr.update(interactive=False), self.at.stopping: number}

    def chosen(self, event: gr.EventData, language: str) -> Updates:
        """A card to read, or whether to delete."""
        at, does, name = self.at, str(event._data.get("does", "")), str(event._data.get("name", ""))
        closed: Updates = {at.said: "", at.question: gr.update(visible=False), at.deleting: ""}
        if does == "card":
            return {**closed, at.card: self._card_named(name, language), at.carded: name}
        text = escape(translate(language, "page.export.delete_question", name=name))
        opened = {at.question: gr.update(visible=True), at.question_text: f'<p role="alert">{text}</p>'}
        return {**closed, **opened, at.deleting: name}

    def asked_no(self) -> Updates:
        return {self.at.question: gr.update(visible=False), self.at.deleting: ""}

    def delete(self, name: str, carded: str, language: str) -> Updates:
        at = self.at
        try:
            self.room.delete(name)
            said = monitor.said(translate(language, "page.export.deleted", name=name))
        except UserError as error:
            said = monitor.said(say_all(language, error), is_bad=True)
        now = self.room.made()
        rest: Updates = {
            at.outcome: outcome_html(now, language),
            at.earlier: earlier_html(self.room.exports(), language),
        }
        if carded == name or not carded:
            rest |= {at.card: self._card(now, language), at.carded: ""}
        return {at.said: said, at.question: gr.update(visible=False), at.deleting: "", **rest}

    # -- what is shown ----------------------------------------------------------------------------------------------

    def _settings(self, given: Sequence[Any], language: str) -> ExportSettings:
        return settings_of(dict(zip(self.at.controls, given, strict=True)), language or FALLBACK)

    def _told(self, settings: ExportSettings, language: str) -> Updates:
        devices, ahead = self.room.engine.devices(), self.room.outlook(settings)
        return {
            self.at.about: about_html(settings, ahead, devices, language),
            self.at.token: token_html(settings, self.room.environment, language),
        }

    def _progress(self, now: Exported | None, stopping: int, language: str) -> Updates:
        at, is_going = self.at, self._is_going(now)
        is_stopping = now is not None and now.number == stopping
        return {
            at.progress: progress_html(now, is_stopping, language),
            at.timer: gr.Timer(active=is_going),
            at.begin: gr.update(interactive=not is_going),
            at.stop: gr.update(interactive=is_going and not is_stopping),
        }

    def _refusal(self, problems: Sequence[Problem], language: str) -> Updates:
        """The summary with the way to each field, and the sentences beside them."""
        told = problems_html(_at_fields(problems), SECTION, self.at.controls, language)
        return {self.at.problems: told, self.at.errors: self._errors(problems, language)}

    def _errors(self, problems: Sequence[Problem], language: str) -> str:
        texts: dict[str, dict[str, Any]] = {}
        for each in _at_fields(problems):
            if each.field in self.at.controls:
                field = texts.setdefault(element(SECTION, each.field), {"text": "", "folds": []})
                field["text"] = f"{field['text']} {say(language, each.message)}".strip()
        return f'<div data-errors="{escape(json.dumps(texts, ensure_ascii=False))}"></div>'

    def _card(self, now: Exported | None, language: str) -> str:
        """The card of what was just made."""
        found = [each for each in self.room.exports() if now is not None and str(each.path) == now.path]
        return self._card_named(found[0].name, language) if found else ""

    def _card_named(self, name: str, language: str) -> str:
        try:
            return card_html(name, self.room.card(name), language) if name else ""
        except UserError:
            return ""  # deleted meanwhile

    def _is_going(self, now: Exported | None) -> bool:
        return now is not None and not now.is_done


def _key(now: Exported | None) -> list[Any]:
    """What of an export is seen: two that are alike look alike."""
    if now is None:
        return []
    return [now.number, now.phase, now.subject, now.done, now.total, now.is_done, now.path, now.test is not None]


def _at_fields(problems: Sequence[Problem]) -> list[Problem]:
    """The page gives a name below the workspace's exports and never a folder."""
    return [replace(each, field="name") if each.field == "folder" else each for each in problems]
