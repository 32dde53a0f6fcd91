"""Renders a conversation to the text a model was trained on, and says which characters are the assistant's.

Owns chat templates. What goes into a turn (prefixes) and token ids are `processor.py`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from transformers import PreTrainedTokenizerBase

from tsft.errors import UserError, message

Turn = dict[str, str]
Span = tuple[int, int]

# The wording that ChatTS checkpoints are trained with; Qwen3's own template would add thinking tags.
CHATML = (
    "{% if messages[0]['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# For models without any chat training: plain words, and the token that ends a text also ends the assistant's turn.
PLAIN = (
    "{% for m in messages %}{{ {'system': 'System', 'user': 'User', 'assistant': 'Assistant'}[m['role']] }}:\n"
    "{{ m['content'] }}{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}Assistant:\n{% endif %}"
)

# A template that touches the content (trims, splits, looks for words in it) must be run for every row.
_TOUCHES_CONTENT = re.compile(
    r"split|strip|trim|replace|upper|lower|title|startswith|endswith|think|length|strftime|\bin\s+(?:m|message)\b"
    r"|['\"]\s+in\s"
)
_MARK = " \n\ue000{}\ue001\n "


@dataclass(frozen=True)
class Rendered:
    """The text of a conversation and, for each assistant turn, the characters it wrote (its end-of-turn included)."""

    text: str
    answers: tuple[Span, ...] = ()


@dataclass
class Renderer:
    """Renders with one tokenizer's template; remembers what stands around the contents for each order of roles."""

    tokenizer: PreTrainedTokenizerBase
    _layouts: dict[tuple[str, ...], "_Layout | None"] = field(default_factory=dict)

    def conversation(self, turns: Sequence[Turn]) -> Rendered:
        """The whole conversation with the assistant's spans."""
        layout = self._layout(tuple(turn["role"] for turn in turns), turns)
        return layout.fill([turn["content"] for turn in turns]) if layout else self._render(turns)

    def prompt(self, turns: Sequence[Turn]) -> str:
        """The text up to where the assistant goes on."""
        return self._text(turns, is_prompt=True)

    def _layout(self, roles: tuple[str, ...], turns: Sequence[Turn]) -> "_Layout | None":
        # Jinja costs 60 microseconds a rendering and three are needed a turn: more than the tokenizer itself.
        if roles not in self._layouts:
            layout = None
            if not _TOUCHES_CONTENT.search(_template(self.tokenizer)):
                marks = [_MARK.format(number) for number in range(len(roles))]
                marked = [{"role": role, "content": mark} for role, mark in zip(roles, marks, strict=True)]
                layout = _layout_of(self._render(marked), marks, roles)
            self._layouts[roles] = layout
        return self._layouts[roles]

    def _render(self, turns: Sequence[Turn]) -> Rendered:
        text = self._text(turns)
        spans = []
        for number, turn in enumerate(turns):
            if turn["role"] != "assistant":
                continue
            before = self._text(turns[:number], is_prompt=True) if number else ""
            through = self._text(turns[: number + 1]) if number + 1 < len(turns) else text
            if not text.startswith(before) or not text.startswith(through.rstrip()):
                raise UserError(message("model.template_not_incremental", turn=number + 1))
            spans.append((len(before), len(through.rstrip())))
        return Rendered(text, tuple(spans))

    def _text(self, turns: Sequence[Turn], is_prompt: bool = False) -> str:
        return self.tokenizer.apply_chat_template(list(turns), tokenize=False, add_generation_prompt=is_prompt)


@dataclass(frozen=True)
class _Layout:
    """What stands around the contents: `pieces[i]` before content i, the last one after all."""

    pieces: tuple[str, ...]
    # per assistant turn: its number, characters before its content that belong to it, characters after
    answers: tuple[tuple[int, int, int], ...]

    def fill(self, contents: list[str]) -> Rendered:
        parts = [self.pieces[0]]
        starts = []
        length = len(self.pieces[0])
        for content, piece in zip(contents, self.pieces[1:], strict=True):
            starts.append(length)
            parts += (content, piece)
            length += len(content) + len(piece)
        answers = tuple(
            (starts[number] - before, starts[number] + len(contents[number]) + after)
            for number, before, after in self.answers
        )
        return Rendered("".join(parts), answers)


def _layout_of(rendered: Rendered, marks: list[str], roles: tuple[str, ...]) -> "_Layout | None":
    """The layout behind a rendering of marks; None when the template changed one of them."""
    pieces, rest, starts, place = [], rendered.text, [], 0
    for mark in marks:
        before, found, rest = rest.partition(mark)
        if not found:
            return None
        pieces.append(before)
        starts.append(place + len(before))
        place += len(before) + len(mark)
    numbers = [number for number, role in enumerate(roles) if role == "assistant"]
    answers = tuple(
        (number, starts[number] - begin, end - starts[number] - len(marks[number]))
        for number, (begin, end) in zip(numbers, rendered.answers, strict=True)
    )
    return _Layout((*pieces, rest), answers)


def choose_template(tokenizer: PreTrainedTokenizerBase, is_new_encoder: bool) -> None:
    """Give the tokenizer the template it is to be trained with: its own where it has one that does not think aloud."""
    own = _template(tokenizer)
    has_chatml = "<|im_start|>" in tokenizer.get_vocab() and "<|im_end|>" in tokenizer.get_vocab()
    if own and not (is_new_encoder and "think" in own and has_chatml):
        return
    if has_chatml:
        tokenizer.chat_template = CHATML
    else:
        begin = "{{ bos_token }}" if _adds_bos(tokenizer) else ""
        tokenizer.chat_template = begin + PLAIN


def end_of_turn_ids(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Every id that ends an answer: the tokenizer's end of text, and the end of a turn if the template writes one."""
    ids = {tokenizer.eos_token_id} if tokenizer.eos_token_id is not None else set()
    template = _template(tokenizer)
    for token in ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>"):
        if token in template and token in tokenizer.get_vocab():
            ids.add(tokenizer.convert_tokens_to_ids(token))
    return sorted(ids)


def _template(tokenizer: PreTrainedTokenizerBase) -> str:
    template: Any = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default", "")
    return template or ""


def _adds_bos(tokenizer: PreTrainedTokenizerBase) -> bool:
    return tokenizer.bos_token_id is not None and tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
