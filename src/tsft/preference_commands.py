"""`tsft data prefer`: preference rows from evaluations, from the Chat's verdicts, or from the label room."""

import argparse
from collections.abc import Callable, Iterator

from tsft.data.labelling.inbox import Inbox
from tsft.data.preferences.corrections import Corrections
from tsft.data.preferences.ranking import Rule
from tsft.data.preferences.verdicts import Verdicts
from tsft.data.preferences.writing import Kept, counted_rows, write_kept
from tsft.endings import user
from tsft.errors import Message
from tsft.i18n import say
from tsft.store.workspace import Workspace, open_workspace
from tsft.terminal import progress_bar
from tsft.ui.evaluate.preferring import Wanted, counted, prefer


def prefer_rows(options: argparse.Namespace, language: str, tell: Callable[[str], None]) -> None:
    """Write the dataset and tell what is in it, or with --look only count what it would hold."""
    workspace = open_workspace(options.workspace)
    if options.evaluations:
        told = _from_evaluations(options, workspace)
    else:
        kept: Kept = Verdicts(workspace.chat) if options.chat else Corrections(Inbox(workspace.labels))
        told = _from_people(kept, options, workspace)
    for sentence in told:
        tell(say(language, sentence))


def _from_evaluations(options: argparse.Namespace, workspace: Workspace) -> Iterator[Message]:
    rule = Rule(options.kind, options.against, options.margin, options.good, options.bad, options.per_row)
    wanted = Wanted(tuple(options.evaluations), rule, tuple(options.models), options.free_text)
    if options.look:
        tally, notes = counted(workspace, wanted)
        yield from tally.messages()
        yield from notes
        return
    progress, move = progress_bar(options.name)
    with progress:
        written = prefer(workspace, wanted, options.name, by=user(), replaces=options.replace, progress=move)
    yield from written.messages()


def _from_people(kept: Kept, options: argparse.Namespace, workspace: Workspace) -> Iterator[Message]:
    if options.look:
        yield from counted_rows(kept, options.kind).messages()
        return
    target, cache = workspace.datasets, workspace.cache
    written = write_kept(kept, options.kind, options.name, target, cache, by=user(), replaces=options.replace)
    yield from written.messages()
