"""What people said of answers in the Chat: kept as lines, the last word on an answer counts, and rows made of it.

`verdicts.jsonl` is only ever added to. A series is written once and named by its hash; a verdict is a whole line:
question with what came before it, series, answer, model, settings, thumb, and the better answer where one was written.
"""

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tsft.data.labelling.items import ItemSeries
from tsft.data.labelling.journal import Journal, Line
from tsft.data.preferences.ranking import JUDGED
from tsft.data.preferences.writing import PreferenceRow, Tally
from tsft.data.synth.rows import series_id

FILE_NAME = "verdicts.jsonl"
SOURCE = "chat"
GOOD, NONE, BAD = 1, 0, -1
_WORDS = {GOOD: "up", NONE: "", BAD: "down"}


@dataclass(frozen=True)
class Said:
    """An answer in its conversation. turns: up to the question, with a placeholder a series.

    settings: how it was written.
    """

    turns: tuple[Mapping[str, str], ...]
    series: tuple[ItemSeries, ...]
    answer: str
    model: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def question_key(self) -> str:
        """The same for two answers exactly when they were given to the same question about the same series."""
        return _hash(*(part for turn in self.turns for part in (turn["role"], turn["content"])), *self.series_keys)

    @property
    def key(self) -> str:
        return _hash(self.question_key, self.answer.strip(), self.model)

    @property
    def series_keys(self) -> list[str]:
        return [_hash(each.points.tobytes(), each.name, each.unit) for each in self.series]


@dataclass(frozen=True)
class Verdict:
    """What was said last of one answer. thumb: GOOD, BAD or NONE; better: what a person wrote instead, "" for none."""

    said: Said
    thumb: int
    better: str
    by: str
    at: float


@dataclass
class _Entry:
    """What of a verdict decides which rows there are; the rest of its line stays in the file at [begin, end)."""

    question: str
    answer: str
    thumb: int
    better: str
    begin: int
    end: int


class Verdicts:
    """One workspace's verdicts, shared by all sessions. Every method may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        self._journal = Journal(folder / FILE_NAME)
        self._lock = threading.RLock()
        self._entries: dict[str, _Entry] = {}
        self._series: dict[str, tuple[int, int]] = {}

    def judge(self, said: Said, thumb: int | None = None, better: str | None = None, by: str = "") -> None:
        """Keep a thumb or a better answer; None leaves what was said before. UserError when the disk refuses."""
        with self._lock:
            self._refresh()
            before = self._entries.get(said.key)
            now = {
                "thumb": thumb if thumb is not None else before.thumb if before is not None else NONE,
                "better": _whole(better.strip()) if better is not None else before.better if before is not None else "",
            }
            keys = said.series_keys
            new = [
                {"do": "series", "key": key, "points": each.points.tolist(), **_named(each)}
                for key, each in zip(keys, said.series, strict=True)
                if key not in self._series
            ]
            told = {"do": "judge", "id": said.key, "question": said.question_key, "series": keys}
            texts = {"turns": [_plain(turn) for turn in said.turns], "answer": _whole(said.answer.strip())}
            about = {"model": said.model, "settings": dict(said.settings), "by": by, "at": time.time()}
            self._journal.append([*_each_once(new), {**told, **texts, **now, **about}])
            self._refresh()

    def thumb(self, said: Said) -> int:
        """What stands of an answer, NONE where nothing was said."""
        with self._lock:
            self._refresh()
            found = self._entries.get(said.key)
            return found.thumb if found is not None else NONE

    def counts(self) -> dict[str, int]:
        """good, bad, better: verdicts; pairs, judged: rows that could be made of them; questions: asked and judged."""
        with self._lock:
            self._refresh()
            kept = self._kept()
            pairs = sum(len(_pairs([entry for _, entry in group])) for group in self._by_question().values())
            thumbs = Counter(each.thumb for each in kept)
            better = sum(bool(each.better) for each in kept)
            judged = {(each.question, each.answer) for each in kept}
            judged |= {(each.question, each.better) for each in kept if each.better}
            counted = {"good": thumbs[GOOD], "bad": thumbs[BAD], "better": better}
            return {**counted, "pairs": pairs, "judged": len(judged), "questions": len({e.question for e in kept})}

    @property
    def origin(self) -> str:
        return SOURCE

    def rows(self, kind: str, tally: Tally) -> Iterator[PreferenceRow]:
        """Pairs: a better answer before the model's, a good before a bad one to the same question. Or each judged."""
        with self._lock:
            self._refresh()
            groups = self._by_question()
        for group in groups.values():
            tally.looked_at += 1
            if kind == JUDGED:
                yield from self._judged(group)
                continue
            found = _pairs([entry for _, entry in group])
            if not found:
                tally.left_out["unpaired"] += 1
            for better, chosen, worse in found:
                yield self._pair(better, chosen, worse)

    # -- inside ------------------------------------------------------------------------------------------------------

    def _kept(self) -> list[_Entry]:
        """Those whose verdict was not taken back."""
        return [each for each in self._entries.values() if each.thumb or each.better]

    def _by_question(self) -> dict[str, list[tuple[str, _Entry]]]:
        found: dict[str, list[tuple[str, _Entry]]] = {}
        for key, each in self._entries.items():
            if each.thumb or each.better:
                found.setdefault(each.question, []).append((key, each))
        return found

    def _judged(self, group: Sequence[tuple[str, _Entry]]) -> Iterator[PreferenceRow]:
        """A better answer is a good one; what it was written for is a bad one, unless it was found good as well."""
        good = {each.answer for _, each in group if each.thumb == GOOD}
        for _, each in group:
            verdict = self._verdict(each)
            if each.thumb == GOOD or each.answer not in good:
                is_good = each.thumb == GOOD
                yield _row(verdict, verdict.said.answer, is_good=is_good, answered_by=verdict.said.model)
            if each.better:
                yield _row(verdict, each.better, is_good=True, answered_by=verdict.by or "-")

    def _pair(self, better: _Entry, chosen: str, worse: _Entry) -> PreferenceRow:
        one, other = self._verdict(better), self._verdict(worse)
        by = one.said.model if chosen == one.said.answer else one.by or "-"
        return _row(other, chosen, rejected=other.said.answer, chosen_by=by, rejected_by=other.said.model)

    def _verdict(self, entry: _Entry) -> Verdict:
        line = self._journal.at(entry.begin, entry.end)
        series = tuple(self._series_of(key) for key in line["series"])
        said = Said(tuple(line["turns"]), series, line["answer"], line["model"], line["settings"])
        return Verdict(said, int(line["thumb"]), str(line["better"]), str(line["by"]), float(line["at"]))

    def _series_of(self, key: str) -> ItemSeries:
        line = self._journal.at(*self._series[key])
        return ItemSeries(np.array(line["points"], dtype=np.float64), line["name"], line["unit"])

    def _refresh(self) -> None:
        self._journal.follow(self._take, self._forget)

    def _forget(self) -> None:
        self._entries.clear()
        self._series.clear()

    def _take(self, line: Line) -> None:
        data = line.data
        if data["do"] == "series":
            self._series.setdefault(str(data["key"]), (line.begin, line.end))
        elif data["do"] == "judge" and all(key in self._series for key in data["series"]):
            # The place of the first word on an answer is kept: rows come in the order in which people judged.
            self._entries[str(data["id"])] = _Entry(
                str(data["question"]),
                str(data["answer"]),
                int(data["thumb"]),
                str(data["better"]),
                line.begin,
                line.end,
            )


def _pairs(group: Sequence[_Entry]) -> list[tuple[_Entry, str, _Entry]]:
    """Whose answer is the better one, its text, and whose is the worse one; of one question.

    Good and bad ones in turn, so that every one of them is used and none with all others.
    """
    found = [(each, each.better, each) for each in group if each.better]
    good = [each for each in group if each.thumb == GOOD and not each.better]
    bad = [each for each in group if each.thumb == BAD and not each.better]
    texts = {each.answer for each in good}
    # Two models may have written the same words, one of them liked and one of them not.
    bad = [each for each in bad if each.answer not in texts]
    if good and bad:
        found += [
            (good[place % len(good)], good[place % len(good)].answer, bad[place % len(bad)])
            for place in range(max(len(good), len(bad)))
        ]
    elif bad and found:
        found += [(found[place % len(found)][0], found[place % len(found)][1], each) for place, each in enumerate(bad)]
    return found


def _row(
    verdict: Verdict, answer: str, rejected: str | None = None, is_good: bool | None = None, **who: str
) -> PreferenceRow:
    said = verdict.said
    meta: dict[str, Any] = {"source": SOURCE, "settings": dict(said.settings), **who}
    if verdict.thumb:
        meta["thumb"] = _WORDS[verdict.thumb]
    meta |= {"by": verdict.by, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(verdict.at))}
    if said.series:
        meta["series"] = series_id([each.points.tolist() for each in said.series])
    return PreferenceRow(said.turns, [each.points for each in said.series], answer, rejected, is_good, meta)


def _hash(*parts: str | bytes) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode("utf-8", "replace")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def _each_once(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return list({line["key"]: line for line in lines}.values())


def _named(series: ItemSeries) -> dict[str, str]:
    return {"name": _whole(series.name), "unit": _whole(series.unit)}


def _plain(turn: Mapping[str, str]) -> dict[str, str]:
    return {"role": turn["role"], "content": _whole(turn["content"])}


def _whole(text: str) -> str:
    """Half characters, which no file of text can hold, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
