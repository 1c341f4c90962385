"""The engine without a model: always the same, as long as asked, and failing on demand."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.engines.engine import Watch
from longwrite.engines.scripted import FAULTS, Rule, ScriptedEngine, parse_rule
from longwrite.errors import UsageError
from longwrite.planners.entries import read_entries
from longwrite.scoring.leaks import is_refusal
from longwrite.scoring.repetition import LoopWatch, find_early_loop, find_loop
from longwrite.text import count_words, estimate_tokens, sentences
from longwrite.types import Ask, Message, Reply, Request, Sampling


def request(
    words: int = 300, language: str = "en", step: str = "section", seed: int = 1
) -> Request:
    """Return a request for a text."""
    ask = Ask(step, "1", "The Sea", words, 5, language, "Salt is old. It is white.")
    return Request((Message("user", f"Write {seed}."),), Sampling(8_000, seed=seed), ask=ask)


def ask(asked: Request, options: str = "", watch: Watch | None = None) -> Reply:
    """Ask a new engine."""
    return asyncio.run(ScriptedEngine(parse_rule(options)).generate(asked, watch))


# --- texts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "zh", "fr", ""])
@pytest.mark.parametrize("words", [1, 30, 300, 3_000])
def test_a_text_is_as_long_as_asked(words: int, language: str) -> None:
    reply = ask(request(words, language))
    assert reply.finish == "stop" and reply.error is None
    assert abs(count_words(reply.text) - words) <= 35
    assert reply.usage.completion == estimate_tokens(reply.text)


def test_a_spread_misses_in_both_directions_and_no_further() -> None:
    counts = [count_words(ask(request(1_000, seed=n), "spread=0.3").text) for n in range(40)]
    assert min(counts) < 850 and max(counts) > 1_150
    assert all(680 <= count <= 1_320 for count in counts)


def test_the_same_is_always_answered_the_same() -> None:
    assert ask(request()).text == ask(request()).text
    others = [request(seed=2), replace(request(), attempt=1), request(step="section.continue")]
    texts = {ask(other).text for other in [request(), *others]} | {ask(request(), "seed=9").text}
    assert len(texts) == 5


def test_what_was_asked_before_changes_no_text() -> None:
    async def run() -> str:
        engine = ScriptedEngine()
        await asyncio.gather(*(engine.generate(request(seed=n)) for n in range(9)))
        return (await engine.generate(request())).text

    assert asyncio.run(run()) == ask(request()).text


def test_a_long_text_repeats_nothing() -> None:
    asked = replace(request(20_000), sampling=Sampling(100_000))
    text = ask(asked, "window=200000").text
    pieces = sentences(text)
    assert find_loop(text) is None
    assert len(set(pieces)) > 0.99 * len(pieces)


def test_a_text_ends_at_its_token_cap() -> None:
    reply = ask(replace(request(2_000), sampling=Sampling(500)))
    assert reply.finish == "length"
    assert estimate_tokens(reply.text) <= 500
    assert ask(replace(request(), sampling=Sampling(0))).text == ""


def test_a_request_that_does_not_fit_the_window_is_an_error() -> None:
    reply = ask(request(), "window=8001")
    assert reply.error is not None and reply.error.kind == "window" and reply.finish is None


def test_tokens_of_a_known_prefix_are_cached() -> None:
    async def run() -> list[int | None]:
        engine = ScriptedEngine()
        thread: tuple[Message, ...] = (Message("system", "rules " * 50),)
        cached = []
        for turn in range(3):
            thread += (Message("user", f"step {turn} " * 20),)
            reply = await engine.generate(replace(request(50), messages=thread))
            thread += (Message("assistant", reply.text),)
            cached.append(reply.usage.cached)
        return cached

    first, second, third = asyncio.run(run())
    assert first == 0 and second is not None and third is not None and 0 < second < third


def test_a_watch_sees_a_growing_text_and_stops_it_where_it_says() -> None:
    seen: list[str] = []

    def watch(text: str) -> bool:
        seen.append(text)
        return len(text) >= 1_000

    reply = ask(request(1_000), watch=watch)
    assert reply.finish == "watch" and len(reply.text) == 1_000
    assert [len(text) for text in seen] == [500, 1_000]


# --- plans and notes -----------------------------------------------------------------------------


@pytest.mark.parametrize("forced", [True, False])
def test_a_plan_has_as_many_entries_as_asked(forced: bool) -> None:
    asked = replace(request(step="plan.root"), schema={} if forced else None)
    reply = ask(asked)
    assert reply.text.startswith("{") == forced
    reading = read_entries(reply.text)
    assert len(reading.entries) == 5 and reading.title and reading.bible
    assert sum(entry.words for entry in reading.entries) == pytest.approx(300, rel=0.25)


def test_a_fact_quotes_the_text_it_is_about() -> None:
    (fact,) = json.loads(ask(request(step="facts")).text)["facts"]
    assert fact["quote"] == "Salt is old." and fact["entity"] == "The Sea"


# --- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["server", "empty"])
def test_a_failed_call_is_an_error_without_text(kind: str) -> None:
    reply = ask(request(), f"{kind}=1")
    assert reply.error is not None and reply.error.kind == kind
    assert (reply.text, reply.finish) == ("", None)


def test_each_fault_of_a_text_shows() -> None:
    good = ask(request()).text
    texts = {name: ask(request(), f"{name}=1").text for name in FAULTS[2:7]}
    assert is_refusal(texts["refusal"])
    assert find_early_loop(texts["loop"]) is not None
    assert good.startswith(texts["truncated"]) and not texts["truncated"].endswith(".")
    assert "<think>" in texts["leak"] and "Word count" in texts["leak"]
    assert not texts["foreign"].isascii()


def test_a_loop_is_stopped_where_the_loop_shows() -> None:
    watch = LoopWatch()
    reply = ask(request(2_000), "loop=1", watch)
    assert reply.finish == "watch"
    assert watch.offset is not None and find_early_loop(reply.text) == watch.offset


def test_faults_of_texts_leave_plans_alone_and_the_other_way_round() -> None:
    plan = request(step="plan.root")
    assert read_entries(ask(plan, "refusal=1,loop=1,leak=1").text).entries
    assert read_entries(ask(plan, "garbled=1").text).entries == ()
    assert ask(request(), "garbled=1").text == ask(request()).text


def test_a_probability_is_one() -> None:
    texts = [ask(request(seed=n), "refusal=0.3").text for n in range(100)]
    assert 15 <= sum(map(is_refusal, texts)) <= 45


# --- options -------------------------------------------------------------------------------------


def test_options_are_read() -> None:
    rule = parse_rule("spread=0.2,delay=0.5,seed=3,window=9000,json=0,checks=0,server=0.1,loop")
    assert rule == Rule(0.2, 0.5, 3, 9_000, False, False, {"server": 0.1, "loop": 1.0})
    assert parse_rule("") == parse_rule(",,") == Rule()
    abilities = ScriptedEngine(rule).abilities
    assert (abilities.window, abilities.json, abilities.checks) == (9_000, False, False)
    assert abilities.deterministic


@pytest.mark.parametrize(
    "options",
    [
        "sprd=1",
        "spread=x",
        "spread=",
        "spread=nan",
        "server=inf",
        "json=yes",
        "window=1.5",
        "faults=1",
    ],
)
def test_an_option_that_is_none_is_a_usage_error(options: str) -> None:
    with pytest.raises(UsageError):
        parse_rule(options)


@given(st.text(st.sampled_from("spreadlayjson=,.0123-e_ \n"), max_size=30))
def test_any_options_are_read_or_refused(options: str) -> None:
    try:
        assert isinstance(parse_rule(options), Rule)
    except UsageError as error:
        assert error.what


def test_faults_and_speed_make_no_other_model() -> None:
    fast, slow = (ScriptedEngine(parse_rule(text)) for text in ("", "delay=1,server=0.5,loop=0.1"))
    assert fast.identity == slow.identity
    assert fast.identity != ScriptedEngine(parse_rule("spread=0.1")).identity


def test_a_journal_has_a_line_for_each_call_begun(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    for seed in (4, 5):
        ask(request(seed=seed), f"journal={journal},server=1")
    assert journal.read_text() == "section 1 4\nsection 1 5\n"


# --- scripts -------------------------------------------------------------------------------------


def test_a_script_is_followed_line_by_line(tmp_path: Path) -> None:
    lines = [
        {"step": "facts", "text": "noted"},
        {"section": "1", "text": "first 海\u2028", "finish": "length"},
        {"error": "timeout"},
    ]
    script = tmp_path / "script.jsonl"
    script.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), "utf-8")

    async def run() -> list[Reply]:
        engine = ScriptedEngine(parse_rule(f"script={script}"))
        return [await engine.generate(request(step=step)) for step in ("a", "facts", "b", "c")]

    first, second, third, fourth = asyncio.run(run())
    assert (first.text, first.finish) == ("first 海\u2028", "length")
    assert second.text == "noted"
    assert third.error is not None and third.error.kind == "timeout"
    assert count_words(fourth.text) > 100


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"no json", b"[1]", b'"x"', b"5", b'{"unknown": 1}', b'{"text": 5}']
)
def test_a_script_that_is_none_is_a_usage_error(tmp_path: Path, content: bytes) -> None:
    script = tmp_path / "script.jsonl"
    script.write_bytes(content)
    with pytest.raises(UsageError, match="can't be used"):
        parse_rule(f"script={script}")
    with pytest.raises(UsageError, match="can't be used"):
        parse_rule(f"script={tmp_path / 'none'}")
