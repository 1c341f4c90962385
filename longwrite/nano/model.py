"""The model that is trained: a Qwen3 decoder small enough for a laptop.

Own modules instead of those of transformers, because two fused matrices a layer train faster on a
CPU; the weights are saved under transformers' names, and checks compare the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the model; the defaults are those of the weights in the package."""

    vocabulary: int = 4096
    hidden: int = 256
    layers: int = 6
    heads: int = 4
    kv_heads: int = 1
    head: int = 64
    inner: int = 512
    context: int = 4096
    theta: float = 10_000.0
    epsilon: float = 1e-6


class Norm(nn.Module):
    """Root mean square norm, in the precision of what it norms, whatever that of its weight."""

    def __init__(self, size: int, epsilon: float) -> None:
        """Begin with ones."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` normed over its last dimension."""
        weight = self.weight.to(x.dtype)
        return functional.rms_norm(x, weight.shape, weight, self.epsilon)


class Layer(nn.Module):
    """Attention and a gated feed-forward, each on a normed residual."""

    def __init__(self, shape: Shape) -> None:
        """Make the weights."""
        super().__init__()
        self.shape = shape
        queries, keys = shape.heads * shape.head, shape.kv_heads * shape.head
        self.attention_norm = Norm(shape.hidden, shape.epsilon)
        self.query_norm = Norm(shape.head, shape.epsilon)
        self.key_norm = Norm(shape.head, shape.epsilon)
        self.feed_norm = Norm(shape.hidden, shape.epsilon)
        self.qkv = nn.Linear(shape.hidden, queries + 2 * keys, bias=False)
        self.out = nn.Linear(queries, shape.hidden, bias=False)
        self.gate_up = nn.Linear(shape.hidden, 2 * shape.inner, bias=False)
        self.down = nn.Linear(shape.inner, shape.hidden, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Return the residual stream after this layer; `x` is (batch, tokens, hidden)."""
        shape = self.shape
        batch, tokens, _ = x.shape
        heads = self.qkv(self.attention_norm(x)).view(batch, tokens, -1, shape.head)
        q, k, v = heads.split([shape.heads, shape.kv_heads, shape.kv_heads], dim=2)
        q = _rotate(self.query_norm(q), cos, sin).to(v.dtype).transpose(1, 2)
        k = _rotate(self.key_norm(k), cos, sin).to(v.dtype).transpose(1, 2)
        attend = _attend_short if tokens <= _SHORT and x.device.type == "cpu" else _attend
        mixed = attend(q, k, v.transpose(1, 2))
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, tokens, -1))
        gate, up = self.gate_up(self.feed_norm(x)).chunk(2, dim=-1)
        fed: Tensor = self.down(functional.silu(gate) * up)
        return x + fed


def _attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return causal attention of (batch, heads, tokens, size) on as many or fewer key heads."""
    groups = q.shape[1] // k.shape[1]
    k, v = (t.repeat_interleave(groups, dim=1) for t in (k, v))
    return functional.scaled_dot_product_attention(q, k, v, is_causal=True)


_SHORT = 512
"""Tokens up to which plain products beat the fused kernel on a CPU, by a third at 256."""


def _attend_short(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return the same, all queries of a key head in one product."""
    batch, heads, tokens, size = q.shape
    kv_heads = k.shape[1]
    rows = q.reshape(batch, kv_heads, heads // kv_heads * tokens, size)
    scores = (rows @ k.transpose(-1, -2)).view(batch, heads, tokens, tokens).float() * size**-0.5
    future = torch.ones(tokens, tokens, dtype=torch.bool, device=q.device).triu(1)
    shares = scores.masked_fill(future, float("-inf")).softmax(-1).to(v.dtype)
    mixed: Tensor = shares.view(batch, kv_heads, -1, tokens) @ v
    return mixed.view(batch, heads, tokens, size)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Nano(nn.Module):
    """The language model; input and output share one embedding."""

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape) -> None:
        """Make random weights."""
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.hidden)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.hidden, shape.epsilon)
        frequencies = shape.theta ** (-torch.arange(0, shape.head, 2) / shape.head)
        angles = torch.arange(shape.context)[:, None] * frequencies
        self.register_buffer("cos", angles.cos()[None, :, None], persistent=False)
        self.register_buffer("sin", angles.sin()[None, :, None], persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                narrow = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / ((2 * shape.layers) ** 0.5 if narrow else 1))

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        """Return the mean cross-entropy of the targets, -100 left out; both (batch, tokens)."""
        hidden = self.hidden(ids)
        logits = functional.linear(hidden, self.embedding.weight)
        return functional.cross_entropy(
            logits.flatten(0, 1).float(), targets.flatten(), ignore_index=-100
        )

    def hidden(self, ids: Tensor) -> Tensor:
        """Return the normed last hidden states."""
        tokens = ids.shape[1]
        cos, sin = self.cos[:, :tokens], self.sin[:, :tokens]
        x = self.embedding(ids)
        for layer in self.layers:
            x = layer(x, cos, sin)
        normed: Tensor = self.norm(x)
        return normed

    def export_weights(self) -> dict[str, Tensor]:
        """Return the weights under transformers' names, in half precision."""
        shape = self.shape
        sizes = [shape.heads * shape.head, shape.kv_heads * shape.head, shape.kv_heads * shape.head]
        found = {
            "model.embed_tokens.weight": self.embedding.weight,
            "model.norm.weight": self.norm.weight,
        }
        for number, layer in enumerate(self.layers):
            assert isinstance(layer, Layer)
            q, k, v = torch.split(layer.qkv.weight, sizes)
            gate, up = layer.gate_up.weight.chunk(2)
            own = {
                "input_layernorm": layer.attention_norm.weight,
                "post_attention_layernorm": layer.feed_norm.weight,
                "self_attn.q_norm": layer.query_norm.weight,
                "self_attn.k_norm": layer.key_norm.weight,
                "self_attn.q_proj": q, "self_attn.k_proj": k, "self_attn.v_proj": v,
                "self_attn.o_proj": layer.out.weight,
                "mlp.gate_proj": gate, "mlp.up_proj": up, "mlp.down_proj": layer.down.weight,
            }  # fmt: skip
            found |= {f"model.layers.{number}.{name}.weight": value for name, value in own.items()}
        return {name: value.detach().half().contiguous() for name, value in found.items()}

    def import_weights(self, weights: dict[str, Tensor]) -> None:
        """Take weights under transformers' names."""
        with torch.no_grad():
            self.embedding.weight.copy_(weights["model.embed_tokens.weight"])
            self.norm.weight.copy_(weights["model.norm.weight"])
            for number, layer in enumerate(self.layers):
                assert isinstance(layer, Layer)

                def get(*names: str, number: int = number) -> Tensor:
                    rows = [weights[f"model.layers.{number}.{name}.weight"] for name in names]
                    return torch.cat(rows) if len(rows) > 1 else rows[0]

                layer.attention_norm.weight.copy_(get("input_layernorm"))
                layer.feed_norm.weight.copy_(get("post_attention_layernorm"))
                layer.query_norm.weight.copy_(get("self_attn.q_norm"))
                layer.key_norm.weight.copy_(get("self_attn.k_norm"))
                layer.qkv.weight.copy_(
                    get("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
                )
                layer.out.weight.copy_(get("self_attn.o_proj"))
                layer.gate_up.weight.copy_(get("mlp.gate_proj", "mlp.up_proj"))
                layer.down.weight.copy_(get("mlp.down_proj"))

    def config(self, end: int, pad: int) -> dict[str, Any]:
        """Return config.json as transformers wants it."""
        shape = self.shape
        return {
            "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3",
            "vocab_size": shape.vocabulary, "hidden_size": shape.hidden,
            "intermediate_size": shape.inner, "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads,
            "head_dim": shape.head, "max_position_embeddings": shape.context,
            "rms_norm_eps": shape.epsilon, "rope_theta": shape.theta,
            "rope_parameters": {"rope_type": "default", "rope_theta": shape.theta},
            "hidden_act": "silu", "attention_bias": False, "attention_dropout": 0.0,
            "tie_word_embeddings": True, "initializer_range": 0.02, "use_cache": True,
            "use_sliding_window": False, "sliding_window": None,
            "bos_token_id": None, "eos_token_id": end, "pad_token_id": pad,
            "dtype": "float16",
        }  # fmt: skip
