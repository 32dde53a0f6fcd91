"""The settings as transformers' TrainingArguments. What tsft does itself (logging, saving, evaluating) is off there."""

from pathlib import Path

import torch
from transformers import TrainingArguments
from transformers.training_args import OptimizerNames

from tsft.config.optimizers import OPTIMIZERS
from tsft.config.run_config import RunConfig
from tsft.config.scheduler_options import read_options
from tsft.config.shares import Share, share_of
from tsft.engine.device import Precision, device_name
from tsft.engine.extra_arguments import extra_arguments, make_arguments
from tsft.engine.sharding import uses_deepspeed
from tsft.engine.trackers import tracker_arguments
from tsft.errors import Problem, UserError, message
from tsft.run.deepspeed import deepspeed_options


def training_arguments(
    config: RunConfig,
    folder: Path,
    precision: Precision,
    *,
    has_validation: bool,
    evaluates_at_start: bool,
    run_name: str = "",
    processes: int = 1,
) -> TrainingArguments:
    """Arguments for a run that writes its checkpoints into `folder`, of one of so many processes."""
    schedule, optim, share = config.schedule, config.optim, _share(config, processes)
    arguments = make_arguments(
        config,
        output_dir=str(folder),
        per_device_train_batch_size=share.batch_size,
        per_device_eval_batch_size=schedule.eval_batch_size,
        gradient_accumulation_steps=share.accumulation,
        learning_rate=optim.learning_rate,
        weight_decay=optim.weight_decay,
        optim=optim.optimizer if optim.optimizer in list(OptimizerNames) else "adamw_torch",
        # Where weights change within the backward pass no gradient is left to clip, and its norm would read zero.
        max_grad_norm=0.0 if OPTIMIZERS[optim.optimizer].steps_in_backward else optim.max_grad_norm,
        adam_beta1=optim.beta1,
        adam_beta2=optim.beta2,
        num_train_epochs=schedule.epochs,
        max_steps=schedule.max_steps or -1,
        lr_scheduler_type=schedule.scheduler,
        lr_scheduler_kwargs=read_options(schedule.scheduler_options) or None,
        # A number below one is a share of all steps for transformers, one and more a count of steps.
        warmup_steps=min(schedule.warmup_fraction, 0.999_999),
        seed=schedule.seed,
        use_cpu=device_name() == "cpu",
        data_seed=schedule.seed,
        bf16=precision.name == "bf16",
        fp16=precision.name == "fp16",
        activation_checkpointing=schedule.gradient_checkpointing,
        activation_checkpointing_kwargs={"use_reentrant": False},
        logging_strategy="steps",
        logging_steps=config.output.logging_steps,
        logging_first_step=True,
        # A loss that is not finite must be seen: by default transformers logs the last good one in its place.
        logging_nan_inf_filter=False,
        save_strategy="no",
        # Our own callback says when; schedulers that follow the validation loss only want to hear that it is measured.
        eval_strategy="steps" if has_validation else "no",
        eval_steps=2**31,
        eval_on_start=evaluates_at_start,
        # No label_smoothing_factor: the model smooths within its own loss (model/fusion.py says why).
        neftune_noise_alpha=optim.neftune_alpha or None,
        **tracker_arguments(config, run_name),
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        label_names=["labels"],
        **_of_several(config, precision, processes),
    )
    # One process drives one device: transformers would wrap the model in DataParallel where it sees several GPUs.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


def _share(config: RunConfig, processes: int) -> Share:
    """What each process does of a step. Raises UserError where it cannot be divided evenly."""
    share = share_of(config.schedule, processes)
    if share is None:
        rows = config.schedule.batch_size * config.schedule.gradient_accumulation
        raise UserError(Problem("processes.count", message("check.processes_share", rows=rows, processes=processes)))
    return share


def _of_several(config: RunConfig, precision: Precision, processes: int) -> dict[str, object]:
    """What only several processes need to be told, unless the extra arguments tell them."""
    if uses_deepspeed(config):
        return {"deepspeed": deepspeed_options(config, precision.name, processes)}
    if processes == 1:
        return {}
    # The encoder is in every batch's graph (model/fusion.py); a reward model leaves the language head out of it.
    own = {"ddp_find_unused_parameters": config.data.task == "reward", "average_tokens_across_devices": True}
    given = extra_arguments(config)
    return {name: value for name, value in own.items() if name not in given}
