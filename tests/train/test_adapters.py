"""An adapter becomes part of its base, or the reason why not is told before anything is written."""

from __future__ import annotations

import asyncio
import json
import shutil
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from longwrite.engines.countdown import Countdown, write_countdown
from longwrite.engines.local import LocalEngine
from longwrite.errors import EngineError, UsageError
from longwrite.train import adapters
from longwrite.train.adapters import CONFIG, WEIGHTS, merge_adapter
from longwrite.train.model_card import ModelCard, write_model_card
from longwrite.types import Message, Request, Sampling

pytestmark = pytest.mark.skipif(find_spec("peft") is None, reason="peft isn't installed")

Make = Callable[..., Path]


@pytest.fixture
def make_adapter(tiny_model: Path, tmp_path: Path) -> Make:
    """Return what saves an adapter of the tiny model, its weights as if trained."""

    def make(name: str = "adapter", base: Path = tiny_model, **options: Any) -> Path:
        torch, transformers, peft = map(import_module, ("torch", "transformers", "peft"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = transformers.AutoModelForCausalLM.from_pretrained(base)
            wanted = {"target_modules": ["q_proj", "v_proj", "up_proj"], **options}
            config = peft.LoraConfig(r=4, task_type="CAUSAL_LM", **wanted)
            tuned = peft.get_peft_model(model, config)
            with torch.random.fork_rng(), torch.no_grad():
                torch.manual_seed(3)
                for key, weight in tuned.named_parameters():
                    if "lora_B" in key or "modules_to_save" in key:
                        weight.add_(torch.randn_like(weight) * 0.1)
            tuned.save_pretrained(tmp_path / name)
        return tmp_path / name

    return make


def load(folder: Path) -> Any:
    transformers: Any = import_module("transformers")
    return transformers.AutoModelForCausalLM.from_pretrained(folder).eval()


def logits(model: Any) -> Any:
    torch: Any = import_module("torch")
    with torch.inference_mode():
        return model(torch.tensor([[5, 17, 99, 300, 44, 18, 33, 21]])).logits


def test_the_merged_folder_answers_as_base_and_adapter_do(
    make_adapter: Make, tiny_model: Path, tmp_path: Path
) -> None:
    adapter = make_adapter()
    write_countdown(Countdown(hidden=64, scale=0.5), adapter)
    done = merge_adapter(adapter, tmp_path / "whole")
    assert done.effect > 0.05 and done.rounding < 1e-3 and done.greedy and not done.notes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        together = import_module("peft").PeftModel.from_pretrained(load(tiny_model), adapter)
        found, wanted = logits(load(tmp_path / "whole")), logits(together.eval())
    assert float((found - wanted).abs().max()) < 1e-3 * float(wanted.std())
    names = {path.name for path in (tmp_path / "whole").iterdir()}
    assert names >= {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
        "chat_template.jinja", "countdown.json",
    }  # fmt: skip
    assert not any("adapter" in name for name in names)
    ends = json.loads((tmp_path / "whole" / "generation_config.json").read_text())["eos_token_id"]
    assert ends in (1, [1])

    async def ask() -> str:
        engine = await LocalEngine.open(tmp_path / "whole")
        try:
            asked = Request((Message("user", "Tell of tides."),), Sampling(16))
            return (await engine.generate(asked)).text
        finally:
            await engine.close()

    assert asyncio.run(ask())


def test_trained_embeddings_come_along_though_the_base_ties_them(
    make_adapter: Make, tiny_model: Path, tmp_path: Path
) -> None:
    tied = tmp_path / "tied"
    shutil.copytree(tiny_model, tied)
    config = json.loads((tied / "config.json").read_text())
    (tied / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": True}))
    adapter = make_adapter(base=tied, modules_to_save=["embed_tokens", "lm_head"])
    done = merge_adapter(adapter, tmp_path / "whole")
    assert done.greedy and done.effect > 0.05
    assert json.loads((tmp_path / "whole" / "config.json").read_text())["tie_word_embeddings"] is (
        False
    )


def test_tokens_that_were_added_for_the_training_are_there_afterwards(
    make_adapter: Make, tiny_model: Path, tmp_path: Path
) -> None:
    transformers: Any = import_module("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_model)
    tokenizer.add_special_tokens({"eos_token": "<|done|>"})
    grown = tmp_path / "grown"
    model = load(tiny_model)
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(grown)
    adapter = make_adapter(base=grown, modules_to_save=["embed_tokens", "lm_head"])
    tokenizer.save_pretrained(adapter)
    merge_adapter(adapter, tmp_path / "whole", base=str(tiny_model))
    merged = load(tmp_path / "whole")
    assert merged.get_input_embeddings().weight.shape[0] == len(tokenizer)
    assert tokenizer.eos_token_id in merged.generation_config.eos_token_id

    without = make_adapter("without")
    tokenizer.save_pretrained(without)
    with pytest.raises(UsageError, match="The tokenizer doesn't fit the model"):
        merge_adapter(without, tmp_path / "other")


def test_half_precision_is_rounded_once_and_is_told(make_adapter: Make, tmp_path: Path) -> None:
    done = merge_adapter(make_adapter(), tmp_path / "half", dtype="bfloat16")
    assert done.dtype == "bfloat16" and 1e-3 < done.rounding < adapters.ROUGH
    torch: Any = import_module("torch")
    assert load(tmp_path / "half").dtype == torch.bfloat16
    low = merge_adapter(make_adapter(), tmp_path / "low", dtype="bfloat16", low_memory=True)
    assert low.rounding < adapters.ROUGH


def test_a_temperature_without_sampling_is_no_hindrance(
    make_adapter: Make, tiny_model: Path, tmp_path: Path
) -> None:
    odd = tmp_path / "odd"
    shutil.copytree(tiny_model, odd)
    (odd / "generation_config.json").write_text('{"temperature": 0.6, "eos_token_id": 0}')
    merge_adapter(make_adapter(), tmp_path / "whole", base=str(odd))
    told = json.loads((tmp_path / "whole" / "generation_config.json").read_text())
    assert told["do_sample"] is True and told["eos_token_id"] == [1, 0]


def test_an_adapter_without_effect_is_told(make_adapter: Make, tmp_path: Path) -> None:
    adapter = make_adapter()
    safetensors: Any = import_module("safetensors.torch")
    weights = safetensors.load_file(adapter / WEIGHTS)
    safetensors.save_file({key: 0 * weight for key, weight in weights.items()}, adapter / WEIGHTS)
    assert "changes nothing" in merge_adapter(adapter, tmp_path / "whole").notes[0]


def test_the_card_of_the_adapter_becomes_that_of_the_model(
    make_adapter: Make, tmp_path: Path
) -> None:
    adapter = make_adapter()
    (adapter / "README.md").unlink(missing_ok=True)
    write_model_card(adapter, ModelCard("Long", "somebody/base", "SFT", adapter=True))
    merge_adapter(adapter, tmp_path / "whole")
    card = (tmp_path / "whole" / "README.md").read_text()
    assert "library_name: transformers" in card and "by merging an adapter into" in card


def test_a_model_that_stands_there_is_replaced_only_when_asked(
    make_adapter: Make, tiny_model: Path, tmp_path: Path
) -> None:
    adapter, output = make_adapter(), tmp_path / "whole"
    shutil.copytree(tiny_model, output)
    (output / "model-00002-of-00002.safetensors").write_bytes(b"stale")
    with pytest.raises(UsageError, match="it isn't empty"):
        merge_adapter(adapter, output)
    merge_adapter(adapter, output, force=True)
    assert [path.name for path in output.glob("*.safetensors")] == ["model.safetensors"]
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("keep")
    with pytest.raises(UsageError, match="no model that could be replaced"):
        merge_adapter(adapter, mine, force=True)
    for own in (adapter, tiny_model):
        with pytest.raises(UsageError, match="it is what is merged"):
            merge_adapter(adapter, own, force=True)


def test_another_base_is_told_by_its_shapes(
    make_adapter: Make, tiny_model: Path, tmp_path: Path
) -> None:
    transformers: Any = import_module("transformers")
    for name, change, said in (
        ("wide", {"intermediate_size": 96}, "size mismatch"),
        ("deep", {"num_hidden_layers": 3}, "weights have no partner"),
        ("flat", {"num_hidden_layers": 1}, "weights have no partner"),
    ):
        other = tmp_path / name
        shutil.copytree(tiny_model, other)
        config = transformers.AutoConfig.from_pretrained(tiny_model, **change)
        config.layer_types = ["full_attention"] * config.num_hidden_layers
        transformers.AutoModelForCausalLM.from_config(config).save_pretrained(other)
        with pytest.raises(UsageError, match=said) as error:
            merge_adapter(make_adapter(), tmp_path / "whole", base=str(other))
        assert "it was trained on another model" in str(error.value)
        assert not (tmp_path / "whole").exists()


def test_what_can_not_be_merged_is_refused_first(
    make_adapter: Make, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    adapter = make_adapter()

    def spoil(name: str, **change: Any) -> Path:
        folder = tmp_path / name
        shutil.copytree(adapter, folder)
        config = json.loads((folder / CONFIG).read_text())
        (folder / CONFIG).write_text(json.dumps({**config, **change}))
        return folder

    pickled = spoil("pickled")
    (pickled / WEIGHTS).rename(pickled / "adapter_model.bin")
    broken = spoil("broken")
    (broken / WEIGHTS).write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    torn = spoil("torn")
    (torn / CONFIG).write_text("[")
    outer = tmp_path / "outer"
    shutil.copytree(adapter, outer / "checkpoint-7")
    for given, said in (
        (tmp_path / "none", "there is no such folder"),
        (tiny_model, "it holds a whole model already"),
        (outer, "Give one of its folders: checkpoint-7"),
        (torn, "says of no adapter"),
        (pickled, "pickles"),
        (broken, WEIGHTS),
        (spoil("homeless", base_model_name_or_path=None), "the adapter names none"),
        (spoil("moved", base_model_name_or_path="/no/where"), "there is no folder /no/where"),
        (spoil("named", base_model_name_or_path="nobody/nothing"), "can't be loaded"),
        (spoil("megatron", megatron_config={"a": 1}, megatron_core="antigravity"), "Megatron"),
    ):
        with pytest.raises(UsageError, match=said):
            merge_adapter(given, tmp_path / "whole")
    with pytest.raises(UsageError, match="no dtype 'int8'"):
        merge_adapter(adapter, tmp_path / "whole", dtype="int8")
    with pytest.raises(UsageError, match="there is no folder"):
        merge_adapter(adapter, tmp_path / "not" / "there")
    assert not (tmp_path / "whole").exists() and not list(tmp_path.glob(".*part"))


def test_a_full_disk_is_told_before_and_while_it_is_written(
    make_adapter: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapter = make_adapter()
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
        with pytest.raises(UsageError, match="GB are free"):
            merge_adapter(adapter, tmp_path / "whole")
    transformers: Any = import_module("transformers")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(transformers.PreTrainedModel, "save_pretrained", fail)
    with pytest.raises(UsageError, match="No space left on device"):
        merge_adapter(adapter, tmp_path / "whole")
    assert not (tmp_path / "whole").exists() and not list(tmp_path.glob(".*part"))


def test_a_sum_that_answers_otherwise_is_not_written(
    make_adapter: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lora: Any = import_module("peft.tuners.lora")
    monkeypatch.setattr(lora.LoraModel, "merge_and_unload", lambda self: self.unload())
    adapter = make_adapter()
    with pytest.raises(EngineError, match="the logits of the sum differ by"):
        merge_adapter(adapter, tmp_path / "whole")
    assert not (tmp_path / "whole").exists()
