"""What can train on a base model whose weights are held in few bits. `check.py` asks here, and so does the engine."""

from collections.abc import Iterator

from tsft.config.run_config import ADAPTERS, PLAIN_BEGINNINGS, RunConfig
from tsft.errors import Problem, message

# Adapters whose layers ask a quantised one for its output alone, or know how to make its weights whole. Tried one by
# one: the others read packed weights as if they were numbers.
ON_FOUR_BITS = ("lora", "oft", "vera", "ia3", "miss", "randlora", "ln_tuning")
ON_EIGHT_BITS = (*ON_FOUR_BITS, "loha", "lokr")
_ON_GIVEN = ("lora",)


def check_quantization(config: RunConfig) -> Iterator[Problem]:
    """What the wish for quantised weights does not go with."""
    wish = config.quantization
    if wish.method == "none":
        return
    yield from unfit_for_few_bits(config, wish.method, int(wish.bits) if wish.method == "bitsandbytes" else 8)
    if config.tuning.create_new_adapter:
        yield Problem("quantization.method", message("check.quantised_new_adapter"))


def unfit_for_few_bits(config: RunConfig, method: str, bits: int) -> Iterator[Problem]:
    """What of a config cannot train on weights that are quantised in this way. method: bitsandbytes, torchao, gptq …"""
    tuning = config.tuning.method
    if tuning not in ADAPTERS:
        yield Problem("tuning.method", message("check.quantised_needs_adapter", method=method))
        return
    known = _ON_GIVEN if method in ("gptq", "awq") else ON_FOUR_BITS if bits == 4 else ON_EIGHT_BITS
    if tuning not in known:
        told = message("check.quantised_adapter", name=tuning, method=method, bits=bits, known=", ".join(known))
        yield Problem("tuning.method", told)
    if tuning != "lora":
        return
    if config.lora.initialisation not in PLAIN_BEGINNINGS:  # a part of weights that are not there as numbers
        yield Problem("lora.initialisation", message("check.quantised_beginning", name=config.lora.initialisation))
    if config.lora.dora and (method in ("gptq", "awq") or (method, bits) == ("bitsandbytes", 8)):
        yield Problem("lora.dora", message("check.quantised_dora", method=method, bits=bits))
