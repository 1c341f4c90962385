"""A small real model for every test that needs one, made on the spot.

Its weights are random, so it writes nonsense, but it is a whole model folder: config, tokenizer,
chat template and safetensors, which transformers and vLLM load like any other.
"""

from __future__ import annotations

import os
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# On a busy machine the threads of a tiny matrix product wait for each other far longer than they
# work. Read by torch when it is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_SENTENCES = """
The tide came in over the flats before the children had counted all the boats.
A gardener who waters at noon feeds the sun and not the roots.
She wrote the second chapter on the back of the first, and neither could be read.
Nobody in the village remembered why the bridge had been built without a road.
In winter the mail was carried across the lake by a man with two lanterns.
湖上的桥没有路，村里的人都不记得为什么。
她把第二章写在第一章的背面。
"""
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


# A busy machine is no fault of the code under test.
settings.register_profile("patient", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=1_500)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add what decides how many faults there are."""
    parser.addoption(
        "--thorough", action="store_true", help="faults by the hundred, as in `make faults`"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Choose how many examples a property is tried on, and keep the person's cache out of it."""
    settings.load_profile("thorough" if config.getoption("--thorough") else "patient")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        folder = tempfile.TemporaryDirectory(prefix="longwrite-datasets-")
        # Read by the library when it is first imported.
        os.environ["HF_DATASETS_CACHE"] = folder.name
        config.add_cleanup(folder.cleanup)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model folder: Qwen3, two layers, a window of 4,096 tokens.

    It ends its turn with a probability of one to two per cent a token, so that one prompt brings
    replies that stop by themselves and, under a low cap, replies that are cut.
    """
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("models") / "tiny"
    vocabulary = _save_tokenizer(folder)
    _save_model(folder, vocabulary, end=1)
    return folder


def _save_tokenizer(folder: Path) -> int:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    transformers: Any = import_module("transformers")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<|endoftext|>", "<|im_end|>", "<|im_start|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_SENTENCES.split("\n"), trainer)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        chat_template=_TEMPLATE,
    ).save_pretrained(folder)
    return tokenizer.get_vocab_size()


def _save_model(folder: Path, vocabulary: int, end: int) -> None:
    import torch

    transformers: Any = import_module("transformers")
    config = transformers.Qwen3Config(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
        initializer_range=0.15,
        eos_token_id=end,
        pad_token_id=0,
        dtype="float32",
    )
    with torch.random.fork_rng():
        torch.manual_seed(11)
        model = transformers.Qwen3ForCausalLM(config)
    with torch.no_grad():
        # A constant in the stream that only the ending's row reads: its bias.
        model.get_input_embeddings().weight[:, 0] = 2.0
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight[0] = 0.0
            layer.mlp.down_proj.weight[0] = 0.0
        head = model.get_output_embeddings().weight
        head[:, 0] = 0.0
        head[end] = 0.0
        head[end, 0] = 1.35
    model.generation_config.do_sample = True  # else `transformers serve` is greedy for everybody
    model.save_pretrained(folder)
