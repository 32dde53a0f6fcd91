"""A run may answer validation rows at every evaluation, draw the score as a curve, and be judged by it."""

import json

import pytest

from tests.engine_runs import Bench, small
from tests.evaluations import write_rows
from tsft.config.check import check
from tsft.engine.answer_scores import ScoredAnswers
from tsft.run.board import replay
from tsft.run.events import Evaluated, Event, Planned, RunStarted, StepLogged, from_line, to_line
from tsft.run.notices import notice_of
from tsft.run.state import RunState, reduce

SETS = {"data__datasets": "learnt", "data__validation": "dataset", "data__validation_datasets": "held"}
ANSWERED = {**SETS, "data__cutoff_length": 2000, "stopping__answered_rows": 4, "stopping__answer_tokens": 3}
PLAN = Planned(0.0, 9, 1.0, 8, 4, 9, 9, 100, 10, (), "cpu", "fp32", 1, "answer_score")


@pytest.fixture
def data(bench: Bench) -> Bench:
    write_rows(bench.workspace.datasets / "learnt.jsonl", 12, seed=2)
    write_rows(bench.workspace.datasets / "held.jsonl", 6)
    return bench


def scripted(monkeypatch: pytest.MonkeyPatch, scores: list[float]) -> None:
    """The model answers, and these are the scores of its answers in turn."""
    left = list(scores)
    asked = ScoredAnswers.score

    def score(self: ScoredAnswers, model: object) -> float:
        asked(self, model)
        return left.pop(0)

    monkeypatch.setattr(ScoredAnswers, "score", score)


@pytest.mark.slow
def test_each_evaluation_tells_a_score_and_the_run_goes_on_as_without(data: Bench) -> None:
    plain = data.run(small(**{**ANSWERED, "stopping__answered_rows": 0}, output__eval_steps=2))
    state = data.run(small(**ANSWERED, output__eval_steps=2))
    told = [each for each in data.events(state) if isinstance(each, Evaluated)]
    assert state.status == "finished" and [each.step for each in told] == [0, 2, 4]
    assert all(each.score is not None and 0 <= each.score <= 1 for each in told)
    assert [step for step, _ in state.answer_score.shown] == [0, 2, 4] and not plain.answer_score.shown
    # Training does not notice: the same losses, bit for bit.
    losses = [[e.loss for e in data.events(each) if isinstance(e, StepLogged)] for each in (plain, state)]
    assert losses[0] == losses[1]
    assert replay(data.record.get(state.run_id).folder.events) == state


def test_the_best_checkpoint_and_early_stopping_can_follow_the_score(
    data: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [0.1, 0.2, 0.6, 0.5, 0.6, 0.4])
    judged = {"stopping__metric": "answer_score", "stopping__patience": 2}
    state = data.run(small(**ANSWERED, **judged, output__eval_steps=1, schedule__max_steps=8))
    assert state.status == "finished" and state.step == 4
    assert (state.best_step, state.best_score) == (2, 0.6)
    assert state.finish is not None and state.finish.result_step == 2
    assert state.finish.message.key == "run.ended_early_best_score" and state.finish.message.values["best"] == "60.0"
    assert [each.step for each in state.checkpoints if each.is_best] == [2]


def test_a_run_that_is_judged_by_answers_is_refused_where_no_row_has_a_label(data: Bench) -> None:
    write_rows(data.workspace.datasets / "held.jsonl", 6, labelled=False)
    state = data.run(small(**ANSWERED, stopping__metric="answer_score"))
    assert state.failure is not None and state.failure.message.key == "run.no_labels"
    assert state.failure.settings == ("stopping.metric",)
    state = data.run(small(**ANSWERED, schedule__max_steps=1))
    assert state.status == "finished" and not state.answer_score.shown
    assert "run.no_labels" in [each.message.key for each in state.notes]


def test_answers_that_cannot_be_are_told_before_the_start() -> None:
    def told(**changes: object) -> set[str]:
        return {each.message.key for each in check(small(**changes)) if each.field == "stopping.answered_rows"}

    assert told(stopping__metric="answer_score") == {"check.score_needs_answers"}
    assert told(stopping__answered_rows=5, data__validation="none") == {"check.answers_need_validation"}
    assert told(stopping__answered_rows=5, data__task="pretraining") == {"check.answers_need_questions"}
    assert told(stopping__answered_rows=5, stopping__metric="answer_score") == set()


def test_events_of_before_there_were_scores_are_read_as_ever() -> None:
    old = {"event": "Evaluated", "at": 1.0, "step": 2, "loss": 0.5, "seconds": 1.0}
    assert from_line(json.dumps(old)) == Evaluated(1.0, 2, 0.5, 1.0)
    planned = json.loads(to_line(PLAN))
    del planned["metric"]
    read = from_line(json.dumps(planned))
    assert isinstance(read, Planned) and read.metric == "validation_loss"


def state_of(*events: Event) -> RunState:
    state = RunState()
    for each in events:
        state = reduce(state, each)
    return state


def test_the_best_step_follows_the_metric_of_the_plan_also_after_a_resume() -> None:
    told = [Evaluated(float(step), step, loss, 0.1, score) for step, loss, score in
            ((0, 5.0, 0.9), (1, 3.0, 0.4), (2, 1.0, 0.3), (3, 2.0, 0.7), (4, 2.5, 0.7))]  # fmt: skip
    started = RunStarted(0.0, "r", "pump")
    by_score, by_loss = state_of(started, PLAN, *told), state_of(started, *told)
    assert (by_score.best_step, by_score.best_loss, by_score.best_score) == (3, 2.0, 0.7)
    assert (by_loss.best_step, by_loss.best_loss) == (2, 1.0)
    back = reduce(by_score, RunStarted(9.0, "r", "pump", resumed_from=2))
    assert (back.best_step, back.best_loss, back.best_score) == (1, 3.0, 0.4)
    news = notice_of(by_score, 1)
    assert news is not None and news.sentence.key == "notice.plateau_score" and news.sentence.values["score"] == "70.0"
