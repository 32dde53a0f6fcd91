"""Peak memory of one training step with a vocabulary of 151,936: logits at labelled positions, against all of them.

Each case runs in a process of its own, so that one peak does not hide the other. Answers are a tenth of the positions,
as in the real rows. Prints peak resident memory above the loaded model, and the ratio.
"""

import resource
import subprocess
import sys
from pathlib import Path

import torch
from transformers import Qwen3Config

from tsft.model.families import NewEncoder
from tsft.model.fusion import classes_for, make_config

ROWS, TOKENS, LABELLED = 2, 1_600, 160


def main() -> None:
    if len(sys.argv) > 1:
        measure(sys.argv[1] == "all")
        return
    peaks = {}
    for which in ("labelled", "all"):
        command = [sys.executable, str(Path(__file__).resolve()), which]
        output = subprocess.run(command, check=True, capture_output=True, text=True)
        peaks[which] = float(output.stdout.split()[-1])
        print(f"{which:>9}: {peaks[which]:.0f} MiB above the loaded model")
    print(f"ratio {peaks['labelled'] / peaks['all']:.2f}")


def measure(is_all: bool) -> None:
    torch.manual_seed(0)
    plain = Qwen3Config(
        vocab_size=151_936, hidden_size=256, intermediate_size=512, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=64, tie_word_embeddings=True,
    )  # fmt: skip
    raw = {**plain.to_dict(), "ts": NewEncoder().ts_block(256), "ts_token_start_index": 5, "ts_token_end_index": 6}
    model = classes_for("qwen3").causal(make_config("qwen3", raw, {}))
    model.model.embed_tokens.requires_grad_(False)
    ids = torch.randint(10, 1_000, (ROWS, TOKENS))
    labels = ids.clone()
    labels[:, :-LABELLED] = -100
    before = peak_mib()
    model(input_ids=ids, labels=labels, full_logits=is_all).loss.backward()
    print(peak_mib() - before)


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
