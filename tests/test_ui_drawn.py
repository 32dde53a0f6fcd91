"""A run that learns from its own answers, on the page: its reward in the place of a loss, its answers beside series."""

import json

from tsft.run.events import AnswersDrawn, DrawnAnswer, Evaluated, Planned, RunStarted, StepLogged
from tsft.run.notices import evaluations_since_best, notice_of
from tsft.run.state import DRAWN, RunState, reduce
from tsft.store.shown_rows import ShownRow
from tsft.terminal import describe
from tsft.ui import monitor
from tsft.ui.charts import chart_payload, overlay_payload
from tsft.ui.drawn_box import SHOWN, drawn_html

PLAN = Planned(0.5, 9, 1.0, 8, 2, 9, 9, 9, 9, (), "cpu", "fp32", 1, "mean_reward")
GOOD = DrawnAnswer("<b>rising</b>", 1.5, (("score", 1.0), ("length", 1.0)))


def drawn(step: int) -> AnswersDrawn:
    return AnswersDrawn(float(step), step, f"demo:{step}", "Where to?", "rising", (GOOD, DrawnAnswer("falling", 0.0)))


def measures(reward: float) -> tuple[tuple[str, float], ...]:
    return (("mean_reward", reward), ("score_reward", reward / 2), ("reward_spread", 0.25), ("entropy", 0.5))


def state_of(*rewards: float) -> RunState:
    """After a step and an evaluation for each of the held-out rewards."""
    state = reduce(reduce(RunState(), RunStarted(0.0, "r1", "first")), PLAN)
    for step, reward in enumerate(rewards, 1):
        state = reduce(state, StepLogged(step, step, 0.1, -0.01, 1e-4, 1.0, measures=measures(reward - 0.25)))
        state = reduce(state, Evaluated(step, step, None, 0.1, measures=(("mean_reward", reward),)))
    return state


def test_the_chart_shows_the_reward_in_the_place_of_the_loss() -> None:
    state = state_of(0.5, 1.0, 0.75)

    tree = json.loads(chart_payload(state, "en"))

    run = tree["runs"][0]
    assert run["loss"] == {"x": [1, 2, 3], "y": [0.25, 0.75, 0.5]}
    assert run["validation"] == {"x": [1, 2, 3], "y": [0.5, 1, 0.75]} and run["best"] == [2, 1]
    assert tree["words"]["title"] == "Reward" and "Reward curves up to step 3" in tree["words"]["description"]
    assert run["curves"]["score_reward"]["y"] == [0.125, 0.375, 0.25] and run["curves"]["entropy"]["x"] == [1, 2, 3]
    assert run["gaps"] == []
    assert json.loads(overlay_payload([state, state], "en"))["words"]["title"] == "Reward"
    assert json.loads(overlay_payload([state, RunState()], "en"))["words"]["title"] == "Loss"


def test_the_best_step_is_the_one_of_the_highest_reward_also_after_a_resume() -> None:
    state = state_of(0.5, 1.0, 0.75)

    assert (state.best_step, state.best_reward, state.best_loss) == (2, 1.0, None)
    resumed = reduce(state, RunStarted(9.0, "r1", "first", resumed_from=1))
    assert (resumed.best_step, resumed.best_reward) == (1, 0.5)


def test_readings_notices_and_the_terminal_tell_the_reward() -> None:
    state = state_of(1.0, 0.5, 0.5)

    assert "Validation reward" in monitor.panel(state, "en") and "Validation loss" not in monitor.panel(state, "en")
    assert "validation reward 0.5" in describe(state, "en")
    assert evaluations_since_best(state) == 2
    notice = notice_of(state, 2)
    assert notice is not None and notice.sentence.key == "notice.plateau_reward"
    assert notice.sentence.values["reward"] == "1.000"


def test_answers_stand_beside_the_series_with_their_rewards_as_text() -> None:
    state = RunState(run_id="r1")
    for step in range(1, DRAWN + 3):
        state = reduce(state, drawn(step))
    assert len(state.drawn) == DRAWN

    html = drawn_html(state, [ShownRow(f"demo:{DRAWN + 2}", (), ((1.0, None, 2.0),))], "en")

    assert html.count('class="preview-row probe"') == SHOWN and html.count("<svg") + html.count("<img") >= 1
    assert html.index(f"demo:{DRAWN + 2}") < html.index(f"demo:{DRAWN + 1}")
    assert "&lt;b&gt;rising&lt;/b&gt;" in html and "<b>rising" not in html
    assert "<b>1.5</b>" in html and "score 1" in html and "length 1" in html
    assert drawn_html(RunState(), [], "en") == ""
