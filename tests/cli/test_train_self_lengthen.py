"""`longwrite train self-lengthen` as a person uses it, its rows written by the scripted engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command

pytest.importorskip("trl")
pytest.importorskip("pyarrow")

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def prompts(longwrite: Command) -> str:
    things = ("a mill", "a ferry", "a garden", "a lighthouse", "a clock", "a school of kites")
    Path("prompts.txt").write_text("".join(f"Tell the story of {one}.\n" for one in things))
    return "prompts.txt"


def test_a_model_is_lengthened_and_told_as_json(
    longwrite: Command, prompts: str, tiny_model: Path
) -> None:
    Path("train.yaml").write_text("max_steps: 1\nreport_to: none\nper_device_train_batch_size: 2\n")
    command = (
        "train", "self-lengthen", "train.yaml", "--model", str(tiny_model), "--prompts", prompts,
        "-o", "out", "--rounds", "1", "--writer", "scripted", "--set", "rounds=1",
        "--set", "first_words=60", "--set", "least_words=20", "--reply-tokens", "30", "--json",
    )  # fmt: skip
    shown = longwrite(*command)
    assert shown.code == 0, shown.err
    told = json.loads(shown.out)
    assert told["folder"] == "out/model" and [one["number"] for one in told["rounds"]] == [0, 1]
    assert told["rounds"][1]["rows"]["generator"] >= 1
    assert told["rounds"][1]["steps"] == {"generator": 1}
    assert Path("out/model/model.safetensors").is_file()
    assert json.loads(longwrite(*command).out) == told  # nothing is left to do

    other = longwrite(*command, "--seed", "1")
    assert other.code == 2 and "another run of self-lengthen" in other.out


def test_a_dry_run_begins_nothing(longwrite: Command, prompts: str, tiny_model: Path) -> None:
    command = (
        "train", "self-lengthen", "--model", str(tiny_model), "--prompts", prompts, "-o", "out",
        "--rounds", "2", "--set", "rounds=1", "--samples", "3", "--dry-run",
    )  # fmt: skip
    shown = longwrite(*command)
    assert shown.code == 0 and "2 rounds of 2 prompts; 2 prompts held out, 6 replies" in shown.out
    told = json.loads(longwrite(*command, "--json").out)
    assert told["prompts"] == [2, 2] and told["first_round"]["calls"] >= 2 * 3
    assert not Path("out").exists()


def test_what_can_not_be_used_is_a_sentence(
    longwrite: Command, prompts: str, tiny_model: Path
) -> None:
    base = ("train", "self-lengthen", "--prompts", prompts, "-o", "out", "--quiet")
    missing = longwrite(*base, "--model", "nowhere")
    assert missing.code == 2 and "nowhere holds no model" in missing.err
    given = longwrite(*base, "--model", str(tiny_model), "--dataset_name", "mine")
    assert given.code == 2 and "'dataset_name' is set by the loop itself" in given.err
    early = longwrite(*base, "--model", str(tiny_model), "--generator.stop_weight", "0.5")
    assert early.code == 2 and "the weight is 0.5" in early.err  # before hours of writing
    for name, value in (("eval_strategy", "epoch"), ("push_to_hub", "true")):
        other = longwrite(*base, "--model", str(tiny_model), f"--{name}", value)
        assert other.code == 2 and f"self-lengthen takes no {name}" in other.err
    few = longwrite(*base, "--model", str(tiny_model), "--rounds", "9")
    assert few.code == 2 and "too few prompts" in few.err
