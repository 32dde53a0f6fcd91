"""What the wish for quantised weights goes with, as far as the settings alone can tell."""

from typing import Any

import pytest

from tests.engine_runs import small
from tsft.config.check import check
from tsft.config.codec import from_flat
from tsft.config.quantization_rules import unfit_for_few_bits
from tsft.config.schema import is_active, setting_by_key

NF4 = {"quantization__method": "bitsandbytes", "quantization__bits": "4"}
INT8 = {"quantization__method": "bitsandbytes", "quantization__bits": "8"}
TORCHAO = {"quantization__method": "torchao"}


def found(**changes: Any) -> list[tuple[str, str]]:
    return [(each.field, each.message.key) for each in check(small(**changes)) if not each.is_warning]


@pytest.mark.parametrize("wish", [NF4, {**NF4, "quantization__kind": "fp4"}, INT8, TORCHAO])
def test_lora_trains_on_quantised_weights(wish: dict[str, Any]) -> None:
    assert found(**wish) == []
    assert found(**wish, lora__initialisation="gaussian") == []


@pytest.mark.parametrize("wish", [NF4, INT8, TORCHAO])
@pytest.mark.parametrize("method", ["full", "freeze", "encoder", "llama_pro"])
def test_whole_weights_cannot_train_in_few_bits(wish: dict[str, Any], method: str) -> None:
    assert ("tuning.method", "check.quantised_needs_adapter") in found(**wish, tuning__method=method)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({**NF4, "tuning__method": "ia3"}, []),
        ({**NF4, "tuning__method": "loha"}, [("tuning.method", "check.quantised_adapter")]),
        ({**INT8, "tuning__method": "loha"}, []),
        ({**TORCHAO, "tuning__method": "hra"}, [("tuning.method", "check.quantised_adapter")]),
        ({**NF4, "lora__dora": True}, []),
        ({**TORCHAO, "lora__dora": True}, []),
        ({**INT8, "lora__dora": True}, [("lora.dora", "check.quantised_dora")]),
        ({**NF4, "lora__initialisation": "pissa"}, [("lora.initialisation", "check.quantised_beginning")]),
        ({**NF4, "lora__initialisation": "olora"}, [("lora.initialisation", "check.quantised_beginning")]),
        ({**NF4, "tuning__method": "ia3", "lora__initialisation": "pissa"}, []),
        (
            {**NF4, "model__continue_from": "a", "tuning__create_new_adapter": True},
            [("quantization.method", "check.quantised_new_adapter")],
        ),
    ],
)
def test_each_adapter_on_each_kind_of_weights(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert found(**changes) == expected


def test_a_checkpoint_that_came_quantised_takes_lora_alone() -> None:
    assert list(unfit_for_few_bits(small(), "gptq", 4)) == []
    for changes in ({"tuning__method": "full"}, {"tuning__method": "oft"}, {"lora__dora": True}):
        assert len(list(unfit_for_few_bits(small(**changes), "awq", 4))) == 1


@pytest.mark.parametrize(
    ("wish", "active"),
    [
        ({}, []),
        (TORCHAO, []),
        (NF4, ["bits", "kind", "double", "compute"]),
        (INT8, ["bits", "threshold"]),
    ],
)
def test_a_setting_shows_where_it_has_a_meaning(wish: dict[str, Any], active: list[str]) -> None:
    names = ("bits", "kind", "double", "compute", "threshold")
    config = small(**wish)
    assert [name for name in names if is_active(config, setting_by_key()[f"quantization.{name}"])] == active


def test_bits_may_be_written_as_a_number() -> None:
    assert from_flat({"quantization.bits": 8}).quantization.bits == "8"
