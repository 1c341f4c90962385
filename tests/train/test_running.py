"""A run goes on where it stopped, to the same weights; its folder is nobody else's."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from longwrite.errors import RunError, UsageError
from longwrite.train.alarms import AlarmError
from longwrite.train.forecast import count_steps
from longwrite.train.preparation import prepare
from longwrite.train.record import RECORD
from longwrite.train.running import train
from longwrite.train.settings import Method, read_order
from longwrite.train.trainers import make_trainer
from tests.train.conftest import SENTENCE
from tests.train.small_runs import ENVIRONMENT, arguments, run

pytestmark = pytest.mark.filterwarnings("ignore")
HOLD = """
import sys
from filelock import FileLock
with FileLock(f"{sys.argv[1]}/_lock"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_a_run_in_two_parts_ends_in_the_same_weights(
    method: Method, tiny_model: Path, folder: Path
) -> None:
    whole = run(tiny_model, folder, method, "whole")
    first = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "longwrite.train", method,
         *arguments(tiny_model, folder, method, "parts", "--disable_tqdm=false")],
        env=ENVIRONMENT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert first.stderr is not None
    said = ""
    while "Writing model" not in said:
        line = first.stderr.readline()
        assert line, f"it ended too early: {said}"
        said += line
    first.send_signal(signal.SIGINT)
    said = first.communicate(timeout=60)[1]
    if first.returncode:  # else it was done before it heard
        assert first.returncode == 130 and "Run the same command to go on" in said
    rest = run(tiny_model, folder, method, "parts")
    assert rest.steps == whole.steps == 12 and rest.resumed >= 1
    weights = [(folder / name / "model.safetensors").read_bytes() for name in ("whole", "parts")]
    assert weights[0] == weights[1]
    assert run(tiny_model, folder, method, "parts").resumed == 12  # nothing is left to do


def test_a_kill_between_the_last_checkpoint_and_the_model_costs_only_the_model(
    tiny_model: Path, folder: Path
) -> None:
    run(tiny_model, folder, "sft", "out", "--max_steps=2")
    weights = folder / "out" / "model.safetensors"
    before = weights.read_bytes()
    weights.unlink()
    assert run(tiny_model, folder, "sft", "out", "--max_steps=2").steps == 2
    assert weights.read_bytes() == before


def test_a_folder_belongs_to_one_order(tiny_model: Path, folder: Path) -> None:
    run(tiny_model, folder, "sft", "out", "--max_steps=1")
    assert run(tiny_model, folder, "sft", "out", "--max_steps=2").steps == 2
    with pytest.raises(UsageError, match="learning_rate changed since its checkpoint"):
        run(tiny_model, folder, "sft", "out", "--max_steps=3", "--learning_rate=0.1")
    with pytest.raises(UsageError, match="lr_scheduler_type, weight_decay changed since"):
        run(tiny_model, folder, "sft", "out", "--max_steps=3", "--weight_decay=0.1",
            "--lr_scheduler_type=cosine")  # fmt: skip
    data = folder / "sft.jsonl"
    before = data.read_text("utf-8")
    data.write_text(before.replace(SENTENCE, "No. ", 1), "utf-8")
    with pytest.raises(UsageError, match="set_lengths changed since its checkpoint"):
        run(tiny_model, folder, "sft", "out", "--max_steps=3")
    data.write_text(before, "utf-8")
    (folder / "out" / RECORD).write_text("{ damaged", "utf-8")
    with pytest.raises(UsageError, match=RECORD):
        run(tiny_model, folder, "sft", "out", "--max_steps=3")


def test_a_record_of_an_older_version_that_holds_every_option_is_no_other_order(
    tiny_model: Path, folder: Path
) -> None:
    run(tiny_model, folder, "sft", "out", "--max_steps=1")
    record = folder / "out" / RECORD
    told = json.loads(record.read_text("utf-8"))
    order = read_order("sft", None, arguments(tiny_model, folder, "sft", "out"))
    every = {f"longwrite.{name}": value for name, value in asdict(order.options).items()}
    del told["arguments"]
    record.write_text(json.dumps(every | told), "utf-8")
    assert run(tiny_model, folder, "sft", "out", "--max_steps=2").steps == 2


def test_a_model_without_template_or_end_is_refused_before_anything_is_loaded(
    tiny_model: Path, folder: Path
) -> None:
    for missing, said in (("chat_template.jinja", "no chat template"), ("eos_token", "end token")):
        broken = folder / missing.partition(".")[0]
        broken.mkdir()
        for path in tiny_model.iterdir():
            text = path.read_bytes()
            if path.name == "tokenizer_config.json" and missing == "eos_token":
                read = json.loads(text)
                del read["eos_token"]
                text = json.dumps(read).encode()
            if path.name != missing:
                (broken / path.name).write_bytes(text)
        with pytest.raises(UsageError, match=said):
            run(broken, folder, "sft", "out")


def test_a_template_and_an_end_of_the_order_are_those_that_rows_are_made_with(
    tiny_model: Path, folder: Path
) -> None:
    template = (tiny_model / "chat_template.jinja").read_text("utf-8")
    base = folder / "base"
    shutil.copytree(tiny_model, base)
    (base / "chat_template.jinja").unlink()
    own = folder / "own.jinja"
    own.write_text("Hear! " + template, "utf-8")
    named = ("--max_steps=1", f"--chat_template_path={own}", "--eos_token=<|im_end|>")
    prepared = prepare(read_order("sft", None, arguments(base, folder, "sft", "out", *named)))
    ids = prepared.encoded.rows[0]["input_ids"]
    assert prepared.tokenizer.decode(ids).startswith("Hear! ")
    assert prepared.tokenizer.eos_token == "<|im_end|>"
    done = run(base, folder, "sft", "out", *named)
    assert (done.folder / "chat_template.jinja").read_text("utf-8").startswith("Hear! ")
    for more, said in (
        ("--chat_template_path=gone.jinja", "gone.jinja can't be used: No such file"),
        (f"--chat_template_path={tiny_model}", "it is no .jinja file"),
        ("--eos_token=<|nothing|>", "no such token is known"),
    ):
        with pytest.raises(UsageError, match=said):
            run(tiny_model, folder, "sft", "other", more)


def test_an_output_that_can_not_be_written_is_said_so(tiny_model: Path, folder: Path) -> None:
    (folder / "file").write_text("", "utf-8")
    with pytest.raises(UsageError, match="can't be written"):
        run(tiny_model, folder, "sft", "file/out")


def test_a_second_training_in_a_folder_is_refused(tiny_model: Path, folder: Path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder / "out")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with first:
        assert first.stdout is not None and first.stdin is not None and first.stdout.readline()
        with pytest.raises(RunError, match="another process trains there"):
            run(tiny_model, folder, "sft", "out", "--max_steps=1")
        assert [path.name for path in (folder / "out").iterdir()] == ["_lock"]
        first.stdin.close()
    assert run(tiny_model, folder, "sft", "out", "--max_steps=1").steps == 1


def test_buffers_of_truth_values_are_kept_from_other_processes(
    tiny_model: Path, folder: Path
) -> None:
    def make(*more: str) -> Any:
        given = arguments(tiny_model, folder, "dpo", "out", *more)
        return make_trainer(prepare(read_order("dpo", None, given)))

    name = "_ddp_params_and_buffers_to_ignore"
    assert not hasattr(make().model, name)
    assert getattr(make("--ignore_bias_buffers=true").model, name) == []  # this model has none


def test_lora_is_one_option(tiny_model: Path, folder: Path) -> None:
    done = run(tiny_model, folder, "sft", "lora", "--use_peft=true", "--max_steps=1")
    assert (done.folder / "adapter_config.json").is_file()


@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_quantised_weights_are_one_option_too(
    method: Method, tiny_model: Path, folder: Path
) -> None:
    given = ("--use_peft=true", "--load_in_4bit=true", "--max_steps=1")
    if find_spec("bitsandbytes") is None:
        with pytest.raises(UsageError, match=r"can't be set up: .*requires bitsandbytes"):
            run(tiny_model, folder, method, "qlora", *given)
    else:
        done = run(tiny_model, folder, method, "qlora", *given)
        assert (done.folder / "adapter_config.json").is_file()


@pytest.mark.skipif(find_spec("bitsandbytes") is not None, reason="bitsandbytes is installed")
def test_an_optimizer_that_is_not_installed_is_said_so(tiny_model: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"can't begin: .*install `bitsandbytes`"):
        run(tiny_model, folder, "sft", "out", "--max_steps=1", "--optim=adamw_8bit")


@pytest.mark.skipif(find_spec("mlflow") is not None, reason="mlflow is installed")
def test_a_tracker_that_is_not_installed_is_said_so(tiny_model: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"can't be set up: .*requires mlflow to be installed"):
        run(tiny_model, folder, "sft", "out", "--max_steps=1", "--report_to=mlflow")


def test_what_trl_refuses_at_the_first_step_is_said_so(tiny_model: Path, folder: Path) -> None:
    with pytest.raises(UsageError, match=r"dpo training can't begin: Unknown loss type: sigmod"):
        run(tiny_model, folder, "dpo", "out", "--max_steps=1", "--loss_type=sigmod")


def test_steps_are_counted_as_they_come(tiny_model: Path, folder: Path) -> None:
    more = ("--max_steps=-1", "--num_train_epochs=2", "--gradient_accumulation_steps=2")
    order = read_order("sft", None, arguments(tiny_model, folder, "sft", "steps", *more))
    prepared = prepare(order)
    assert count_steps(prepared) == train(prepared).steps == 6


def test_an_alarm_stops_a_run_whose_loss_rises(tiny_model: Path, folder: Path) -> None:
    given = ("--alarms=stop", "--learning_rate=30", "--logging_steps=1", "--save_steps=50")
    with pytest.raises(AlarmError, match=r"Stopped at step \d+ by an alarm") as stopped:
        run(tiny_model, folder, "sft", "out", "--max_steps=40", *given)
    assert stopped.value.exit_code == 3
    assert any((folder / "out").glob("checkpoint-*"))  # of the step that it was stopped at
    assert not (folder / "out" / "model.safetensors").exists()
