"""Named endpoints for `gradio_client`: start, stop, state and runs, in the one form of the REST interface's answers."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from tsft.config.codec import from_flat
from tsft.errors import UserError, message
from tsft.i18n import FALLBACK, say
from tsft.run.outline import metrics, outline
from tsft.run.state import RunState
from tsft.ui.context import PageContext

RUNS_SHOWN = 200


def place_endpoints(context: PageContext) -> None:
    """Register them inside the open Blocks. They wait for nothing but themselves and draw nothing."""

    def start(preset: str, settings: dict, request: gr.Request, queue: bool = False, language: str = FALLBACK) -> dict:
        """Begin a run from a preset with single settings changed by their dotted names; queue: wait for its turn."""

        def begin() -> dict[str, Any]:
            config = from_flat(settings or {}, context.load_preset(preset or context.first_preset))
            by = str(getattr(request, "username", None) or "")
            if queue:
                return {"run": context.engine.enqueue([config], by)[0], "queued": True}
            return {"run": context.engine.start(config, by), "queued": False}

        return _answer(begin, language)

    def stop(request: gr.Request, language: str = FALLBACK) -> dict:
        """Ask the run in progress to stop and keep what it learnt."""

        def end() -> dict[str, Any]:
            return {"asked": context.engine.stop(str(getattr(request, "username", None) or ""))}

        return _answer(end, language)

    def state(run: str = "", language: str = FALLBACK) -> dict:
        """How a run stands, with its curves; without an id the run in progress or the last one."""
        return _answer(lambda: _state(context, run), language)

    def runs(language: str = FALLBACK) -> dict:
        """The newest runs of the workspace."""

        def listed() -> dict[str, Any]:
            found = list(context.runs())[:RUNS_SHOWN]
            return {"runs": [{"run": e.id, "name": e.name, "status": e.status, "loss": e.loss} for e in found]}

        return _answer(listed, language)

    for function in (start, stop, state, runs):
        gr.api(function, api_name=function.__name__, queue=False)


def _state(context: PageContext, run_id: str) -> dict[str, Any]:
    watched = context.engine.watched()
    live = watched.read()[1] if watched is not None else RunState()
    found = live if run_id in ("", live.run_id) else context.run_actions.told(run_id).state
    if not found.run_id:
        raise UserError(message("record.no_run", run=run_id or "—"))
    return {"state": outline(found), "metrics": metrics(found)}


def _answer(make: Callable[[], dict[str, Any]], language: str) -> dict[str, Any]:
    try:
        return {"ok": True, "data": make()}
    except UserError as error:
        problems = [
            {"key": each.message.key, "field": each.field, "sentence": say(language, each.message)}
            for each in error.problems
        ]
        return {"ok": False, "problems": problems}
