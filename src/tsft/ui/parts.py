"""The components of one page and which of them an answer fills. Where they stand is decided in `page.py`."""

from dataclasses import dataclass
from typing import Any

from tsft.ui.context import PageContext
from tsft.ui.form import Form
from tsft.ui.live import Live
from tsft.ui.runs_tab import RunsTab
from tsft.ui.top_bar import RESULT_KEYS, TopBar
from tsft.ui.train_tab import TrainTab
from tsft.ui.words import Words


@dataclass(frozen=True)
class Parts:
    """seen, problems: what this session was sent last. remembered: the form as this browser keeps it.

    parent: the run whose clone is in the form, "" for none.
    knows_limits: the language in which the form was told what this machine cannot do, "" while it was not. Not that of
    the page: this follows a load, whose answer the browser may not have put everywhere yet.
    """

    context: PageContext
    words: Words
    form: Form
    live: Live
    top: TopBar
    train: TrainTab
    runs: RunsTab
    tabs: Any
    parent: Any
    words_feed: Any
    timer: Any
    seen: Any
    problems: Any
    knows_limits: Any
    remembered: Any

    @property
    def model(self) -> tuple[Any, Any]:
        """The controls of the base model: its name and its hub."""
        return self.form.widget("model.name"), self.form.widget("model.hub")

    @property
    def live_outputs(self) -> list[Any]:
        """What a tick may change of the output area."""
        train = self.train
        texts = [train.panel, train.announcement, train.chart_feed, train.log, train.result, self.top.fetches]
        texts += [train.queue.waiting, train.probes, train.gauges]
        return [*texts, self.top.fetch, train.stop, *train.commands.outputs]

    @property
    def tick_outputs(self) -> list[Any]:
        continued, *others = map(self.form.widget, RESULT_KEYS)
        start = [self.seen, self.timer, self.train.refusal, self.problems, continued]
        return [*start, *self.live_outputs, *others, self.knows_limits]

    @property
    def config_outputs(self) -> list[Any]:
        """What follows a config that is put into the form, beside the form itself."""
        train = self.train
        said = [train.refusal, train.errors, self.problems]
        return [self.top.path, self.top.fetch, *said, self.remembered, *train.folds.values()]

    @property
    def load_outputs(self) -> list[Any]:
        """Everything that a fresh page is sent, each component once."""
        train = self.train
        # The language first: a change of another control is answered in the one that is there by then.
        worded = [self.top.language, *self.words.components, *self.form.widgets, self.words_feed, self.top.path]
        worded += [train.modes.mode, train.modes.differs, train.presets.loaded, train.preset_box.about]
        worded += [train.errors, self.knows_limits]
        return list(dict.fromkeys([*worded, *train.folds.values(), *self.live_outputs, self.timer, self.seen]))

    @property
    def relabel_outputs(self) -> list[Any]:
        """Everything that shows words, each component once."""
        feeds = [self.words_feed, self.train.refusal, self.train.errors]
        return list(dict.fromkeys([*self.words.components, *feeds, *self.live_outputs, self.seen]))
