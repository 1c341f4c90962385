"""A model folder for the numpy engine, made of random numbers without torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from longwrite.engines.decoder import Config
from longwrite.engines.weights import Floats

END = 2

_SENTENCES = """
The tide came in over the flats before the children had counted all 24 boats.
A gardener who waters at noon feeds the sun, and not the roots: so they say.
She wrote the second chapter on the back of the first; neither could be read.
In winter 1880 the mail was carried across the lake by a man with two lanterns.
湖上的桥没有路，村里的人都不记得为什么。
"""
_DTYPES = {"float16": "F16", "float32": "F32", "uint16": "BF16"}


def pack_tensors(
    tensors: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str] | None = None
) -> bytes:
    """Return a safetensors file; uint16 stands for bfloat16, ``sha256`` is put in where asked."""
    data = b"".join(tensor.tobytes() for tensor in tensors.values())
    header: dict[str, Any] = {}
    if metadata is not None:
        header["__metadata__"] = {"format": "pt", **metadata}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.nbytes
        header[name] = {
            "dtype": _DTYPES[tensor.dtype.name],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    if metadata is not None and "sha256" in metadata:
        header["__metadata__"]["sha256"] = hashlib.sha256(data).hexdigest()
    told = json.dumps(header).encode()
    return len(told).to_bytes(8, "little") + told + data


def make_weights(config: Config, seed: int = 5) -> dict[str, Floats]:
    """Return random weights that half precision holds exactly.

    Untied, they end a turn with a probability of one to two per cent a token: a constant in the
    stream, that only the ending's row reads, is its bias.
    """
    generator = np.random.default_rng(seed)
    weights: dict[str, Floats] = {}
    for name, shape in config.shapes.items():
        spread, middle = (0.15, 0.0) if len(shape) == 2 else (0.3, 1.0)
        numbers = generator.normal(middle, spread, shape).astype(np.float32)
        if name.endswith(("o_proj.weight", "down_proj.weight")) and not config.tied:
            numbers[0] = 0.0
        weights[name] = numbers.astype(np.float16).astype(np.float32)
    if not config.tied:
        weights["model.embed_tokens.weight"][:, 0] = 2.0
        weights["model.norm.weight"][0] = 1.0
        head = weights["lm_head.weight"]
        head[:, 0] = head[END] = 0.0
        head[END, 0] = 1.25
    return weights


def make_tokenizer(folder: Path) -> int:
    """Write the files of a tokenizer and return its size."""
    from longwrite.nano import tokens

    tokenizer = tokens.train_tokenizer(_SENTENCES.split("\n"), 600)
    tokens.save_tokenizer(tokenizer, folder, 1024)
    return int(tokenizer.get_vocab_size())


def tell_config(config: Config) -> dict[str, Any]:
    """Return what stands in config.json."""
    return {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "vocab_size": config.vocabulary,
        "hidden_size": config.hidden,
        "intermediate_size": config.inner,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_heads,
        "head_dim": config.head,
        "max_position_embeddings": config.window,
        "rms_norm_eps": config.epsilon,
        "rope_parameters": {"rope_theta": config.theta, "rope_type": "default"},
        "tie_word_embeddings": config.tied,
        "eos_token_id": END,
        "pad_token_id": 0,
        "dtype": "float16",
    }


def make_folder(folder: Path, *, tied: bool = False) -> Path:
    """Make a whole model folder: two layers, four queries on two keys, a window of 1,024."""
    folder.mkdir()
    config = Config(
        vocabulary=make_tokenizer(folder),
        hidden=64,
        inner=96,
        layers=2,
        heads=4,
        kv_heads=2,
        head=16,
        window=1024,
        theta=10_000.0,
        epsilon=1e-6,
        tied=tied,
    )
    (folder / "config.json").write_text(json.dumps(tell_config(config)), "utf-8")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [END, 0]}), "utf-8")
    halves = {name: numbers.astype(np.float16) for name, numbers in make_weights(config).items()}
    (folder / "model.safetensors").write_bytes(pack_tensors(halves, {"sha256": ""}))
    return folder
