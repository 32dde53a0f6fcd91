"""LLaMA-Factory's training files and saved forms become the settings they mean; the rest is named with a reason."""

from typing import Any

import pytest

from tsft.config.check import check
from tsft.config.llamafactory import Import, import_arguments, import_form, is_saved_form
from tsft.config.llamafactory_names import ARGUMENTS, FORM_FIELDS, OWN_WAY, SAME_OPTIMIZERS, SWITCHED_OPTIMIZERS
from tsft.config.run_config import RunConfig
from tsft.config.schema import setting_by_key

ARGUMENTS_OF_A_RUN = {
    "model_name_or_path": "bytedance-research/ChatTS-8B",
    "trust_remote_code": True,
    "stage": "sft",
    "do_train": True,
    "finetuning_type": "lora",
    "lora_rank": 8,
    "lora_alpha": None,
    "lora_target": "all",
    "dataset": "align_256, ift",
    "mix_strategy": "interleave_over",
    "interleave_probs": "0.9,0.1",
    "template": "chatts",
    "cutoff_len": 2048,
    "output_dir": "saves/chatts-8b/lora/kiln/",
    "learning_rate": "1e-4",  # what YAML makes of a number without a dot
    "timeseries_sft_lr": 1e-5,
    "num_train_epochs": 3.0,
    "bf16": True,
    "fp16": False,
    "val_size": 0.1,
    "quantization_bit": 4,
    "warmup_ratio": 0.02,
    "save_total_limit": 3,
    "push_to_hub": False,
}

FORM = {
    "top.model_name": "ChatTS-8B",
    "top.finetuning_type": "freeze",
    "top.checkpoint_path": [],
    "top.quantization_bit": "none",
    "top.template": "chatts",
    "top.booster": "flashattn2",
    "train.training_stage": "Supervised Fine-Tuning",
    "train.dataset": ["demo", "mine"],
    "train.learning_rate": "5e-5",
    "train.num_train_epochs": "3.0",
    "train.compute_type": "bf16",
    "train.batch_size": 2,
    "train.val_size": 0.2,
    "train.save_steps": 100,
    "train.warmup_steps": 0,
    "train.extra_args": '{"optim": "adafactor", "frobnicate": 7}',
    "train.freeze_trainable_layers": -2,
    "train.lora_target": "",
    "train.use_rslora": False,
    "train.use_pissa": False,
    "train.ds_stage": "none",
}


def mapped(found: Import) -> dict[str, tuple[str, Any]]:
    return {each.key: (each.source, each.value) for each in found.mapped}


def left(found: Import) -> dict[str, str]:
    return {each.source: each.message_key for each in map(_Left, found.leftovers)}


class _Left:
    def __init__(self, leftover: Any) -> None:
        self.source = leftover.source
        self.message_key = leftover.reason.key.removeprefix("import.left.")


def test_a_training_file_is_mapped_exactly() -> None:
    found = import_arguments(ARGUMENTS_OF_A_RUN)
    assert mapped(found) == {
        "model.name": ("model_name_or_path", "ChatTS-8B"),
        "tuning.method": ("finetuning_type", "lora"),
        "lora.rank": ("lora_rank", 8),
        "lora.alpha": ("lora_alpha", 16.0),
        "lora.targets": ("lora_target", ()),
        "data.datasets": ("dataset", ("align_256", "ift")),
        "data.mixing": ("mix_strategy", "interleave_over"),
        "data.weights": ("interleave_probs", (0.9, 0.1)),
        "data.task": ("stage", "sft"),
        "data.cutoff_length": ("cutoff_len", 2048),
        "output.name": ("output_dir", "kiln"),
        "optim.learning_rate": ("learning_rate", 1e-4),
        "encoder.learning_rate": ("timeseries_sft_lr", 1e-5),
        "schedule.epochs": ("num_train_epochs", 3.0),
        "model.precision": ("bf16", "bf16"),
        "quantization.method": ("quantization_bit", "bitsandbytes"),
        "quantization.bits": ("quantization_bit", "4"),
        "data.validation": ("val_size", "fraction"),
        "data.validation_fraction": ("val_size", 0.1),
        "schedule.warmup_fraction": ("warmup_ratio", 0.02),
        "output.save_limit": ("save_total_limit", 3),
    }
    assert left(found) == {
        "trust_remote_code": "own_way",
        "do_train": "own_way",
        "template": "own_way",
        "fp16": "off",
        "push_to_hub": "off",
    }
    assert check(found.config) == []


def test_a_saved_form_is_mapped_exactly() -> None:
    assert is_saved_form(FORM) and not is_saved_form(ARGUMENTS_OF_A_RUN)
    found = import_form(FORM)
    assert mapped(found) == {
        "model.name": ("top.model_name", "ChatTS-8B"),
        "tuning.method": ("top.finetuning_type", "freeze"),
        "model.attention": ("top.booster", "flash_attention_2"),
        "data.task": ("train.training_stage", "sft"),
        "data.datasets": ("train.dataset", ("demo", "mine")),
        "optim.learning_rate": ("train.learning_rate", 5e-5),
        "schedule.epochs": ("train.num_train_epochs", 3.0),
        "model.precision": ("train.compute_type", "bf16"),
        "schedule.batch_size": ("train.batch_size", 2),
        "data.validation": ("train.val_size", "fraction"),
        "data.validation_fraction": ("train.val_size", 0.2),
        "output.save_steps": ("train.save_steps", 100),
        "output.eval_steps": ("train.save_steps", 100),
        "schedule.warmup_fraction": ("train.warmup_steps", 0.0),
        "optim.optimizer": ("train.extra_args: optim", "adafactor"),
        "tuning.freeze_layers": ("train.freeze_trainable_layers", -2),
        "lora.targets": ("train.lora_target", ()),
        "lora.rank_stabilised": ("train.use_rslora", False),
    }
    assert left(found) == {
        "top.checkpoint_path": "off",
        "top.quantization_bit": "off",
        "top.template": "own_way",
        "train.extra_args: frobnicate": "none",
        "train.use_pissa": "off",
        "train.ds_stage": "off",
    }
    assert check(found.config) == []


@pytest.mark.parametrize(
    ("tree", "key", "value"),
    [
        ({"stage": "pt"}, "data.task", "pretraining"),
        ({"stage": "rm"}, "data.task", "reward"),
        ({"stage": "dpo", "pref_loss": "hinge"}, "dpo.loss", "hinge"),
        ({"stage": "dpo", "pref_loss": "simpo"}, "data.task", "simpo"),
        ({"stage": "dpo", "pref_loss": "orpo", "pref_beta": 0.2}, "orpo.beta", 0.2),
        ({"stage": "dpo", "pref_ftx": 0.5}, "dpo.sft_weight", 0.5),
        ({"stage": "kto", "pref_beta": 0.3}, "kto.beta", 0.3),
        ({"stage": "kto", "kto_chosen_weight": 2}, "kto.desirable_weight", 2.0),
        ({"stage": "ppo"}, "data.task", "ppo"),
        ({"stage": "ppo", "reward_model": "saves/rm"}, "rewards.model", "saves/rm"),
        ({"stage": "ppo", "reward_model": ["saves/rm"]}, "rewards.score", 0.0),
        ({"stage": "ppo", "ppo_epochs": 2}, "ppo.epochs", 2),
        ({"stage": "ppo", "ppo_score_norm": True}, "ppo.normalise_scores", True),
        ({"stage": "ppo", "ppo_whiten_rewards": True}, "ppo.whiten_rewards", True),
        ({"stage": "ppo", "max_new_tokens": 64}, "sampling.max_tokens", 64),
        ({"simpo_gamma": 1.0}, "simpo.gamma", 1.0),
        ({"ds_stage": "3"}, "processes.strategy", "deepspeed_zero3"),
        ({"ds_stage": "2", "ds_offload": True}, "processes.offload_optimizer", True),
        ({"ds_stage": "3", "ds_offload": True}, "processes.offload_parameters", True),
        ({"packing": True}, "data.packing", "continuous"),
        ({"packing": True, "neat_packing": True}, "data.packing", "separate"),
        ({"packing": False, "neat_packing": False}, "data.packing", "none"),
        ({"neftune_noise_alpha": 5}, "optim.neftune_alpha", 5.0),
        ({"booster": "liger_kernel"}, "model.liger", True),
        ({"rope_scaling": "yarn"}, "model.rope_scaling", "yarn"),
        ({"report_to": "wandb, tensorboard"}, "output.trackers", ("wandb", "tensorboard")),
        ({"report_to": "none"}, "output.trackers", ()),
        ({"use_swanlab": True, "report_to": ["none"]}, "output.trackers", ("swanlab",)),
        ({"report_to": ["wandb", "neptune"], "use_swanlab": True}, "output.trackers", ("wandb", "swanlab")),
        ({"report_to": "neptune", "use_swanlab": True}, "output.trackers", ("swanlab",)),
        ({"use_swanlab": True, "report_to": "wandb"}, "output.trackers", ("wandb", "swanlab")),
        ({"lora_rank": 64}, "lora.alpha", 128.0),
        ({"lora_rank": 64, "lora_alpha": None}, "lora.alpha", 128.0),
        ({"lora_rank": 64, "lora_alpha": 16}, "lora.alpha", 16.0),
        ({"mask_history": True, "train_on_prompt": True}, "data.train_on", "last_answer"),
        ({"eval_strategy": "no", "val_size": 0.1}, "data.validation", "none"),
        ({"val_size": 0.1, "eval_strategy": False}, "data.validation", "none"),
        ({"eval_dataset": "a", "eval_strategy": "no"}, "data.validation", "none"),
        ({"val_size": 0}, "data.validation", "none"),
        ({"eval_dataset": "a,b"}, "data.validation_datasets", ("a", "b")),
        ({"eval_dataset": "a", "val_size": 0.0}, "data.validation", "dataset"),
        ({"train_on_prompt": True}, "data.train_on", "everything"),
        ({"mask_history": "true"}, "data.train_on", "last_answer"),
        ({"lora_target": "q_proj,v_proj"}, "lora.targets", ("q_proj", "v_proj")),
        ({"lora_target": ["q_proj"]}, "lora.targets", ("q_proj",)),
        ({"freeze_trainable_layers": -3}, "tuning.freeze_layers", -3),
        ({"pissa_init": True}, "lora.initialisation", "pissa"),
        ({"use_galore": True, "galore_layerwise": True}, "optim.optimizer", "galore_adamw_layerwise"),
        ({"use_badam": True, "optim": "sgd"}, "optim.optimizer", "badam"),
        ({"warmup_steps": 20, "max_steps": 1000}, "schedule.warmup_fraction", 0.02),
        ({"warmup_steps": 0.1}, "schedule.warmup_fraction", 0.1),
        ({"max_steps": -1}, "schedule.max_steps", 0),
        ({"flash_attn": "disabled"}, "model.attention", "eager"),
        ({"lr_scheduler_kwargs": {"min_lr": 1e-6}}, "schedule.scheduler_options", '{"min_lr": 1e-06}'),
        ({"adapter_name_or_path": "saves/a"}, "model.continue_from", "saves/a"),
        ({"disable_gradient_checkpointing": False}, "schedule.gradient_checkpointing", True),
        ({"run_name": "a b", "output_dir": "saves/c"}, "output.name", "a b"),
        ({"finetuning_type": "freeze", "use_llama_pro": True}, "tuning.method", "llama_pro"),
        ({"finetuning_type": "freeze", "use_llama_pro": True}, "tuning.new_blocks", 2),
        (
            {"finetuning_type": "freeze", "use_llama_pro": True, "freeze_trainable_layers": 8},
            "tuning.new_blocks",
            8,
        ),
        ({"finetuning_type": "lora", "use_llama_pro": True}, "tuning.method", "lora"),
        ({"finetuning_type": "full", "freeze_language_model": True}, "tuning.method", "encoder"),
        ({"add_tokens": "<pump>,<valve>"}, "model.new_tokens", ("<pump>", "<valve>")),
        ({"add_tokens": "<pump>", "resize_vocab": False}, "model.resize_vocabulary", True),
        ({"add_special_tokens": "<a>", "add_tokens": ["<b>"]}, "model.new_tokens", ("<b>", "<a>")),
        ({"quantization_bit": 8}, "quantization.bits", "8"),
        ({"quantization_bit": "4"}, "quantization.method", "bitsandbytes"),
        ({"quantization_bit": 4, "quantization_method": "bnb"}, "quantization.method", "bitsandbytes"),
        ({"quantization_bit": 4, "quantization_type": "fp4"}, "quantization.kind", "fp4"),
        ({"quantization_bit": 4, "double_quantization": False}, "quantization.double", False),
        ({"optim": "adamw_8bit"}, "optim.optimizer", "adamw_bnb_8bit"),
        ({"swanlab_project": "kilns"}, "output.tracker_project", "kilns"),
        ({"trackio_space_id": "me/kilns"}, "output.trackio_space", "me/kilns"),
    ],
)
def test_values_are_turned_into_ours(tree: dict[str, Any], key: str, value: Any) -> None:
    assert mapped(import_arguments(tree))[key][1] == value


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        ({"stage": "dpo_of_some_kind"}, "stage"),
        ({"stage": "sft", "ppo_epochs": 2}, "only_ppo"),
        ({"stage": "sft", "ppo_score_norm": False}, "off"),
        ({"stage": "sft", "reward_model": "saves/rm"}, "only_ppo"),
        ({"stage": "ppo", "reward_model": ["a", "b"]}, "several_reward_models"),
        ({"stage": "ppo", "reward_model_type": "lora"}, "own_way"),
        ({"stage": "ppo", "reward_model_type": "api"}, "none"),
        ({"stage": "dpo", "pref_loss": "kto_pair"}, "value"),
        ({"val_size": 500}, "validation_rows"),
        ({"val_size": "some"}, "value"),
        ({"warmup_steps": 20}, "warmup_steps"),
        ({"adapter_name_or_path": "a,b"}, "several"),
        ({"model_title": "Some-7B-Chat"}, "model_title"),
        ({"optim": "no_such"}, "value"),
        ({"report_to": "neptune"}, "value"),
        ({"learning_rate": "fast"}, "value"),
        ({"learning_rate": [1]}, "value"),
        ({"lora_rank": 1.5}, "value"),
        ({"lr_scheduler_type": "no_such"}, "value"),
        ({"compute_type": "pure_bf16"}, "value"),
        ({"pure_bf16": True}, "none"),
        ({"dataset_dir": "REMOTE:a/b"}, "none"),
        ({"use_llama_pro": True}, "llama_pro"),
        ({"freeze_vision_tower": True}, "pictures"),
        ({"project": "huggingface"}, "off"),
        ({"quantization_bit": 3}, "quantization_method"),
        ({"quantization_method": "hqq"}, "not_quantised"),
        ({"double_quantization": True}, "not_quantised"),
        ({"double_quantization": False}, "off"),
        ({"quantization_bit": None}, "off"),
    ],
)
def test_what_cannot_be_taken_over_says_why(tree: dict[str, Any], reason: str) -> None:
    assert list(left(import_arguments(tree)).values()) == [reason]


@pytest.mark.parametrize(
    ("tree", "leftovers"),
    [
        ({"report_to": ["wandb", "neptune"], "use_swanlab": True}, {"report_to": "value"}),
        ({"mask_history": True, "train_on_prompt": True}, {"train_on_prompt": "overruled_history"}),
        ({"eval_strategy": False, "val_size": 0.1}, {"val_size": "no_validation"}),
        (
            {"quantization_bit": 4, "quantization_method": "hqq", "double_quantization": True},
            dict.fromkeys(("quantization_bit", "quantization_method", "double_quantization"), "quantization_method"),
        ),
        ({"eval_strategy": "no", "eval_dataset": "a"}, {"eval_dataset": "no_validation"}),
    ],
)
def test_only_what_has_no_part_in_the_result_is_left_over(tree: dict[str, Any], leftovers: dict[str, str]) -> None:
    assert left(import_arguments(tree)) == leftovers


def test_of_several_trackers_only_the_unknown_one_is_named() -> None:
    (leftover,) = import_arguments({"report_to": "wandb, neptune"}).leftovers
    assert leftover.value == ["neptune"]


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_the_setting_of_the_table_is_the_one_that_an_argument_becomes(name: str) -> None:
    keys = {each.key for value in (1, True, "lora", ["a"]) for each in import_arguments({name: value}).mapped}
    assert not keys or ARGUMENTS[name] in keys


@pytest.mark.parametrize("extra", ["{", "[1]", "7", '"text"'])
def test_free_json_that_is_none_is_named(extra: str) -> None:
    assert left(import_form({"train.extra_args": extra})) == {"train.extra_args: ": "none"}


def test_the_tables_name_settings_and_arguments_that_exist() -> None:
    assert set(ARGUMENTS.values()) <= set(setting_by_key())
    optimizers = setting_by_key()["optim.optimizer"].facts.choices
    assert set(SWITCHED_OPTIMIZERS.values()) <= set(optimizers)
    assert not set(ARGUMENTS) & OWN_WAY
    assert len(set(FORM_FIELDS.values())) == len(FORM_FIELDS)
    assert set(SAME_OPTIMIZERS.values()) <= set(optimizers)


def test_freeze_tuning_gives_way_to_new_blocks_and_says_so() -> None:
    found = import_arguments({"finetuning_type": "freeze", "use_llama_pro": True, "freeze_trainable_layers": 4})
    assert left(found) == {"finetuning_type": "overruled_method"}
    assert found.config.tuning.freeze_layers == RunConfig().tuning.freeze_layers


@pytest.mark.parametrize("name", [*ARGUMENTS, *sorted(OWN_WAY), *SWITCHED_OPTIMIZERS, *FORM_FIELDS.values(), "unheard"])
def test_no_value_breaks_an_import_and_nothing_is_dropped(name: str) -> None:
    for value in (None, "", "x", -1, 0, 2, 1e400, True, [], ["a"], {}, {"a": 1}):
        found = import_arguments({name: value})
        assert {each.source for each in (*found.mapped, *found.leftovers)} == {name}
