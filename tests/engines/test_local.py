"""The engine on a real, if tiny and senseless, model."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from longwrite.engines.engine import Engine
from longwrite.engines.folder import digest_folder
from longwrite.engines.local import LocalEngine
from longwrite.errors import EngineError
from longwrite.types import Reply
from tests.engines.answers import answer, ask
from tests.engines.asking import kind

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> LocalEngine:
    return asyncio.run(LocalEngine.open(tiny_model))


@pytest.fixture
def folder(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(tiny_model, tmp_path / "copy"))


def test_it_says_who_and_what_it_is(engine: LocalEngine, tiny_model: Path) -> None:
    typed: Engine = engine
    assert typed.identity == f"local:{digest_folder(tiny_model)}"
    assert typed.abilities.window == 4096
    assert not typed.abilities.json
    assert not typed.abilities.deterministic
    assert typed.abilities.checks


# --- replies -------------------------------------------------------------------------------------


def test_a_reply_depends_on_its_seed_and_not_on_its_companions(engine: LocalEngine) -> None:
    requests = [ask("Rain. " * seed, seed, cap=20 + seed) for seed in range(1, 11)]
    together = answer(engine, *requests)
    alone = [answer(engine, request)[0] for request in requests]
    assert together == alone
    assert answer(engine, ask(seed=1)) != answer(engine, ask(seed=2))


def test_replies_stop_by_themselves_or_at_their_cap(engine: LocalEngine) -> None:
    replies = answer(engine, *(ask(seed=seed, cap=120) for seed in range(8)))
    assert {reply.finish for reply in replies} == {"stop", "length"}
    for reply in replies:
        completion = reply.usage.completion or 0
        assert reply.usage.prompt == replies[0].usage.prompt
        assert reply.usage.cached is None
        assert (completion == 120) if reply.finish == "length" else (completion <= 120)
        assert "<|im_end|>" not in reply.text


def test_what_does_not_fit_the_window_is_never_run(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine._model, "forward", None)
    too_long, too_much = answer(engine, ask("x" * 5000), ask(cap=4090))
    assert kind(too_long) == kind(too_much) == "window"


def test_no_text_is_an_error(engine: LocalEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_ends", frozenset(range(505)))
    reply = answer(engine, ask())[0]
    assert kind(reply) == "empty"
    assert reply.usage.completion == 1


def test_thoughts_that_the_template_opens_are_no_answer(folder: Path) -> None:
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text().replace("assistant\n", "assistant\n<think>\n"))
    engine = asyncio.run(LocalEngine.open(folder))
    reply = answer(engine, ask(cap=10))[0]
    assert kind(reply) == "empty"
    assert reply.error and "thinking" in reply.error.message


def test_template_options_reach_the_template_and_other_fields_are_told(folder: Path) -> None:
    template = folder / "chat_template.jinja"
    template.write_text("{% if calm %}Be calm, {% endif %}" + template.read_text())
    engine = asyncio.run(LocalEngine.open(folder))
    plain, calm, bad = answer(
        engine,
        ask(min_p=0.1),
        ask(chat_template_kwargs={"calm": True}),
        ask(chat_template_kwargs={"add_generation_prompt": False}),
    )
    assert (plain.dropped, calm.dropped) == (("min_p",), ())
    assert kind(bad) == "invalid"
    assert calm.usage.prompt and plain.usage.prompt
    assert calm.usage.prompt > plain.usage.prompt


def test_a_brief_cannot_end_its_own_turn(engine: LocalEngine) -> None:
    written, dry = answer(engine, ask("<|im_end|>" * 10), ask(""))
    assert written.usage.prompt and dry.usage.prompt
    assert written.usage.prompt - dry.usage.prompt > 30


# --- watching, cancelling, closing ---------------------------------------------------------------


def test_a_watch_sees_growing_text_and_stops_it(engine: LocalEngine) -> None:
    seen: list[str] = []

    def watch(text: str) -> bool:
        seen.append(text)
        return len(text) > 30

    first = answer(engine, ask(cap=300), watch=watch)[0]
    assert first.finish == "watch"
    assert first.text == seen[-1]
    assert 0 < (first.usage.completion or 0) < 300
    assert all(after.startswith(before) for before, after in pairwise(seen))
    assert answer(engine, ask(cap=300), watch=watch)[0] == first


def test_a_watch_sees_the_whole_text_last(engine: LocalEngine) -> None:
    seen: list[str] = []

    def watch(text: str) -> bool:
        seen.append(text)
        return False

    reply = answer(engine, ask(cap=30), watch=watch)[0]
    assert reply.finish == "length"
    assert seen[-1] == reply.text
    assert answer(engine, ask(cap=30))[0] == reply


def test_a_watch_that_fails_fails_its_own_call(engine: LocalEngine) -> None:
    async def main() -> Reply:
        def watch(text: str) -> bool:
            raise LookupError(text)

        failing, fine = await asyncio.gather(
            engine.generate(ask(), watch), engine.generate(ask(seed=2)), return_exceptions=True
        )
        assert isinstance(failing, LookupError)
        assert isinstance(fine, Reply)
        return fine

    assert asyncio.run(main()) == answer(engine, ask(seed=2))[0]


def test_cancelling_a_call_leaves_the_others(engine: LocalEngine) -> None:
    async def main() -> Reply:
        begun = asyncio.Event()

        def watch(_: str) -> bool:
            begun.set()
            return False

        endless = asyncio.create_task(engine.generate(ask(cap=4000), watch))
        other = asyncio.create_task(engine.generate(ask(seed=2)))
        await begun.wait()
        endless.cancel()
        with pytest.raises(asyncio.CancelledError):
            await endless
        return await other

    assert asyncio.run(main()) == answer(engine, ask(seed=2))[0]


def test_closing_answers_what_was_asked(tiny_model: Path) -> None:
    async def main() -> None:
        engine = await LocalEngine.open(tiny_model, batch=1)
        calls = [asyncio.create_task(engine.generate(ask(cap=4000))) for _ in range(2)]
        await asyncio.sleep(0)
        await engine.close()
        await engine.close()
        for reply in (*await asyncio.gather(*calls), await engine.generate(ask())):
            assert kind(reply) == "unreachable"
            assert reply.error and reply.error.fatal
        assert not any(thread.is_alive() for thread in engine._thread._threads)

    asyncio.run(main())


# --- failures ------------------------------------------------------------------------------------


def test_running_out_of_memory_is_an_error_and_makes_smaller_batches(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = asyncio.run(LocalEngine.open(tiny_model))
    forward = engine._model.forward

    def narrow(*, input_ids: Any, **rest: Any) -> Any:
        if len(input_ids) > 2:
            raise torch.OutOfMemoryError("no room")
        return forward(input_ids=input_ids, **rest)

    monkeypatch.setattr(engine._model, "forward", narrow)
    failed = answer(engine, *(ask(seed=seed) for seed in range(4)))
    assert [kind(reply) for reply in failed] == ["server"] * 4
    assert failed[0].error and "out of memory" in failed[0].error.message
    assert all(reply.text for reply in answer(engine, *(ask(seed=seed) for seed in range(4))))


def test_a_template_that_refuses_the_conversation_is_an_error(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text("{{ raise_exception('roles must alternate') }}")
    engine = asyncio.run(LocalEngine.open(folder))
    reply = answer(engine, ask())[0]
    assert kind(reply) == "invalid"
    assert reply.error and "roles must alternate" in reply.error.message


def test_torn_weights_are_refused(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EngineError, match="can't load the model"):
        asyncio.run(LocalEngine.open(folder))


def test_code_in_the_folder_is_never_run(folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    (folder / "modeling_own.py").write_text(f"open({str(mark)!r}, 'w')")
    config = json.loads((folder / "config.json").read_text())
    own = {"AutoConfig": "modeling_own.Own", "AutoModelForCausalLM": "modeling_own.Own"}
    config.update(model_type="own", auto_map=own)
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(EngineError, match="can't load the model"):
        asyncio.run(LocalEngine.open(folder))
    assert not mark.exists()


def test_without_torch_the_fix_is_told(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EngineError, match=r"pip install 'longwrite\[local\]'"):
        asyncio.run(LocalEngine.open(tiny_model))


def test_the_window_can_be_made_smaller(tiny_model: Path) -> None:
    engine = asyncio.run(LocalEngine.open(tiny_model, window=64))
    assert engine.abilities.window == 64
    short, long = answer(engine, ask(cap=5), ask(cap=60))
    assert short.text
    assert kind(long) == "window"
