"""What a run can be trained for (`data.task`), and what kind of rows each needs. Standard library only."""

# Learn from a better and a worse answer to one question.
PREFERENCES = ("dpo", "simpo", "orpo", "cpo")
PAIRED = ("reward", *PREFERENCES)
# Learns from single answers that were judged.
JUDGED = ("kto",)
# Compare the model with the one it began as, whatever the settings.
REFERRING = ("dpo", "kto")
# Learn from answers that the model writes itself, by what they are worth; the first two compare several to a question.
GROUPED = ("grpo", "rloo")
SAMPLED = (*GROUPED, "ppo")
STAGES = ("sft", "pretraining", *PAIRED, *JUDGED, *SAMPLED)

DPO_LOSSES = (
    "sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot", "aot_unpaired",
    "apo_zero", "apo_down", "discopop", "sigmoid_norm",
)  # fmt: skip
# Those of them that take a share of wrong pairs into account, and those that know other divergences.
SMOOTHED = ("sigmoid", "exo_pair", "robust", "aot", "aot_unpaired")
DIVERGING = ("sigmoid", "hinge", "ipo", "exo_pair", "robust", "discopop", "sigmoid_norm")
DIVERGENCES = ("reverse_kl", "forward_kl", "js_divergence")
CPO_LOSSES = ("sigmoid", "hinge", "ipo")
KTO_LOSSES = ("kto", "apo_zero_unpaired")
GRPO_LOSSES = ("dapo", "grpo", "bnpo", "dr_grpo")
# What an answer can be rewarded for; each is the name of its weight in the section `rewards`.
REWARDS = ("score", "format", "overlap", "closeness", "length")
# Those of them that need a label to compare with.
LABELLED_REWARDS = ("score", "format", "overlap", "closeness")


def answers_of(task: str) -> str:
    """What of a row's answers the task learns from: "one", a "pair" of them, "judged" ones; or it is only "asked"."""
    if task in PAIRED:
        return "pair"
    if task in SAMPLED:
        return "asked"
    return "judged" if task in JUDGED else "one"
