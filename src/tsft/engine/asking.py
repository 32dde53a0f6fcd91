"""Puts one question to a trained model, on a thread of its own, and lets the answer be read while it is written."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from tsft.config.run_config import RunConfig
from tsft.engine.device import give_memory_back
from tsft.engine.failures import failure_of
from tsft.engine.restore import Fetching, open_result, result_folder
from tsft.engine.sources import watched_loading
from tsft.errors import UserError
from tsft.model.answer import Sampling, answer_streaming
from tsft.run.ports import Asked, Stopped
from tsft.store.workspace import Workspace

# An answer of the demo is a line; this is where a model that never ends its turn is cut off.
LONGEST_ANSWER_TOKENS = 256


class Asking:
    """One question. The model is loaded for it and freed after it."""

    def __init__(self, workspace: Workspace, asked: Asked) -> None:
        self._workspace = workspace
        self._asked = asked
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def asked(self) -> Asked:
        return self._asked

    def begin(self, turns: Sequence[Mapping[str, str]], series: Sequence[Any]) -> None:
        self._thread = threading.Thread(target=self._work, args=(turns, series), name="tsft-ask", daemon=True)
        self._thread.start()

    def give_up(self) -> None:
        """Stop writing and wait until the memory is free again."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self, turns: Sequence[Mapping[str, str]], series: Sequence[Any]) -> None:
        try:
            self._answer(turns, series)
            self._asked = replace(self._asked, is_done=True)
        except Stopped:
            self._asked = replace(self._asked, is_done=True)
        except UserError as error:
            self._asked = replace(self._asked, is_done=True, problem=error.message)
        except Exception as error:  # noqa: BLE001 (the outermost frame of the thread: shown as a sentence)
            failed = failure_of(error, RunConfig())
            self._asked = replace(self._asked, is_done=True, problem=failed.message)
        finally:
            give_memory_back()

    def _obey(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _answer(self, turns: Sequence[Mapping[str, str]], series: Sequence[Any]) -> None:
        fetching = Fetching(lambda done, total: None, self._stop.is_set)
        folder = result_folder(self._asked.result, self._workspace)
        with watched_loading(lambda done, total: None, self._obey):
            loaded = open_result(folder, self._workspace, torch.float32, fetching)
        if torch.cuda.is_available():
            loaded.model.to("cuda")
        pieces = answer_streaming(
            loaded.model,
            loaded.processor,
            [dict(turn) for turn in turns],
            series,
            sampling=Sampling(max_new_tokens=LONGEST_ANSWER_TOKENS),
            should_stop=self._stop.is_set,
        )
        for piece in pieces:
            self._asked = replace(self._asked, text=self._asked.text + piece)
