"""The generator: rows from their number alone, labels that hold on the rendered series, and no known defect."""

import hashlib
import json
import re
from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsft.data.checks.diagnosis import diagnose
from tsft.data.checks.rows import examine_row
from tsft.data.mapping import GUESS
from tsft.data.synth.curves import NOISES, RISING, WAVES, season_wave, trend_curve
from tsft.data.synth.domains import DOMAINS
from tsft.data.synth.event_shapes import shape_of
from tsft.data.synth.groups import _deviating
from tsft.data.synth.measure import EVENT_SHARE, EVENT_SIGMAS, autocorrelation, measured
from tsft.data.synth.plan import EDGE_POINTS, EventPlan, Plan, gap_points, render
from tsft.data.synth.recipe import SynthRecipe
from tsft.data.synth.rows import synth_row, synth_rows, synth_scene
from tsft.data.tasks.catalog import SYNTH_TASKS
from tsft.data.tasks.event_types import EVENT_TYPE, EVENT_TYPES
from tsft.data.tasks.fields import decimals_for
from tsft.evaluate.baselines import text_only
from tsft.evaluate.scores import score

RECIPE = SynthRecipe(count=600)
GOLDEN = "304bfa6d0507fae2"
METRIC = DOMAINS[0].metrics[0]
KEYS = [each.key for each in SYNTH_TASKS]


@cache
def rows() -> tuple[dict, ...]:
    return tuple(synth_rows(RECIPE))


def meta(row: dict) -> dict:
    return json.loads(row["meta"])


def labels(task: str = "") -> list[dict]:
    found = [meta(each)["label"] for each in rows()]
    return [each for each in found if not task or each["task"] == task]


def many(task: str, count: int = 60, **changes) -> list[dict]:
    return list(synth_rows(SynthRecipe(count=count, tasks={task: 1.0}, **changes)))


def visible(plan: Plan, seed: int):
    """The first rendering whose events can be seen, with its attributes."""
    for attempt in range(200):
        rendered = render(plan, np.random.default_rng([seed, attempt]))
        known = None if rendered is None else measured(rendered)
        if known is not None:
            return rendered, known
    raise AssertionError(f"never visible: {plan}")


def test_the_stream_of_a_seed_never_changes():
    plain = [{**each, "timeseries": [[f"{v:.4g}" for v in s] for s in each["timeseries"]]} for each in rows()[:200]]
    for each in plain:
        # The id of the series hashes every last bit; the digits above are enough.
        each["meta"] = re.sub(r'"series": "\w+"', "", each["meta"])
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True)
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == GOLDEN


def test_a_row_can_be_made_alone_from_its_seed():
    row = rows()[123]
    seed, split, index = meta(row)["seed"]
    assert synth_row(SynthRecipe(count=600, seed=seed, split=split), index) == row
    assert synth_row(SynthRecipe(count=600, seed=8), 123) != row
    # The number of rows plays no part, except where the difficulty rises with them.
    assert synth_row(SynthRecipe(count=10**6), 123) == row


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(KEYS), st.integers(0, 10**6), st.sampled_from([(32, 32), (64, 256), (200, 1024)]))
def test_any_row_passes_the_doctor_and_its_gold_answer_gets_full_marks(task, index, lengths):
    row = synth_row(SynthRecipe(tasks={task: 1.0}, lengths=lengths), index)
    assert not examine_row(row, GUESS).sentences
    judged = score(row["output"], meta(row)["label"])
    assert judged.value == 1 and judged.is_right


def test_a_whole_dataset_has_no_findings(tmp_path):
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows()), encoding="utf-8")
    report = diagnose("rows", [tmp_path], tmp_path / "cache").report
    assert report.findings == () and report.rows_good == len(rows())


def wrong(field: dict):
    """Another value of a field, wrong beyond every tolerance, as a JSON answer."""
    kind, value = field["kind"], field["value"]
    if kind == "yes_no":
        return not value
    if kind in ("class", "name", "letter"):
        return next(each for each in field["options"] if each != value)
    if kind == "names":
        return [each for each in field["options"] if each not in value]
    if kind == "count":
        return value + 1
    if kind == "position":
        return 0 if value is None else (value + field["length"] // 2) % field["length"]
    if kind == "number":
        return 5.0 if value is None else value + 1.5 * max(field["tolerance"], 0.1)
    if kind == "intervals":
        return [] if value else [[1, 4]]
    return [] if value else [{"type": next(iter(field["options"])), "start": 9, "size": 1.0}]


def test_a_wrong_answer_gets_less_than_the_gold_one():
    checked = 0
    for label in labels():
        for field in label["fields"]:
            if label["style"] == "prose":
                continue
            answer = {each["name"]: each["value"] for each in label["fields"]} | {field["name"]: wrong(field)}
            judged = score(json.dumps(answer, ensure_ascii=False), label)
            assert judged.value < 1 and not judged.is_right, (label, answer)
            checked += 1
    assert checked > 500


@pytest.mark.parametrize("key", [each.key for each in EVENT_TYPES])
def test_every_event_is_visible_above_noise_and_range_and_measured_where_it_is(key):
    kind = EVENT_TYPE[key]
    season = {"wave": "sine", "period": 24, "swing": 0.6}
    plan = Plan(256, METRIC, sigma=0.02, events=(EventPlan(key, 1.0),), **season)
    rendered, known = visible(plan, 3)
    event, placed = known.events[0], rendered.placed[0]
    course = rendered.clean - placed.added
    away = rendered.values - course
    inside = away[event.start : event.end]
    assert event.size == pytest.approx(inside[np.argmax(np.abs(inside))]) and event.start <= event.peak < event.end
    assert abs(event.size) >= max(EVENT_SIGMAS * known.sigma, EVENT_SHARE * np.ptp(rendered.slow + rendered.season))
    assert not kind.direction or np.sign(event.size) == kind.direction
    rest = away[event.end :]
    lasting = abs(float(np.median(rest)))
    assert (lasting > 0.1 * abs(event.size)) == kind.is_permanent == event.is_permanent
    assert event.start >= EDGE_POINTS and event.end <= 256 - EDGE_POINTS


def test_an_event_that_drowns_is_never_given_out():
    drowned = Plan(256, METRIC, sigma=0.5, wave="sine", period=24, swing=1.0, events=(EventPlan("upward spike", 0.1),))
    assert all(measured(render(drowned, np.random.default_rng(seed))) is None for seed in range(20))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from([each.key for each in EVENT_TYPES]), min_size=1, max_size=3),
    st.sampled_from(NOISES),
    st.floats(0.005, 0.06),
    st.floats(0.3, 1.5),
    st.integers(0, 10**6),
)
def test_what_is_given_out_is_visible_as_the_guard_says(types, kind, sigma, size, seed):
    plan = Plan(
        320, METRIC, noise=kind, sigma=sigma, wave="sine", period=24, swing=0.5,
        events=tuple(EventPlan(each, size) for each in types),
    )  # fmt: skip
    rendered = render(plan, np.random.default_rng(seed))
    known = None if rendered is None else measured(rendered)
    if known is None:
        return
    calm = rendered.slow + rendered.season
    assert sorted(each.type for each in known.events) == sorted(types)
    for event in known.events:
        assert abs(event.size) >= max(4 * known.sigma, 0.25 * np.ptp(calm))
        assert 2 <= event.start < event.end <= len(rendered.values) - 2
    ends = [0, *(each.end for each in known.events)]
    assert all(each.start - end >= 3 for each, end in zip(known.events, ends, strict=False))


def test_quantised_noise_moves_in_steps():
    rendered = render(Plan(256, METRIC, noise="quantised", sigma=0.05), np.random.default_rng(1))
    assert len(np.unique(np.round(rendered.values, 2))) < 20
    assert rendered.values.std() / rendered.scale == pytest.approx(0.05, rel=0.3)


def test_a_stranger_to_a_shape_may_differ_in_one_knot():
    heights = np.array([0.1, 0.9, -0.5, 0.8, 0.0])
    moved = _deviating(heights, np.random.default_rng(0))
    assert np.count_nonzero(moved != heights) == 1 and np.abs(moved - heights).max() > 1


def test_the_prefix_prints_every_value_as_it_is():
    """Four decimals are what the model's prefix has; a finer value could not be read back from it."""
    for row in rows():
        for series in row["timeseries"]:
            assert np.array_equal(np.round(series, 4), series)


def test_events_stay_apart():
    for row in many("events", 80, difficulty="hard", lengths=(256, 256)):
        starts = [each["start"] for each in meta(row)["label"]["fields"][0]["value"]]
        assert all(b - a >= gap_points(256) for a, b in zip(starts, starts[1:], strict=False))


def test_defect_1_a_requested_period_is_honoured_exactly():
    for wave in WAVES:
        for period in (12, 17, 40):
            values = season_wave(wave, 240, period, np.random.default_rng(period))
            if wave != "modulated":
                assert np.allclose(values[period:], values[:-period])
    told = 0
    for row in many("period", 60, lengths=(128, 256)):
        period = meta(row)["label"]["fields"][0]["value"]
        if period:
            told += 1
            series = row["timeseries"][meta(row)["label"]["parameters"]["series"]]
            fits = autocorrelation(np.array(series))
            near = max(1, round(0.05 * period))
            assert fits[period - near : period + near + 1].max() >= 0.4
    assert told > 30


def test_defect_2_flat_means_level():
    checked = 0
    for row in many("trend", 90):
        label = meta(row)["label"]
        if label["fields"][0]["value"] == "flat" and label["style"] != "short":
            series = np.array(row["timeseries"][label["parameters"]["series"]])
            assert abs(label["fields"][1]["value"]) <= 0.08 * np.ptp(series)
            checked += 1
    assert checked > 10


def test_a_direction_is_that_of_the_rendered_series():
    for row in many("trend", 90):
        label = meta(row)["label"]
        series = np.array(row["timeseries"][label["parameters"]["series"]])
        slope = np.polyfit(np.linspace(0, 1, len(series)), series, 1)[0] / np.ptp(series)
        expected = {"up": slope > 0.1, "down": slope < -0.1, "flat": abs(slope) < 0.35}
        assert expected[label["fields"][0]["value"]]


def test_defect_3_no_marker_or_slot_is_left_in_a_text():
    for row in rows():
        text = row["input"].replace("<ts><ts/>", "") + row["output"]
        assert not re.search(r"<[|t]|\{[a-z_]*\}|\bNone\b|\bnan\b", text), text


def test_defect_4_the_options_asked_for_are_the_words_answered():
    for row in rows():
        label = meta(row)["label"]
        field = label["fields"][0]
        if field["kind"] == "class" and label["style"] in ("short", "line"):
            word = field["options"][field["value"]]
            assert word in row["input"] and word in row["output"]


def test_defect_5_nothing_happens_that_the_label_does_not_tell():
    for key in ("sudden increase", "sudden decrease"):
        rendered, known = visible(Plan(256, METRIC, sigma=0.01, events=(EventPlan(key, 1.0),)), 1)
        after = rendered.values[known.events[0].end :]
        assert np.ptp(after) < 0.2 * abs(known.events[0].size)
    for row in many("cluster", 60):
        label = meta(row)["label"]
        assert label["is_none"] == (label["fields"][0]["value"] == [])


@pytest.mark.parametrize("key", [each.key for each in EVENT_TYPES])
def test_defect_5_an_event_grows_with_its_size_in_every_part(key):
    shape = shape_of(key, 256, np.random.default_rng(4))
    assert np.abs(shape.offset).max() in (0.0, pytest.approx(1.0)) and abs(shape.lasting) <= 1


def test_defect_6_series_are_shared_by_no_two_rows_or_splits():
    ids = [meta(each)["series"] for each in rows()]
    others = [meta(each)["series"] for each in synth_rows(SynthRecipe(count=300, split="test"))]
    assert len(set(ids)) == len(ids) and not set(ids) & set(others)


def test_defect_7_windows_are_given_by_their_points_and_lie_inside():
    for row in many("window_stat", 60, lengths=(33, 77)):
        label = meta(row)["label"]
        told = label["parameters"]
        length = len(row["timeseries"][told["series"]])
        assert 0 < told["start"] < told["end"] < length
        assert str(told["start"]) in row["input"] and str(told["end"] - 1) in row["input"]


def test_curves_that_rise_do_so_all_the_way():
    for kind in RISING:
        curve = trend_curve(kind, 200, np.random.default_rng(0))
        assert curve[0] == pytest.approx(0) and curve[-1] == pytest.approx(1) and np.all(np.diff(curve) >= 0)


def test_no_class_rules_and_nothing_is_the_answer_often_enough():
    found = labels()
    assert np.mean([each["is_none"] for each in found]) >= 0.15
    for task in ("trend", "classify", "noise", "mcq", "correlate"):
        values = Counter(meta(each)["label"]["fields"][0]["value"] for each in many(task, 120))
        assert max(values.values()) / 120 <= (0.62 if len(values) == 2 else 0.45)
    for task in ("spike", "level_shift", "season", "event_at", "anomaly_near", "rule"):
        said = [meta(each)["label"]["fields"][0]["value"] for each in many(task, 100)]
        assert 0.35 < np.mean(said) < 0.65


def test_positions_are_spread_over_the_whole_series():
    thirds = Counter()
    for row in many("spike", 200, styles={"json": 1.0}):
        point = meta(row)["label"]["fields"][1]
        if point["value"] is not None:
            thirds[3 * point["value"] // point["length"]] += 1
    assert min(thirds.values()) > 0.2 * sum(thirds.values())


def test_the_end_values_in_the_prefix_do_not_give_the_trend_away():
    found = [meta(each)["label"] for each in many("trend", 150)]
    assert np.mean([each["prefix_answerable"] for each in found]) < 0.6


def test_offset_and_scale_tell_nothing_of_the_answer():
    by_answer = {True: [], False: []}
    for row in many("spike", 300, domains=("server",), lengths=(128, 128)):
        label = meta(row)["label"]
        values = np.array(row["timeseries"][label["parameters"]["series"]])
        by_answer[label["fields"][0]["value"]].append(np.ptp(values) / max(1.0, np.abs(values).max()))
    assert abs(np.mean(by_answer[True]) - np.mean(by_answer[False])) < 0.12


def test_the_text_alone_is_worth_little_in_every_task():
    for task, found in text_only(labels()).items():
        assert found.score < 0.75, (task, found)


def test_every_task_language_style_domain_and_difficulty_occurs():
    found = [meta(each) for each in rows()]
    assert {each["task"] for each in found} == set(KEYS)
    assert {each["language"] for each in found} == {"en", "zh"}
    assert {each["style"] for each in found} == {"short", "line", "json", "prose"}
    assert {each["difficulty"] for each in found} == {"easy", "medium", "hard"}
    counts = Counter(each["task"] for each in found)
    assert max(counts.values()) - min(counts.values()) <= 2


def test_a_curriculum_goes_from_easy_to_hard():
    recipe = SynthRecipe(count=300, difficulty="curriculum", tasks={"value_at": 1.0}, series=(1, 1))
    levels = [("easy", "medium", "hard").index(meta(each)["difficulty"]) for each in synth_rows(recipe)]
    means = [np.mean(levels[start : start + 100]) for start in (0, 100, 200)]
    assert means[0] < 0.5 and 0.7 < means[1] < 1.3 and means[2] > 1.5


def test_chinese_rows_are_chinese_and_english_rows_are_not():
    for row in rows():
        has_chinese = re.search(r"[\u4e00-\u9fff]", row["input"] + row["output"]) is not None
        assert has_chinese == (meta(row)["language"] == "zh"), row["input"]


def test_json_answers_are_json_with_the_fields_of_the_label():
    for row in rows():
        label = meta(row)["label"]
        if label["style"] == "json":
            assert list(json.loads(row["output"])) == [each["name"] for each in label["fields"]]


def test_values_stay_in_a_plausible_size():
    for row in rows():
        assert all(np.isfinite(s).all() and np.abs(s).max() <= 1e9 for s in map(np.array, row["timeseries"]))


# -- points that were not measured -------------------------------------------------------------------------------------


LENGTHS = st.sampled_from([(32, 40), (64, 256), (400, 600)])


@settings(max_examples=25, deadline=None)
@given(index=st.integers(0, 5000), task=st.sampled_from(KEYS), lengths=LENGTHS)
def test_what_was_not_measured_is_a_straight_line_and_said_so(index, task, lengths):
    recipe = SynthRecipe(tasks={task: 1.0}, lengths=lengths, missing_share=1.0)
    row, subject = synth_scene(recipe, index)
    meta = json.loads(row["meta"])
    assert meta["missing"]
    for start, end in meta["missing"]:
        assert f"{start}-{end}" in row["input"].split("<ts>")[0]
        for series in subject.series:
            piece = series.values[start - 1 : end + 1]
            assert 2 <= start < end <= len(series) - 2
            line = np.linspace(piece[0], piece[-1], len(piece))
            assert np.abs(piece - line).max() <= 10.0 ** -decimals_for(series.values) + 1e-9
            for event in (series.attributes.events if series.attributes else None) or ():
                assert end <= event.start or start >= event.end, "an event is hidden by a gap"
    assert not examine_row(row, GUESS).sentences and score(row["output"], meta["label"]).value == 1


def test_a_share_of_rows_has_gaps_and_none_by_default():
    def share(recipe):
        return np.mean(["missing" in json.loads(row["meta"]) for row in synth_rows(recipe)])

    assert share(SynthRecipe(count=120)) == 0
    assert 0.25 < share(SynthRecipe(count=300, missing_share=0.4)) < 0.55
