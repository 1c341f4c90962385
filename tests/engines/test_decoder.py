"""The numpy forward pass against transformers, and against itself in other pieces."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.engines.decoder import BLOCK, Cache, Config, Decoder, parse_config
from longwrite.engines.weights import Floats, read_weights
from tests.engines.nano_folder import make_folder, make_weights, tell_config

SMALL = Config(
    vocabulary=50, hidden=24, inner=40, layers=2, heads=4, kv_heads=2, head=8, window=512,
    theta=10_000.0, epsilon=1e-6, tied=True,
)  # fmt: skip
TOKENS = np.random.default_rng(3).integers(0, 50, 400).tolist()


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return Decoder(SMALL, make_weights(SMALL), SMALL.window)


def read(decoder: Decoder, tokens: list[int], cache: Cache | None = None) -> list[Floats]:
    """Return the logits after each token, the tokens being read in blocks."""
    cache = cache or Cache(decoder.config, decoder.window)
    found = []
    for start in range(0, len(tokens), BLOCK):
        states = decoder.advance(tokens[start : start + BLOCK], cache).copy()
        found += [decoder.score(state).copy() for state in states]
    return found


@pytest.mark.parametrize("tied", [True, False])
def test_logits_are_those_of_transformers(tmp_path: Path, tied: bool) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("tokenizers")
    folder = make_folder(tmp_path / "small", tied=tied)
    library: Any = import_module("transformers")
    model = library.AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
    config = parse_config(json.loads((folder / "config.json").read_text("utf-8")))
    decoder = Decoder(config, read_weights(folder / "model.safetensors"), config.window)
    tokens = np.random.default_rng(1).integers(0, config.vocabulary, 300).tolist()
    with torch.inference_mode():
        expected = model(torch.tensor([tokens])).logits[0].numpy()
    assert np.abs(expected).max() > 3
    # Two whole blocks and a short one, then one by one.
    cache = Cache(config, config.window)
    found = read(decoder, tokens[:270], cache)
    for token in tokens[270:]:
        found.append(decoder.score(decoder.advance([token], cache)[-1]).copy())
    assert np.abs(np.array(found) - expected).max() < 1e-4


@given(cut=st.integers(1, 399))
def test_the_pieces_in_which_a_text_is_read_change_only_the_last_bits(
    decoder: Decoder, cut: int
) -> None:
    cache = Cache(SMALL, SMALL.window)
    parts = read(decoder, TOKENS[:cut], cache) + read(decoder, TOKENS[cut:], cache)
    assert cache.length == len(TOKENS)
    assert np.abs(np.array(parts) - np.array(read(decoder, TOKENS))).max() < 1e-4


def test_a_block_depends_on_nothing_but_what_stands_before_it(decoder: Decoder) -> None:
    dirty = Cache(SMALL, SMALL.window)
    dirty.keys[...] = dirty.values[...] = np.nan
    fresh = read(decoder, TOKENS)
    other = read(decoder, TOKENS[: 2 * BLOCK] + TOKENS[::-1][:100], dirty)
    assert [logits.tobytes() for logits in fresh[: 2 * BLOCK]] == [
        logits.tobytes() for logits in other[: 2 * BLOCK]
    ]


def test_a_remembered_block_is_as_good_as_a_read_one(decoder: Decoder) -> None:
    whole = Cache(SMALL, SMALL.window)
    expected = read(decoder, TOKENS, whole)
    restored = Cache(SMALL, SMALL.window)
    for start in (0, BLOCK):
        restored.append(*whole.copy(start, start + BLOCK))
    assert restored.length == 2 * BLOCK
    rest = read(decoder, TOKENS[2 * BLOCK :], restored)
    assert np.array_equal(np.array(rest), np.array(expected[2 * BLOCK :]))


def test_numbers_far_out_of_range_end_in_no_number_and_no_warning() -> None:
    weights = make_weights(SMALL)
    weights["model.layers.0.mlp.gate_proj.weight"] *= np.float32(1e30)
    weights["model.layers.0.mlp.up_proj.weight"] *= np.float32(1e30)
    assert not np.isfinite(read(Decoder(SMALL, weights, SMALL.window), [1, 2, 3])[-1]).all()


# --- configs -------------------------------------------------------------------------------------


def test_both_spellings_of_the_rotation_are_read() -> None:
    new = tell_config(SMALL)
    old = {**new, "rope_theta": 10_000, "rope_scaling": None}
    del old["rope_parameters"]
    assert parse_config(new) == parse_config(old) == SMALL


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("model_type", "llama", "model_type is 'llama', not 'qwen3'"),
        ("model_type", None, "model_type"),
        ("attention_bias", True, "attention_bias is 'True'; only False is known"),
        ("use_sliding_window", True, "use_sliding_window"),
        ("layer_types", ["full_attention", "sliding_attention"], "layer_types"),
        ("layer_types", 5, "layer_types"),
        ("rope_parameters", {"rope_theta": 10_000.0, "rope_type": "yarn"}, "rope_parameters"),
        ("rope_parameters", {"rope_type": "default"}, "rope_theta"),
        ("rope_parameters", None, "rope_theta"),
        ("rope_parameters", ["default"], "rope_parameters"),
        ("rope_scaling", {"type": "linear", "factor": 2.0}, "rope_scaling"),
        ("quantization_config", {"bits": 4}, "quantization_config"),
        ("hidden_act", "gelu", "hidden_act"),
        ("num_key_value_heads", 3, "heads can't be grouped"),
        ("head_dim", 7, "heads can't be grouped or halved"),
        ("hidden_size", "64", "hidden_size is '64', no number from 1"),
        ("hidden_size", 0, "hidden_size"),
        ("num_hidden_layers", 10**9, "num_hidden_layers"),
        ("num_hidden_layers", True, "num_hidden_layers"),
        ("max_position_embeddings", 10**12, "max_position_embeddings"),
        ("vocab_size", None, "vocab_size"),
        ("rms_norm_eps", float("nan"), "rms_norm_eps"),
        ("tie_word_embeddings", "no", "tie_word_embeddings"),
    ],
)
def test_another_model_is_refused_by_name(name: str, value: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_config({**tell_config(SMALL), name: value})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda weights: weights.pop("model.norm.weight"), "model.norm.weight is missing"),
        (lambda weights: weights.update(more=np.ones(3)), "more than known, 'more' first"),
        (
            lambda weights: weights.update({"model.norm.weight": np.ones(5)}),
            r"model.norm.weight has the shape \(5,\); the config demands \(24,\)",
        ),
    ],
)
def test_weights_of_another_model_are_refused(
    change: Callable[[dict[str, Floats]], object], why: str
) -> None:
    weights = make_weights(SMALL)
    change(weights)
    with pytest.raises(ValueError, match=why):
        Decoder(SMALL, weights, SMALL.window)
