"""Short signatures of rows by which equal and nearly equal ones are found among millions, in bounded memory.

Exact: a 64-bit hash of text and values. Near: the text without case, spaces and punctuation must be equal, and the
series must round to the same numbers on at least one of four grids (length, level, amplitude and the means of sixteen
stretches, in parts of the amplitude), so that a value close to the border of one grid is far from that of another.
Per row 8 + 4 x 8 bytes are kept, whatever its length.
"""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

GRIDS = 4
_STRETCHES = 16
# Steps of the grids: an eighth of the amplitude; amplitudes 10 % apart.
_STEPS_PER_AMPLITUDE = 8.0
_AMPLITUDE_STEP = 0.1
_NOT_WORDS = re.compile(r"[\W_]+")


def row_key(turns: Sequence[Mapping[str, str]], series_key: int) -> int:
    """int64, the same for two rows exactly when turns and series are the same."""
    digest = hashlib.blake2b(series_key.to_bytes(8, "little", signed=True), digest_size=8)
    digest.update("\x00".join(f"{turn['role']}\x01{turn['content']}" for turn in turns).encode("utf-8"))
    return int.from_bytes(digest.digest(), "little", signed=True)


def near_keys(turns: Sequence[Mapping[str, str]], series: Sequence[np.ndarray]) -> list[int]:
    """GRIDS int64 keys; rows that share one at the same place are nearly equal."""
    told = "\x00".join(f"{turn['role']}\x01{_plain(turn['content'])}" for turn in turns).encode("utf-8")
    text = hashlib.blake2b(told, digest_size=8).digest()
    numbers = np.concatenate([_shape(points) for points in series]) if series else np.zeros(0)
    keys = []
    for grid in range(GRIDS):
        rounded = np.floor(numbers + grid / GRIDS).astype(np.int64)
        digest = hashlib.blake2b(text + rounded.tobytes(), digest_size=8).digest()
        keys.append(int.from_bytes(digest, "little", signed=True))
    return keys


def repeats(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For rows whose key an earlier row has: their places, and the place of the first row with that key.

    keys: int64[rows]; returns int64[repeats] twice, the first in rising order
    """
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    origin = first[inverse]
    later = np.flatnonzero(origin != np.arange(len(keys)))
    return later, origin[later]


def _plain(text: str) -> str:
    return _NOT_WORDS.sub("", unicodedata.normalize("NFKC", text).casefold())


def _shape(points: np.ndarray) -> np.ndarray:
    """float64[19]: length, level, log amplitude and the stretches' means of one series, in steps of the grids."""
    count = len(points)
    mean = float(points.mean())
    away = points - mean
    amplitude = float(np.abs(away).max())
    numbers = np.zeros(3 + _STRETCHES)
    numbers[0] = count + 0.5  # far from every grid's border: lengths are equal or not
    if amplitude == 0.0:
        numbers[1] = float(np.float32(mean)) if abs(mean) < 1e9 else np.log(abs(mean)) * 1e6
        return numbers
    scale = _STEPS_PER_AMPLITUDE / amplitude
    numbers[1] = np.clip(mean * scale, -9e15, 9e15)
    numbers[2] = np.log(amplitude) / _AMPLITUDE_STEP
    if count >= _STRETCHES:
        starts = np.arange(_STRETCHES) * count // _STRETCHES
        sizes = np.diff(np.append(starts, count))
        numbers[3:] = np.add.reduceat(away, starts) / sizes * scale
    else:
        numbers[3 : 3 + count] = away * scale
    return numbers
