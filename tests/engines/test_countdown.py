"""A model that is told how many tokens of its reply remain: settings, encoding, generation."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.engines.batch import Row, decode
from longwrite.engines.countdown import (
    FILE,
    NOTHING,
    Countdown,
    attach,
    encode,
    find_target,
    read_countdown,
    write_countdown,
)
from longwrite.engines.folder import digest_folder
from longwrite.engines.local import LocalEngine
from longwrite.errors import EngineError, UsageError
from longwrite.types import Ask, Message, Request, Role, Sampling
from tests.engines.answers import answer, ask
from tests.engines.asking import kind

torch = pytest.importorskip("torch")

COUNTDOWN = Countdown(hidden=64, scale=0.5, base=100.0, tokens_per_word=1.5)
PROMPTS = ([7], list(range(3, 60)), [9, 8, 7, 6, 5], [11] * 20)
TARGETS = (5, 12, None, 30)


def load(folder: Path) -> Any:
    return import_module("transformers").AutoModelForCausalLM.from_pretrained(folder)


@pytest.fixture
def model(tiny_model: Path) -> Iterator[Any]:
    with torch.inference_mode():
        yield load(tiny_model)


def pad_left(prompts: tuple[list[int], ...] = PROMPTS) -> dict[str, Any]:
    width = max(map(len, prompts))
    return {
        "input_ids": torch.tensor([[0] * (width - len(one)) + one for one in prompts]),
        "attention_mask": torch.tensor(
            [[0] * (width - len(one)) + [1] * len(one) for one in prompts]
        ),
    }


def generate(model: Any, inputs: dict[str, Any], tokens: int = 40, **options: Any) -> Any:
    greedy = {"do_sample": False, "max_new_tokens": tokens, "min_new_tokens": tokens}
    return model.generate(**inputs, **greedy, **options)[:, inputs["input_ids"].shape[1] :]


# --- the file ------------------------------------------------------------------------------------


@given(
    st.integers(1, 10**5),
    st.floats(0, 1e6),
    st.floats(1, 1e6),
    st.floats(0, 10),
)
def test_settings_survive_the_file(hidden: int, scale: float, base: float, rate: float) -> None:
    import tempfile

    countdown = Countdown(hidden, scale, base, rate)
    with tempfile.TemporaryDirectory() as name:
        write_countdown(countdown, Path(name))
        assert read_countdown(Path(name)) == countdown


def test_a_checkpoint_without_the_file_counts_nothing(tmp_path: Path) -> None:
    assert read_countdown(tmp_path) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"scale": "much"}, "its scale is no number"),
        ({"scale": math.inf}, "its scale has to be at least 0"),
        ({"scale": True}, "its scale is no number"),
        ({"hidden": 0}, "its hidden has to be at least 1"),
        ({"base": None}, "its base is no number"),
        ({"unit": "word"}, 'its unit is "word", and only "token" is known'),
        ({"version": 2}, "its version is 2, and only 1 is known"),
    ],
)
def test_a_damaged_file_is_told(change: dict[str, object], why: str, tmp_path: Path) -> None:
    write_countdown(COUNTDOWN, tmp_path)
    whole = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps(whole | change))
    with pytest.raises(UsageError, match=why):
        read_countdown(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{" * 3, "[" * 90_000, "1" * 200_000, "\udcff"])
def test_a_file_that_holds_something_else_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UsageError, match="Restore the file"):
        read_countdown(tmp_path)


# --- the encoding --------------------------------------------------------------------------------


def test_the_encoding_is_a_sinusoid_of_each_wavelength() -> None:
    countdown = Countdown(hidden=4, scale=2.0, base=100.0)
    (found,) = encode(torch.tensor([7]), countdown)
    expected = [math.sin(7), math.cos(7), math.sin(0.7), math.cos(0.7)]
    assert found.tolist() == pytest.approx([2 * one for one in expected], abs=1e-5)


def test_no_count_is_nothing_and_a_spent_one_is_not() -> None:
    nothing, spent = encode(torch.tensor([NOTHING, 0]), Countdown(hidden=5, scale=1.0))
    assert nothing.tolist() == [0, 0, 0, 0, 0]
    assert spent.tolist() == [0, 1, 0, 1, 0]


def test_counts_of_a_long_document_are_told_apart() -> None:
    waves = encode(torch.arange(32_768), Countdown(hidden=64, scale=1.0))
    assert float((waves[1:] - waves[:-1]).norm(dim=-1).min()) > 0.5
    assert float((waves[0] - waves[1:]).norm(dim=-1).min()) > 0.5


# --- the hook ------------------------------------------------------------------------------------


def test_a_model_of_another_size_is_refused(model: Any) -> None:
    with pytest.raises(UsageError, match=r"size 96, and the model's are 64.*Give the countdown"):
        attach(model, replace(COUNTDOWN, hidden=96))


def test_a_model_counts_once(model: Any) -> None:
    counter = attach(model, COUNTDOWN)
    with pytest.raises(UsageError, match="has one already"):
        attach(model, COUNTDOWN)
    counter.detach()
    attach(model, COUNTDOWN)


FAMILIES = {
    "qwen3": {},
    "llama": {},
    "gemma3_text": {"query_pre_attn_scalar": 8, "sliding_window": 8},
    "gpt2": {"n_positions": 64},
}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_count_reaches_models_of_several_families(family: str) -> None:
    auto: Any = import_module("transformers")
    config = auto.AutoConfig.for_model(
        family, vocab_size=50, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=8, pad_token_id=0,
        **FAMILIES[family],
    )  # fmt: skip
    ids, counts = torch.tensor([[3, 4, 5, 6]]), torch.tensor([[NOTHING, 2, 1, 0]])
    with torch.inference_mode():
        torch.manual_seed(0)
        model = auto.AutoModelForCausalLM.from_config(config).eval()
        plain = model(ids).logits
        silent = attach(model, Countdown(16, 0.0))
        assert torch.equal(model(ids).logits, plain)
        assert torch.equal(model(ids, remaining=counts).logits, plain)
        silent.detach()
        attach(model, Countdown(16, 1.0))
        assert torch.equal(model(ids).logits, plain)
        told = model(ids, remaining=counts).logits
        assert torch.equal(told[:, 0], plain[:, 0])
        assert bool((told[:, 1:] != plain[:, 1:]).any(-1).all())


def test_counts_of_another_shape_are_refused(model: Any) -> None:
    attach(model, COUNTDOWN)
    with pytest.raises(UsageError, match=r"shape \(1, 2\) came with tokens of shape \(1, 3\)"):
        model(torch.tensor([[3, 4, 5]]), remaining=torch.tensor([[1, 0]]))


def test_settings_and_weights_saved_and_loaded_give_the_same_logits(
    model: Any, tmp_path: Path
) -> None:
    ids, counts = torch.tensor([PROMPTS[1]]), torch.arange(57).flip(0)[None]
    attach(model, COUNTDOWN)
    model.save_pretrained(tmp_path)
    write_countdown(COUNTDOWN, tmp_path)
    again, countdown = load(tmp_path), read_countdown(tmp_path)
    assert countdown is not None
    attach(again, countdown)
    told = model(ids, remaining=counts).logits
    assert torch.equal(again(ids, remaining=counts).logits, told)
    assert not torch.equal(again(ids).logits, told)


# --- generation ----------------------------------------------------------------------------------


def test_generation_with_a_cache_is_what_a_whole_pass_computes(model: Any) -> None:
    """Each step's scores are those of one pass over prompt and reply, told the same counts."""
    counter = attach(model, COUNTDOWN)
    prompt, target = PROMPTS[2], 12
    with counter.aiming([target], len(prompt)):
        output = model.generate(
            torch.tensor([prompt]), do_sample=False, max_new_tokens=20, min_new_tokens=20,
            output_logits=True, return_dict_in_generate=True,
        )  # fmt: skip
    counts = [NOTHING] * len(prompt) + [max(0, target - place) for place in range(20)]
    whole = model(output.sequences, remaining=torch.tensor([counts])).logits
    steps = torch.stack(output.logits, dim=1)
    torch.testing.assert_close(steps, whole[:, len(prompt) - 1 : -1])
    assert not torch.allclose(steps, model(output.sequences).logits[:, len(prompt) - 1 : -1])


def test_generation_without_a_cache_is_the_same(model: Any) -> None:
    counter = attach(model, COUNTDOWN)
    inputs = pad_left()
    with counter.aiming(TARGETS, inputs["input_ids"].shape[1]):
        assert torch.equal(generate(model, inputs), generate(model, inputs, use_cache=False))


def test_left_padded_rows_with_a_target_each_are_what_they_are_alone(model: Any) -> None:
    free = generate(model, pad_left())
    counter = attach(model, COUNTDOWN)
    assert torch.equal(generate(model, pad_left()), free)
    with counter.aiming(TARGETS, 57):
        together = generate(model, pad_left())
    for place, (prompt, target) in enumerate(zip(PROMPTS, TARGETS, strict=True)):
        with counter.aiming([target], len(prompt)):
            alone = generate(model, pad_left((prompt,)))
        assert torch.equal(together[place], alone[0])
        assert torch.equal(together[place], free[place]) == (target is None)


def test_several_replies_to_a_prompt_share_its_target(model: Any) -> None:
    counter = attach(model, COUNTDOWN)
    with counter.aiming(TARGETS, 57):
        once = generate(model, pad_left(), tokens=9)
        beams = generate(model, pad_left(), tokens=9, num_beams=2, num_return_sequences=2)
    assert beams.shape[0] == 2 * once.shape[0]
    with pytest.raises(UsageError, match="3 targets for 4 rows"), counter.aiming([1, 2, 3], 57):
        generate(model, pad_left())


def test_the_engine_s_own_loop_writes_what_the_library_writes(model: Any) -> None:
    counter = attach(model, COUNTDOWN)
    rows = [
        Row(Sampling(20 + 5 * place, temperature=0), prompt, target=target)
        for place, (prompt, target) in enumerate(zip(PROMPTS, TARGETS, strict=True))
    ]
    for _ in decode(model, rows, frozenset()):
        pass
    for row in rows:
        with counter.aiming([row.target], len(row.prompt)):
            alone = generate(model, pad_left((row.prompt,)), row.sampling.max_tokens)
        assert row.tokens == alone[0].tolist()


# --- the engine ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that repeats a token until its count is at most 1, and then ends its turn."""
    made = Path(shutil.copytree(tiny_model, tmp_path_factory.mktemp("counting") / "model"))
    countdown = replace(COUNTDOWN, scale=3.0, base=1e4)
    last, before = encode(torch.tensor([1, 2]), countdown)[:, 1::2].sum(-1).tolist()
    model = load(made)
    with torch.no_grad():
        # Its layers do nothing, and all tokens are a large constant in channel 0.
        embeddings = model.get_input_embeddings().weight
        embeddings.zero_()
        embeddings[:, 0] = 200.0
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        head = model.get_output_embeddings().weight
        head.zero_()
        head[40, 0] = 1e-5
        head[1, 1::2] = 1.0  # the cosines' sum falls from its largest value at a count of 0
        head[1, 0] = -(last + before) / 2 / 200.0
    model.save_pretrained(made)
    write_countdown(countdown, made)
    return made


def request(words: int = 0, role: Role = "write", cap: int = 200, **extra: Any) -> Request:
    return Request(
        (Message("user", "Write."),),
        Sampling(cap, 0.0, extra=extra),
        role,
        Ask("reply", words=words),
    )


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        (request(), None),
        (request(words=100), 150),
        (request(words=100, role="plan"), None),
        (request(words=100, target_tokens=40), 40),
        (request(target_tokens=40, role="check"), 40),
        (request(target_tokens=400), 199),
    ],
)
def test_a_request_s_target_is_told_or_comes_from_its_words(
    asked: Request, target: int | None
) -> None:
    assert find_target(asked, COUNTDOWN) == target


def test_words_mean_nothing_where_their_tokens_are_not_known() -> None:
    assert find_target(request(words=100), replace(COUNTDOWN, tokens_per_word=0)) is None


@pytest.mark.parametrize("told", [0, -3, 2.5, True, "long", [1]])
def test_a_target_that_is_no_number_of_tokens_is_refused(told: Any) -> None:
    with pytest.raises(UsageError, match="whole number of tokens"):
        find_target(request(target_tokens=told), COUNTDOWN)


def test_replies_end_at_their_targets(folder: Path) -> None:
    engine = asyncio.run(LocalEngine.open(folder))
    targets = (1, 2, 3, 10, 57, 128, 300)
    replies = answer(engine, *(request(target_tokens=one, cap=400) for one in targets))
    assert [reply.finish for reply in replies] == ["stop"] * len(targets)
    assert [reply.usage.completion for reply in replies] == [one + 1 for one in targets]
    assert all(reply.dropped == () for reply in replies)


def test_words_asked_for_are_a_target_and_no_target_is_none(folder: Path) -> None:
    engine = asyncio.run(LocalEngine.open(folder))
    words, capped, free, plan, bad = answer(
        engine,
        request(words=20),
        request(words=20, cap=12),
        request(cap=50),
        request(words=20, role="plan", cap=50),
        request(target_tokens="long"),
    )
    assert (words.finish, words.usage.completion) == ("stop", 31)
    assert (capped.finish, capped.usage.completion) == ("stop", 12)
    assert free.finish == plan.finish == "length"
    assert kind(bad) == "invalid"


def test_a_folder_without_a_count_drops_the_target(tiny_model: Path) -> None:
    engine = asyncio.run(LocalEngine.open(tiny_model))
    assert answer(engine, ask(target_tokens=9))[0].dropped == ("target_tokens",)


def test_the_count_is_part_of_what_the_model_is(folder: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    write_countdown(replace(COUNTDOWN, scale=0.1), other)
    assert digest_folder(other) != digest_folder(folder)


def test_a_folder_with_another_model_s_count_is_refused(folder: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    write_countdown(replace(COUNTDOWN, hidden=32), other)
    with pytest.raises(EngineError, match="made for embeddings of size 32"):
        asyncio.run(LocalEngine.open(other))
    (other / FILE).write_text("{")
    with pytest.raises(EngineError, match="Restore the file"):
        asyncio.run(LocalEngine.open(other))
