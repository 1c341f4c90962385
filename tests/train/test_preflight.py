"""Known ways to fail, each found on a real model folder with one thing wrong."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from longwrite.rewards.composition import Component, Composition
from longwrite.rewards.length import LengthReward
from longwrite.rewards.measured import COHERENCE, RepetitionReward
from longwrite.rewards.quality import QualityReward

pytest.importorskip("transformers")

from longwrite.train.preflight import (
    check_partial,
    check_rate,
    check_stop_token,
    check_template,
    describe_problem,
    measure_tokens_per_word,
)
from longwrite.train.preflight_grpo import check_grpo

transformers: Any = import_module("transformers")

GOOD = Composition((Component(LengthReward()), Component(RepetitionReward())), name="good")
NANO = Path(__file__).resolve().parents[2] / "longwrite" / "nano"


def make_rows(words: int = 60, **columns: Any) -> list[dict[str, Any]]:
    prompt = [{"role": "user", "content": f"Write {words} words about boats."}]
    return [{"prompt": prompt, "words": words, **columns}] * 3


def make_args(**changed: Any) -> Any:
    usual = {
        "max_completion_length": 1_000, "num_generations": 4, "learning_rate": 1e-5,
        "multi_objective_aggregation": "normalize_then_sum", "mask_truncated_completions": False,
    }  # fmt: skip
    return SimpleNamespace(**usual | changed)


def load(folder: Path) -> tuple[Any, Any]:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    return model, transformers.AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> tuple[Any, Any]:
    return load(tiny_model)


Check = Callable[..., list[str]]


@pytest.fixture
def check(loaded: tuple[Any, Any]) -> Check:
    """Return a check of a run that is fine but for what is changed, as the problems' sentences."""

    def run(fatal: bool | None = True, **changed: Any) -> list[str]:
        model, tokenizer = loaded
        usual: dict[str, Any] = {
            "model": model, "tokenizer": tokenizer, "args": make_args(), "rewards": GOOD,
            "rows": make_rows(), "reward_deadline": 20.0,
        }  # fmt: skip
        found = check_grpo(**usual | changed)
        return [describe_problem(one) for one in found if fatal in (None, one.fatal)]

    return run


def test_a_good_run_has_no_problem(check: Check) -> None:
    assert check(None) == []


def test_the_shipped_model_has_no_problem() -> None:
    model, tokenizer = load(NANO)
    found = check_grpo(
        model=model, tokenizer=tokenizer, args=make_args(), rewards=GOOD, rows=make_rows()
    )
    assert found == []


def test_a_limit_under_the_longest_target(check: Check) -> None:
    (told,) = check(rows=[*make_rows(60), *make_rows(900)])
    assert "1,000 tokens is under the longest target" in told and "900 words take about" in told


def test_a_target_that_only_the_prompt_states(check: Check) -> None:
    rows = [{"prompt": row["prompt"]} for row in make_rows(900)]
    assert "under the longest target" in check(rows=rows)[0]


def test_a_limit_over_the_window(check: Check) -> None:
    (told,) = check(args=make_args(max_completion_length=4_090))
    assert "the model's window of 4,096" in told


def test_rewards_without_a_gate_at_the_stop_token_are_named(check: Check) -> None:
    (told,) = check(eos_gate=False)
    assert "'repetition'" in told and "'length'" not in told and "eos_gate: true" in told
    gated = Composition((Component(LengthReward()),), name="gated")
    assert check(eos_gate=False, rewards=gated) == []


@dataclass(frozen=True)
class Other(RepetitionReward):
    """A reward of one's own."""

    name: str = "other"


def test_components_that_may_not_apply_in_a_sum(check: Check) -> None:
    rewards = Composition((Component(LengthReward()), Component(COHERENCE), Component(Other())))
    summed = make_args(multi_objective_aggregation="sum_then_normalize")
    (told,) = check(rewards=rewards, args=summed)
    assert "'coherence' may not apply" in told and "normalize_then_sum" in told
    assert check(rewards=GOOD, args=summed) == []


def test_a_judge_that_may_not_answer_in_a_sum_and_that_is_not_there(
    check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LONGWRITE_JUDGE", raising=False)
    rewards = Composition((Component(QualityReward()),), name="judged")
    told = check(rewards=rewards, args=make_args(multi_objective_aggregation="sum_then_normalize"))
    assert any("LONGWRITE_JUDGE" in one for one in told)
    assert any("'quality' may not apply" in one for one in told)


def test_a_reward_that_raises_or_pays_no_number_or_hangs(check: Check) -> None:
    over = threading.Event()

    def broken(**batch: Any) -> list[float]:
        return [1 / len(row) for row in batch["tests"]]

    def odd(completions: list[Any], **batch: Any) -> list[float]:
        return [float("nan")] * len(completions)

    def hanging(**batch: Any) -> list[float]:
        over.wait()
        return []

    told = check(rewards=[broken, odd, hanging], reward_deadline=0.2)
    over.set()
    assert [one.split(":")[0] for one in told] == [
        f"The reward '{name}' doesn't work on this data" for name in ("broken", "odd", "hanging")
    ]
    assert "KeyError: 'tests'" in told[0] and "nan" in told[1] and "0.2 seconds" in told[2]


def test_no_reward_at_all(check: Check) -> None:
    assert "There is no reward" in check(rewards=[])[0]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "The set is empty"),
        ([{"text": "Once upon a time"}], "its columns are text"),
        ([*make_rows(), {"prompt": None}], "Row 4 has no prompt"),
        ([{"prompt": [{"role": "user", "content": "Hello."}]}], "No row asks for anything"),
    ],
)
def test_a_set_with_nothing_to_ask_for(rows: list[Any], told: str, check: Check) -> None:
    assert told in check(rows=rows)[0]


def test_prompts_without_a_length_are_a_warning(check: Check) -> None:
    bare = {"prompt": [{"role": "user", "content": "Write about boats, in English."}]}
    told = check(False, rows=[*({"prompt": row["prompt"]} for row in make_rows()), bare])
    assert any("1 of 4 prompts state no length" in one for one in told)


def test_groups_of_one_and_masks_that_undo_the_gate(check: Check) -> None:
    assert "A group has 1 completion" in check(args=make_args(num_generations=1))[0]
    masked = make_args(mask_truncated_completions=True)
    assert "mask_truncated_completions: false" in check(False, args=masked)[0]


def test_a_high_rate_is_a_warning_unless_an_adapter_is_trained(loaded: tuple[Any, Any]) -> None:
    (told,) = check_rate(loaded[0], 1e-3)
    assert not told.fatal and "learning_rate" in told.mend
    assert check_rate(loaded[0], 1e-4) == []
    assert check_rate(loaded[0], 1e-3, adapter=True) == []


# --- a model folder with one thing wrong ----------------------------------------------------------


def change(source: Path, folder: Path, file: str, old: str, new: str) -> tuple[Any, Any]:
    shutil.copytree(source, folder)
    text = (folder / file).read_text("utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), "utf-8")
    return load(folder)


def test_a_tokenizer_without_a_template(tiny_model: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "bare")
    (tmp_path / "bare" / "chat_template.jinja").unlink()
    _, tokenizer = load(tmp_path / "bare")
    (told,) = check_template(tokenizer, conversational=True)
    assert told.fatal and "no chat template" in told.what
    (told,) = check_template(tokenizer, conversational=False)
    assert not told.fatal


def test_a_template_that_fails(loaded: tuple[Any, Any]) -> None:
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=loaded[1].backend_tokenizer,
        chat_template="{{ raise_exception('roles must alternate') }}",
    )
    (told,) = check_template(tokenizer, conversational=True)
    assert "roles must alternate" in told.why


def test_a_turn_that_ends_with_a_token_generation_does_not_stop_at(
    tiny_model: Path, tmp_path: Path
) -> None:
    model, tokenizer = change(
        tiny_model, tmp_path / "other", "chat_template.jinja",
        "{{ message.content }}<|im_end|>", "{{ message.content }}<|im_start|>",
    )  # fmt: skip
    assert "doesn't stop at '<|im_start|>'" in check_stop_token(model, tokenizer)[0].what
    model.generation_config.eos_token_id = [1, tokenizer.convert_tokens_to_ids("<|im_start|>")]
    assert check_stop_token(model, tokenizer) == []


def test_a_tokenizer_without_a_stop_token(loaded: tuple[Any, Any]) -> None:
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=loaded[1].backend_tokenizer)
    assert "no stop token" in check_stop_token(loaded[0], tokenizer)[0].what


@pytest.mark.parametrize(("row", "why"), [("zero", "is zero"), ("twin", "same as token 7's")])
def test_a_stop_token_that_was_never_trained(row: str, why: str, tiny_model: Path) -> None:
    torch: Any = import_module("torch")
    model, tokenizer = load(tiny_model)
    weight = model.get_output_embeddings().weight
    with torch.no_grad():
        weight[tokenizer.eos_token_id] = 0.0 if row == "zero" else weight[7]
    (told,) = check_stop_token(model, tokenizer)
    assert "isn't trained" in told.what and why in told.why


def test_a_stop_token_beyond_the_model(tiny_model: Path) -> None:
    model, tokenizer = load(tiny_model)
    tokenizer.add_special_tokens({"eos_token": "<|new|>"})
    tokenizer.chat_template = tokenizer.chat_template.replace("<|im_end|>", "<|new|>")
    (told,) = check_stop_token(model, tokenizer)
    assert "beyond the model's" in told.why


def test_tokens_of_a_word_are_measured_on_the_sets_own_texts(loaded: tuple[Any, Any]) -> None:
    plain = measure_tokens_per_word(loaded[1], ["The tide came in over the flats."])
    assert 1 <= plain < measure_tokens_per_word(loaded[1], ["Xylophones quizzically jinx zephyrs."])
    assert measure_tokens_per_word(loaded[1], []) == 1.5


def test_parts_of_documents_are_told_for_they_teach_no_stop() -> None:
    (told,) = check_partial(216, 324)
    assert not told.fatal and "216 of 324 rows" in told.what and "learn_ends: turn" in told.mend
    assert check_partial(0, 324) == []
