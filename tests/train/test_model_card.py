"""The card says how a model was made, and nothing that is not for everybody's eyes."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from longwrite.train.model_card import (
    BEGIN,
    LIMITS,
    ModelCard,
    card_of_merged,
    describe_data,
    list_changes,
    list_versions,
    put_comparison,
    render_model_card,
    write_model_card,
)

EVIL = "x | `y` <script>alert(1)</script>\n# Not a heading"


@dataclass
class Options:
    """Stands for any options."""

    rate: float = 1e-4
    names: list[str] = field(default_factory=list)
    hub_token: str = ""
    output_dir: str = "out"


def make_card(**change: Any) -> ModelCard:
    values = {"name": "Long", "base": "somebody/base", "method": "SFT with LoRA", **change}
    return ModelCard(**values)


def test_a_card_says_what_it_was_made_from(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "README.md").write_text("# A set")
    (tmp_path / "rows.jsonl").write_text("{}")
    data = (
        describe_data(tmp_path / "set", rows=12),
        describe_data(tmp_path / "rows.jsonl"),
        describe_data("somebody/essays"),
    )
    changes = list_changes(Options(rate=2e-5, hub_token="hf_x", output_dir=str(tmp_path)))
    card = make_card(
        data=data, options=changes, versions=list_versions(), facts={"steps": "300"}, licence="mit"
    )
    path = write_model_card(tmp_path, card)
    text = path.read_text()
    front = yaml.safe_load(text.split("---")[1])
    assert front["base_model"] == "somebody/base" and front["datasets"] == ["somebody/essays"]
    assert front["license"] == "mit" and "sft" in front["tags"]
    assert f"| data | set, 12 rows, SHA-256 of its card `{data[0].hash[:16]}…` |" in text
    assert "SHA-256 of the file" in text and "somebody/essays, no card here" in text
    assert '"rate": 2e-05' in text and "longwrite" in text and "| steps | 300 |" in text
    assert "hf_x" not in text and str(tmp_path) not in text
    assert all(limit in text for limit in LIMITS)
    assert "None was made." in text


def test_a_comparison_takes_the_place_of_the_last_one(tmp_path: Path) -> None:
    path = write_model_card(tmp_path, make_card())
    for table in ("| first |", "| second |"):
        put_comparison(path, table)
    text = path.read_text()
    assert "| second |" in text and "| first |" not in text and text.count(BEGIN) == 1
    assert "## What it can't do" in text


def test_a_readme_by_hand_stays(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Mine")
    assert write_model_card(tmp_path, make_card()).name == "MODEL_CARD.md"
    assert (tmp_path / "README.md").read_text() == "# Mine"
    (tmp_path / "README.md").write_text("tags:\n- generated_from_trainer\n")
    assert write_model_card(tmp_path, make_card()).name == "README.md"


def test_names_of_others_write_nothing_of_their_own() -> None:
    text = render_model_card(
        make_card(
            name=EVIL, base=EVIL, facts={EVIL: EVIL}, options={"a": "```\n# b"}, limits=(EVIL,)
        )
    )
    assert "<script" not in text and "\n# Not" not in text and text.count("```") == 2
    assert yaml.safe_load(text.split("---")[1])["library_name"] == "transformers"


def test_an_adapter_is_told_and_so_is_what_becomes_of_it() -> None:
    text = render_model_card(make_card(adapter=True))
    assert "library_name: peft" in text and "An adapter for somebody/base" in text
    whole = card_of_merged(text)
    assert whole is not None and "library_name: transformers" in whole
    assert card_of_merged("# Mine") is None


def test_only_what_differs_is_listed() -> None:
    assert list_changes(Options()) == {}
    assert list_changes(Options(names=["a"])) == {"names": ["a"]}
    with pytest.raises(TypeError):
        list_changes("no options")


@pytest.mark.skipif(find_spec("trl") is None, reason="trl isn't installed")
@pytest.mark.filterwarnings("ignore")
def test_arguments_of_trl_are_held_against_their_own_defaults(tmp_path: Path) -> None:
    trl: Any = import_module("trl")
    options = trl.SFTConfig(
        output_dir=str(tmp_path), learning_rate=3e-4, max_length=9_000, use_cpu=True, bf16=False,
        hub_token="hf_secret", report_to="none",
    )  # fmt: skip
    changes = list_changes(options)
    assert changes["learning_rate"] == 3e-4 and changes["max_length"] == 9_000
    assert "hub_token" not in changes and "output_dir" not in changes
    assert set(changes) <= {"learning_rate", "max_length", "use_cpu", "bf16", "report_to"}
