"""What a person may put over DeepSpeed's configuration, which `run/deepspeed.py` makes from the settings.

What the form sets cannot be set a second time.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from tsft.config.json_object import json_object
from tsft.config.run_config import RunConfig
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


def check_deepspeed_options(config: RunConfig) -> Iterator[Problem]:
    """What cannot be in the extra part: no JSON, names nobody knows, what a setting of the form owns."""
    try:
        extra = extra_options(config.processes.options)
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


def extra_options(text: str) -> dict[str, Any]:
    """The names and values that a person put over it. Raises UserError where they are no JSON object."""
    return json_object(text, EXAMPLE)
