"""DeepSpeed's configuration, made from the settings: nobody has to write one, and who wants to may change parts.

The whole is shown by the page and the command line, and written into the run's folder.
"""

from collections.abc import Mapping
from typing import Any

from tsft.config.deepspeed_options import extra_options
from tsft.config.run_config import RunConfig
from tsft.config.shares import share_of, world_of


def deepspeed_options(config: RunConfig, precision: str = "auto", processes: int = 0) -> dict[str, Any]:
    """The whole configuration. precision: fp32, bf16 or fp16 of the run, "auto" while it is not known.

    processes: how many there really are, 0 for as many as the settings say.
    Raises UserError where the extra part is no JSON object.
    """
    settings = config.processes
    stage = int(settings.strategy.removeprefix("deepspeed_zero"))
    share = share_of(config.schedule, processes or world_of(settings))
    zero: dict[str, Any] = {
        "stage": stage,
        "contiguous_gradients": True,
        "overlap_comm": False,  # overlapping is quicker on a slow network and takes several times the buffers
        "reduce_bucket_size": 50_000_000,
        "allgather_bucket_size": 50_000_000,
    }
    if settings.offload_optimizer:
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": True}
    if stage == 3:
        # A result is ordinary weights: they are gathered when one is written.
        zero["stage3_gather_16bit_weights_on_model_save"] = True
        if settings.offload_parameters:
            zero["offload_param"] = {"device": "cpu", "pin_memory": True}
    made: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": share.batch_size if share else config.schedule.batch_size,
        "gradient_accumulation_steps": share.accumulation if share else config.schedule.gradient_accumulation,
        "gradient_clipping": config.optim.max_grad_norm,
        "zero_optimization": zero,
        # The optimizer is ours, with a learning rate for each part; torch's AdamW also runs on what was offloaded.
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "bf16": {"enabled": precision == "bf16"},
        "fp16": {"enabled": precision == "fp16"},
        "steps_per_print": 2**31,
    }
    return _merged(made, extra_options(settings.options))


def _merged(made: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """`extra` over `made`, objects within objects."""
    both = {**made, **extra}
    inner = {name for name in extra if isinstance(extra[name], dict) and isinstance(made.get(name), dict)}
    return both | {name: _merged(made[name], extra[name]) for name in inner}
