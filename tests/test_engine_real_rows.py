"""The main job on real rows: the built-in model learns them, and a real 135M chat model trains, saves and answers."""

import json
from pathlib import Path

import pytest
import torch

from tests.engine_runs import Bench, small
from tsft.config.catalog import SMOLLM2
from tsft.engine.restore import Fetching, open_result
from tsft.errors import UserError
from tsft.model.answer import answer
from tsft.model.gguf import make_smollm2

ROWS = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "chatts_dev.jsonl"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not ROWS.is_file(), reason="needs ../shared/data")]


def put_rows(bench: Bench, count: int) -> None:
    lines = ROWS.read_text(encoding="utf-8").splitlines()[:count]
    (bench.workspace.datasets / "real.jsonl").write_text("\n".join(lines), encoding="utf-8")


def test_thirty_steps_on_real_rows_lower_the_validation_loss_by_a_third(bench: Bench) -> None:
    put_rows(bench, 100)
    config = small(
        data__datasets="real", data__max_rows=0, data__cutoff_length=4096, schedule__max_steps=30,
        lora__rank=16, optim__learning_rate=5e-3, output__eval_steps=15,
    )  # fmt: skip
    bench.engine.start(config)
    state = bench.engine.wait(900)

    assert state is not None and state.status == "finished", state and state.failure
    first, last = state.validation_loss.shown[0], state.validation_loss.shown[-1]
    assert first[0] == 0 and last[0] == 30
    assert last[1] < first[1] * 2 / 3
    assert (bench.record.get(state.run_id).folder.adapter / "adapter_model.safetensors").is_file()


@pytest.mark.long
def test_a_real_chat_model_trains_on_ten_rows_saves_reloads_and_answers(bench: Bench) -> None:
    try:
        make_smollm2(bench.workspace.models)
    except UserError as error:
        pytest.skip(f"the model package cannot be had here: {error}")
    put_rows(bench, 10)
    config = small(
        model__name=SMOLLM2, data__datasets="real", data__cutoff_length=1500, schedule__batch_size=1,
        schedule__max_steps=3, data__validation="none",
    )  # fmt: skip
    bench.engine.start(config)
    state = bench.engine.wait(900)
    assert state is not None and state.status == "finished", state and state.failure

    now = Fetching(lambda done, total: None, lambda: False)
    tuned = open_result(bench.record.get(state.run_id).folder.adapter, bench.workspace, torch.float32, now)
    row = json.loads(ROWS.read_text(encoding="utf-8").splitlines()[0])
    question = "Is this series rising or falling? <ts><ts/>"
    text = answer(
        tuned.model, tuned.processor, [{"role": "user", "content": question}], [row["timeseries"][0]], max_new_tokens=12
    )

    assert text.strip()
