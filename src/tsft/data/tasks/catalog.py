"""Which tasks there are, what each needs, and which of them a subject can be asked."""

from collections.abc import Iterable
from dataclasses import dataclass

from tsft.data.tasks.attributes import ATTRIBUTE_TASKS
from tsft.data.tasks.labels import LABEL_TASKS
from tsft.data.tasks.questions_labels import QUESTIONS as LABEL_QUESTIONS
from tsft.data.tasks.questions_values import QUESTIONS as VALUE_QUESTIONS
from tsft.data.tasks.records import QUESTIONS as RECORD_QUESTIONS
from tsft.data.tasks.records import RECORD_TASKS
from tsft.data.tasks.relations import RELATION_TASKS
from tsft.data.tasks.statements import STATEMENT_TASKS
from tsft.data.tasks.task import Task
from tsft.data.tasks.values import VALUE_TASKS
from tsft.errors import Message, UserError, message

TASKS: tuple[Task, ...] = (
    *VALUE_TASKS,
    *LABEL_TASKS,
    *ATTRIBUTE_TASKS,
    *STATEMENT_TASKS,
    *RELATION_TASKS,
    *RECORD_TASKS,
)
# What a generator can ask: nobody has written a log about its series.
SYNTH_TASKS = tuple(each for each in TASKS if each.needs != "names")
TASK = {each.key: each for each in TASKS}
# By wording and language.
QUESTIONS = {**VALUE_QUESTIONS, **LABEL_QUESTIONS, **RECORD_QUESTIONS}


@dataclass(frozen=True)
class Offer:
    """A task, and why it cannot be offered (None when it can)."""

    task: Task
    reason: Message | None = None


def offers(knows: Iterable[str], series_count: int, length: int) -> list[Offer]:
    """Every task, those that this data has no truth for with the reason. `knows` as of `Subject.knows`."""
    known = frozenset(knows)
    return [Offer(each, _reason(each, known, series_count, length)) for each in TASKS]


def find_task(key: str) -> Task:
    """The task of this key; UserError naming all keys where there is none."""
    if key not in TASK:
        raise UserError(message("data.tasks.unknown", name=key, known=", ".join(TASK)))
    return TASK[key]


def _reason(task: Task, knows: frozenset[str], series_count: int, length: int) -> Message | None:
    if task.needs not in knows:
        return message(f"data.tasks.needs_{task.needs}")
    if series_count < task.least_series:
        return message("data.tasks.needs_series", least=task.least_series, found=series_count)
    if length < task.least_points:
        return message("data.tasks.needs_points", least=task.least_points, found=length)
    return None
