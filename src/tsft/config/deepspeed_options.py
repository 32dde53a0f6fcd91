"""DeepSpeed's configuration, made from the settings: nobody has to write one, and who wants to may change parts.

The whole is shown by the preview and written into the run's folder. What the form sets cannot be set a second time.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tsft.config.json_object import json_object
from tsft.config.run_config import RunConfig
from tsft.config.shares import share_of, world_of
from tsft.errors import Problem, UserError, message

FIELD = "processes.options"
EXAMPLE = '{"zero_optimization": {"reduce_bucket_size": 50000000}}'

# Of DeepSpeed to the setting that sets it.
OWNED: Mapping[str, str] = {
    "train_batch_size": "schedule.batch_size",
    "train_micro_batch_size_per_gpu": "schedule.batch_size",
    "gradient_accumulation_steps": "schedule.gradient_accumulation",
    "gradient_clipping": "optim.max_grad_norm",
    "optimizer": "optim.optimizer",
    "scheduler": "schedule.scheduler",
    "bf16": "model.precision",
    "fp16": "model.precision",
    "zero_optimization.stage": "processes.strategy",
    "zero_optimization.offload_optimizer": "processes.offload_optimizer",
    "zero_optimization.offload_param": "processes.offload_parameters",
}
# What else may be written at the top, and within `zero_optimization`.
_FREE = (
    "activation_checkpointing", "aio", "communication_data_type", "comms_logger", "compression_training",
    "data_types", "dump_state", "flops_profiler", "memory_breakdown", "prescale_gradients",
    "gradient_predivide_factor", "sparse_gradients", "steps_per_print", "wall_clock_breakdown",
    "zero_allow_untested_optimizer", "zero_force_ds_cpu_optimizer", "zero_optimization",
    "seq_parallel_communication_data_type",
)  # fmt: skip
_ZERO = (
    "allgather_bucket_size", "allgather_partitions", "contiguous_gradients", "elastic_checkpoint",
    "gather_16bit_weights_on_model_save", "ignore_unused_parameters", "legacy_stage1", "load_from_fp32_weights",
    "max_live_parameters", "max_reuse_distance", "mics_hierarchical_params_gather", "mics_shard_size",
    "model_persistence_threshold", "overlap_comm", "param_persistence_threshold", "prefetch_bucket_size",
    "reduce_bucket_size", "reduce_scatter", "round_robin_gradients", "stage3_gather_16bit_weights_on_model_save",
    "stage3_max_live_parameters", "stage3_max_reuse_distance", "stage3_model_persistence_threshold",
    "stage3_param_persistence_threshold", "stage3_prefetch_bucket_size", "stage3_module_granularity_threshold",
    "sub_group_size", "use_multi_rank_bucket_allreduce", "zero_hpz_partition_size", "zero_quantized_gradients",
    "zero_quantized_nontrainable_weights", "zero_quantized_weights",
)  # fmt: skip


def deepspeed_options(config: RunConfig, precision: str = "auto") -> dict[str, Any]:
    """The whole configuration. precision: fp32, bf16 or fp16 of the run, "auto" while it is not known.

    Raises UserError where the extra part is no JSON object.
    """
    settings = config.processes
    stage = int(settings.strategy.removeprefix("deepspeed_zero"))
    share = share_of(config.schedule, world_of(settings))
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
    return _merged(made, _extra(config))


def check_deepspeed_options(config: RunConfig) -> Iterator[Problem]:
    """What cannot be in the extra part: no JSON, names nobody knows, what a setting of the form owns."""
    try:
        extra = _extra(config)
    except UserError as error:
        yield Problem(FIELD, error.message)
        return
    zero = extra.get("zero_optimization", {})
    if not isinstance(zero, dict):
        yield Problem(FIELD, message("check.deepspeed_object", name="zero_optimization"))
        zero = {}
    for name in (*extra, *(f"zero_optimization.{name}" for name in zero)):
        if name in OWNED:
            yield Problem(FIELD, message("check.deepspeed_owned", name=name, setting=OWNED[name]))
        elif name not in _FREE and name.removeprefix("zero_optimization.") not in _ZERO:
            yield Problem(FIELD, message("check.deepspeed_unknown", name=name))
        elif "." not in name and name not in _FREE:
            yield Problem(FIELD, message("check.deepspeed_inside", name=name))
    if config.optim.max_grad_norm == 0 and config.processes.strategy == "deepspeed_zero3":
        yield Problem("optim.max_grad_norm", message("check.deepspeed_clipping"), is_warning=True)


def _extra(config: RunConfig) -> dict[str, Any]:
    return json_object(config.processes.options, EXAMPLE)


def _merged(made: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """`extra` over `made`, objects within objects."""
    both = {**made, **extra}
    inner = {name for name in extra if isinstance(extra[name], dict) and isinstance(made.get(name), dict)}
    return both | {name: _merged(made[name], extra[name]) for name in inner}
