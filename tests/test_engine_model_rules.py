"""What only the model can tell is refused at Start, tied to its field, before anything loads."""

from pathlib import Path
from typing import Any

import pytest

from tests.engine_runs import Bench, small
from tests.model_fakes import plain_model_folder
from tsft.engine.model_rules import model_problems
from tsft.engine.preflight import preflight
from tsft.engine.readiness import SketchBook
from tsft.errors import Problem, UserError, message

FULL = {"tuning__method": "full"}


@pytest.mark.parametrize(
    ("changes", "field", "key"),
    [
        ({"tuning__method": "oft", "adapter__block_size": 7}, "adapter.block_size", "tuning.block_size"),
        ({"tuning__method": "freeze", "tuning__freeze_layers": 100}, "tuning.freeze_layers", "tuning.too_many_layers"),
        ({"tuning__method": "freeze", "tuning__freeze_modules": "x"}, "tuning.freeze_modules", "tuning.no_such_module"),
        ({"lora__targets": "q_porj"}, "lora.targets", "tuning.no_such_target"),
        ({"tuning__method": "vera", "adapter__targets": "q_porj"}, "adapter.targets", "tuning.no_such_target"),
        ({"tuning__additional_modules": "lm_haed"}, "tuning.additional_modules", "tuning.no_such_module"),
        ({"tuning__method": "llama_pro", "tuning__new_blocks": 100}, "tuning.new_blocks", "tuning.blocks_uneven"),
        (
            {**FULL, "optim__optimizer": "galore_adamw", "galore__targets": "q_porj"},
            "galore.targets",
            "tuning.no_such_target",
        ),
        (
            {**FULL, "optim__optimizer": "apollo_adamw", "apollo__targets": "q_porj"},
            "apollo.targets",
            "tuning.no_such_target",
        ),
        (
            {**FULL, "optim__optimizer": "badam", "badam__start_block": 4000},
            "badam.start_block",
            "tuning.no_such_block",
        ),
        (
            {
                "tuning__method": "freeze",
                "tuning__freeze_layers": 0,
                "tuning__freeze_modules": "embed_tokens",
                "optim__optimizer": "badam",
            },
            "optim.optimizer",
            "tuning.no_blocks",
        ),
    ],
)
def test_what_the_model_does_not_have_is_tied_to_its_field(
    bench: Bench, changes: dict[str, Any], field: str, key: str
) -> None:
    (problem,) = model_problems(small(**changes), SketchBook(bench.workspace))

    assert (problem.field, problem.message.key) == (field, key)


def test_only_lora_trains_one_table_for_reading_and_writing(bench: Bench, tmp_path: Path) -> None:
    folder = plain_model_folder(tmp_path / "tied", tie_word_embeddings=True)
    changes = {"model__name": str(folder), "model__resize_vocabulary": True, "model__new_tokens": "<a>"}
    book = SketchBook(bench.workspace)

    (problem,) = model_problems(small(tuning__method="vera", **changes), book)

    assert (problem.field, problem.message.key) == ("model.resize_vocabulary", "tuning.resize_tied")
    assert model_problems(small(**changes), book) == []


def test_start_refuses_it_and_no_run_is_made(bench: Bench) -> None:
    with pytest.raises(UserError) as refused:
        bench.engine.start(small(lora__targets="q_porj", data__datasets="nowhere"), "test")

    assert {each.field for each in refused.value.problems} == {"lora.targets", "data.datasets"}
    assert bench.record.list_runs() == []


def test_a_model_that_is_not_here_yet_is_judged_by_the_run(bench: Bench) -> None:
    assert model_problems(small(model__name="Qwen3-0.6B"), SketchBook(bench.workspace)) == []


def test_nothing_is_made_of_settings_that_are_wrong_already(bench: Bench) -> None:
    found = [Problem("tuning.method", message("check.no_model"))]

    assert model_problems(small(lora__targets="q_porj"), SketchBook(bench.workspace), found) == []


def test_what_nobody_knows_of_a_model_does_not_keep_a_run_from_trying(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise NotImplementedError("no kernel for meta tensors")

    monkeypatch.setattr("tsft.engine.readiness.sketch", fail)

    assert model_problems(small(), SketchBook(bench.workspace)) == []


def test_flash_attention_without_half_precision_is_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("tsft.engine.preflight.has_fast_bf16", lambda: True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr("tsft.engine.preflight.extra_problems", lambda config: [])

    def keys(precision: str) -> list[str]:
        config = small(model__attention="flash_attention_2", model__precision=precision)
        return [each.message.key for each in preflight(config, bench.workspace) if each.field == "model.attention"]

    assert keys("fp32") == ["preflight.flash_needs_half"] and keys("auto") == keys("bf16") == []
