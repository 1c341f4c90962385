"""Rounds of lengthening: each stage once, gone on with wherever it stopped, told as it came out."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.agent.budget import Budget
from longwrite.agent.places import Places
from longwrite.agent.settings import Settings
from longwrite.api import Press
from longwrite.engines.choice import Choice
from longwrite.engines.scripted import compose_text
from longwrite.errors import Interrupted, RunError, UsageError
from longwrite.types import Abilities, Reply, Request, Role

pytest.importorskip("trl")
pytest.importorskip("pyarrow")

from longwrite.train.loop_settings import LoopSettings
from longwrite.train.round_rows import TOO_SHORT, deal_prompts, find_least, split_rows
from longwrite.train.rounds import Round, State, show_rounds, summarise_replies
from longwrite.train.running import Trained
from longwrite.train.self_lengthen import run_loop

pytestmark = pytest.mark.filterwarnings("ignore")

THINGS = ("a mill by a river", "the last ferry", "a garden in winter", "an old lighthouse",
          "a clock without hands", "the baker's holiday", "a quarrel over a wall",
          "the night train", "a school for kites", "a shop of maps")  # fmt: skip
RECIPE = {"rounds": 2, "first_words": 60, "least_words": 20}
TRAINING = (
    "--max_steps=1", "--report_to=none", "--disable_tqdm=true", "--per_device_train_batch_size=2",
    "--warmup_steps=0",
)  # fmt: skip


class Writer:
    """Writes as many words as a step is for, a little more each time it was trained."""

    def __init__(self, name: str, level: int, heard: list[tuple[str, Request]]) -> None:
        self.identity, self.abilities = name, Abilities(32_768)
        self._level, self._heard = level, heard

    async def generate(self, request: Request, watch: Any = None) -> Reply:
        self._heard.append((self.identity, request))
        words = {"lengthen.answer": 40, "reply": 50}.get(request.ask.step, 60)
        rng = random.Random(request.sampling.seed)
        text = compose_text(words * (2 + self._level) // 2, request.ask.language or "en", rng)
        return Reply(text, "stop")

    async def close(self) -> None:
        """Nothing is held."""


class Engines:
    """Opens writers in the place of folders; stops at a piece of work if told so."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Request]] = []
        self.opened: list[dict[str, str]] = []
        self.stop_at: int | None = None

    def __call__(self, choices: dict[Role, Choice], work: Callable[[Press], Awaitable[Any]]) -> Any:
        self.opened.append({role: choice.model for role, choice in choices.items()})
        if len(self.opened) == self.stop_at:
            raise Interrupted("Stopped", "as asked")

        async def do() -> Any:
            main = choices["write"]
            engines: dict[Role, Any] = {
                role: self._open(choices.get(role, main)) for role in ("write", "plan", "check")
            }
            return await work(Press(engines, {}, Budget(), Places(4), 4))

        return asyncio.run(do())

    def _open(self, choice: Choice) -> Writer:
        parts = Path(choice.model).parts
        number = next((int(one[6:]) for one in parts if one.startswith("round-")), 0)
        return Writer("/".join(parts[-2:]), number, self.heard)


@pytest.fixture
def settings(tiny_model: Path, tmp_path: Path) -> LoopSettings:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("".join(f"Tell the story of {one}.\n" for one in THINGS), "utf-8")
    return LoopSettings(
        tiny_model, (str(prompts),), tmp_path / "out", rounds=2, recipe=RECIPE,
        arguments=TRAINING, settings=Settings(concurrency=4),
    )  # fmt: skip


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Have every training be a copy of its model, and return the orders."""
    running: Any = import_module("longwrite.train.running")
    orders: list[Any] = []

    def copy(order: Any, say: Any) -> Trained:
        orders.append(order)
        folder = Path(order.training.output_dir)
        shutil.copytree(order.model.model_name_or_path, folder, dirs_exist_ok=True)
        (folder / "checkpoint-1").mkdir(exist_ok=True)
        return Trained(folder, 1, 0, (2.0, 1.0), {"longer than 9 tokens": 1})

    preparation: Any = import_module("longwrite.train.preparation")
    monkeypatch.setattr(preparation, "prepare", lambda order: order)
    monkeypatch.setattr(running, "train", copy)
    return orders


def read_rounds(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "rounds.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_each_round_works_with_the_models_of_the_one_before(
    settings: LoopSettings, trained: list[Any]
) -> None:
    engines = Engines()
    found = run_loop(settings, engines)
    folder, base = settings.folder, str(settings.model)
    last = {role: str(folder / "round-1" / role) for role in ("generator", "extender")}
    second = str(folder / "round-2" / "generator")
    assert engines.opened == [
        {"write": base},
        {"write": base, "plan": base, "check": base},
        {"write": last["generator"]},
        {"write": last["generator"], "plan": last["extender"], "check": last["generator"]},
        {"write": second},
    ]
    assert [(Path(one.training.output_dir).name, one.model.model_name_or_path) for one in trained] \
        == [("generator", base), ("extender", base), ("generator", last["generator"])]  # fmt: skip
    assert [one.number for one in found] == [0, 1, 2]
    assert found[0].words < found[1].words < found[2].words
    for one in found[1:]:
        assert one.rows["generator"] and one.rows["extender"] > one.rows["generator"]
        assert one.row_words and one.loop_free == one.ended == 1 and one.replies == 2
        assert one.dropped["generator: longer than 9 tokens"] == 1
        assert set(one.seconds) >= {"rows", "generator", "measured"}
    assert [line["words"] for line in read_rounds(folder)] == [one.words for one in found]
    assert (folder / "model" / "model.safetensors").is_file()
    assert not list(folder.glob("round-*/*/checkpoint-*"))
    assert "loop-free" in show_rounds(found)


def test_answers_come_from_the_generator_and_extensions_from_the_extender(
    settings: LoopSettings, trained: list[Any]
) -> None:
    engines = Engines()
    run_loop(settings, engines)
    asked = {(name, request.ask.step) for name, request in engines.heard}
    assert ("round-1/generator", "lengthen.answer") in asked
    assert {name for name, step in asked if step.startswith("lengthen.first")} == {
        "/".join(settings.model.parts[-2:]), "round-1/extender",
    }  # fmt: skip
    # A trained extender is asked as its rows ask; the first one was told what to do.
    firsts = {
        name: request.messages[0].content
        for name, request in engines.heard
        if request.ask.step == "lengthen.first"
    }
    base = firsts["/".join(settings.model.parts[-2:])]
    assert "first half" in base and "first half" not in firsts["round-1/extender"]
    # What a first answer may have grows with what the round before it made.
    caps = [request.ask.words for _, request in engines.heard
            if request.ask.step == "lengthen.answer"]  # fmt: skip
    assert min(caps) == 60 and max(caps) > 200


def test_no_prompt_comes_twice(settings: LoopSettings, trained: list[Any]) -> None:
    run_loop(settings, Engines())
    parts = [
        {json.loads(line)["prompt"] for line in path.read_text("utf-8").splitlines()}
        for path in sorted((settings.folder / "prompts").iterdir())
    ]
    assert len(parts) == 3 and sum(map(len, parts)) == len(THINGS) == len(set().union(*parts))


def test_each_role_has_a_set_of_its_own(settings: LoopSettings, trained: list[Any]) -> None:
    run_loop(settings, Engines())
    load = import_module("longwrite.train.rows").load_rows
    for role in ("generator", "extender"):
        rows = load(str(settings.folder / "round-1" / f"{role}-rows"), None, "train", "sft")
        told = {json.loads(row["provenance"])["role"] for row in rows}
        assert told == {role}


@pytest.mark.parametrize("place", [1, 2, 3, 4, 5])
def test_a_run_that_was_stopped_goes_on_and_repeats_no_call(
    place: int, settings: LoopSettings, trained: list[Any], tmp_path: Path
) -> None:
    whole = Engines()
    wanted = run_loop(replace(settings, folder=tmp_path / "whole"), whole)
    engines = Engines()
    engines.stop_at = place
    with pytest.raises(Interrupted):
        run_loop(settings, engines)
    found = run_loop(settings, engines)
    assert [replace(one, seconds={}) for one in found] == [
        replace(one, seconds={}) for one in wanted
    ]
    assert len(engines.heard) == len(whole.heard)
    assert len(engines.opened) == len(whole.opened) + 1
    run_loop(settings, engines)
    assert len(engines.opened) == len(whole.opened) + 1  # nothing is left to do


def test_a_training_that_was_stopped_is_gone_on_with(
    settings: LoopSettings, trained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    running: Any = import_module("longwrite.train.running")
    copy = running.train

    def stop(order: Any, say: Any) -> Trained:
        raise Interrupted("Stopped after step 1")

    engines = Engines()
    monkeypatch.setattr(running, "train", stop)
    with pytest.raises(Interrupted):
        run_loop(settings, engines)
    opened = len(engines.opened)
    monkeypatch.setattr(running, "train", copy)
    run_loop(settings, engines)
    assert opened == 2 and len(engines.opened) == 5


def test_a_kill_before_a_training_is_written_down_keeps_its_checkpoint(
    settings: LoopSettings, trained: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    put = State.put

    def kill(state: State, stage: str, found: Any) -> None:
        if stage == "1/generator":
            raise Interrupted("Killed")
        put(state, stage, found)

    monkeypatch.setattr(State, "put", kill)
    engines = Engines()
    with pytest.raises(Interrupted):
        run_loop(settings, engines)
    assert list(settings.folder.glob("round-1/generator/checkpoint-1"))
    monkeypatch.setattr(State, "put", put)
    run_loop(settings, engines)
    assert len(engines.opened) == 5  # no row was written again
    assert not list(settings.folder.glob("round-*/*/checkpoint-*"))


def test_replies_are_told_as_they_come_in(settings: LoopSettings, trained: list[Any]) -> None:
    told: list[str] = []
    run_loop(replace(settings, rounds=1, samples=4), Engines(), told.append)
    assert told[0] == "Round 0 of 1: held-out prompts are answered"
    assert [line for line in told if line.endswith("replies")][3] == "8 of 8 replies"


def test_an_unknown_argument_is_told_before_anything_is_written(settings: LoopSettings) -> None:
    engines = Engines()
    with pytest.raises(UsageError, match="learning_rat"):
        run_loop(replace(settings, arguments=("--learning_rat=1",)), engines)
    with pytest.raises(UsageError, match="learning_rat"):
        run_loop(replace(settings, arguments=("--extender.learning_rat=1",)), engines)
    assert not engines.opened


def test_a_model_may_be_trained_by_arguments_of_its_own(
    settings: LoopSettings, trained: list[Any]
) -> None:
    own = ("--extender.learning_rate", "1e-5", "--generator.learning_rate=1e-3", "--seed", "7")
    run_loop(replace(settings, arguments=(*TRAINING, *own)), Engines())
    rates = [(Path(one.training.output_dir).name, one.training.learning_rate) for one in trained]
    assert rates == [("generator", 1e-3), ("extender", 1e-5), ("generator", 1e-3)]
    assert {one.training.seed for one in trained} == {7}


def test_a_folder_belongs_to_one_run(settings: LoopSettings, trained: list[Any]) -> None:
    run_loop(settings, Engines())
    with pytest.raises(UsageError, match="recipe changed since it was begun"):
        run_loop(replace(settings, recipe={}), Engines())
    (settings.folder / "self-lengthen.json").write_text("{", "utf-8")
    with pytest.raises(RunError, match="it is damaged"):
        run_loop(settings, Engines())


def test_a_round_without_rows_says_why(settings: LoopSettings, trained: list[Any]) -> None:
    strict = replace(settings, recipe={**RECIPE, "growth": 50.0})
    with pytest.raises(UsageError, match=r"no row for the generator: extension is hardly longer"):
        run_loop(strict, Engines())


def test_another_writer_may_write_all_rounds(settings: LoopSettings, trained: list[Any]) -> None:
    engines = Engines()
    run_loop(replace(settings, writer=Choice("big", "http://127.0.0.1:9/v1")), engines)
    builds = [one for one in engines.opened if "plan" in one]
    assert all(set(one.values()) == {"big"} for one in builds)
    measured = [one["write"] for one in engines.opened if "plan" not in one]
    assert len(measured) == 3 and "big" not in measured


def test_every_round_may_begin_with_the_base(settings: LoopSettings, trained: list[Any]) -> None:
    run_loop(replace(settings, from_base=True), Engines())
    assert {one.model.model_name_or_path for one in trained} == {str(settings.model)}


BAD: dict[str, dict[str, Any]] = {
    "no config.json": {"model": Path("nowhere")},
    "begin at 1": {"rounds": 0},
    "runs no folder": {"engine": "abacus"},
    "'prompts' is set by the loop": {"recipe": {"prompts": ["other.txt"]}},
    "'output_dir' is set by the loop": {"arguments": ("--output-dir=x",)},
    "'dataset_name' is set by the loop": {"arguments": ("--extender.dataset_name=x",)},
}


@pytest.mark.parametrize("said", BAD)
def test_what_makes_no_sense_is_refused(said: str, settings: LoopSettings) -> None:
    with pytest.raises(UsageError, match=said):
        replace(settings, **BAD[said])


@given(st.sets(st.text(min_size=1, max_size=4), max_size=30), st.integers(1, 4), st.integers(0, 3))
def test_prompts_are_dealt_out_once_and_fairly(lines: set[str], rounds: int, seed: int) -> None:
    try:
        shares, apart = deal_prompts(sorted(lines), rounds, seed, held_out=True)
    except UsageError:
        assert len(lines) < rounds + 2
        return
    assert sorted([*apart, *(line for share in shares for line in share)]) == sorted(lines)
    sizes = [len(share) for share in shares]
    assert min(sizes) >= 1 and max(sizes) - min(sizes) <= 1 and len(apart) >= 2
    assert deal_prompts(sorted(lines, reverse=True), rounds, seed, held_out=True)[0] == shares


def test_replies_that_were_cut_or_loop_are_not_sound() -> None:
    def reply(words: float, sound: bool, ended: bool) -> dict[str, Any]:
        return {"reply": "Salt.", "words": words, "sound_words": words if sound else None,
                "loop_free": float(sound or not ended), "ended": float(ended)}  # fmt: skip

    found = summarise_replies([
        reply(10, True, True), reply(30, True, True), reply(900, False, True),
        {"failed": "window", "words": 0},
    ])  # fmt: skip
    assert (found["words"], found["sound_words"]) == (30, 20)
    assert found["loop_free"] == pytest.approx(2 / 3) and found["ended"] == 1
    assert (found["replies"], found["failed"]) == (3, 1)
    with pytest.raises(UsageError, match="No held-out prompt has a reply: window"):
        summarise_replies([{"failed": "window"}])


def test_what_is_hardly_longer_than_the_model_s_own_replies_teaches_nothing(
    settings: LoopSettings, trained: list[Any]
) -> None:
    run_loop(settings, Engines())
    build, place = settings.folder / "round-1" / "rows", settings.folder / "again"
    count, _, words = split_rows(build, place, "generator")
    longer, dropped, kept = split_rows(build, place, "generator", min(words) + 1)
    assert count - longer == dropped[TOO_SHORT] == words.count(min(words))
    assert min(kept) > min(words)
    assert find_least("generator", {}, 100) == 120 and find_least("extender", {}, 100) == 0
    assert find_least("generator", {"growth": 2}, 100) == 200


def test_a_model_that_answers_everything_with_one_text_is_told() -> None:
    def repeated(*texts: str) -> Any:
        measures = {"words": 12, "sound_words": 12, "loop_free": 1.0, "ended": 1.0}
        return summarise_replies([{"reply": text, **measures} for text in texts])["repeated"]

    one = "Salt comes from the sea, and those who win it rise with the sun."
    other = "Every clock in the tower was wrong, though never two of them by as much."
    assert repeated(one, one) == 1 and repeated(one, other) == 0
    assert repeated("Salt.", "Clocks.") is None


def test_the_table_shows_each_round_and_why_rows_were_dropped() -> None:
    first = Round(0, 80, 80, 1.0, 0.9, 10)
    second = replace(
        first, number=1, words=1_200, rows={"generator": 30, "extender": 110}, row_words=1_150.0,
        dropped={"loop": 2, "truncated": 5}, seconds={"rows": 90.0, "generator": 30.0},
        repeated=0.25,
    )  # fmt: skip
    lines = show_rounds([first, second]).splitlines()
    assert lines[2].split() == [
        "1", "1,200", "80", "100%", "90%", "25%", "30", "+", "110", "1,150", "7", "2.0",
    ]  # fmt: skip
    assert lines[-1] == "round 1 dropped: 5 × truncated, 2 × loop"


def test_a_stage_is_kept_with_what_came_of_it(tmp_path: Path) -> None:
    State(tmp_path, {"a": 1}).put("1/rows", {"rows": 3})
    assert State(tmp_path, {"a": 1}).get("1/rows") == {"rows": 3}
    with pytest.raises(UsageError, match="a changed"):
        State(tmp_path, {"a": 2})


@pytest.mark.parametrize("more", [(), ("--use_peft=true", "--learning_rate=1e-3")])
def test_the_models_are_really_trained_and_loaded_again(
    more: tuple[str, ...], settings: LoopSettings
) -> None:
    """One round with no stand-in but the writer's; the new model answers by its own engine."""
    from longwrite.api import open_press

    engines = Engines()

    def run(choices: dict[Role, Choice], work: Callable[[Press], Awaitable[Any]]) -> Any:
        if "plan" in choices:
            return engines(choices, work)

        async def do() -> Any:
            press = await open_press(choices)
            try:
                return await work(press)
            finally:
                await press.close()

        return asyncio.run(do())

    arguments = (*TRAINING, *more)
    (_, done) = run_loop(
        replace(settings, rounds=1, arguments=arguments, reply_tokens=40, samples=2), run
    )
    assert done.replies == 4 and done.steps == {"generator": 1}
    before, after = settings.model, settings.folder / "model"
    weights = [(one / "model.safetensors").read_bytes() for one in (before, after)]
    assert weights[0] != weights[1]
    assert not (after / "adapter_config.json").exists()
