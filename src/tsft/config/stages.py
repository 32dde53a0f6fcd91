"""What a run can be trained for (`data.task`), and what kind of rows each needs. Standard library only."""

# Learn from a better and a worse answer to one question.
PREFERENCES = ("dpo", "simpo", "orpo", "cpo")
PAIRED = ("reward", *PREFERENCES)
# Learns from single answers that were judged.
JUDGED = ("kto",)
STAGES = ("sft", "pretraining", *PAIRED, *JUDGED)
# Compare the model with the one it began as.
REFERRING = ("dpo", "kto")

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


def answers_of(task: str) -> str:
    """What of a row's answers the task learns from: "one", a "pair" of them, or "judged" ones."""
    if task in PAIRED:
        return "pair"
    return "judged" if task in JUDGED else "one"
