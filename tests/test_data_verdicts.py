"""What people said of answers: nothing is lost, the last word counts, and it becomes pairs and judged rows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tsft.data.doctor import check_record
from tsft.data.labelling.items import ItemSeries
from tsft.data.mapping import guess_mapping
from tsft.data.preferences.ranking import JUDGED, PAIRS
from tsft.data.preferences.verdicts import BAD, FILE_NAME, GOOD, NONE, Said, Verdicts
from tsft.data.preferences.writing import PreferenceRow, Tally, lines_of

WAVE = np.sin(np.arange(50.0) / 3) + 0.1
TURNS = (
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Load: <ts><ts/>\nWhat happens?"},
)


def said(answer: str, model: str = "runs/a/adapter", points: Any = WAVE, **settings: Any) -> Said:
    return Said(TURNS, (ItemSeries(points, "load", "kW"),), answer, model, settings)


def rows(verdicts: Verdicts, kind: str) -> list[PreferenceRow]:
    return list(verdicts.rows(kind, Tally()))


def pairs(verdicts: Verdicts) -> list[tuple[str, str | None]]:
    return [(each.answer, each.rejected) for each in rows(verdicts, PAIRS)]


def judged(verdicts: Verdicts) -> list[tuple[str, bool | None]]:
    return [(each.answer, each.is_good) for each in rows(verdicts, JUDGED)]


def test_the_last_word_on_an_answer_counts_and_another_process_reads_it(tmp_path: Path) -> None:
    verdicts = Verdicts(tmp_path)
    verdicts.judge(said("It rises."), GOOD, by="ann")
    assert judged(verdicts) == [("It rises.", True)]
    verdicts.judge(said("It rises. "), BAD, by="bob")
    assert judged(verdicts) == [("It rises.", False)] and Verdicts(tmp_path).thumb(said("It rises.")) == BAD
    verdicts.judge(said("It rises."), NONE)
    assert judged(verdicts) == [] and Verdicts(tmp_path).counts()["questions"] == 0
    lines = [json.loads(line) for line in (tmp_path / FILE_NAME).read_text().splitlines()]
    assert [each["do"] for each in lines] == ["series", "judge", "judge", "judge"]  # a series is written once
    assert lines[0]["points"] == WAVE.tolist()


def test_a_good_and_a_bad_answer_to_the_same_question_about_the_same_series_make_a_pair(tmp_path: Path) -> None:
    verdicts = Verdicts(tmp_path)
    verdicts.judge(said("It rises."), GOOD)
    verdicts.judge(said("It falls."), BAD)
    verdicts.judge(said("It swings.", points=WAVE + 1), BAD)
    assert pairs(verdicts) == [("It rises.", "It falls.")]
    tally = Tally()
    assert len(list(verdicts.rows(PAIRS, tally))) == 1 and dict(tally.left_out) == {"unpaired": 1}
    assert verdicts.counts() == {"good": 1, "bad": 2, "better": 0, "pairs": 1, "judged": 3, "questions": 2}


def test_every_good_and_every_bad_answer_is_used_and_none_with_all_others(tmp_path: Path) -> None:
    verdicts = Verdicts(tmp_path)
    for text in ("up 1", "up 2"):
        verdicts.judge(said(text), GOOD)
    for text in ("down 1", "down 2", "down 3"):
        verdicts.judge(said(text), BAD)
    assert pairs(verdicts) == [("up 1", "down 1"), ("up 2", "down 2"), ("up 1", "down 3")]


def test_a_better_answer_beats_what_the_model_wrote_and_the_other_bad_ones(tmp_path: Path) -> None:
    verdicts = Verdicts(tmp_path)
    verdicts.judge(said("It falls."), BAD, by="ann")
    verdicts.judge(said("It falls."), better=" It rises by 3 kW. ", by="ann")
    verdicts.judge(said("It sleeps."), BAD)
    assert pairs(verdicts) == [("It rises by 3 kW.", "It falls."), ("It rises by 3 kW.", "It sleeps.")]
    assert judged(verdicts) == [("It falls.", False), ("It rises by 3 kW.", True), ("It sleeps.", False)]
    assert verdicts.counts()["judged"] == 3 and verdicts.counts()["pairs"] == 2
    (first, _) = rows(verdicts, PAIRS)
    assert (first.meta["chosen_by"], first.meta["rejected_by"]) == ("ann", "runs/a/adapter")
    verdicts.judge(said("It falls."), GOOD)  # good, and better still in other words
    assert ("It falls.", True) in judged(verdicts) and pairs(verdicts)[0] == ("It rises by 3 kW.", "It falls.")


def test_the_same_words_of_two_models_are_not_set_against_themselves(tmp_path: Path) -> None:
    verdicts = Verdicts(tmp_path)
    verdicts.judge(said("It rises.", "a"), GOOD)
    verdicts.judge(said("It rises.", "b"), BAD)
    assert pairs(verdicts) == [] and judged(verdicts) == [("It rises.", True)]


@pytest.mark.parametrize("kind", [PAIRS, JUDGED])
def test_the_rows_can_be_trained_on_with_system_prompt_series_and_settings(tmp_path: Path, kind: str) -> None:
    verdicts = Verdicts(tmp_path)
    verdicts.judge(said("It rises.", temperature=0.7, seed=3), GOOD, by="ann")
    verdicts.judge(said("It falls.", temperature=0.7, seed=4), BAD, by="ann")
    for line in lines_of(verdicts.rows(kind, tally := Tally()), tally):
        record = json.loads(line)
        mapping = guess_mapping(record)
        assert mapping is not None
        checked = check_record(record, mapping)
        assert checked.turns[0] == TURNS[0] and checked.series[0].tolist() == WAVE.tolist()
        meta = json.loads(record["meta"])
        assert meta["settings"]["temperature"] == 0.7 and meta["by"] == "ann" and meta["source"] == "chat"
    assert tally.rows == (1 if kind == PAIRS else 2) and not tally.refused


def test_half_characters_harm_nothing(tmp_path: Path) -> None:
    verdicts = Verdicts(tmp_path)
    odd = Said(TURNS, (ItemSeries(WAVE, "lo\ud800ad", "kW"),), "It \ud800 falls.", "m")
    verdicts.judge(odd, better="It \ud800 rises.")
    assert pairs(Verdicts(tmp_path)) == [("It ? rises.", "It ? falls.")]


def test_a_cut_line_and_one_of_a_newer_tsft_harm_no_other(tmp_path: Path) -> None:
    verdicts = Verdicts(tmp_path)
    verdicts.judge(said("It rises."), GOOD)
    with (tmp_path / FILE_NAME).open("a") as file:
        file.write('{"do": "praise"}\n{"do": "judge", "id": "x", "series": ["gone"]}\n{"do": "jud')
    other = Verdicts(tmp_path)
    other.judge(said("It falls."), BAD)
    assert pairs(Verdicts(tmp_path)) == [("It rises.", "It falls.")]
