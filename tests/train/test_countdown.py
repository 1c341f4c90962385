"""Teaching a count-down: what is counted in a batch, and TRL's trainer with it."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.errors import UsageError

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from longwrite.engines.countdown import (  # noqa: E402
    FILE,
    NOTHING,
    Countdown,
    attach,
    encode,
    read_countdown,
)
from longwrite.train.countdown import (  # noqa: E402
    CountdownCollator,
    CountdownTraining,
    count_remaining,
    fit_countdown,
)
from longwrite.train.rows import IGNORED  # noqa: E402

STOP = 1
COUNTDOWN = Countdown(hidden=64, scale=0.5)
Example = dict[str, list[int]]


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")


@pytest.fixture
def model(tiny_model: Path) -> Any:
    return import_module("transformers").AutoModelForCausalLM.from_pretrained(tiny_model)


def make_example(prompt: int, text: int, *, ends: bool = True) -> Example:
    """Return a row of so many tokens of prompt and reply, the stop token beside them."""
    reply = [10 + number % 90 for number in range(text)] + [STOP] * ends
    asked = [2] + [100 + number % 90 for number in range(prompt - 1)]
    return {"input_ids": asked + reply, "labels": [IGNORED] * prompt + reply}


EXAMPLES = [make_example(3, 4), make_example(5, 1), make_example(2, 9)]


def collate(examples: Sequence[Example], *, packed: bool = False) -> dict[str, Any]:
    kind = import_module("trl.trainer.sft_trainer").DataCollatorForLanguageModeling
    collator = CountdownCollator(kind(pad_token_id=0, padding_free=packed), [STOP])
    return collator(examples)


# --- counting ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "learned", "remaining"),
    [
        ([9, 9, 5, 6, 7, 1, 0, 0], "..xxxx..", [-1, -1, 3, 2, 1, 0, -1, -1]),
        ([0, 0, 9, 9, 5, 6, 7, 1], "....xxxx", [-1, -1, -1, -1, 3, 2, 1, 0]),
        ([9, 5, 6, 1, 9, 9, 7, 1], ".xxx..xx", [-1, 2, 1, 0, -1, -1, 1, 0]),
        ([9, 9, 5, 1, 8, 8, 0, 0], "..xxxx..", [-1, -1, 1, 0, 0, 0, -1, -1]),
        ([9, 9, 5, 6, 7, 8, 9, 9], "..xxxxxx", [-1] * 8),
        ([9, 1, 9, 9, 9, 9, 9, 9], "........", [-1] * 8),
    ],
    ids=["padded right", "padded left", "two turns", "past the stop", "no end", "no reply"],
)
def test_what_remains_of_a_reply_is_the_way_to_its_stop_token(
    ids: list[int], learned: str, remaining: list[int]
) -> None:
    labels = [one if mark == "x" else IGNORED for one, mark in zip(ids, learned, strict=True)]
    found = count_remaining(torch.tensor([ids]), torch.tensor([labels]), {STOP})
    assert found.tolist() == [remaining]


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 12), st.booleans()), min_size=1))
def test_packed_rows_count_as_they_do_alone(sizes: list[tuple[int, int, bool]]) -> None:
    rows = [make_example(prompt, text, ends=ends) for prompt, text, ends in sizes]
    packed = {name: [one for row in rows for one in row[name]] for name in ("input_ids", "labels")}

    def count(row: Example) -> list[int]:
        ids, labels = torch.tensor([row["input_ids"]]), torch.tensor([row["labels"]])
        counts: list[int] = count_remaining(ids, labels, {STOP})[0].tolist()
        return counts

    assert count(packed) == [one for row in rows for one in count(row)]
    for row, (prompt, text, ends) in zip(rows, sizes, strict=True):
        expected = list(range(text, -1, -1)) if ends else [NOTHING] * text
        assert count(row) == [NOTHING] * prompt + expected


def test_a_collator_counts_what_it_has_padded_or_packed() -> None:
    padded, packed = collate(EXAMPLES), collate(EXAMPLES, packed=True)
    assert padded["remaining"].tolist()[1] == [NOTHING] * 5 + [1, 0] + [NOTHING] * 5
    flat = padded["remaining"][padded["attention_mask"].bool()]
    assert packed["remaining"].tolist() == [flat.tolist()]


def test_jitter_moves_the_target_and_blank_takes_it_away() -> None:
    rows = [make_example(2, 20)] * 200
    batch = collate(rows)
    torch.manual_seed(0)
    moved = CountdownCollator(lambda _: dict(batch), [STOP], jitter=3)(rows)["remaining"]
    assert set(moved[:, 2].tolist()) == set(range(17, 24))
    assert set(moved[:, -1].tolist()) == {0, 1, 2, 3}
    blank = CountdownCollator(lambda _: dict(batch), [STOP], blank=0.25)(rows)["remaining"]
    assert 30 <= int((blank[:, 2] == NOTHING).sum()) <= 70
    assert set(blank[:, 2].tolist()) == {NOTHING, 20}


@pytest.mark.parametrize(
    ("stops", "options"), [([], {}), ([STOP], {"jitter": -1}), ([STOP], {"blank": 1.0})]
)
def test_a_collator_refuses_what_teaches_nothing(stops: list[int], options: Any) -> None:
    with pytest.raises(UsageError, match="can't teach a count-down"):
        CountdownCollator(collate, stops, **options)


# --- settings ------------------------------------------------------------------------------------


def test_the_encoding_is_as_loud_as_the_embeddings(model: Any) -> None:
    countdown = fit_countdown(model, tokens_per_word=1.4, loudness=1)
    waves = encode(torch.arange(1, 400), countdown).square().mean().sqrt()
    words = model.get_input_embeddings().weight.detach().square().mean().sqrt()
    assert float(waves / words) == pytest.approx(1, rel=0.01)
    assert (countdown.hidden, countdown.tokens_per_word) == (64, 1.4)
    louder = fit_countdown(model, loudness=2)
    assert louder.scale == pytest.approx(2 * countdown.scale)


def test_no_two_counts_of_a_reply_look_alike(model: Any) -> None:
    for longest in (400, 8_000):
        countdown = fit_countdown(model, longest=longest)
        assert 2 * math.pi * countdown.base > longest
        counts = encode(torch.arange(longest), countdown)
        assert (counts[1:] - counts[:-1]).norm(dim=-1).min() > 0.5 * countdown.scale
        assert (counts[1:] - counts[0]).norm(dim=-1).min() > 0.5 * countdown.scale


def test_embeddings_that_a_model_scales_are_measured_scaled() -> None:
    auto: Any = import_module("transformers")
    sizes = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
             "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8}  # fmt: skip
    model = auto.AutoModelForCausalLM.from_config(auto.AutoConfig.for_model("gemma3_text", **sizes))
    rms = float(model.get_input_embeddings().weight.detach().square().mean().sqrt())
    assert fit_countdown(model, loudness=1).scale == pytest.approx(rms * 4 * 2**0.5, rel=1e-3)


@pytest.mark.parametrize("options", [{"loudness": 0}, {"longest": -1}, {"tokens_per_word": -1}])
def test_settings_out_of_range_are_refused(model: Any, options: Any) -> None:
    with pytest.raises(UsageError, match="can't make a count-down"):
        fit_countdown(model, **options)


# --- models --------------------------------------------------------------------------------------


def test_packed_rows_score_as_they_do_alone(model: Any) -> None:
    attach(model, COUNTDOWN)
    packed = collate(EXAMPLES, packed=True)
    with torch.no_grad():
        whole = model(
            input_ids=packed["input_ids"], position_ids=packed["position_ids"],
            remaining=packed["remaining"], use_cache=False,
        ).logits[0]  # fmt: skip
        alone = [
            model(input_ids=one["input_ids"], remaining=one["remaining"]).logits[0]
            for one in (collate([example]) for example in EXAMPLES)
        ]
        untold = model(input_ids=collate(EXAMPLES[:1])["input_ids"]).logits[0]
    torch.testing.assert_close(whole, torch.cat(alone))
    assert not torch.allclose(alone[0], untold)


def gradients(model: Any, batch: dict[str, Any]) -> list[Any]:
    model.train()
    model.zero_grad()
    model(**batch, use_cache=False).loss.backward()
    return [one.grad.clone() for one in model.parameters() if one.grad is not None]


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_gradient_checkpointing_changes_nothing(model: Any) -> None:
    attach(model, COUNTDOWN)
    plain = gradients(model, collate(EXAMPLES))
    for reentrant in (False, True):
        model.gradient_checkpointing_enable({"use_reentrant": reentrant})
        model.enable_input_require_grads()
        again = gradients(model, collate(EXAMPLES))
        assert len(again) == len(plain) > 10
        torch.testing.assert_close(again, plain)


def test_a_copy_of_a_model_counts_for_itself(model: Any) -> None:
    batch = collate(EXAMPLES)
    counter = attach(model, COUNTDOWN)
    with torch.no_grad():
        told = model(**batch).loss
        twin = copy.deepcopy(model)
        counter.detach()
        assert torch.equal(twin(**batch).loss, told)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_adapter_s_model_counts_in_training_and_generation(model: Any) -> None:
    peft: Any = import_module("peft")
    wrapped = peft.get_peft_model(model, peft.LoraConfig(target_modules=["q_proj", "v_proj"]))
    batch = collate(EXAMPLES)
    with torch.no_grad():
        untold = wrapped(**{name: batch[name] for name in ("input_ids", "labels")}).loss
    counter = attach(wrapped, COUNTDOWN)
    with torch.no_grad():
        assert not torch.equal(wrapped(**batch).loss, untold)
    wrapped.gradient_checkpointing_enable({"use_reentrant": True})
    wrapped.enable_input_require_grads()
    assert all(bool(one.isfinite().all()) for one in gradients(wrapped, batch))
    wrapped.gradient_checkpointing_disable()
    prompt = torch.tensor([[2, 5, 6, 7]])
    greedy = {"do_sample": False, "max_new_tokens": 20, "min_new_tokens": 20}
    wrapped.eval()
    with counter.aiming([15], 4):
        told = wrapped.generate(input_ids=prompt, **greedy)
        assert torch.equal(told, model.generate(input_ids=prompt, **greedy))
    assert not torch.equal(told, wrapped.generate(input_ids=prompt, **greedy))


# --- the trainer ---------------------------------------------------------------------------------


def make_trainer(folder: Path, out: Path, model: Any, **options: Any) -> Any:
    trl: Any = import_module("trl")
    tokenizer = import_module("transformers").AutoTokenizer.from_pretrained(folder)
    rows = import_module("datasets").Dataset.from_list(
        [make_example(3 + number % 4, 5 + number) for number in range(12)]
    )
    config = trl.SFTConfig(
        output_dir=str(out), max_steps=2, save_steps=2, use_cpu=True, bf16=False, seed=0,
        report_to="none", logging_steps=1, per_device_train_batch_size=2, max_length=64,
        learning_rate=1e-2, **options,
    )  # fmt: skip

    class Trainer(CountdownTraining, trl.SFTTrainer):
        pass

    return Trainer(model, config, train_dataset=rows, processing_class=tokenizer)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("options", [{}, {"packing": True}], ids=["padded", "packed"])
def test_trl_trains_with_a_count_and_saves_it(
    options: Any, tiny_model: Path, tmp_path: Path, model: Any
) -> None:
    plain = make_trainer(tiny_model, tmp_path / "plain", copy.deepcopy(model), **options)
    plain.train()
    trainer = make_trainer(tiny_model, tmp_path / "told", model, **options)
    countdown = fit_countdown(model, tokens_per_word=1.5)
    trainer.teach_countdown(countdown, stops={STOP}, blank=0)
    trainer.train()
    trainer.save_model()
    losses = [
        [log["loss"] for log in one.state.log_history if "loss" in log] for one in (plain, trainer)
    ]
    assert len(losses[1]) == 2 and losses[0] != losses[1]
    for folder in (tmp_path / "told", tmp_path / "told" / "checkpoint-2"):
        assert read_countdown(folder) == countdown
        assert (folder / "model.safetensors").is_file()
    assert not (tmp_path / "plain" / "checkpoint-2" / FILE).exists()


@pytest.mark.filterwarnings("ignore")
def test_settings_of_another_model_stop_it_before_the_first_step(
    tiny_model: Path, tmp_path: Path, model: Any
) -> None:
    trainer = make_trainer(tiny_model, tmp_path, model)
    collator = trainer.data_collator
    with pytest.raises(UsageError, match="size 8, and the model's are 64"):
        trainer.teach_countdown(Countdown(hidden=8, scale=1.0), stops={STOP})
    assert trainer.data_collator is collator
