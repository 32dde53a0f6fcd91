"""One run from top to bottom: bring the model, read the data, choose what trains, train, save, say how it ended.

The newcomer's way into the engine: `train` is the whole story, everything else is one of its steps.
"""

import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from peft import PeftModel
from transformers import set_seed
from transformers.utils import logging as transformers_logging

from tsft.config.run_config import RunConfig
from tsft.config.sampled_rules import is_sampled, metric_of
from tsft.data.preparation import PreparedData
from tsft.engine.answer_scores import ScoredAnswers, choose_answers
from tsft.engine.arguments import training_arguments
from tsft.engine.bad_batch import batch_at_fault
from tsft.engine.checkpoints import CheckpointKeeper, read_place
from tsft.engine.device import Precision, choose_precision, device_name, give_memory_back, use_threads
from tsft.engine.ending import finish
from tsft.engine.job import Job, ProgressTeller, planned_steps
from tsft.engine.liger import use_liger
from tsft.engine.not_finite import NotFiniteError
from tsft.engine.objectives import Objective, objective_of
from tsft.engine.packing import packed
from tsft.engine.policy_objectives import PolicyObjective
from tsft.engine.preparing import prepared_rows
from tsft.engine.probes import Probing, choose_probes
from tsft.engine.quantised import refuse_unfit_for_few_bits, wished
from tsft.engine.questions import Questions
from tsft.engine.reference import Reference, reference_of
from tsft.engine.rehearsal import StepClock, longest_only
from tsft.engine.reporter import Reporter
from tsft.engine.restore import (
    Fetching,
    base_folder,
    keeps_adapter,
    merged,
    model_changes,
    new_encoder,
    open_result,
    result_folder,
)
from tsft.engine.results import origin_of, write_adapter
from tsft.engine.rewarding import Rewarding, open_rewarding
from tsft.engine.rollouts import Writer
from tsft.engine.sampled import keeps_reference, rows_an_epoch
from tsft.engine.sampled_trainer import SampledTrainer
from tsft.engine.series_trainer import SeriesTrainer
from tsft.engine.sharding import choose_accelerator, refuse_other_parts, split_by_layers, uses_deepspeed
from tsft.engine.shown_answers import ShownAnswers
from tsft.engine.sources import model_folder, watched_loading
from tsft.engine.trackers import tracked
from tsft.engine.tuning import apply_tuning, go_on_training, parameter_groups, summary, trains_encoder
from tsft.engine.watchdog import Watchdog
from tsft.engine.wishes import grant_wishes
from tsft.errors import message
from tsft.model.families import read_record
from tsft.model.loading import Loaded, load
from tsft.model.reward_head import add_reward_head
from tsft.model.value_head import add_value_head
from tsft.run.events import DataRead, DataUsed, Planned
from tsft.run.ports import Stopped
from tsft.store.app_settings import thread_limit


def train(job: Job) -> None:
    """Do the run. Ends with `Finished` on the board; raises Stopped before the first step, or what went wrong."""
    # Bars on stderr are nobody's: progress goes to the board.
    transformers_logging.disable_progress_bar()
    job.board.listen(Watchdog(job.board).hear)
    threads = use_threads(thread_limit(job.workspace, job.config.schedule.threads))
    if uses_deepspeed(job.config):
        choose_accelerator()
    loaded, precision = _load_model(job)
    data = _read_data(job, loaded)
    rewarding = open_rewarding(job) if is_sampled(job.config) else None
    model = _tuned(job, loaded)
    with tracked(job) if job.team.is_first else nullcontext():
        probes = choose_probes(job, loaded.processor, data) if job.team.is_first else None
        scored = choose_answers(job, loaded.processor, data) if job.team.is_first else None
        trainer = _make_trainer(job, model, loaded, data, precision, probes, scored, rewarding)
        job.board.say(_plan(job, trainer, data, precision, threads))
        _train(job, trainer, data)
    finish(job, trainer, loaded)


def rehearse(job: Job) -> list[float]:
    """A few steps at the longest batch through the parts of `train`; nothing is kept. Returns the seconds of each."""
    transformers_logging.disable_progress_bar()
    use_threads(thread_limit(job.workspace, job.config.schedule.threads))
    loaded, precision = _load_model(job)
    data = longest_only(_read_data(job, loaded), job.config)
    rewarding = open_rewarding(job) if is_sampled(job.config) else None
    trainer = _make_trainer(job, _tuned(job, loaded), loaded, data, precision, rewarding=rewarding, is_rehearsed=True)
    clock = StepClock()
    trainer.add_callback(clock)
    job.enter("training")
    trainer.train()
    job.control.obey()
    return clock.seconds


def _load_model(job: Job) -> tuple[Loaded, Precision]:
    config, teller = job.config, ProgressTeller(job)
    fetching = Fetching(
        lambda done, total: teller.tell("downloading", config.model.name, done, total, "bytes"),
        job.control.should_stop,
    )
    earlier = result_folder(config.model.continue_from, job.workspace) if config.model.continue_from else None
    with job.team.first_then_others():
        source = earlier or model_folder(config.model, job.workspace, fetching.progress, fetching.should_stop)
        precision = choose_precision(config, _weights_bytes(base_folder(source, job.workspace, fetching)))
    job.enter("loading", source.name)
    with watched_loading(
        lambda done, total: teller.tell("loading", source.name, done, total, "tensors"), job.control.obey
    ):
        if earlier is None:
            loaded = load(
                source,
                dtype=precision.frozen,
                attention=config.model.attention,
                new_encoder=new_encoder(config),
                changes=model_changes(config),
                quantization=wished(config),
            )
        else:
            loaded = _load_earlier(job, earlier, precision, fetching)
    refuse_unfit_for_few_bits(loaded, config)
    if loaded.quantised is not None:
        give_memory_back()  # quantising leaves holes: up to 480 MB with a 135 M model
        job.note("info", message("run.quantised", how=loaded.quantised.name, precision=precision.name))
    if config.model.liger:
        use_liger(loaded.model)
    if loaded.encoder_is_new:
        job.note("info", message("run.new_encoder", seed=config.encoder.seed))
        if config.encoder.training != "full":
            job.note("warning", message("run.new_encoder_trained"))
    return loaded, precision


def _load_earlier(job: Job, path: Path, precision: Precision, fetching: Fetching) -> Loaded:
    """What another run left. An adapter goes on training; other ways of tuning take it into the base first."""
    goes_on = keeps_adapter(job.config, read_record(path))
    loaded = open_result(
        path,
        job.workspace,
        precision.frozen,
        fetching,
        attention=job.config.model.attention,
        is_trainable=goes_on,
        quantization=wished(job.config),
    )
    if goes_on:
        return loaded
    if isinstance(loaded.model, PeftModel):
        if loaded.quantised is not None:
            job.note("info", message("run.dequantised", how=loaded.quantised.name, precision=precision.name))
        loaded = merged(loaded)
    if job.config.data.task == "reward":
        add_reward_head(loaded.model)
    return loaded


def _weights_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def _read_data(job: Job, loaded: Loaded) -> PreparedData:
    with job.team.first_then_others():
        data = prepared_rows(job, loaded.processor, lambda told: job.note("info", told))
    used = [DataUsed(each.name, each.kept, each.rows_read, each.content) for each in data.report.datasets]
    job.board.say(DataRead(time.time(), tuple(used)))
    return data


def _tuned(job: Job, loaded: Loaded) -> Any:
    """The model with what trains set to train. The seed is set here: new adapters draw their weights from it."""
    set_seed(job.config.schedule.seed)
    if isinstance(loaded.model, PeftModel):
        job.note("info", message("run.adapter_goes_on", name=job.config.model.continue_from))
        if job.config.encoder.training != "frozen" and not trains_encoder(loaded.model):
            job.note("warning", message("run.encoder_not_in_adapter"))
        model = go_on_training(loaded.model, job.config)
    else:
        model = apply_tuning(loaded.model, job.config, loaded.encoder_is_new)
    if job.config.data.task == "ppo":
        add_value_head(model)
    return model


def _make_trainer(
    job: Job,
    model: Any,
    loaded: Loaded,
    data: PreparedData,
    precision: Precision,
    probing: Probing | None = None,
    scored: ScoredAnswers | None = None,
    rewarding: Rewarding | None = None,
    *,
    is_rehearsed: bool = False,
) -> SeriesTrainer:
    config, origin = job.config, origin_of(job.config, job.workspace, loaded)
    # A loaded adapter is something already before its first step here.
    is_new = not isinstance(loaded.model, PeftModel)
    objective, reference = _objective(model, config, is_adapter_new=is_new)
    if config.processes.strategy == "fsdp2":
        model = split_by_layers(model, config.processes)
    packs = packed(job, data.train)
    validation = data.evaluation if data.evaluation is not None and len(data.evaluation) else None
    parts = dict(
        model=model,
        arguments=training_arguments(
            config,
            job.folder.checkpoints,
            precision,
            run_name=job.name,
            has_validation=validation is not None,
            evaluates_at_start=validation is not None and job.resume_from is None,
            processes=job.team.size,
        ),
        rows=data.train,
        packs=packs,
        validation_rows=validation,
        processor=loaded.processor,
        groups=parameter_groups(model, config),
        config=config,
        reporter=Reporter(config, job.board, job.control, has_validation=validation is not None, team=job.team),
        board=job.board,
        control=job.control,
        keeper=CheckpointKeeper(
            job.folder, job.board, config.output.save_limit, job.resume_from.step if job.resume_from else 0
        ),
        is_handed_on=job.is_handed_on,
        save_adapter=lambda adapter, folder, state: write_adapter(adapter, loaded, origin, folder, state),
        probing=probing,
        scored=scored,
        objective=objective,
        team=job.team,
    )
    if rewarding is None:
        return SeriesTrainer(**parts)
    return SampledTrainer(
        **parts,
        writer=Writer(config, loaded.processor, rewarding, job.control, reference),
        questions=Questions(job, data, data.train),
        validation_questions=Questions(job, data, validation) if validation is not None else None,
        shown=ShownAnswers(job) if job.team.is_first and not is_rehearsed else None,
    )


def _objective(model: Any, config: RunConfig, *, is_adapter_new: bool) -> tuple[Objective | None, Reference | None]:
    """What a batch is judged by, and what answers of its own are compared with, where the run writes some."""
    if not is_sampled(config):
        return objective_of(model, config, is_adapter_new=is_adapter_new), None
    compares = keeps_reference(config)
    return PolicyObjective(config), reference_of(model, config, is_adapter_new=is_adapter_new) if compares else None


def _plan(job: Job, trainer: SeriesTrainer, data: PreparedData, precision: Precision, threads: int) -> Planned:
    groups = summary(trainer.groups)
    steps, epochs = planned_steps(job.config.schedule, rows_an_epoch(job.config, len(trainer.train_dataset)))
    lengths = sorted(data.train.lengths.tolist())
    return Planned(
        at=time.time(),
        steps=steps,
        epochs=epochs,
        rows_train=len(data.train),
        rows_validation=len(data.evaluation) if data.evaluation is not None else 0,
        tokens_longest=lengths[-1],
        tokens_median=lengths[len(lengths) // 2],
        parameters=sum(parameter.numel() for parameter in trainer.model.parameters()),
        parameters_trained=sum(group.parameters for group in groups),
        groups=groups,
        device=device_name() if job.team.size == 1 else f"{job.team.size} × {device_name()}",
        precision=precision.name,
        threads=threads,
        metric=metric_of(job.config).name,
    )


def _train(job: Job, trainer: SeriesTrainer, data: PreparedData) -> None:
    """Train to the end or to a stop wish; in both cases the last whole step is in a checkpoint afterwards."""
    if job.resume_from is not None:
        refuse_other_parts(read_place(job.resume_from.path), job.config, job.team)
    job.enter("training")
    grant_wishes(trainer, job.control)
    job.control.together()
    try:
        trainer.train(resume_from_checkpoint=str(job.resume_from.path) if job.resume_from else None)
    except Stopped:
        if not trainer.state.global_step:
            raise
    except NotFiniteError as error:
        raise batch_at_fault(job, data, error.step, error.rows) from error
    finally:
        job.control.handle({})
    if not trainer.state.global_step or job.control.is_discarding:
        raise Stopped
    if not trainer.is_saved():
        trainer.save_now()
