"""The guide for people from LLaMA-Factory tells the truth: no control is missed, every setting and place exists."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import FakeEngine
from tsft.config.llamafactory import import_form
from tsft.config.llamafactory_names import ARGUMENTS, FORM_FIELDS
from tsft.config.llamafactory_values import CONVERTERS
from tsft.config.schema import section_names, setting_by_key
from tsft.i18n import translate
from tsft.ui.context import PageContext
from tsft.ui.form import Form
from tsft.ui.page import Page
from tsft.ui.train_tab import FOLDS

DOCS = Path(__file__).resolve().parents[1] / "docs"
GUIDE = (DOCS / "from-llamafactory.md").read_text(encoding="utf-8")
DOTTED = re.compile(r"`([a-z_]+\.[a-z0-9_]+)`")
FILE_ENDINGS = ("json", "yaml", "md")

# Every control of LLaMA Board's top bar and Train tab (August 2026), its accordions among them.
TOP = """
lang model_name model_path hub_name finetuning_type checkpoint_path quantization_bit quantization_method template
rope_scaling booster
"""
TRAIN = """
training_stage dataset_dir dataset data_preview_btn preview_count page_index prev_btn next_btn close_btn preview_samples
learning_rate num_train_epochs max_grad_norm train_seed max_samples compute_type cutoff_len batch_size
gradient_accumulation_steps val_size lr_scheduler_type
extra_tab logging_steps save_steps warmup_steps neftune_alpha extra_args packing neat_packing train_on_prompt
mask_history resize_vocab use_llama_pro enable_thinking report_to project trackio_space_id hub_private_repo
freeze_tab freeze_trainable_layers freeze_trainable_modules freeze_extra_modules
lora_tab lora_rank lora_alpha lora_dropout loraplus_lr_ratio create_new_adapter use_rslora use_dora use_pissa
lora_target additional_target
rlhf_tab pref_beta pref_ftx pref_loss reward_model ppo_score_norm ppo_whiten_rewards
mm_tab freeze_vision_tower freeze_multi_modal_projector freeze_language_model image_max_pixels image_min_pixels
video_max_pixels video_min_pixels
galore_tab use_galore galore_rank galore_update_interval galore_scale galore_target
apollo_tab use_apollo apollo_rank apollo_update_interval apollo_scale apollo_target
badam_tab use_badam badam_mode badam_switch_mode badam_switch_interval badam_update_ratio
swanlab_tab use_swanlab swanlab_project swanlab_run_name swanlab_workspace swanlab_api_key swanlab_mode swanlab_link
cmd_preview_btn arg_save_btn arg_load_btn start_btn stop_btn current_time output_dir config_path device_count ds_stage
ds_offload resume_btn progress_bar output_box loss_viewer
"""
# Sent without a control, or known to the back end alone.
WITHOUT_CONTROL = """
do_train cache_dir preprocessing_num_workers plot_loss trust_remote_code ddp_timeout include_num_input_tokens_seen
resume_from_checkpoint overwrite_output_dir early_stopping_steps load_best_model_at_end save_total_limit eval_dataset
eval_on_each_dataset eval_steps max_steps warmup_ratio weight_decay optim mix_strategy interleave_probs streaming
tokenized_path overwrite_cache ref_model simpo_gamma dpo_label_smoothing shift_attn push_to_hub num_beams
"""
IDS = [*(f"top.{name}" for name in TOP.split()), *(f"train.{name}" for name in TRAIN.split())]
CONTROLS = [name for name in IDS if not name.endswith("_tab")]


def rows() -> dict[str, list[str]]:
    """The cells behind each control's id."""
    lines = [line for line in GUIDE.splitlines() if re.match(r"\| `(top|train)\.", line)]
    cells = [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in lines]
    return {first.strip(" `"): rest for first, *rest in cells}


def keys_in(text: str) -> list[str]:
    return [name for name in DOTTED.findall(text) if name in setting_by_key()]


def settings_named() -> Iterator[str]:
    """Everything in the guide that is written as a setting: not an id there, not a file."""
    for name in DOTTED.findall(GUIDE):
        if name not in IDS and name.rsplit(".", 1)[1] not in FILE_ENDINGS:
            yield name


@pytest.fixture(scope="module")
def form() -> Form:
    return Page(PageContext(FakeEngine())).parts.form


def place_of(form: Form, key: str) -> str:
    """Where a control stands on the page, in the guide's words."""
    for name, sections in FOLDS:
        if form.is_among_rest(sections, key):
            more = f", *{translate('en', 'page.more')}*" if setting_by_key()[key].facts.is_advanced else ""
            return f"*{translate('en', f'section.{name}')}*{more}"
    is_above = form.keys.index(key) < form.keys.index("data.datasets")
    return "top bar" if is_above else "Train, above the folds"


def test_every_setting_it_names_exists() -> None:
    assert [name for name in settings_named() if name not in setting_by_key()] == []


def test_no_id_there_could_be_taken_for_a_setting() -> None:
    assert not {"top", "train"} & set(section_names())


def test_every_control_has_exactly_one_row() -> None:
    told = re.findall(r"^\| `((?:top|train)\.\w+)`", GUIDE, flags=re.MULTILINE)
    assert sorted(told) == sorted(CONTROLS)


@pytest.mark.parametrize("name", [name for name in IDS if name.endswith("_tab")])
def test_every_accordion_has_a_heading(name: str) -> None:
    assert re.search(rf"^## .*\(`{name}`\)$", GUIDE, flags=re.MULTILINE)


def test_every_argument_without_a_control_is_told_of() -> None:
    assert [name for name in WITHOUT_CONTROL.split() if f"`{name}`" not in GUIDE] == []


def test_every_row_says_where_or_why_not() -> None:
    for name, (here, where, differs) in rows().items():
        assert where, name
        assert keys_in(here) or here in ("none", "later version"), name
        assert keys_in(here) or differs, f"{name} has no setting and no reason"


def test_every_control_stands_where_it_is_said_to(form: Form) -> None:
    for name, (here, where, _) in rows().items():
        places = dict.fromkeys(place_of(form, key) for key in keys_in(here))
        assert not places or where == "; ".join(places), name


def test_every_value_it_names_is_a_choice() -> None:
    found = re.findall(r"`(\w+\.\w+)` = `(\w+)`", GUIDE)
    assert found
    assert [each for each in found if each[1] not in setting_by_key()[each[0]].facts.choices] == []


def test_it_says_the_same_as_the_import() -> None:
    """A control that the import turns into a setting has that setting in its row."""
    for name, (here, _, _) in rows().items():
        argument = FORM_FIELDS.get(name, "")
        if argument in ARGUMENTS and argument not in CONVERTERS:
            assert ARGUMENTS[argument] in keys_in(here), name


# What a saved form may hold in a control, where "x" is none of its values.
HELD = {
    "top.model_name": "ChatTS-8B", "top.hub_name": "modelscope", "top.finetuning_type": "freeze",
    "top.quantization_bit": 4, "top.quantization_method": "bnb",
    "top.checkpoint_path": ["saves/a"], "top.rope_scaling": "yarn", "top.booster": "liger_kernel",
    "train.training_stage": "Pre-Training", "train.compute_type": "bf16", "train.lr_scheduler_type": "cosine",
    "train.report_to": ["wandb"], "train.badam_switch_mode": "random", "train.swanlab_mode": "local",
    "train.pref_loss": "hinge", "train.dataset": ["demo"], "train.extra_args": '{"optim": "sgd"}',
    "train.ds_stage": "3",
}  # fmt: skip
# Without these there, a control means nothing.
BESIDE: dict[str, dict[str, Any]] = {
    "train.use_llama_pro": {"top.finetuning_type": "freeze"},
    "train.ds_offload": {"train.ds_stage": "3"},
    "top.quantization_method": {"top.quantization_bit": 8},
}
# Told of in the guide as the nearest thing here; a saved form says nothing of series.
NOT_IMPORTED = ("top.model_path", "train.freeze_vision_tower", "train.freeze_multi_modal_projector")


def held(name: str) -> list[Any]:
    return [HELD[name]] if name in HELD else [True, 1, 0.5, "x"]


def test_a_control_with_a_setting_here_is_imported_into_it() -> None:
    for name, (here, _, _) in rows().items():
        if not keys_in(here) or name in NOT_IMPORTED:
            continue
        beside = BESIDE.get(name, {})
        found = [import_form({name: value, **beside}) for value in held(name)]
        keys = {each.key for one in found for each in one.mapped}
        wanted = ["optim.optimizer"] if name == "train.extra_args" else keys_in(here)
        assert keys & set(wanted), f"{name} is told of as {here} and not imported"


def test_its_links_lead_to_files() -> None:
    targets = re.findall(r"\]\((?!http)([^)#]+)", GUIDE)
    assert targets
    assert [target for target in targets if not (DOCS / target).exists()] == []
