"""Asking for one level of a plan: bounded tries, and always an answer."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from longwrite.errors import EngineError
from longwrite.planners.asking import TRIES, Level, ask_level
from longwrite.planners.entries import Reading
from longwrite.planners.forms import SECTIONS
from longwrite.text import estimate_tokens
from longwrite.types import CallError, Message, Request
from tests.planners.stub import SAMPLING, StubEngine

LEVEL = Level(
    (Message("user", "Divide."),), "2", 3, exact=True, words=900, language="en", schema=SECTIONS
)


def entries(count: int) -> str:
    """Return a plan of so many entries."""
    return json.dumps({"sections": [{"title": f"On {n}", "goal": "g"} for n in range(count)]})


def ask(
    level: Level, *answers: str | CallError, small: bool = False
) -> tuple[Reading, tuple[str, ...], StubEngine]:
    """Ask an engine that gives these answers, the last one for ever."""

    def answer(request: Request) -> str | CallError:
        return answers[min(len(engine.requests), len(answers)) - 1]

    engine = StubEngine(answer)
    engine.abilities = replace(engine.abilities, checks=not small)
    reading, warnings = asyncio.run(ask_level(level, engine, SAMPLING))
    return reading, warnings, engine


def test_a_good_answer_is_taken_at_once() -> None:
    reading, warnings, engine = ask(LEVEL, entries(3))
    assert len(reading.entries) == 3 and warnings == ()
    (request,) = engine.requests
    assert request.role == "plan" and request.schema is SECTIONS
    assert (request.ask.section, request.ask.items, request.ask.words) == ("2", 3, 900)


def test_an_answer_that_does_not_fit_is_asked_for_again_with_another_seed() -> None:
    reading, warnings, engine = ask(LEVEL, entries(5), entries(3))
    assert len(reading.entries) == 3 and warnings == ()
    assert [request.attempt for request in engine.requests] == [0, 1]
    assert len({request.sampling.seed for request in engine.requests}) == 2


@pytest.mark.parametrize(("count", "kept"), [(0, 0), (1, 1), (2, 2), (9, 3)])
def test_after_its_tries_the_best_is_mended_and_told(count: int, kept: int) -> None:
    reading, warnings, engine = ask(LEVEL, entries(count))
    assert len(engine.requests) == TRIES
    titles = [entry.title for entry in reading.entries]
    assert titles == [f"On {n}" for n in range(kept)] + [f"Part {n + 1}" for n in range(kept, 3)]
    (warning,) = warnings
    assert f"had {count} entries instead of 3" in warning


def test_where_the_number_is_free_a_near_one_is_taken() -> None:
    level = Level(LEVEL.messages, "2", 6, exact=False, words=900, language="zh")
    for count in (3, 6, 12):
        reading, warnings, engine = ask(level, entries(count))
        assert len(reading.entries) == count and not warnings and len(engine.requests) == 1
    reading, warnings, _ = ask(level, entries(2))
    assert reading.entries[-1].title == "第6部分" and warnings


def test_a_refused_answer_is_asked_for_again() -> None:
    reading, warnings, _ = ask(LEVEL, CallError("empty", "nothing"), entries(3))
    assert len(reading.entries) == 3 and not warnings


def test_an_engine_in_trouble_is_an_error_and_makes_no_plan() -> None:
    with pytest.raises(EngineError, match=r"plan of 2.*the server burns") as caught:
        ask(LEVEL, entries(1), CallError("server", "the server burns"))
    assert "again" in caught.value.mend


@pytest.mark.parametrize("window", [1024, 4096, 32_768])
def test_a_request_fits_the_window(window: int) -> None:
    level = Level((Message("user", "word " * (window // 3)),), "", 200, True, 900, "zh")
    engine = StubEngine(lambda request: entries(200), window)
    asyncio.run(ask_level(level, engine, SAMPLING))
    (request,) = engine.requests
    prompt = sum(estimate_tokens(message.content) for message in request.messages)
    assert 0 < request.sampling.max_tokens <= window - prompt


def test_a_schema_is_sent_only_where_it_can_be_forced() -> None:
    engine = StubEngine(lambda request: entries(3), json=False)
    asyncio.run(ask_level(LEVEL, engine, SAMPLING))
    assert engine.requests[0].schema is None


def test_an_engine_too_small_to_check_has_to_keep_to_the_subject() -> None:
    level = replace(LEVEL, terms=("harbour", "boats"))
    lost = entries(3)
    kept = lost.replace("On 1", "The harbour").replace('"g"', '"Boats."')
    reading, warnings, engine = ask(level, lost, kept, small=True)
    assert reading.entries[1].title == "The harbour" and warnings == ()
    assert len(engine.requests) == 2
    reading, warnings, engine = ask(level, lost, small=True)
    assert len(reading.entries) == 3 and "says little of the brief" in warnings[0]
    assert len(engine.requests) == TRIES
    _, warnings, engine = ask(level, lost)
    assert len(engine.requests) == 1 and warnings == ()
