"""Liger kernels on one loaded model: norms and feed-forward parts, where the package knows the architecture.

The package does not know our classes by name, patches whole modules of transformers as well, and would replace the
forward pass and the loss. All runs of this process share transformers, so only the model itself may change.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from typing import Any

import torch
from peft import PeftModel

from tsft.config.run_config import RunConfig
from tsft.errors import Problem, UserError, message

PACKAGE = "liger-kernel"


def liger_problems(config: RunConfig) -> Iterator[Problem]:
    """What keeps Liger kernels from running on this machine."""
    if not config.model.liger:
        return
    if importlib.util.find_spec("liger_kernel") is None:
        yield Problem("model.liger", message("preflight.package", package=PACKAGE))
    if not torch.cuda.is_available():
        yield Problem("model.liger", message("liger.needs_gpu"))


def use_liger(model: Any) -> None:
    """Put the kernels into the layers of `model`. UserError where there are none for its architecture."""
    base = model.get_base_model() if isinstance(model, PeftModel) else model
    # Our causal class derives from a class of transformers, whose module is the one that gets patched.
    parent = next(kind for kind in type(base).__mro__ if kind.__module__.startswith("transformers.models."))
    architecture = parent.__module__.split(".")[2]
    patches = importlib.import_module("liger_kernel.transformers.monkey_patch").MODEL_TYPE_TO_APPLY_LIGER_FN
    if architecture not in patches:
        raise UserError(message("liger.unknown_architecture", name=architecture, known=", ".join(sorted(patches))))
    module = sys.modules[parent.__module__]
    before = dict(vars(module))
    # Rotary positions exist as a function of the module only; the loss is already computed where it is needed alone.
    patches[architecture](
        model=base, rope=False, rms_norm=True, swiglu=True, cross_entropy=False, fused_linear_cross_entropy=False
    )
    vars(module).update(before)
