"""Turns a conversation with raw series into token ids, labels and scaled series, one example at a time.

`SeriesProcessor` is what data and training see of a model's reading habits. Batches are `batches.py`; the habits
themselves (`Family`) come from the checkpoint.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase

from tsft.errors import UserError, message
from tsft.model.chat import Renderer, Span, Turn
from tsft.model.families import Family, read_record
from tsft.model.prefix import PLACEHOLDER, is_already_encoded, prefix_text
from tsft.model.scaling import scale_series

IGNORED = -100
PLAIN_TEXT = "text"
# Raise when ids, labels or values of the same row would come out differently: caches of tokenised rows ask for it.
_VERSION = 1


@dataclass(frozen=True)
class EncodedRow(Mapping[str, Any]):
    """One example, ready for `batches.collate`; reads as a mapping too.

    input_ids: one `<ts>` id per patch
    labels:    as long, -100 where nothing is learnt, not shifted; empty for a prompt
    values:    float32[L] for each series, scaled
    """

    input_ids: list[int]
    labels: list[int]
    values: list[NDArray[np.float32]] = field(default_factory=list)

    def __getitem__(self, name: str) -> Any:
        if name not in self.__dataclass_fields__:
            raise KeyError(name)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dataclass_fields__)

    def __len__(self) -> int:
        return len(self.__dataclass_fields__)


@dataclass(frozen=True)
class SeriesProcessor:
    """Encodes examples for one model. `companions` are small files of the checkpoint that are written back unchanged:
    its processor and model code (never run here), so that what we save loads in the checkpoint's own tools."""

    tokenizer: PreTrainedTokenizerBase
    family: Family
    companions: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def patch_size(self) -> int:
        return self.family.patch_size

    @property
    def max_points(self) -> int | None:
        """The longest series the encoder has positions for; None when it has no limit."""
        return self.family.max_points

    @property
    def pad_id(self) -> int:
        """An id to pad with. It is masked, never looked at, so the end of text serves where there is no own one."""
        own = self.tokenizer.pad_token_id
        return own if own is not None else (self.tokenizer.eos_token_id or 0)

    @cached_property
    def fingerprint(self) -> str:
        """Changes whenever an example would be encoded differently."""
        parts = {
            "version": _VERSION,
            "family": self.family.to_json(),
            "tokenizer": self.tokenizer.backend_tokenizer.to_str(),
            "template": self.tokenizer.chat_template,
        }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]

    def encode(self, turns: Sequence[Turn], series: Sequence[Any], train_on: str = "answers") -> EncodedRow:
        """Encode a whole conversation; `train_on` says what is learnt: "answers", "last_answer" or "everything".

        A single turn of the role "text" is plain text: no template, learnt whole, ended by the end of text.
        """
        if [turn["role"] for turn in turns] == [PLAIN_TEXT]:
            return self._plain_text(turns[0]["content"], series)
        filled, values = self._with_prefixes(turns, series)
        rendered = self._renderer.conversation(filled)
        spans: Sequence[Span]
        match train_on:
            case "answers":
                spans = rendered.answers
            case "last_answer":
                spans = rendered.answers[-1:]
            case "everything":
                spans = [(0, len(rendered.text))]
            case _:
                raise ValueError(f"unknown train_on {train_on!r}")
        ids, labels = self._tokenise(rendered.text, values, spans)
        return EncodedRow(ids, labels, values)

    def _plain_text(self, text: str, series: Sequence[Any]) -> EncodedRow:
        filled, values = self._with_prefixes([{"role": "user", "content": text}], series)
        whole = filled[0]["content"]
        ids, labels = self._tokenise(whole, values, [(0, len(whole))])
        end = self.tokenizer.eos_token_id
        return EncodedRow(ids, labels, values) if end is None else EncodedRow([*ids, end], [*labels, end], values)

    def prompt(self, turns: Sequence[Turn], series: Sequence[Any]) -> EncodedRow:
        """The same up to where the assistant is to go on, without labels."""
        filled, values = self._with_prefixes(turns, series)
        ids, _ = self._tokenise(self._renderer.prompt(filled), values, [])
        return EncodedRow(ids, [], values)

    def encode_text(self, text: str, series: Sequence[Any]) -> EncodedRow:
        """Text that is already rendered, placeholders and all: for prompts that bring their own chat wording."""
        filled, values = self._with_prefixes([{"role": "user", "content": text}], series)
        ids, _ = self._tokenise(filled[0]["content"], values, [])
        return EncodedRow(ids, [], values)

    @property
    def series_id(self) -> int:
        """The id that stands for a patch."""
        return self.family.start_id

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The text of each token; a character made of several stands with the first of them, "" with the others."""
        decode = self.tokenizer.backend_tokenizer.decode
        # Behind another token, because some decoders drop the space at the beginning of a text.
        anchor = self.tokenizer.backend_tokenizer.encode("a", add_special_tokens=False).ids[-1]
        lead = len(decode([anchor], skip_special_tokens=False))
        texts: list[str] = []
        waiting: list[int] = []
        for token in ids:
            waiting.append(token)
            text = decode([anchor, *waiting], skip_special_tokens=False)[lead:]
            if "\ufffd" in text and len(waiting) < 8:
                continue
            texts += [text, *[""] * (len(waiting) - 1)]
            waiting = []
        if waiting:
            texts += [decode([anchor, *waiting], skip_special_tokens=False)[lead:], *[""] * (len(waiting) - 1)]
        return texts

    def save(self, folder: Path) -> None:
        """Write the tokenizer, the family (`tsft.json`) and the checkpoint's companions."""
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save_pretrained(str(folder))
        _write_for_older_readers(folder / "tokenizer_config.json", self.tokenizer)
        for name, content in self.companions.items():
            (folder / name).write_bytes(content)
        record = read_record(folder) | {"family": self.family.to_json()}
        (folder / "tsft.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> "SeriesProcessor":
        """Read what `save` wrote."""
        record = read_record(folder)
        if "family" not in record:
            raise UserError(message("model.no_record", folder=str(folder)))
        return SeriesProcessor(load_tokenizer(folder), Family.from_json(record["family"]), companion_files(folder))

    @cached_property
    def _renderer(self) -> Renderer:
        return Renderer(self.tokenizer)

    def _cut_before(self, text: str, place: int) -> int:
        """Where `text` may be cut in two before `place` without changing its tokens: in front of a special token."""
        if place >= len(text):
            return len(text)
        return max([0, *(text.rfind(token, 0, place) for token in self._cuts)])

    @cached_property
    def _cuts(self) -> tuple[str, ...]:
        """Special tokens that part the text; none for tokenizers whose words depend on what stands before them."""
        added = self.tokenizer.added_tokens_decoder.values()
        tokens = [each.content for each in added if each.special and not (each.lstrip or each.rstrip)]
        encode = self.tokenizer.backend_tokenizer.encode
        for token in tokens:
            for before, after in (("a", "b c"), ("a ", " b"), ("a\n", "\n\nb"), ("", "b")):
                whole = encode(before + token + after, add_special_tokens=False).ids
                parts = [encode(each, add_special_tokens=False).ids for each in (before, token + after)]
                if whole != parts[0] + parts[1]:
                    return ()
        return tuple(tokens)

    def _with_prefixes(
        self, turns: Sequence[Turn], series: Sequence[Any]
    ) -> tuple[list[Turn], list[NDArray[np.float32]]]:
        """The turns with a prefix before every placeholder, and the scaled series in the same order."""
        if not turns:
            raise UserError(message("series.no_turns"))
        # Counted by us: with fewer series than placeholders ChatTS's own processor cuts the text off in silence.
        wanted = sum(turn["content"].count(PLACEHOLDER) for turn in turns)
        if wanted != len(series):
            raise UserError(message("series.count_mismatch", placeholders=wanted, series=len(series)))
        prefixes, values = [], []
        for number, raw in enumerate(series, start=1):
            scaled = scale_series(raw, number)
            if self.max_points is not None and scaled.length > self.max_points:
                raise UserError(message("series.too_long", series=number, length=scaled.length, limit=self.max_points))
            prefixes.append(prefix_text(scaled, self.family.prefix))
            if self.family.round_to_float16:
                values.append(scaled.values.astype(np.float16).astype(np.float32))
            else:
                values.append(scaled.values.astype(np.float32))
        remaining = iter(prefixes)
        return [{"role": turn["role"], "content": self._fill(turn["content"], remaining)} for turn in turns], values

    def _fill(self, content: str, prefixes: Iterator[str]) -> str:
        first, *others = content.split(PLACEHOLDER)
        if self.family.start_token in content or self.family.end_token in content:
            for piece in (first, *others):
                if self.family.start_token in piece or self.family.end_token in piece:
                    raise UserError(message("series.stray_token", text=_around(piece, self.family)))
            if others and is_already_encoded(content):
                raise UserError(message("series.already_encoded"))
        pair = self.family.start_token + self.family.end_token
        return first + "".join(f"{next(prefixes)}{pair}{piece}" for piece in others)

    def _tokenise(
        self, text: str, values: Sequence[NDArray[np.float32]], spans: Sequence[Span]
    ) -> tuple[list[int], list[int]]:
        """Ids and labels of `text`, with each pair of series tokens replaced by one id per patch."""
        # The Rust object itself: the transformers wrapper around it doubles the time of a row. Text before the first
        # answer needs no offsets, and without them it takes a quarter less time.
        backend = self.tokenizer.backend_tokenizer
        cut = self._cut_before(text, spans[0][0] if spans else len(text))
        ids = backend.encode_batch_fast([text[:cut]], add_special_tokens=False)[0].ids if cut else []
        labels = [IGNORED] * len(ids)
        if cut < len(text):
            encoding = backend.encode(text[cut:], add_special_tokens=False)
            tail = encoding.ids
            tail_labels = [IGNORED] * len(tail)
            for begin, end in spans:
                first, last = _tokens_of(encoding, begin - cut, end - cut, len(text) - cut)
                tail_labels[first:last] = tail[first:last]
            ids += tail
            labels += tail_labels
        if not values:
            return ids, labels
        family = self.family
        new_ids: list[int] = []
        new_labels: list[int] = []
        done = 0
        for points in values:
            at = ids.index(family.start_id, done)
            if ids[at + 1 : at + 2] != [family.end_id]:
                raise UserError(message("series.tokens_split"))
            patches = -(-points.size // family.patch_size)
            new_ids += ids[done:at]
            new_ids += [family.start_id] * patches
            new_labels += labels[done:at]
            new_labels += [IGNORED] * patches
            done = at + 2
        return new_ids + ids[done:], new_labels + labels[done:]


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder, without running code that lies in it."""
    options = {}
    config = folder / "config.json"
    if config.is_file() and "ts" in json.loads(config.read_text(encoding="utf-8")):
        # A `model_type` that transformers does not know says nothing about the tokenizer and only draws a warning.
        options["config"] = PreTrainedConfig()
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False, **options)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(message("model.no_tokenizer", folder=str(folder), reason=str(error)[:200])) from error
    if not tokenizer.is_fast:
        raise UserError(message("model.tokenizer_slow", folder=str(folder)))
    return tokenizer


def companion_files(folder: Path) -> dict[str, bytes]:
    """Small files to write back unchanged: the checkpoint's own code and processor settings."""
    names = [*folder.glob("*.py"), *folder.glob("*processor_config.json")]
    return {path.name: path.read_bytes() for path in sorted(names) if path.stat().st_size < 1_000_000}


def add_series_tokens(tokenizer: PreTrainedTokenizerBase, family: Family) -> tuple[int, int]:
    """The ids of the two series tokens, added to the tokenizer where it lacks them; each must be one token."""
    tokens = [family.start_token, family.end_token]
    vocabulary = tokenizer.get_vocab()
    missing = [token for token in tokens if token not in vocabulary]
    if missing:
        tokenizer.add_tokens(missing, special_tokens=True)
    ids = []
    for token in tokens:
        encoded = tokenizer.encode(token, add_special_tokens=False)
        if len(encoded) != 1:
            raise UserError(message("model.series_token_split", token=token, count=len(encoded)))
        ids += encoded
    return ids[0], ids[1]


def _tokens_of(encoding: Any, begin: int, end: int, length: int) -> tuple[int, int]:
    """The tokens of characters begin..end: from the first that starts there to the last that touches them.

    A token that begins before the span (a line break glued to the answer's own) is not counted: it stands in the
    prompt when the model answers.
    """
    first = encoding.char_to_token(begin) if begin < length else len(encoding.ids)
    last = len(encoding.ids) if end >= length else encoding.char_to_token(end)
    if first is None or last is None:  # characters that no token covers (dropped spaces): look one by one
        offsets = encoding.offsets
        first = next((i for i, (start, _) in enumerate(offsets) if start >= begin), len(offsets))
        last = next((i for i, (start, _) in enumerate(offsets) if start >= end), len(offsets))
    if first < len(encoding.ids) and encoding.token_to_chars(first)[0] < begin:
        first += 1
    if last < len(encoding.ids) and encoding.token_to_chars(last)[0] < end:
        last += 1
    return first, last


def _around(piece: str, family: Family) -> str:
    places = [piece.find(token) for token in (family.start_token, family.end_token)]
    place = min(each for each in places if each >= 0)
    return piece[max(0, place - 20) : place + 20].replace("\n", " ")


def _write_for_older_readers(path: Path, tokenizer: PreTrainedTokenizerBase) -> None:
    """Reword tokenizer_config.json so that transformers 4, which ChatTS's own tools use, reads it as well."""
    config = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(config.get("extra_special_tokens"), list):
        config["additional_special_tokens"] = config.pop("extra_special_tokens")
    if config.get("tokenizer_class") == "TokenizersBackend":
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
    if tokenizer.chat_template:
        config["chat_template"] = tokenizer.chat_template
    path.write_text(json.dumps(config, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
