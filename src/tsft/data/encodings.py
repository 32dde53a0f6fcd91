"""In which encoding a file of text is written, judged by its first 4 MiB."""

import codecs
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from tsft.errors import UserError, message

SAMPLE_BYTES = 4 * 1024 * 1024
UTF_8, UTF_16 = "utf-8-sig", "utf-16"
# Who brings a file in, lists it and reads it asks again and again: answers are kept while a file is unchanged.
_KEPT = 64
# An encoding of single bytes reads anything, so it must be mostly letters of its script to be believed.
_LEAST_SHARE = 0.7
# In GB2312 the characters that are used most come first (0xB0 to 0xD7); signs stand before them (0xA1 to 0xA9).
_GB_COMMON = re.compile(rb"[\xa1-\xa9\xb0-\xd7][\xa1-\xfe]")
_GB_ANY = re.compile(rb"[\x81-\xfe][\x30-\xfe]")
_KANA = re.compile(r"[\u3000-\u30ff\uff01-\uff5e℃]")
_HANGUL = re.compile(rb"[\xa1-\xac\xb0-\xc8][\xa1-\xfe]")
# Cyrillic letters stand together; read as Cyrillic, a single Latin letter with a mark stands between plain ones.
_CYRILLIC = re.compile(r"(?:(?<=[а-яёА-ЯЁ])[а-яёА-ЯЁ]|[а-яёА-ЯЁ](?=[а-яёА-ЯЁ]))")
_LATIN = re.compile(r"[À-ÖØ-öø-ÿ°²³µ·±€§ß–’]")
# No language of Latin letters writes three with marks in a row.
_MANY_MARKS = re.compile(r"[À-ÖØ-öø-ÿ]{3,}")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
# So many syllables that Chinese text would have strayed from the range of Hangul.
_HANGUL_CERTAIN = 6


def encoding_of(path: Path) -> str:
    """Python's name of the encoding: "utf-8-sig" (with or without BOM), "utf-16", "gb18030", "cp932" (Shift-JIS),
    "cp949", "cp1251" or "cp1252". UserError where it is none of them."""
    if path.suffix.lower() in (".parquet", ".xlsx"):
        return UTF_8
    state = path.stat()
    found = _judged(path.resolve(), state.st_size, state.st_mtime_ns)
    if found is None:
        raise UserError(message("data.file.encoding", file=path.name))
    return found


@lru_cache(maxsize=_KEPT)
def _judged(path: Path, size: int, changed_ns: int) -> str | None:
    with path.open("rb") as file:
        sample = file.read(SAMPLE_BYTES)
    return guess(sample, is_whole=len(sample) < SAMPLE_BYTES)


def guess(sample: bytes, *, is_whole: bool = True) -> str | None:
    """The encoding of the beginning of a text. A character may be cut at its end unless it is the whole."""
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return UTF_16
    if _decoded(sample, UTF_8, is_whole) is not None:
        return UTF_8
    shares: dict[str, float] = {}
    for encoding, judge in _JUDGES.items():
        text = _decoded(sample, encoding, is_whole)
        if text is not None:
            shares[encoding] = judge(sample, text)
    best = max(shares, key=lambda name: shares[name], default=None)
    return best if best is not None and shares[best] >= _LEAST_SHARE else ("gb18030" if "gb18030" in shares else None)


def _decoded(sample: bytes, encoding: str, is_whole: bool) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample, final=is_whole)
    except UnicodeDecodeError:
        return None


def _share(good: int, text: str) -> float:
    return good / max(1, len(_NOT_ASCII.findall(text)))


def _hangul(sample: bytes, text: str) -> float:
    """More than Chinese can be only where it is certain: short Korean text is also common Chinese characters."""
    good = sum(1 for _ in _HANGUL.finditer(sample))
    share = _share(good, text)
    is_certain = share > 0.98 and len(re.findall(r"[가-힣]", text)) >= _HANGUL_CERTAIN
    return share + 0.02 if is_certain else share - 0.02


def _chinese(sample: bytes, text: str) -> float:
    pairs = _GB_ANY.findall(sample)
    return sum(1 for pair in pairs if _GB_COMMON.fullmatch(pair)) / max(1, len(pairs))


def _letters(pattern: re.Pattern[str], weight: float) -> Callable[[bytes, str], float]:
    return lambda sample, text: weight * _share(len(pattern.findall(text)), text)


def _japanese(sample: bytes, text: str) -> float:
    """Kana show Japanese; kanji between them count as well."""
    kana = _share(len(_KANA.findall(text)), text)
    halves = _share(len(re.findall(r"[\uff61-\uff9f]", text)), text)
    return 0.0 if halves > 0.3 or not kana else min(1.0, 0.85 + kana)


_JUDGES: dict[str, Callable[[bytes, str], float]] = {
    "cp932": _japanese,
    "gb18030": _chinese,
    "cp949": _hangul,
    "cp1251": _letters(_CYRILLIC, 0.95),
    "cp1252": lambda sample, text: _letters(_LATIN, 0.9)(sample, _MANY_MARKS.sub("\u0416", text)),
}
