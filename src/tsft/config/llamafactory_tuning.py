"""LLaMA-Factory's switches for what trains, what the model gains and in how few bits it is held.

Some choose a way of tuning by themselves.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tsft.config.llamafactory_names import ARGUMENTS, OF_PICTURES
from tsft.config.llamafactory_work import OFF, Work, is_on

_TOKEN_LISTS = ("add_tokens", "add_special_tokens")


def _method(work: Work, argument: str, value: Any) -> None:
    """Unless a switch of its own chooses another one."""
    if _has_new_blocks(work) or is_on(work.arguments.get("freeze_language_model")):
        return work.leave(argument, "overruled_method")
    return work.put(argument, ARGUMENTS[argument], value)


def _new_blocks(work: Work, argument: str, value: Any) -> None:
    """LLaMA Pro there trains the blocks that a script has added before; here the run adds as many."""
    if not is_on(value):
        return work.leave(argument, "off")
    if not _has_new_blocks(work):
        return work.leave(argument, "llama_pro")
    work.put(argument, "tuning.method", "llama_pro")
    if "freeze_trainable_layers" not in work.arguments:
        work.put(argument, "tuning.new_blocks", 2)  # what LLaMA-Factory takes then
    return None


def _trained_layers(work: Work, argument: str, value: Any) -> None:
    if value is None:
        return work.leave(argument, "off")
    if not _has_new_blocks(work):
        return work.put(argument, ARGUMENTS[argument], value)
    count = work.number(argument)
    if not count or count < 0:
        return work.leave(argument, "value")
    return work.put(argument, "tuning.new_blocks", value)


def _language_model(work: Work, argument: str, value: Any) -> None:
    if not is_on(value):
        return work.leave(argument, "off")
    return work.put(argument, "tuning.method", "encoder")


def _of_pictures(work: Work, argument: str, value: Any) -> None:
    work.leave(argument, "pictures" if value else "off")


def _has_new_blocks(work: Work) -> bool:
    return is_on(work.arguments.get("use_llama_pro")) and work.arguments.get("finetuning_type") == "freeze"


def _tokens(work: Work, argument: str, value: Any) -> None:
    """New tokens make the vocabulary larger there, whatever is said of it; special ones are not told apart here."""
    if not _listed(value):
        return work.leave(argument, "off")
    work.put(argument, ARGUMENTS["resize_vocab"], True)
    return work.put(argument, ARGUMENTS[argument], _new_tokens(work))


def _resize(work: Work, argument: str, value: Any) -> None:
    work.put(argument, ARGUMENTS[argument], value or bool(_new_tokens(work)))


def _quantised(work: Work, argument: str, value: Any) -> None:
    """Bits turn quantising on there; the rest says how. Of its methods only bitsandbytes is here too."""
    if not _is_quantised(work):
        return work.leave(argument, "off" if value in OFF or argument == "quantization_bit" else "not_quantised")
    if not _is_by_bitsandbytes(work):
        return work.leave(argument, "quantization_method")
    if argument == "quantization_method":
        return work.put(argument, "quantization.method", "bitsandbytes")
    if argument == "quantization_bit":
        work.put(argument, "quantization.method", "bitsandbytes")
    return work.put(argument, ARGUMENTS[argument], value)


def _is_quantised(work: Work) -> bool:
    return work.arguments.get("quantization_bit") not in OFF


def _is_by_bitsandbytes(work: Work) -> bool:
    """It quantises by bitsandbytes where no method is named; in 8 or 4 bits alone."""
    method = str(work.arguments.get("quantization_method") or "bnb").lower()
    return method in ("bnb", "bitsandbytes") and str(work.arguments.get("quantization_bit")) in ("4", "8")


def _new_tokens(work: Work) -> list[str]:
    """Of both lists, each token once."""
    return list(dict.fromkeys(token for name in _TOKEN_LISTS for token in _listed(work.arguments.get(name))))


def _listed(value: Any) -> list[str]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [str(each) for each in value] if isinstance(value, (list, tuple)) else []


TUNING_CONVERTERS: Mapping[str, Callable[[Work, str, Any], None]] = {
    "finetuning_type": _method,
    "use_llama_pro": _new_blocks,
    "freeze_trainable_layers": _trained_layers,
    "freeze_language_model": _language_model,
    **{name: _of_pictures for name in OF_PICTURES},
    "resize_vocab": _resize,
    **{f"quantization_{name}": _quantised for name in ("bit", "method", "type")},
    "double_quantization": _quantised,
    "add_tokens": _tokens,
    "add_special_tokens": _tokens,
}
