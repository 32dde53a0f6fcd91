"""The processor: ids, labels and what it refuses; the tensors made from its rows."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.model_fakes import TOKENIZER, question, wave
from tsft.errors import UserError
from tsft.model.batches import collate
from tsft.model.chat import CHATML, choose_template
from tsft.model.families import Family
from tsft.model.processor import SeriesProcessor, add_series_tokens, load_tokenizer

TS, TS_END, END_OF_TURN = 298, 299, 295


def make_processor(template=CHATML, **changes):
    tokenizer = load_tokenizer(TOKENIZER)
    tokenizer.chat_template = template
    family = Family(max_points=512, **changes)
    start_id, end_id = add_series_tokens(tokenizer, family)
    return SeriesProcessor(tokenizer, dataclasses.replace(family, start_id=start_id, end_id=end_id))


@pytest.fixture(scope="module")
def processor():
    return make_processor()


def learnt_text(processor, row):
    return processor.tokenizer.decode([label for label in row.labels if label != -100])


def test_each_placeholder_becomes_its_prefix_and_one_id_a_patch(processor):
    row = processor.encode(question("A <ts><ts/> B <ts><ts/>?"), [wave(17), wave(8, 1)])
    assert row.input_ids.count(TS) == 3 + 1
    assert TS_END not in row.input_ids
    text = processor.tokenizer.decode([each for each in row.input_ids if each != TS])
    assert text.index("|length=17|") < text.index("|length=8|")
    assert [len(values) for values in row.values] == [17, 8]
    assert all(values.dtype == np.float32 for values in row.values)


def test_the_whole_text_is_tokenised_at_once(processor):
    row = processor.encode(question("A: <ts><ts/>."), [[1.0, 2.0]])
    words = "[offset=-1.5000|scaling=1.0000|length=2|max=2.0000|min=1.0000|left=1.0000|right=2.0000]"
    text = processor.tokenizer.apply_chat_template(question(f"A: {words}<ts><ts/>."), tokenize=False)
    expected = processor.tokenizer.encode(text, add_special_tokens=False)
    assert [each for each in expected if each != TS_END] == row.input_ids


@pytest.mark.parametrize(
    ("train_on", "learnt"),
    [
        ("answers", "One.<|im_end|>Two.<|im_end|>"),
        ("last_answer", "Two.<|im_end|>"),
    ],
)
def test_labels_are_the_assistants_turns_with_their_end(processor, train_on, learnt):
    turns = question("A <ts><ts/>", "One.") + question("And?", "Two.")
    row = processor.encode(turns, [wave(9)], train_on)
    assert learnt_text(processor, row) == learnt
    assert len(row.labels) == len(row.input_ids)


def test_everything_is_learnt_but_the_patches(processor):
    row = processor.encode(question(), [wave(20)], "everything")
    assert all((label == -100) == (each == TS) for each, label in zip(row.input_ids, row.labels, strict=True))
    assert all(label in (-100, each) for each, label in zip(row.input_ids, row.labels, strict=True))


@pytest.mark.parametrize("answer", ["", "\n\nyes", "<|im_start|>assistant\nI repeat", " spaced ", "a\n"])
def test_the_answer_alone_is_learnt_whatever_it_looks_like(processor, answer):
    row = processor.encode(question(answer=answer), [wave(8)])
    learnt = learnt_text(processor, row)
    assert learnt.endswith("<|im_end|>")
    # A line break that melts into the template's own stands in the prompt, so it is not learnt.
    assert learnt.removesuffix("<|im_end|>") in (answer, answer.lstrip("\n"))


def test_a_template_that_touches_contents_gives_the_same_labels_as_one_that_does_not(processor):
    trimming = make_processor(CHATML.replace("m['content']", "m['content'] | trim"))
    for turns in (question(answer="It falls."), question() + question("And?", "No.")):
        plain, other = (each.encode(turns, [wave(12)]) for each in (processor, trimming))
        assert plain.input_ids == other.input_ids
        assert plain.labels == other.labels


def test_a_template_that_rewrites_earlier_turns_is_refused():
    forgetful = make_processor(
        "{% for m in messages %}{% if loop.last or m['role'] == 'user' %}{{ m['content'] | trim }}\n"
        "{% endif %}{% endfor %}"
    )
    with pytest.raises(UserError) as caught:
        forgetful.encode(question("A") + question("B"), [])
    assert caught.value.message.key == "model.template_not_incremental"


@pytest.mark.parametrize("train_on", ["answers", "last_answer", "everything"])
def test_cutting_the_text_for_speed_changes_nothing(processor, train_on):
    whole = make_processor()
    whole.__dict__["_cuts"] = ()
    assert processor._cuts
    for turns in (question("A <ts><ts/>", "\n\nyes"), question("<ts><ts/>") + question("And\n?", "<|im_start|> no")):
        expected = whole.encode(turns, [wave(12)], train_on)
        assert (row := processor.encode(turns, [wave(12)], train_on)).input_ids == expected.input_ids
        assert row.labels == expected.labels


def test_a_prompt_is_the_conversation_up_to_the_answer(processor):
    turns = question()
    prompt = processor.prompt(turns[:1], [wave(30)])
    row = processor.encode(turns, [wave(30)])
    assert row.input_ids[: len(prompt.input_ids)] == prompt.input_ids
    assert prompt.labels == []
    assert learnt_text(processor, row).startswith("It")


REFUSED = [
    ("A <ts><ts/> B <ts><ts/>", [[1.0]], "series.count_mismatch"),
    ("A <ts><ts/>", [[1.0], [2.0]], "series.count_mismatch"),
    ("A <ts></ts>", [[1.0]], "series.count_mismatch"),
    ("A <ts> <ts/>", [], "series.stray_token"),
    ("A <ts><ts/> and <ts>", [[1.0]], "series.stray_token"),
    ("A <ts><ts/> and <ts/>", [[1.0]], "series.stray_token"),
    ("A [offset=-1.0|scaling=1.0]<ts><ts/>", [[1.0]], "series.already_encoded"),
    ("A [Value Offset: 1|Value Scaling: 1.0]<ts><ts/>", [[1.0]], "series.already_encoded"),
    ("A <ts><ts/>", [[1.0] * 513], "series.too_long"),
    ("A <ts><ts/>", [[]], "series.empty"),
]


@pytest.mark.parametrize(("text", "series", "key"), REFUSED)
def test_rows_that_would_teach_nonsense_are_refused(processor, text, series, key):
    with pytest.raises(UserError) as caught:
        processor.encode(question(text), series)
    assert caught.value.message.key == key


def test_nan_is_refused_with_series_and_position(processor):
    with pytest.raises(UserError) as caught:
        processor.encode(question("A <ts><ts/> <ts><ts/>"), [[1.0], [1.0, 2.0, math.nan]])
    assert dict(caught.value.message.values) == {"series": 2, "position": 2, "count": 1}


def test_a_series_of_exactly_the_limit_is_read(processor):
    assert processor.encode(question(), [wave(512)]).input_ids.count(TS) == 64


def test_rounding_to_float16_is_a_choice_of_the_family():
    raw = wave(50)
    exact, rounded = (make_processor(round_to_float16=choice).encode(question(), [raw]) for choice in (False, True))
    np.testing.assert_array_equal(rounded.values[0], exact.values[0].astype(np.float16).astype(np.float32))
    assert (rounded.values[0] != exact.values[0]).any()


def test_the_fingerprint_changes_with_whatever_changes_a_row(processor):
    others = [
        make_processor(),
        make_processor(prefix="paper"),
        make_processor(patch_size=16),
        make_processor(CHATML + " "),
    ]
    assert others[0].fingerprint == processor.fingerprint
    assert len({each.fingerprint for each in others}) == 4


def test_a_saved_processor_encodes_as_before(processor, tmp_path):
    processor.save(tmp_path)
    again = SeriesProcessor.load(tmp_path)
    assert again.fingerprint == processor.fingerprint
    assert again.family == processor.family
    assert again.encode(question(), [wave(9)]).input_ids == processor.encode(question(), [wave(9)]).input_ids


def test_a_tokenizer_without_chat_words_gets_plain_roles_and_ends_a_turn_with_its_end_of_text():
    tokenizer = load_tokenizer(TOKENIZER)
    tokenizer.chat_template = None
    tokenizer.get_vocab = lambda: {"<ts>": TS, "<ts/>": TS_END}
    choose_template(tokenizer, is_new_encoder=True)
    family = Family(max_points=512, start_id=TS, end_id=TS_END)
    row = SeriesProcessor(tokenizer, family).encode(question(), [wave(8)])
    assert tokenizer.decode([label for label in row.labels if label != -100]) == "It rises.<|im_end|>"


def test_a_template_that_thinks_aloud_is_replaced_for_a_new_encoder_only():
    for is_new, kept in ((True, False), (False, True)):
        tokenizer = load_tokenizer(TOKENIZER)
        tokenizer.chat_template = "{{ '<think>' }}"
        choose_template(tokenizer, is_new)
        assert (tokenizer.chat_template == "{{ '<think>' }}") == kept


def test_batches_fill_the_last_patch_by_the_familys_rule(processor):
    row = processor.encode(question("<ts><ts/> <ts><ts/>"), [[0.0, 1.0, 2.0], wave(9)])
    repeat, zero = (collate([row], 0, 8, rule) for rule in ("repeat", "zero"))
    np.testing.assert_array_equal(repeat["ts_values"][0, 0], [-1, 0, 1, 1, 1, 1, 1, 1])
    np.testing.assert_array_equal(zero["ts_values"][0, 0], [-1, 0, 1, 0, 0, 0, 0, 0])
    assert repeat["ts_mask"].sum(-1).tolist() == [[3, 8, 1]]
    assert repeat["ts_positions"].tolist() == [[0, 0, 8]]


def test_batches_pad_on_either_side_and_begin_with_the_ids(processor):
    rows = [processor.encode(question(answer=answer), [wave(8)]) for answer in ("a", "a longer answer")]
    for side, padded in (("left", 0), ("right", -1)):
        batch = collate(rows, 296, 8, side=side)
        assert next(iter(batch)) == "input_ids"
        assert batch["input_ids"][0, padded] == 296
        assert batch["labels"][0, padded] == -100
        assert batch["attention_mask"].sum(1).tolist() == [len(row.input_ids) for row in rows]


def test_a_batch_of_plain_text_still_has_a_patch(processor):
    batch = collate([processor.encode(question("Hello"), [])], 296, 8)
    assert batch["ts_values"].shape == (1, 1, 8)
    assert batch["ts_values"].dtype == torch.float32
    assert not batch["ts_mask"].any()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.sampled_from(["a", " ", "\n", "<ts><ts/>", "<ts>", "<ts/>", "[offset=", "是", "]", "{{", "<|im_end|>"])
    ),
    st.lists(st.lists(st.floats(width=32), max_size=20), max_size=3),
)
def test_any_row_is_encoded_or_refused_in_words(processor, pieces, series):
    try:
        row = processor.encode(question("".join(pieces), "ok"), series)
    except UserError as error:
        assert error.message.key.startswith("series.")
    else:
        assert row.input_ids.count(TS) == sum(-(-len(each) // 8) for each in series)
        assert TS_END not in row.input_ids
