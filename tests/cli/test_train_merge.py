"""`longwrite train merge` as a person uses it."""

from __future__ import annotations

import json
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from longwrite.cli import commands
from tests.cli.conftest import Command

pytestmark = pytest.mark.skipif(find_spec("peft") is None, reason="peft isn't installed")


@pytest.fixture
def merge(longwrite: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setitem(commands.COMMANDS, "merge", ("longwrite.cli.train_merge:merge", "Merge."))
    return lambda *arguments: longwrite("merge", *arguments)


def save_adapter(base: Path, folder: Path) -> None:
    transformers: Any = import_module("transformers")
    peft: Any = import_module("peft")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = transformers.AutoModelForCausalLM.from_pretrained(base)
        config = peft.LoraConfig(r=2, task_type="CAUSAL_LM", target_modules=["q_proj"])
        peft.get_peft_model(model, config).save_pretrained(folder)


def test_it_tells_what_was_checked(merge: Command, tiny_model: Path, tmp_path: Path) -> None:
    save_adapter(tiny_model, tmp_path / "adapter")
    done = merge("adapter", "-o", "whole")
    assert done.code == 0, done.err
    assert done.out.startswith("whole: ") and "the same greedy tokens" in done.out
    assert "note: The adapter changes nothing" in done.err
    told = json.loads(merge("adapter", "-o", "whole", "--force", "--json").out)
    assert told["folder"] == "whole" and told["greedy"] and told["dtype"] == "float32"


def test_a_mistake_is_a_sentence(merge: Command, tiny_model: Path) -> None:
    done = merge("nowhere", "-o", "whole")
    assert done.code == 2 and done.err == (
        "longwrite: nowhere can't be merged: there is no such folder. "
        "Give the folder that a LoRA training saved.\n"
    )
    whole = merge(str(tiny_model), "-o", "whole", "--json")
    assert whole.code == 2 and "whole model already" in json.loads(whole.out)["error"]["why"]
