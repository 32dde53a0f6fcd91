"""What an evaluation is asked for and how far it is: which models on which data, loss, answers, baselines, controls.

The page and the command line hold these; doing it is the engine's. What it found lies in the evaluation's folder
(`store.evaluations`).
"""

from dataclasses import dataclass, field

from tsft.errors import Message, Problem, message

# tasks: each row by the scorer of its task. chatts: the sets A and B of ChatTS as its own tool scores them, with the
# corrected figures beside.
TASKS, CHATTS = "tasks", "chatts"
MODES = (TASKS, CHATTS)
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
PREPARING, LOADING, LOSS, ANSWERING, SCORING, ENDED = "preparing", "loading", "loss", "answering", "scoring", "ended"
PHASES = (PREPARING, LOADING, LOSS, ANSWERING, SCORING, ENDED)
MOST_BATCH, MOST_NEW_TOKENS, MOST_TOKENS = 256, 8192, 1_048_576


@dataclass(frozen=True)
class EvaluationSettings:
    """What to evaluate, on what, and how.

    models: names from the list of results, folders, or base models. with_base: also the base of each result.
    datasets: names; folder: where they are looked for first, "" for the workspace alone. rows: how many of each
    dataset, drawn by `seed`; 0 for all. train_datasets: what the baselines are fitted on; empty for what the first
    result was trained on. controls: names of `evaluate.control_rows.CONTROLS`, asked on at most `control_rows` rows
    (0 for all). point_adjusted: also the inflated figures of old papers. batch_size: questions asked together.
    max_tokens: rows whose question and answer are longer are left out and told. temperature: 0 takes the likeliest
    token. name: of the evaluation, "" for one made from its models.
    """

    models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    with_base: bool = False
    folder: str = ""
    mode: str = TASKS
    rows: int = 0
    measures_loss: bool = True
    writes_answers: bool = True
    baselines: bool = True
    train_datasets: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    control_rows: int = 200
    point_adjusted: bool = False
    batch_size: int = 8
    max_tokens: int = 4096
    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int = 0
    precision: str = "auto"
    name: str = ""


@dataclass(frozen=True)
class Evaluation:
    """An evaluation so far. id: of its folder. phase: one of PHASES; subject: the model (and control) at work.

    done and total: rows asked and measured, over all models and controls. eta_seconds: None while nothing can be said.
    is_stopped: somebody asked for it; what was answered until then is kept and scored. problems: why it failed.
    """

    id: str
    settings: EvaluationSettings = field(default_factory=EvaluationSettings)
    phase: str = PREPARING
    subject: str = ""
    done: int = 0
    total: int = 0
    eta_seconds: float | None = None
    is_done: bool = False
    is_stopped: bool = False
    notes: tuple[Message, ...] = ()
    problems: tuple[Problem, ...] = ()


def check_evaluation(settings: EvaluationSettings, known_controls: tuple[str, ...]) -> list[Problem]:
    """Everything that is wrong with the settings themselves, each at its field."""
    problems = [
        Problem(name, message("evaluation.missing")) for name in ("models", "datasets") if not getattr(settings, name)
    ]
    choices = [("mode", settings.mode, MODES), ("precision", settings.precision, PRECISIONS)]
    choices += [("controls", each, known_controls) for each in settings.controls]
    problems += [
        Problem(name, message("evaluation.no_such_choice", value=str(value), choices=", ".join(allowed)))
        for name, value, allowed in choices
        if value not in allowed
    ]
    limits: tuple[tuple[str, float, float], ...] = (
        ("rows", 0, float("inf")),
        ("control_rows", 0, float("inf")),
        ("batch_size", 1, MOST_BATCH),
        ("max_tokens", 1, MOST_TOKENS),
        ("max_new_tokens", 1, MOST_NEW_TOKENS),
        ("temperature", 0, 5),
        ("top_p", 0.01, 1),
        ("top_k", 0, 1_000_000),
        ("repetition_penalty", 0.1, 10),
    )
    for name, low, high in limits:
        value = getattr(settings, name)
        if not low <= value <= high:  # also false for what is not a number
            told = message("evaluation.out_of_range", value=f"{value:g}", low=f"{low:g}", high=f"{high:g}")
            problems.append(Problem(name, told))
    if not settings.measures_loss and not settings.writes_answers:
        problems.append(Problem("writes_answers", message("evaluation.nothing_to_do")))
    if not settings.writes_answers and settings.controls:
        problems.append(Problem("controls", message("evaluation.controls_need_answers")))
    return problems
