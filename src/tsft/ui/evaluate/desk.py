"""What the controls of the Evaluate tab do. Handlers give updates by component; nothing of a session is kept here."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import gradio as gr

from tsft.errors import UserError
from tsft.evaluate.chatts import ChattsReport
from tsft.evaluate.report import Report
from tsft.i18n import say_all, translate
from tsft.run.evaluation import CHATTS
from tsft.store.evaluations import EvaluationInfo, delete_evaluation
from tsft.ui import monitor
from tsft.ui.downloads import link_html
from tsft.ui.evaluate.answer_index import Query
from tsft.ui.evaluate.answers_html import ROWS_SHOWN, answers_html, filters_html
from tsft.ui.evaluate.card import card_html, read_card, send_card
from tsft.ui.evaluate.chatts_html import chatts_html
from tsft.ui.evaluate.exporting import KINDS, REPORT_HTML, delete_exports, write_export
from tsft.ui.evaluate.form import settings_of
from tsft.ui.evaluate.judging import Key
from tsft.ui.evaluate.listing import head_html, list_html
from tsft.ui.evaluate.prefer_box import filled
from tsft.ui.evaluate.problems import problems_html
from tsft.ui.evaluate.progress import is_going, is_stopping, progress_html, revision
from tsft.ui.evaluate.report_html import losses_html, report_html
from tsft.ui.evaluate.room import EvaluateRoom
from tsft.ui.readings import size

Updates = dict[Any, Any]
Who = Callable[[gr.Request], str]


@dataclass(frozen=True)
class Desk:
    """at: the tab's components (`tab.EvaluateTab`)."""

    at: Any
    room: EvaluateRoom
    who: Who

    # -- looking -----------------------------------------------------------------------------------------------------

    def opened(self, chosen: str, language: str) -> Updates:
        """The tab came to the front: what there is to choose from, the list, and how far the evaluation is.

        The clock is left to `follow`: this answer takes longer, and the tab may have been left meanwhile.
        """
        at, found = self.at, self.room.listed()
        names = self.room.datasets()
        updates: Updates = {
            at.form.controls["models"]: gr.update(choices=self.room.models(language)),
            at.form.controls["datasets"]: gr.update(choices=names),
            at.form.controls["train_datasets"]: gr.update(choices=names),
        }
        if not any(each.id == chosen for each in found):
            chosen = found[0].id if found else ""
            updates |= self.show(chosen, language)
        going = self.progress(language)
        del going[at.timer]
        return updates | {at.list: list_html(found, chosen, language)} | going

    def relabelled(self, chosen: str, query: Mapping[str, Any], key: Any, language: str) -> Updates:
        """Everything that is drawn in words, once more in another language; what was chosen stays."""
        updates = self.opened(chosen, language)
        if self.at.chosen in updates:
            return updates
        return updates | self.show(chosen, language, Query.of(query), _key(key))

    def show(self, chosen: str, language: str, query: Query | None = None, key: Key | None = None) -> Updates:
        """An evaluation: its head, its report, its answers; and one row of it."""
        at = self.at
        updates: Updates = dict.fromkeys((at.head, at.report, at.filters, at.rows, at.card, at.exported), "")
        query = query or Query()
        updates |= {at.chosen: chosen, at.query: vars(query), at.key: list(key or ())}
        info = self._info(chosen)
        updates |= filled(at.prefer, info, self.room)
        if info is None:
            return updates
        index = self.room.index(info)
        updates[at.head] = head_html(info, bool(self.room.report(info)), language)
        updates[at.report] = self.report(info, language)
        updates[at.filters] = filters_html(index, query, language)
        updates[at.rows] = self.rows(info, query, key, language)
        if key is not None:
            updates[at.card] = card_html(read_card(self.room, info, key, language), index, info, language)
        return updates

    def report(self, info: EvaluationInfo, language: str) -> str:
        """What was found, or that there is nothing yet."""
        told = self.room.report(info)
        if not told:
            quiet = f'<p class="quiet">{escape(translate(language, "page.evaluate.no_report"))}</p>'
            return losses_html(info, language) + quiet
        if info.settings.mode == CHATTS:
            reports = {name: ChattsReport.from_json(each) for name, each in told.items()}
            return chatts_html(reports, language) + losses_html(info, language)
        return report_html(Report.from_json(told), info, language)

    def rows(self, info: EvaluationInfo, query: Query, key: Key | None, language: str) -> str:
        """A page of answers."""
        index = self.room.index(info)
        asked = self.room.asked(info)
        keys = self.room.find(info, query, asked)
        first = query.first if query.first < len(keys) else 0
        shown = keys[first : first + ROWS_SHOWN]
        told = {each: self._asked(index.answers(each), query) for each in shown}
        questions = {each: asked.question(each) for each in shown}
        return answers_html(keys, first, index, told, questions, key, language)

    # -- beginning and ending ------------------------------------------------------------------------------------------

    def start(self, chosen: str, language: str, request: gr.Request, *given: Any) -> Updates:
        """Begin, and list it at once; where another one stands in the way, that one is shown."""
        settings, problems = settings_of(self.at.form, given)
        if problems:
            return {self.at.problems: problems_html(problems, language)}
        try:
            followed = self.room.engine.begin_evaluation(settings, self.who(request))
        except UserError as error:
            return {self.at.problems: problems_html(error.problems, language), **self.progress(language)}
        listed = list_html(self.room.listed(), chosen, language)
        return {self.at.problems: "", self.at.followed: followed, self.at.list: listed, **self.progress(language)}

    def stop(self, language: str) -> Updates:
        self.room.engine.stop_evaluation()
        return self.progress(language)

    def progress(self, language: str) -> Updates:
        """Of the evaluation of this process, and the clock while it goes on."""
        at, now = self.at, self.room.engine.evaluation()
        has_ended = now is not None and now.is_done
        return {
            at.progress: progress_html(now, language),
            at.stop: gr.update(visible=is_going(now), interactive=not is_stopping(now)),
            at.timer: gr.Timer(active=is_going(now)),
            at.seen: revision(now, language),
            at.ended: now.id if has_ended and now is not None else "",
        }

    def tick(self, seen: list[Any], language: str) -> Updates:
        """What changed since; nothing else is sent."""
        now = self.room.engine.evaluation()
        if revision(now, language) == seen:
            return {self.at.seen: gr.skip()}
        return self.progress(language)

    def follow(self, event: gr.EventData) -> Any:
        """The clock goes only while the tab is open."""
        is_open = event._data.get("id") == self.at.tab.id
        return gr.Timer(active=is_open and is_going(self.room.engine.evaluation()))

    def after_end(self, ended: str, followed: str, chosen: str, language: str) -> Updates:
        """An evaluation has ended: it is shown to those who began it, and listed for the others."""
        if not ended:
            return {self.at.seen: gr.skip()}
        updates: Updates = {}
        if followed == ended or not chosen or chosen == ended:
            updates, chosen = self.show(ended, language), ended
        return updates | {self.at.list: list_html(self.room.listed(), chosen, language)}

    # -- the list ------------------------------------------------------------------------------------------------------

    def act(self, chosen: str, language: str, request: gr.Request, event: gr.EventData) -> Updates:
        """A click in the list: choose, go on with, or delete."""
        at, told = self.at, event._data
        wanted, do = str(told.get("id", "")), str(told.get("do", ""))
        updates: Updates = {at.said: ""}
        try:
            if do == "resume":
                self.room.engine.resume_evaluation(wanted, self.who(request))
                updates |= {at.followed: wanted, **self.progress(language)}
            elif do == "delete":
                self._delete(wanted)
                updates |= self.opened("" if chosen == wanted else chosen, language)
            else:
                self.room.info(wanted)
                updates |= self.show(wanted, language)
                chosen = wanted
        except UserError as error:
            updates[at.said] = monitor.said(say_all(language, error), is_bad=True)
            if chosen and self._info(chosen) is None:  # some of its files could not be deleted, and it is gone
                updates |= self.opened("", language)
        if at.list not in updates:
            updates[at.list] = list_html(self.room.listed(), updates.get(at.chosen, chosen), language)
        return updates

    # -- answers -------------------------------------------------------------------------------------------------------

    def filter(self, sought: str, chosen: str, key: Any, language: str) -> Updates:
        """sought: what the filters say, as JSON. The row in view keeps its mark where it is among those found."""
        return self._page(chosen, Query.of(json.loads(sought or "{}")), _key(key), language)

    def turn(self, chosen: str, query: Mapping[str, Any], key: Any, language: str, event: gr.EventData) -> Updates:
        wanted = Query.of({**query, "first": event._data.get("first", 0)})
        return self._page(chosen, wanted, _key(key), language)

    def choose(self, chosen: str, language: str, event: gr.EventData) -> Updates:
        """A row of the table; the browser has marked it already."""
        told = event._data
        return self._card(chosen, (str(told.get("dataset", "")), int(told.get("row", 0))), language)

    def on_card(
        self, chosen: str, query: Mapping[str, Any], key: Any, language: str, request: gr.Request, event: gr.EventData
    ) -> Updates:
        """A button of the card."""
        at, do, here = self.at, str(event._data.get("do", "")), _key(key)
        info = self._info(chosen)
        if info is None or here is None:
            return {at.exported: gr.skip()}
        if do == "send":
            card = read_card(self.room, info, here, language)
            word = "sent" if send_card(self.room, info, card, self.who(request)) else "sent_before"
            return {at.sent: monitor.said(translate(language, f"page.evaluate.{word}", row=here[1] + 1))}
        asked = Query.of(query)
        keys = self.room.find(info, asked, self.room.asked(info))
        place = keys.index(here) if here in keys else -1
        place = min(max(0, place + (1 if do == "next" else -1)), len(keys) - 1)
        if not keys or keys[place] == here:
            return {at.exported: gr.skip()}
        asked = replace(asked, first=place // ROWS_SHOWN * ROWS_SHOWN)
        updates = self._card(chosen, keys[place], language)
        return {**updates, at.query: vars(asked), at.rows: self.rows(info, asked, keys[place], language)}

    def take(self, chosen: str, language: str, event: gr.EventData) -> Iterator[Updates]:
        """Write a file, which may take its time, and show the way to it."""
        info, kind = self._info(chosen), str(event._data.get("kind", ""))
        if info is None or kind not in KINDS:
            yield {self.at.exported: ""}
            return
        what = translate(language, f"page.evaluate.take.{kind}")
        yield {self.at.exported: monitor.said(translate(language, "page.evaluate.taking", what=what))}
        try:
            shown = self.report(info, language) if kind == REPORT_HTML else ""
            path = write_export(self.room, info, kind, shown, language)
        except UserError as error:
            yield {self.at.exported: monitor.said(say_all(language, error), is_bad=True)}
            return
        told = monitor.said(translate(language, "page.evaluate.taken", what=what, size=size(path.stat().st_size)))
        yield {self.at.exported: f"{told}<p>{link_html(path, language)}</p>"}

    # -- inside --------------------------------------------------------------------------------------------------------

    def _delete(self, evaluation_id: str) -> None:
        """UserError where something of it is left; what hangs on an evaluation that is gone goes all the same."""
        info = self.room.info(evaluation_id)
        try:
            delete_evaluation(info.folder)
        finally:
            if self._info(evaluation_id) is None:
                delete_exports(self.room, info)
                self.room.context.gather_scores()

    def _page(self, chosen: str, query: Query, key: Key | None, language: str) -> Updates:
        info = self._info(chosen)
        html = self.rows(info, query, key, language) if info is not None else ""
        return {self.at.query: vars(query), self.at.rows: html}

    def _card(self, chosen: str, key: Key, language: str) -> Updates:
        at, info = self.at, self._info(chosen)
        if info is None:
            return {at.card: "", at.key: [], at.sent: ""}
        html = card_html(read_card(self.room, info, key, language), self.room.index(info), info, language)
        return {at.card: html, at.key: list(key), at.sent: ""}

    def _info(self, evaluation_id: str) -> EvaluationInfo | None:
        try:
            return self.room.info(evaluation_id) if evaluation_id else None
        except UserError:
            return None  # deleted by somebody else: the list says so

    def _asked(self, answers: Mapping[str, Any], query: Query) -> Mapping[str, Any]:
        return {model: each for model, each in answers.items() if query.model in ("", model)}


def _key(told: Any) -> Key | None:
    return (str(told[0]), int(told[1])) if isinstance(told, (list, tuple)) and len(told) == 2 else None
