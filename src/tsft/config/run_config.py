"""Every setting of a run: one frozen dataclass a section, one line a setting.

A line's annotation, default and `setting(...)` are the only place where a fact about that setting stands. The form, the
command line, presets, the check and `docs/settings.md` are made from it by `schema.py`; words live in `locales/`
(`setting.optim.learning_rate.label`, `.help`).
"""

from dataclasses import dataclass

from tsft.config.fields import ABOVE_ZERO, section, setting
from tsft.config.metrics import METRICS
from tsft.config.optimizers import OPTIMIZERS, names_of
from tsft.config.sampled_settings import GrpoSettings, PpoSettings, RewardsSettings, RlooSettings, SamplingSettings
from tsft.config.stages import (
    CPO_LOSSES,
    DIVERGENCES,
    DIVERGING,
    DPO_LOSSES,
    KTO_LOSSES,
    PREFERENCES,
    SMOOTHED,
    STAGES,
)

LORA = ("tuning.method", ("lora",))
FREEZE = ("tuning.method", ("freeze",))
BLOCKS = ("tuning.method", ("llama_pro",))
# Every method that leaves an adapter; the others leave a whole model.
ADAPTERS = ("lora", "oft", "vera", "loha", "lokr", "ia3", "miss", "randlora", "hra", "ln_tuning")
ADAPTER = ("tuning.method", ADAPTERS)
GALORE = ("optim.optimizer", names_of("galore"))
APOLLO = ("optim.optimizer", names_of("apollo"))
PINNED = ("probes.source", ("pinned",))
ASKED = ("probes.source", ("validation", "pinned"))
BADAM = ("optim.optimizer", names_of("badam"))
MUON = ("optim.optimizer", names_of("muon"))
STOPS = ("stopping.early", ("auto", "on"))
BITSANDBYTES = ("quantization.method", ("bitsandbytes",))
FOUR_BITS = ("quantization.bits", ("4",))
SFT = ("data.task", ("sft",))
STRATEGIES = ("ddp", "fsdp2", "deepspeed_zero1", "deepspeed_zero2", "deepspeed_zero3")
DEEPSPEED = ("processes.strategy", STRATEGIES[2:])
# What each process holds only a part of the weights with.
SHARDED = ("fsdp2", "deepspeed_zero3")
REWARD, DPO, SIMPO, ORPO, CPO, KTO = (("data.task", (task,)) for task in ("reward", *PREFERENCES, "kto"))
# Beginnings of LoRA that neither read nor change the weights under it.
PLAIN_BEGINNINGS = ("default", "gaussian")
ROPE = ("linear", "dynamic", "yarn", "llama3")
TRACKERS = ("tensorboard", "wandb", "mlflow", "swanlab", "trackio")

SCHEDULERS = (
    "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "inverse_sqrt",
    "reduce_lr_on_plateau", "cosine_with_min_lr", "cosine_warmup_with_min_lr", "warmup_stable_decay", "greedy",
)  # fmt: skip


@dataclass(frozen=True)
class ModelSettings:
    name: str = setting("", widget="model")
    hub: str = setting("huggingface", choices=("huggingface", "modelscope"))
    revision: str = setting("", advanced=True)
    continue_from: str = setting("", widget="checkpoint")
    precision: str = setting("auto", choices=("auto", "fp32", "bf16", "fp16"))
    attention: str = setting("sdpa", choices=("sdpa", "eager", "flash_attention_2"), advanced=True)
    liger: bool = setting(False, advanced=True)
    rope_scaling: str = setting("none", choices=("none", *ROPE), advanced=True)
    rope_factor: float = setting(2.0, low=1.0, high=1024.0, advanced=True, when=("model.rope_scaling", ROPE))
    resize_vocabulary: bool = setting(False, advanced=True)
    new_tokens: tuple[str, ...] = setting((), advanced=True, when=("model.resize_vocabulary", (True,)))


@dataclass(frozen=True)
class DataSettings:
    datasets: tuple[str, ...] = setting((), widget="datasets")
    task: str = setting("sft", choices=STAGES)
    folder: str = setting("", widget="folder", advanced=True)
    mixing: str = setting("concatenate", choices=("concatenate", "interleave_under", "interleave_over"), advanced=True)
    weights: tuple[float, ...] = setting(
        (), low=0.0, advanced=True, when=("data.mixing", ("interleave_under", "interleave_over"))
    )
    max_rows: int = setting(0, low=0, unit="rows", advanced=True)
    leave_out: tuple[str, ...] = setting((), advanced=True)
    cutoff_length: int = setting(4096, low=16, high=1_048_576, unit="tokens")
    overlong: str = setting("shorten_series", choices=("drop", "shorten_series", "cut_text"))
    packing: str = setting("auto", choices=("auto", "none", "separate", "continuous"), advanced=True)
    validation: str = setting("fraction", choices=("none", "fraction", "dataset", "time"))
    validation_fraction: float = setting(0.1, low=0.001, high=0.9, when=("data.validation", ("fraction", "time")))
    validation_datasets: tuple[str, ...] = setting((), widget="datasets", when=("data.validation", ("dataset",)))
    train_on: str = setting("answers", choices=("answers", "last_answer", "everything"), advanced=True, when=SFT)
    system_prompt: str = setting("You are a helpful assistant.", advanced=True)


@dataclass(frozen=True)
class RewardSettings:
    """A model that scores an answer, trained on pairs."""

    centring: float = setting(0.0, low=0.0, high=10.0, when=REWARD)


@dataclass(frozen=True)
class DpoSettings:
    loss: str = setting("sigmoid", choices=DPO_LOSSES, when=DPO)
    beta: float = setting(0.1, low=ABOVE_ZERO, high=100.0, when=DPO)
    sft_weight: float = setting(0.0, low=0.0, high=100.0, when=DPO)
    label_smoothing: float = setting(0.0, low=0.0, high=0.49, advanced=True, when=("dpo.loss", SMOOTHED))
    divergence: str = setting("reverse_kl", choices=DIVERGENCES, advanced=True, when=("dpo.loss", DIVERGING))
    tail_weight: float = setting(1.0, low=0.0, high=1.0, advanced=True, when=DPO)
    temperature: float = setting(0.05, low=ABOVE_ZERO, high=100.0, advanced=True, when=("dpo.loss", ("discopop",)))


@dataclass(frozen=True)
class SimpoSettings:
    beta: float = setting(2.0, low=ABOVE_ZERO, high=100.0, when=SIMPO)
    gamma: float = setting(0.5, low=0.0, high=100.0, when=SIMPO)
    sft_weight: float = setting(0.0, low=0.0, high=100.0, when=SIMPO)
    label_smoothing: float = setting(0.0, low=0.0, high=0.49, advanced=True, when=SIMPO)


@dataclass(frozen=True)
class OrpoSettings:
    beta: float = setting(0.1, low=ABOVE_ZERO, high=100.0, when=ORPO)


@dataclass(frozen=True)
class CpoSettings:
    loss: str = setting("sigmoid", choices=CPO_LOSSES, when=CPO)
    beta: float = setting(0.1, low=ABOVE_ZERO, high=100.0, when=CPO)
    sft_weight: float = setting(1.0, low=0.0, high=100.0, when=CPO)
    label_smoothing: float = setting(0.0, low=0.0, high=0.49, advanced=True, when=("cpo.loss", ("sigmoid",)))


@dataclass(frozen=True)
class KtoSettings:
    loss: str = setting("kto", choices=KTO_LOSSES, when=KTO)
    beta: float = setting(0.1, low=ABOVE_ZERO, high=100.0, when=KTO)
    desirable_weight: float = setting(1.0, low=0.0, high=100.0, when=KTO)
    undesirable_weight: float = setting(1.0, low=0.0, high=100.0, when=KTO)


@dataclass(frozen=True)
class EncoderSettings:
    training: str = setting("full", choices=("full", "lora", "frozen"))
    learning_rate: float = setting(0.0, low=0.0, high=1.0)
    patch_size: int = setting(8, low=1, high=512, unit="points", advanced=True)
    layers: int = setting(5, low=1, high=32, advanced=True)
    position: str = setting("embedding", choices=("embedding", "index", "none"), advanced=True)
    embedding_dim: int = setting(16, low=1, high=1024, advanced=True, when=("encoder.position", ("embedding",)))
    max_points: int = setting(8192, low=8, high=1_048_576, unit="points", advanced=True)
    layer_norm: bool = setting(False, advanced=True)
    last_patch: str = setting("repeat", choices=("repeat", "zero"), advanced=True)
    prefix: str = setting("current", choices=("current", "paper", "short"), advanced=True)
    seed: int = setting(0, low=0, high=2**31 - 1, advanced=True)


@dataclass(frozen=True)
class TuningSettings:
    method: str = setting("lora", choices=("full", "freeze", "encoder", "llama_pro", *ADAPTERS))
    freeze_layers: int = setting(2, low=-512, high=512, when=FREEZE)
    freeze_modules: tuple[str, ...] = setting((), advanced=True, when=FREEZE)
    new_blocks: int = setting(1, low=1, high=512, when=BLOCKS)
    additional_modules: tuple[str, ...] = setting((), advanced=True, when=ADAPTER)
    create_new_adapter: bool = setting(False, advanced=True, when=ADAPTER)


@dataclass(frozen=True)
class LoraSettings:
    rank: int = setting(16, low=1, high=4096, when=LORA)
    alpha: float = setting(32.0, low=ABOVE_ZERO, high=8192.0, when=LORA)
    dropout: float = setting(0.0, low=0.0, high=0.99, when=LORA)
    targets: tuple[str, ...] = setting((), when=LORA)
    rank_stabilised: bool = setting(False, advanced=True, when=LORA)
    dora: bool = setting(False, advanced=True, when=LORA)
    initialisation: str = setting(
        "default", choices=(*PLAIN_BEGINNINGS, "pissa", "olora", "orthogonal"), advanced=True, when=LORA
    )
    plus_ratio: float = setting(0.0, low=0.0, high=1000.0, advanced=True, when=LORA)


@dataclass(frozen=True)
class AdapterSettings:
    """Of the adapters other than LoRA."""

    targets: tuple[str, ...] = setting(
        (), when=("tuning.method", tuple(name for name in ADAPTERS if name not in ("lora", "ln_tuning")))
    )
    rank: int = setting(
        16, low=1, high=4096, when=("tuning.method", ("vera", "loha", "lokr", "miss", "randlora", "hra"))
    )
    alpha: int = setting(32, low=1, high=65_536, when=("tuning.method", ("loha", "lokr", "randlora")))
    dropout: float = setting(0.0, low=0.0, high=0.99, when=("tuning.method", ("vera", "miss", "randlora")))
    block_size: int = setting(8, low=2, high=4096, when=("tuning.method", ("oft",)))


@dataclass(frozen=True)
class QuantizationSettings:
    """In how few bits the weights of the decoder layers are held while an adapter trains.

    Encoder, embeddings and head keep the precision of the run.
    """

    method: str = setting("none", choices=("none", "bitsandbytes", "torchao"))
    bits: str = setting("4", choices=("4", "8"), when=BITSANDBYTES)
    kind: str = setting("nf4", choices=("nf4", "fp4"), when=FOUR_BITS)
    double: bool = setting(True, when=FOUR_BITS)
    compute: str = setting("auto", choices=("auto", "fp32", "bf16", "fp16"), advanced=True, when=FOUR_BITS)
    threshold: float = setting(6.0, low=0.0, high=1000.0, advanced=True, when=("quantization.bits", ("8",)))


@dataclass(frozen=True)
class OptimSettings:
    optimizer: str = setting("adamw_torch", choices=tuple(OPTIMIZERS))
    learning_rate: float = setting(1e-4, low=ABOVE_ZERO, high=1.0)
    weight_decay: float = setting(0.0, low=0.0, high=10.0, advanced=True)
    max_grad_norm: float = setting(1.0, low=0.0, high=1e6, advanced=True)
    beta1: float = setting(0.9, low=0.0, high=0.9999, advanced=True)
    beta2: float = setting(0.999, low=0.0, high=0.99999, advanced=True)
    label_smoothing: float = setting(0.0, low=0.0, high=0.99, advanced=True)
    neftune_alpha: float = setting(0.0, low=0.0, high=1000.0, advanced=True)
    muon_momentum: float = setting(0.95, low=0.0, high=0.9999, advanced=True, when=MUON)


@dataclass(frozen=True)
class GaloreSettings:
    rank: int = setting(16, low=1, high=4096, when=GALORE)
    update_interval: int = setting(200, low=1, high=1_000_000, unit="steps", when=GALORE)
    scale: float = setting(2.0, low=ABOVE_ZERO, high=1000.0, when=GALORE)
    targets: tuple[str, ...] = setting((), when=GALORE)
    projection: str = setting("std", choices=("std", "left", "right"), advanced=True, when=GALORE)


@dataclass(frozen=True)
class ApolloSettings:
    rank: int = setting(16, low=1, high=4096, when=APOLLO)
    update_interval: int = setting(200, low=1, high=1_000_000, unit="steps", when=APOLLO)
    scale: float = setting(32.0, low=ABOVE_ZERO, high=1000.0, when=APOLLO)
    targets: tuple[str, ...] = setting((), when=APOLLO)
    projection: str = setting("random", choices=("random", "svd"), advanced=True, when=APOLLO)
    scale_type: str = setting("channel", choices=("channel", "tensor"), advanced=True, when=APOLLO)


@dataclass(frozen=True)
class BadamSettings:
    switch_mode: str = setting("ascending", choices=("ascending", "descending", "random", "fixed"), when=BADAM)
    switch_interval: int = setting(50, low=1, high=1_000_000, unit="steps", when=BADAM)
    start_block: int = setting(0, low=0, high=4096, advanced=True, when=BADAM)


@dataclass(frozen=True)
class ScheduleSettings:
    epochs: float = setting(3.0, low=ABOVE_ZERO, high=100_000.0, unit="epochs")
    max_steps: int = setting(0, low=0, high=2**31 - 1, unit="steps")
    batch_size: int = setting(2, low=1, high=65_536)
    gradient_accumulation: int = setting(4, low=1, high=65_536)
    scheduler: str = setting("cosine", choices=SCHEDULERS)
    scheduler_options: str = setting("", widget="json", advanced=True)
    warmup_fraction: float = setting(0.03, low=0.0, high=1.0)
    group_by_length: bool = setting(True, advanced=True)
    gradient_checkpointing: bool = setting(False)
    eval_batch_size: int = setting(2, low=1, high=65_536, advanced=True)
    seed: int = setting(42, low=0, high=2**31 - 1)
    extra_arguments: str = setting("", widget="json", advanced=True)
    threads: int = setting(0, low=0, high=1024, advanced=True)


@dataclass(frozen=True)
class StoppingSettings:
    early: str = setting("auto", choices=("auto", "on", "off"))
    patience: int = setting(5, low=1, high=10_000, unit="evaluations", when=STOPS)
    threshold: float = setting(0.0, low=0.0, high=1000.0, advanced=True, when=STOPS)
    metric: str = setting("validation_loss", choices=tuple(METRICS), advanced=True)
    answered_rows: int = setting(0, low=0, high=10_000, unit="rows", advanced=True)
    answer_tokens: int = setting(128, low=1, high=8192, unit="tokens", advanced=True)


@dataclass(frozen=True)
class OutputSettings:
    name: str = setting("")
    logging_steps: int = setting(1, low=1, high=1_000_000, unit="steps")
    eval_steps: int = setting(0, low=0, high=10_000_000, unit="steps")
    save_steps: int = setting(0, low=0, high=10_000_000, unit="steps")
    save_minutes: float = setting(15.0, low=0.0, high=100_000.0, unit="minutes")
    save_limit: int = setting(2, low=1, high=10_000, advanced=True)
    load_best: bool = setting(True)
    trackers: tuple[str, ...] = setting((), choices=TRACKERS, advanced=True)
    tracker_project: str = setting("tsft", advanced=True)
    tracker_run: str = setting("", advanced=True)
    wandb_entity: str = setting("", advanced=True)
    wandb_mode: str = setting("online", choices=("online", "offline"), advanced=True)
    mlflow_uri: str = setting("", advanced=True)
    swanlab_workspace: str = setting("", advanced=True)
    swanlab_mode: str = setting("cloud", choices=("cloud", "local"), advanced=True)
    trackio_space: str = setting("", advanced=True)


@dataclass(frozen=True)
class ProbeSettings:
    """Questions that are asked again at every evaluation. Off unless wanted: each costs the time of an answer."""

    source: str = setting("off", choices=("off", "validation", "pinned"))
    count: int = setting(3, low=1, high=16, unit="rows", when=("probes.source", ("validation",)))
    pinned: tuple[str, ...] = setting((), when=PINNED)
    max_tokens: int = setting(64, low=1, high=2048, unit="tokens", when=ASKED)


@dataclass(frozen=True)
class ProcessSettings:
    """Several processes that train one model together, each on a GPU of its own or on a share of the CPU's cores."""

    count: int = setting(1, low=1, high=1024)
    strategy: str = setting("ddp", choices=STRATEGIES)
    offload_optimizer: bool = setting(False, when=DEEPSPEED)
    offload_parameters: bool = setting(False, when=("processes.strategy", SHARDED))
    machines: int = setting(1, low=1, high=1024, advanced=True)
    address: str = setting("", advanced=True)
    port: int = setting(29_500, low=1, high=65_535, advanced=True)
    options: str = setting("", widget="json", advanced=True, when=DEEPSPEED)
    timeout_minutes: float = setting(30.0, low=ABOVE_ZERO, high=100_000.0, unit="minutes", advanced=True)
    silence_minutes: float = setting(30.0, low=0.0, high=100_000.0, unit="minutes", advanced=True)


@dataclass(frozen=True)
class RunConfig:
    """All settings of one run; always saved whole, so that nothing is ever inferred from absence."""

    model: ModelSettings = section(ModelSettings)
    data: DataSettings = section(DataSettings)
    reward: RewardSettings = section(RewardSettings)
    dpo: DpoSettings = section(DpoSettings)
    simpo: SimpoSettings = section(SimpoSettings)
    orpo: OrpoSettings = section(OrpoSettings)
    cpo: CpoSettings = section(CpoSettings)
    kto: KtoSettings = section(KtoSettings)
    rewards: RewardsSettings = section(RewardsSettings)
    sampling: SamplingSettings = section(SamplingSettings)
    grpo: GrpoSettings = section(GrpoSettings)
    rloo: RlooSettings = section(RlooSettings)
    ppo: PpoSettings = section(PpoSettings)
    encoder: EncoderSettings = section(EncoderSettings)
    tuning: TuningSettings = section(TuningSettings)
    lora: LoraSettings = section(LoraSettings)
    adapter: AdapterSettings = section(AdapterSettings)
    quantization: QuantizationSettings = section(QuantizationSettings)
    optim: OptimSettings = section(OptimSettings)
    galore: GaloreSettings = section(GaloreSettings)
    apollo: ApolloSettings = section(ApolloSettings)
    badam: BadamSettings = section(BadamSettings)
    schedule: ScheduleSettings = section(ScheduleSettings)
    processes: ProcessSettings = section(ProcessSettings)
    stopping: StoppingSettings = section(StoppingSettings)
    probes: ProbeSettings = section(ProbeSettings)
    output: OutputSettings = section(OutputSettings)
