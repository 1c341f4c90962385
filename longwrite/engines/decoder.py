"""The forward pass of a small Qwen3 model in numpy, for machines that have nothing else.

The architecture is that of Qwen3 (arXiv:2505.09388): a pre-norm transformer with grouped queries,
norms on queries and keys, rotary positions and a gated feed-forward layer. The weights are put
into another order once, when they are loaded, so that a token costs as few calls as possible: the
products that read the same input are one product, norms are part of the product that follows, and
the two numbers that a rotation turns stand side by side, so that it is a complex multiplication.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from longwrite.engines.weights import Floats

BLOCK = 128
"""Tokens that `Decoder.advance` takes at once at most."""

_LARGEST = {"num_hidden_layers": 256, "max_position_embeddings": 2**18}
_PLAIN = {
    "attention_bias": False,
    "use_sliding_window": False,
    "rope_scaling": None,
    "quantization_config": None,
    "hidden_act": "silu",
}


@dataclass(frozen=True, slots=True)
class Config:
    """The sizes of a model.

    Attributes:
        vocabulary: Rows of the embedding.
        hidden: Numbers that stand for a token between layers.
        inner: Numbers inside a feed-forward layer.
        layers: Their count.
        heads: Queries of a token in a layer.
        kv_heads: Keys and values of a token in a layer; divides `heads`.
        head: Numbers of one query, key or value; even.
        window: Positions that the model was trained on.
        theta: Base of the rotary positions.
        epsilon: What norms add under the root.
        tied: Whether the embedding is the output's matrix, too.
    """

    vocabulary: int
    hidden: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    head: int
    window: int
    theta: float
    epsilon: float
    tied: bool

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The tensors that a file of weights must hold, by name."""
        queries, keys = self.heads * self.head, self.kv_heads * self.head
        shapes: dict[str, tuple[int, ...]] = {
            "model.embed_tokens.weight": (self.vocabulary, self.hidden),
            "model.norm.weight": (self.hidden,),
        }
        if not self.tied:
            shapes["lm_head.weight"] = (self.vocabulary, self.hidden)
        for layer in range(self.layers):
            shapes |= {
                f"model.layers.{layer}.{name}.weight": shape
                for name, shape in {
                    "input_layernorm": (self.hidden,),
                    "self_attn.q_proj": (queries, self.hidden),
                    "self_attn.k_proj": (keys, self.hidden),
                    "self_attn.v_proj": (keys, self.hidden),
                    "self_attn.q_norm": (self.head,),
                    "self_attn.k_norm": (self.head,),
                    "self_attn.o_proj": (self.hidden, queries),
                    "post_attention_layernorm": (self.hidden,),
                    "mlp.gate_proj": (self.inner, self.hidden),
                    "mlp.up_proj": (self.inner, self.hidden),
                    "mlp.down_proj": (self.hidden, self.inner),
                }.items()
            }
        return shapes


def parse_config(told: Mapping[str, Any]) -> Config:
    """Return the sizes that a config.json tells.

    Raises:
        ValueError: Something is missing, or the model is none that this module computes.
    """
    if told.get("model_type") != "qwen3":
        raise ValueError(f"its model_type is {str(told.get('model_type'))[:40]!r}, not 'qwen3'")
    for name, value in _PLAIN.items():
        if told.get(name, value) != value:
            raise ValueError(f"its {name} is {str(told[name])[:40]!r}; only {value!r} is known")
    kinds = told.get("layer_types") or []
    if not isinstance(kinds, list) or any(kind != "full_attention" for kind in kinds):
        raise ValueError("its layer_types aren't all 'full_attention'")
    rope = told.get("rope_parameters") or {"rope_theta": told.get("rope_theta")}
    if not isinstance(rope, dict) or rope.get("rope_type", "default") != "default":
        raise ValueError("its rope_parameters aren't of the type 'default'")
    tied = told.get("tie_word_embeddings", False)
    if not isinstance(tied, bool):
        raise ValueError("its tie_word_embeddings is neither true nor false")
    config = Config(
        vocabulary=_count(told, "vocab_size"),
        hidden=_count(told, "hidden_size"),
        inner=_count(told, "intermediate_size"),
        layers=_count(told, "num_hidden_layers"),
        heads=_count(told, "num_attention_heads"),
        kv_heads=_count(told, "num_key_value_heads"),
        head=_count(told, "head_dim"),
        window=_count(told, "max_position_embeddings"),
        theta=_positive(rope, "rope_theta"),
        epsilon=_positive(told, "rms_norm_eps"),
        tied=tied,
    )
    if config.heads % config.kv_heads or config.head % 2:
        raise ValueError("its heads can't be grouped or halved")
    return config


def _count(told: Mapping[str, Any], name: str) -> int:
    value, largest = told.get(name), _LARGEST.get(name, 2**20)
    if type(value) is not int or not 0 < value <= largest:
        raise ValueError(f"its {name} is {str(value)[:40]!r}, no number from 1 to {largest}")
    return value


def _positive(told: Mapping[str, Any], name: str) -> float:
    value: Any = told.get(name)
    if type(value) not in (int, float) or not 0 < value < 1e12:
        raise ValueError(f"its {name} is {str(value)[:40]!r}, no positive number")
    return float(value)


class Cache:
    """Keys and values of the tokens of one text, so that each is computed once.

    Attributes:
        length: Tokens in it.
    """

    def __init__(self, config: Config, window: int) -> None:
        """Make room for `window` tokens."""
        heads = config.layers, config.kv_heads
        # Whatever is read often is read in the order in which it lies there.
        self.keys: Floats = np.empty((*heads, config.head, window), np.float32)
        self.values: Floats = np.empty((*heads, window, config.head), np.float32)
        self.length = 0

    def copy(self, start: int, end: int) -> tuple[Floats, Floats]:
        """Return the keys and values of tokens ``start:end``."""
        return self.keys[..., start:end].copy(), self.values[:, :, start:end].copy()

    def append(self, keys: Floats, values: Floats) -> None:
        """Add what `copy` returned of the same tokens at the same place."""
        start, self.length = self.length, self.length + keys.shape[-1]
        self.keys[..., start : self.length] = keys
        self.values[:, :, start : self.length] = values


@dataclass(frozen=True, slots=True)
class _Layer:
    to_heads: Floats
    turning: Floats
    from_heads: Floats
    to_inner: Floats
    from_inner: Floats


class _Buffers:
    """Where the numbers of so many tokens are computed."""

    def __init__(self, config: Config, count: int, window: int) -> None:
        def make(*shape: int) -> Floats:
            return np.empty((count, *shape), np.float32)

        turned = config.heads + config.kv_heads
        group = config.heads // config.kv_heads
        self.stream = make(config.hidden)
        self.normed = make(config.hidden)
        self.norm = make(1)
        self.projected = make((turned + config.kv_heads) * config.head)
        heads = self.projected.reshape(count, -1, config.head)
        self.turning = heads[:, :turned]
        self.complex = self.turning.view(np.complex64)
        self.squares = make(turned, config.head)
        self.turning_norm = make(turned, 1)
        self.queries = np.split(heads[:, : config.heads], config.kv_heads, axis=1)
        self.keys = heads[:, config.heads : turned]
        self.values = heads[:, turned:]
        self.scores = make(group * window).ravel()
        self.peak = np.empty((count * group, 1), np.float32)
        self.total = np.empty((count * group, 1), np.float32)
        self.mixed = np.empty((count * group, config.head), np.float32)
        self.attended = make(config.heads * config.head)
        self.groups = np.split(
            self.attended.reshape(count, config.heads, config.head), config.kv_heads, axis=1
        )
        self.inner = make(2 * config.inner)
        self.gate, self.up = np.split(self.inner, 2, axis=1)
        self.gated = make(config.inner)


class Decoder:
    """A model that gives the scores of the next token.

    It computes in float32, in buffers of its own: one call at a time.
    """

    def __init__(self, config: Config, weights: Mapping[str, Floats], window: int) -> None:
        """Put the weights in order.

        Args:
            config: The sizes.
            weights: Tensors by their names in transformers.
            window: Positions to make room for, at most those of the config.

        Raises:
            ValueError: The weights aren't those of the config.
        """
        _check_shapes(config, weights)
        self.config = config
        self.window = window
        self._embedding = weights["model.embed_tokens.weight"]
        self._layers = [_arrange(config, weights, layer) for layer in range(config.layers)]
        head = self._embedding if config.tied else weights["lm_head.weight"]
        self._to_logits = _fuse(weights["model.norm.weight"], head)
        self._rotations = _rotate(config, window)
        self._future = np.triu(np.full((BLOCK, BLOCK), -np.inf, np.float32), 1)
        self._buffers = {
            count: _Buffers(config, count, window) for count in {1, min(BLOCK, window)}
        }
        self._logits: Floats = np.empty(config.vocabulary, np.float32)

    def advance(self, tokens: Sequence[int], cache: Cache) -> Floats:
        """Read tokens that follow those of the cache, and add them to it.

        Args:
            tokens: From 1 to `BLOCK` of them, no more than the window has room for.
            cache: Of this model and window.

        Returns:
            What the last layer says of each token, shape (tokens, hidden); valid until the next
            call.
        """
        count, start = len(tokens), cache.length
        end = cache.length = start + count
        buffers = self._buffers.get(count) or _Buffers(self.config, count, self.window)
        buffers.stream[...] = self._embedding[tokens]
        rotation = self._rotations[start:end]
        # Far outside its usual range exp overflows, which is what it is meant to do here; whoever
        # draws a token sees whether the outcome is a number.
        with np.errstate(all="ignore"):
            for place, layer in enumerate(self._layers):
                self._normalize(buffers)
                np.dot(buffers.normed, layer.to_heads, out=buffers.projected)
                self._turn(buffers, layer, rotation)
                cache.keys[place, :, :, start:end] = buffers.keys.transpose(1, 2, 0)
                cache.values[place, :, start:end] = buffers.values.transpose(1, 0, 2)
                self._attend(buffers, cache.keys[place], cache.values[place], start, end)
                np.dot(buffers.attended, layer.from_heads, out=buffers.normed)
                buffers.stream += buffers.normed
                self._normalize(buffers)
                np.dot(buffers.normed, layer.to_inner, out=buffers.inner)
                _gate(buffers)
                np.dot(buffers.gated, layer.from_inner, out=buffers.normed)
                buffers.stream += buffers.normed
            self._normalize(buffers)
        return buffers.normed

    def score(self, state: Floats) -> Floats:
        """Return the logits, shape (vocabulary,), after a token that `advance` told of.

        Args:
            state: One row of what `advance` returned.

        Returns:
            Logits; valid until the next call.
        """
        return np.dot(state, self._to_logits, out=self._logits)

    def _normalize(self, buffers: _Buffers) -> None:
        """Set `normed` to the stream over its length; the rest of RMSNorm is in the weights."""
        np.multiply(buffers.stream, buffers.stream, out=buffers.normed)
        np.add.reduce(buffers.normed, axis=1, keepdims=True, out=buffers.norm)
        buffers.norm += self.config.hidden * self.config.epsilon
        np.sqrt(buffers.norm, out=buffers.norm)
        np.divide(buffers.stream, buffers.norm, out=buffers.normed)

    def _turn(self, buffers: _Buffers, layer: _Layer, rotation: npt.NDArray[np.complex64]) -> None:
        """Normalize queries and keys, and turn them by their positions (arXiv:2104.09864)."""
        np.multiply(buffers.turning, buffers.turning, out=buffers.squares)
        np.add.reduce(buffers.squares, axis=2, keepdims=True, out=buffers.turning_norm)
        buffers.turning_norm += self.config.head * self.config.epsilon
        np.sqrt(buffers.turning_norm, out=buffers.turning_norm)
        np.divide(layer.turning, buffers.turning_norm, out=buffers.squares)
        buffers.turning *= buffers.squares
        buffers.complex *= rotation

    def _attend(
        self, buffers: _Buffers, keys: Floats, values: Floats, start: int, end: int
    ) -> None:
        """Set `attended` to what each query finds in the values up to its own position."""
        count = end - start
        for head, queries in enumerate(buffers.queries):
            rows = queries.reshape(-1, self.config.head)
            scores = buffers.scores[: len(rows) * end].reshape(len(rows), end)
            np.dot(rows, keys[head, :, :end], out=scores)
            if count > 1:
                seen = scores.reshape(count, -1, end)[:, :, start:]
                seen += self._future[:count, None, :count]
            np.maximum.reduce(scores, axis=1, keepdims=True, out=buffers.peak)
            scores -= buffers.peak
            np.exp(scores, out=scores)
            np.add.reduce(scores, axis=1, keepdims=True, out=buffers.total)
            np.dot(scores, values[head, :end], out=buffers.mixed)
            buffers.mixed /= buffers.total
            buffers.groups[head][...] = buffers.mixed.reshape(count, -1, self.config.head)


def _gate(buffers: _Buffers) -> None:
    """Set `gated` to silu(gate) * up (Shazeer 2020, arXiv:2002.05202)."""
    np.negative(buffers.gate, out=buffers.gated)
    np.exp(buffers.gated, out=buffers.gated)
    buffers.gated += 1.0
    np.divide(buffers.gate, buffers.gated, out=buffers.gated)
    buffers.gated *= buffers.up


# --- putting weights in order --------------------------------------------------------------------


def _check_shapes(config: Config, weights: Mapping[str, Floats]) -> None:
    shapes = config.shapes
    for name, shape in shapes.items():
        found = weights[name].shape if name in weights else None
        if found != shape:
            told = f"has the shape {found}" if found else "is missing"
            raise ValueError(f"its tensor {name} {told}; the config demands {shape}")
    if more := sorted(weights.keys() - shapes):
        raise ValueError(f"it holds {len(more)} tensors more than known, {more[0][:100]!r} first")


def _arrange(config: Config, weights: Mapping[str, Floats], layer: int) -> _Layer:
    def find(name: str) -> Floats:
        return weights[f"model.layers.{layer}.{name}.weight"]

    # In transformers a rotation turns number i with number i + half; here they stand side by side.
    paired = np.arange(config.head).reshape(2, -1).T.ravel()

    def pair(name: str, heads: int) -> Floats:
        rows = find(name).reshape(heads, config.head, config.hidden)
        paired_rows: Floats = rows[:, paired].reshape(-1, config.hidden)
        return paired_rows

    # The root belongs to the norm; that the queries lack it scales the scores as they have to be.
    query = np.tile(find("self_attn.q_norm")[paired], (config.heads, 1))
    key = np.tile(find("self_attn.k_norm")[paired] * math.sqrt(config.head), (config.kv_heads, 1))
    attention, inner = find("input_layernorm"), find("post_attention_layernorm")
    return _Layer(
        to_heads=_fuse(
            attention,
            pair("self_attn.q_proj", config.heads),
            pair("self_attn.k_proj", config.kv_heads),
            find("self_attn.v_proj"),
        ),
        turning=np.concatenate([query, key]),
        from_heads=np.ascontiguousarray(find("self_attn.o_proj").T),
        to_inner=_fuse(inner, find("mlp.gate_proj"), find("mlp.up_proj")),
        from_inner=np.ascontiguousarray(find("mlp.down_proj").T),
    )


def _fuse(norm: Floats, *matrices: Floats) -> Floats:
    """Return one matrix, input by output, that scales its input by a norm's weights first."""
    scale = norm * np.float32(math.sqrt(len(norm)))
    return np.ascontiguousarray((np.concatenate(matrices) * scale).T)


def _rotate(config: Config, window: int) -> npt.NDArray[np.complex64]:
    """Return the rotation of each position and pair, shape (window, 1, head / 2)."""
    exponents = np.arange(0, config.head, 2, dtype=np.float32) / np.float32(config.head)
    frequencies = 1.0 / np.float32(config.theta) ** exponents
    angles = np.arange(window, dtype=np.float32)[:, None, None] * frequencies
    turned = np.cos(angles) + 1j * np.sin(angles)
    return turned.astype(np.complex64)
