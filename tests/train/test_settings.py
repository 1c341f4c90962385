"""TRL's arguments, read by TRL; a mistake is a sentence that names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from longwrite.errors import UsageError
from longwrite.train.settings import Order, list_arguments, read_order

pytestmark = pytest.mark.filterwarnings("ignore")
NAMED = ("--model_name_or_path=base", "--dataset_name=set", "--output_dir=out")


def from_yaml(folder: Path, text: str, *arguments: str) -> Order:
    """Read an order for ``sft`` from a file and a line."""
    file = folder / "config.yaml"
    file.write_text(text, "utf-8")
    return read_order("sft", file, [*NAMED, *arguments])


def test_a_file_reaches_every_class_and_the_line_goes_before_it(tmp_path: Path) -> None:
    order = from_yaml(
        tmp_path,
        "learning_rate: 1e-4\npacking: yes\nuse_peft: true\nlora_target_modules: [q_proj, o_proj]\n"
        "dataset_config: sft\nweighting: sequence\nmodel_init_kwargs: {dtype: float32}\n",
        "--learning_rate",
        "2e-4",
    )
    assert order.training.learning_rate == 2e-4
    assert order.training.packing and order.training.model_init_kwargs
    assert order.model.use_peft and order.model.lora_target_modules == ["q_proj", "o_proj"]
    assert order.script.dataset_config == "sft"
    assert order.options.weighting == "sequence"


def test_going_on_where_it_can_is_what_every_run_does(tmp_path: Path) -> None:
    assert from_yaml(tmp_path, "resume_from_checkpoint: true\n").method == "sft"


def test_no_default_cuts_a_row() -> None:
    assert read_order("sft", None, NAMED).training.max_length is None
    assert read_order("dpo", None, NAMED).training.max_length is None
    training = read_order("grpo", None, NAMED).training
    assert training.max_completion_length is None
    assert training.multi_objective_aggregation == "normalize_then_sum"
    assert training.epsilon_high == 0.28


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("learning_rat: 1", "Did you mean 'learning_rate'?"),
        ("max_steps: many", "many"),
        ("weighting: row", "weighting: row"),
        ("count_down_blank: 0.1", "'count_down_blank' needs a count-down"),
        ("stop_weight: 0.5", "the weight is 0.5"),
        ("stop_weight: 5\nloss_type: dft", "the loss is 'dft'"),
        ("stop_weight: 5\nlabel_smoothing_factor: 0.1", "labels are smoothed"),
        ("max_steps: [1]", "max_steps"),
        ("dataset_streaming: true", "'dataset_streaming: True' can't be used"),
        ("dataset_text_field: story", "Give columns prompt and completion"),
        ("dataset_kwargs: {skip_prepare_dataset: true}", "it has no effect here"),
        ("truncation_mode: keep_end", "no row is ever cut"),
        ("packing: true\npacking_strategy: wrapped", "'bfd' cuts no row"),
        ("resume_from_checkpoint: other/checkpoint-3", "from the last checkpoint of its --output"),
        ("assistant_only_loss: true", "learn_answers: all"),
        ("alarms: wran", "Did you mean 'warn'?"),
        ("- a list", "no mapping"),
        ("loss_type: [", "config.yaml"),
        ("env: 3", "'env'"),
    ],
)
def test_a_mistake_in_a_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as told:
        from_yaml(tmp_path, text)
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model_name_or_path=base",), "no set"),
        (("--dataset_name=set",), "no model"),
        ((*NAMED, "--sede", "1"), "'sede'"),
        ((*NAMED, "stray"), "stray"),
    ],
)
def test_a_mistake_on_the_line_is_named(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_order("sft", None, arguments)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.yaml can't be read"):
        read_order("sft", tmp_path / "none.yaml", NAMED)


def test_all_arguments_can_be_listed() -> None:
    told = list_arguments("dpo")
    assert "--ld_alpha" in told and "--lora_r" in told and "--allow_drop" in told
