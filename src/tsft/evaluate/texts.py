"""Free text against a reference: keyword F1, ROUGE-L, BLEU. What it states, against labels, is `attributes.py`.

Both languages are cut by the Chinese tokenizer of sacreBLEU: one token a Chinese character, words and numbers as in its
standard for other scripts. BLEU counts come from sacreBLEU too.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

import numpy as np
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.tokenizers.tokenizer_zh import TokenizerZh

from tsft.evaluate.intervals import Rates

_ORDERS = 4
_CHINESE = re.compile(r"[㐀-䶿一-鿿豈-﫿]+")
_WORD = re.compile(r"[^\W_]")
# Words that carry no fact; short on purpose, negations are not among them.
_STOP_WORDS = frozenset("的了在和是为有与其该从到中于个") | {
    "a", "an", "and", "are", "as", "at", "be", "been", "by", "for", "from", "has", "have", "in", "is", "it", "its",
    "of", "on", "or", "that", "the", "their", "there", "this", "to", "was", "were", "which", "with",
}  # fmt: skip


def tokens(text: str) -> list[str]:
    """Lower-case tokens of either language, punctuation left out."""
    return [each for each in _tokenizer()(_plain(text)).split() if _WORD.search(each)]


def rouge_l(answer: str, reference: str) -> Rates:
    """By the longest common subsequence of tokens; both empty count as equal."""
    said, true = tokens(answer), tokens(reference)
    if not said or not true:
        return Rates(float(said == true), float(said == true))
    common = _common_length(said, true)
    return Rates(common / len(said), common / len(true))


def keyword_f1(answer: str, reference: str) -> float:
    """F1 of the sets of content words and numbers; of Chinese, pairs of neighbouring characters."""
    said, true = keywords(answer), keywords(reference)
    return 2 * len(said & true) / (len(said) + len(true)) if said or true else 1.0


def keywords(text: str) -> frozenset[str]:
    """What `keyword_f1` compares."""
    plain = _plain(text)
    pairs = {run[i : i + 2] for run in _CHINESE.findall(plain) for i in range(max(1, len(run) - 1))}
    words = {each for each in tokens(_CHINESE.sub(" ", plain)) if each not in _STOP_WORDS}
    return frozenset((pairs | words) - _STOP_WORDS)


def bleu_row(answer: str, reference: str) -> np.ndarray:
    """float[10]: matched and possible n-grams of the orders 1 to 4, length of the answer and of the reference."""
    found = _bleu().sentence_score(_plain(answer), [_plain(reference)])
    return np.array([*found.counts, *found.totals, found.sys_len, found.ref_len], dtype=np.float64)


def bleu_of(sums: np.ndarray) -> np.ndarray:
    """Corpus BLEU, 0 to 1, from sums of `bleu_row` (float[B, 10]): sacreBLEU's, with its exponential smoothing."""
    counts, totals = sums[:, :_ORDERS], sums[:, _ORDERS : 2 * _ORDERS]
    lengths, wanted = sums[:, -2], sums[:, -1]
    is_missed = (counts == 0) & (totals > 0)
    smoothing = 2.0 ** np.cumsum(is_missed, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = np.where(is_missed, 1.0 / (smoothing * totals), counts / totals)
        mean = np.exp(np.mean(np.log(rates), axis=1))
        brevity = np.where(lengths < wanted, np.exp(1.0 - wanted / lengths), 1.0)
        value = np.where((counts[:, 0] > 0) & (totals > 0).all(axis=1), brevity * mean, 0.0)
    return np.where(wanted > 0, value, np.nan)


def _common_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, a row of the table at a time as the bits of one number (Hyyrö)."""
    places: dict[str, int] = {}
    for index, token in enumerate(first):
        places[token] = places.get(token, 0) | 1 << index
    full = (1 << len(first)) - 1
    open_places = full
    for token in second:
        fits = open_places & places.get(token, 0)
        open_places = ((open_places + fits) | (open_places - fits)) & full
    return len(first) - open_places.bit_count()


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower().strip()


@cache
def _tokenizer() -> TokenizerZh:
    return TokenizerZh()


@cache
def _bleu() -> BLEU:
    return BLEU(tokenize="zh", effective_order=True)
