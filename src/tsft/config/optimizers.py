"""The optimizers a run can choose, and what each of them needs. Names are those of transformers where it has one.

Only facts: `tuning_rules.py` judges a config by them, the engine's `optimizers.py` makes the optimizer.
"""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Package:
    """A package as pip calls it, and the module that it brings."""

    name: str
    module: str


@dataclass(frozen=True)
class OptimizerFacts:
    """What one optimizer needs.

    family: which code makes it; "plain" ones take groups of parameters and nothing else.
    steps_in_backward: it updates a weight as soon as its gradient is there, so gradients are neither accumulated nor
    clipped. keeps_state: a resumed run goes on with the state it had. has_one_rate: the encoder cannot have its own.
    """

    name: str
    family: str = "plain"
    packages: tuple[Package, ...] = ()
    needs_cuda: bool = False
    steps_in_backward: bool = False
    keeps_state: bool = True
    has_one_rate: bool = False


_BITSANDBYTES = (Package("bitsandbytes", "bitsandbytes"),)
_TORCHAO = (Package("torchao", "torchao"),)
# Both packages import bitsandbytes even where their 8-bit classes are not used.
_GALORE = (Package("galore-torch", "galore_torch"), *_BITSANDBYTES)
_APOLLO = (Package("apollo-torch", "apollo_torch"), *_BITSANDBYTES)
_LOMO = (Package("lomo-optim", "lomo_optim"),)
_SCHEDULE_FREE = (Package("schedulefree", "schedulefree"),)


def _lomo(name: str, *, needs_cuda: bool) -> OptimizerFacts:
    return OptimizerFacts(name, "lomo", _LOMO, needs_cuda, steps_in_backward=True, has_one_rate=True)


_ALL = (
    OptimizerFacts("adamw_torch"),
    OptimizerFacts("adamw_torch_fused"),
    OptimizerFacts("adafactor"),
    OptimizerFacts("muon", "muon"),
    OptimizerFacts("badam", "badam"),
    OptimizerFacts("sgd"),
    OptimizerFacts("adagrad"),
    OptimizerFacts("rmsprop"),
    OptimizerFacts("adamw_torch_8bit", packages=_TORCHAO),
    OptimizerFacts("adamw_torch_4bit", packages=_TORCHAO),
    OptimizerFacts("adamw_bnb_8bit", packages=_BITSANDBYTES),
    OptimizerFacts("paged_adamw_32bit", packages=_BITSANDBYTES),
    OptimizerFacts("paged_adamw_8bit", packages=_BITSANDBYTES),
    OptimizerFacts("lion_32bit", packages=_BITSANDBYTES),
    OptimizerFacts("lion_8bit", packages=_BITSANDBYTES),
    OptimizerFacts("paged_lion_32bit", packages=_BITSANDBYTES),
    OptimizerFacts("paged_lion_8bit", packages=_BITSANDBYTES),
    OptimizerFacts("ademamix", packages=_BITSANDBYTES),
    OptimizerFacts("ademamix_8bit", packages=_BITSANDBYTES),
    OptimizerFacts("paged_ademamix_32bit", packages=_BITSANDBYTES, needs_cuda=True),
    OptimizerFacts("paged_ademamix_8bit", packages=_BITSANDBYTES, needs_cuda=True),
    OptimizerFacts("rmsprop_bnb_32bit", packages=_BITSANDBYTES),
    OptimizerFacts("rmsprop_bnb_8bit", packages=_BITSANDBYTES),
    OptimizerFacts("galore_adamw", "galore", _GALORE),
    OptimizerFacts("galore_adafactor", "galore", _GALORE),
    OptimizerFacts("galore_adamw_layerwise", "galore", _GALORE, steps_in_backward=True),
    OptimizerFacts("galore_adafactor_layerwise", "galore", _GALORE, steps_in_backward=True),
    OptimizerFacts("galore_adamw_8bit", "galore", _GALORE, needs_cuda=True),
    OptimizerFacts("galore_adamw_8bit_layerwise", "galore", _GALORE, needs_cuda=True, steps_in_backward=True),
    OptimizerFacts("apollo_adamw", "apollo", _APOLLO),
    OptimizerFacts("apollo_adamw_layerwise", "apollo", _APOLLO, steps_in_backward=True),
    _lomo("lomo", needs_cuda=False),
    _lomo("adalomo", needs_cuda=True),
    OptimizerFacts("schedule_free_adamw", "schedule_free", _SCHEDULE_FREE),
    OptimizerFacts("schedule_free_radam", "schedule_free", _SCHEDULE_FREE),
    OptimizerFacts("schedule_free_sgd", "schedule_free", _SCHEDULE_FREE),
    OptimizerFacts("stable_adamw", packages=(Package("torch-optimi", "optimi"),)),
    OptimizerFacts("grokadamw", packages=(Package("grokadamw", "grokadamw"),), keeps_state=False),
)

OPTIMIZERS = MappingProxyType({each.name: each for each in _ALL})


def names_of(family: str) -> tuple[str, ...]:
    """The optimizers of one family."""
    return tuple(each.name for each in _ALL if each.family == family)
