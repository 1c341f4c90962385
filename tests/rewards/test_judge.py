"""A judge is asked from anywhere, answers in time or not at all, and all of it is counted."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from longwrite.engines.choice import Choice
from longwrite.errors import UsageError
from longwrite.rewards.answers import read_object
from longwrite.rewards.judge import Judge, Tally, Verdict, describe_tally, find_judge, run_apart
from longwrite.types import Json, Message, Request, Sampling
from tests.engines.faulty_server import FaultyServer, good
from tests.rewards.judges import (
    ASKED,
    CLOSED,
    OPENED,
    answer_broken,
    answer_never,
    answer_nothing,
    make_judge,
    raise_error,
)

QUESTION = (Message("user", "How good is it?"),)


def read_mark(text: str) -> int | None:
    found = read_object(text)
    mark = found.get("mark") if found else None
    return mark if isinstance(mark, int) else None


def answer_three(request: Request) -> str:
    return '{"mark": 3}'


def answer_process(request: Request) -> str:
    return json.dumps({"mark": os.getpid()})


def ask(judge: Judge, question: str = "How good is it?") -> Verdict[int]:
    return judge.ask_now((Message("user", question),), None, read_mark)


def test_a_verdict_keeps_the_words_the_model_and_how_they_were_drawn() -> None:
    verdict = ask(make_judge("words", answer_three))
    assert verdict == Verdict(3, '{"mark": 3}', "fake:words", Sampling(2_048, 0.0, 1.0, 0))


def test_a_judge_is_data_and_travels(tmp_path: Path) -> None:
    judge = make_judge("travels", answer_three, cache=tmp_path)
    assert pickle.loads(pickle.dumps(judge)) == judge
    assert hash(pickle.loads(pickle.dumps(judge))) == hash(judge)
    assert ask(pickle.loads(pickle.dumps(judge))).value == 3


def test_each_event_loop_has_one_engine_of_its_own() -> None:
    judge = make_judge("loops", answer_three)

    async def work() -> None:
        assert await judge.reach() is await judge.reach()
        await asyncio.gather(*(judge.ask(QUESTION, None, read_mark) for _ in range(3)))
        await judge.close()

    asyncio.run(work())
    asyncio.run(work())
    assert (OPENED["loops"], CLOSED["loops"]) == (2, 2)
    ask(judge, "One?"), ask(judge, "Two?")
    assert OPENED["loops"] == 3


def test_the_same_question_at_the_same_time_takes_one_call() -> None:
    judge = make_judge("shared", answer_three)

    async def work() -> list[Verdict[int]]:
        return await asyncio.gather(*(judge.ask(QUESTION, None, read_mark) for _ in range(5)))

    verdicts = asyncio.run(work())
    assert [one.value for one in verdicts] == [3] * 5
    assert len(ASKED["shared"]) == 1
    assert (judge.tally.asked, judge.tally.cached) == (1, 4)


def test_one_who_stops_waiting_takes_nothing_from_the_others() -> None:
    judge = make_judge("patience", answer_three)

    async def work() -> Verdict[int]:
        first = asyncio.ensure_future(judge.ask(QUESTION, None, read_mark))
        second = asyncio.ensure_future(judge.ask(QUESTION, None, read_mark))
        while not ASKED["patience"]:
            await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(work()).value == 3


def test_what_comes_after_the_deadline_is_none_and_counted() -> None:
    judge = make_judge("late", answer_never, deadline=0.01)
    verdict = ask(judge)
    assert (verdict.value, verdict.why) == (None, "deadline")
    assert judge.tally == Tally(asked=1, late=1, first="deadline")
    assert "1 late" in describe_tally(judge.tally)


def test_what_can_not_be_read_is_none_counted_and_shown() -> None:
    judge = make_judge("vague", answer_nothing)
    verdict = ask(judge)
    assert (verdict.value, verdict.why) == (None, "unparsable")
    assert "4 out of 5" in verdict.text
    ask(judge)
    assert (judge.tally.asked, judge.tally.unparsable) == (2, 2), "it is asked for again"
    assert "unparsable 'I would give it a solid 4" in describe_tally(judge.tally)


@pytest.mark.parametrize(
    ("answer", "why"),
    [(answer_broken, "failed: server: The fake broke."), (raise_error, "failed: ValueError: boom")],
)
def test_a_call_that_fails_is_none_and_counted(answer: Callable[[Request], str], why: str) -> None:
    judge = make_judge(f"fails {why}", answer)
    assert ask(judge).why == why
    assert (judge.tally.failed, judge.tally.first) == (1, why)


def test_a_reply_cut_by_its_cap_is_unparsable_even_where_it_could_be_read() -> None:
    async def work() -> Verdict[int]:
        async with FaultyServer(good('{"mark": 5}', finish="length")) as server:
            judge = Judge(Choice("tiny", server.url), Sampling(64, 0.0))
            try:
                return await judge.ask(QUESTION, None, read_mark)
            finally:
                await judge.close()

    verdict = asyncio.run(work())
    assert (verdict.value, verdict.why) == (None, "unparsable: cut at 64 tokens")


def test_a_server_is_asked_for_the_schema() -> None:
    schema: dict[str, Json] = {"type": "object"}

    async def work() -> tuple[Verdict[int], dict[str, Json]]:
        async with FaultyServer(good('{"mark": 2}')) as server:
            judge = Judge(Choice("tiny", server.url), Sampling(64, 0.0))
            try:
                return await judge.ask(QUESTION, schema, read_mark), server.bodies[0]
            finally:
                await judge.close()

    verdict, body = asyncio.run(work())
    assert (verdict.value, verdict.model) == (2, "openai:tiny")
    assert (body["temperature"], body["max_tokens"]) == (0.0, 64)
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "reply", "strict": True, "schema": schema},
    }


def ask_in_child(judge: Judge, results: multiprocessing.SimpleQueue[int | None]) -> None:
    results.put(ask(judge).value)


def test_each_process_writes_a_file_and_reads_all(tmp_path: Path) -> None:
    judge = make_judge("files", answer_process, cache=tmp_path)
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.SimpleQueue[int | None] = context.SimpleQueue()
    child = context.Process(target=ask_in_child, args=(judge, results))
    child.start()
    there = results.get()
    child.join()
    assert there == child.pid
    assert ask(judge).value == there, "what another process was told before is known"
    assert ask(judge).cached and not ASKED["files"]
    ask(judge, "And now?")
    files = sorted(tmp_path.glob("verdicts-*.jsonl"))
    assert len(files) == 2
    row = json.loads(files[0].read_text())
    assert row["model"] == "fake:files"
    assert row["sampling"]["max_tokens"] == 2_048 and row["step"] == "judge"


def test_a_forked_process_begins_anew(tmp_path: Path) -> None:
    judge = make_judge("forked", answer_process)
    assert ask(judge, "Parent?").value == os.getpid()
    context = multiprocessing.get_context("fork")
    results: multiprocessing.SimpleQueue[int | None] = context.SimpleQueue()
    child = context.Process(target=ask_in_child, args=(judge, results))
    child.start()
    assert results.get() == child.pid
    child.join()
    assert ask(judge, "Parent again?").value == os.getpid()
    assert judge.tally.asked == 2


def test_torn_and_foreign_lines_of_a_cache_are_passed_over(tmp_path: Path) -> None:
    judge = make_judge("torn", answer_three, cache=tmp_path / "a")
    ask(judge)
    (path,) = (tmp_path / "a").glob("*.jsonl")
    (tmp_path / "b").mkdir()
    lines = [b"\xff\xfe", b"[]", b'{"key": 1, "text": 2}', b"[" * 5_000, path.read_bytes()]
    (tmp_path / "b" / "verdicts-1.jsonl").write_bytes(b"\n".join(lines) + b'{"key": "x", "te')
    again = make_judge("torn", answer_three, cache=tmp_path / "b")
    assert ask(again).cached and len(ASKED["torn"]) == 1


def test_words_that_a_stricter_reader_refuses_are_asked_for_again(tmp_path: Path) -> None:
    judge = make_judge("strict", answer_three, cache=tmp_path)
    judge.ask_now(QUESTION, None, str)
    assert not judge.ask_now(QUESTION, None, read_mark).cached or len(ASKED["strict"]) == 1
    assert judge.ask_now(QUESTION, None, lambda text: None).why == "unparsable"
    assert len(ASKED["strict"]) == 2


def test_a_cache_that_can_not_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"cache of verdicts .* can't be used"):
        ask(make_judge("nowhere", answer_three, cache=tmp_path / "file"))


def test_an_engine_that_only_writes_is_refused() -> None:
    with pytest.raises(UsageError, match="can't judge"):
        ask(make_judge("mute", answer_three, checks=False))
    assert CLOSED["mute"] == 1


def test_a_judge_s_own_loop_can_not_wait_for_itself() -> None:
    judge = make_judge("itself", answer_three)

    async def work() -> None:
        ask(judge)

    with pytest.raises(RuntimeError, match="await the async form"):
        run_apart(work())


@pytest.mark.parametrize("deadline", [0, -1, float("inf"), float("nan")])
def test_a_deadline_is_a_number_above_nothing(deadline: float) -> None:
    with pytest.raises(UsageError, match="can't answer within"):
        make_judge("never", answer_three, deadline=deadline)


def test_a_name_stands_for_a_judge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("LONGWRITE_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.delenv("LONGWRITE_JUDGE", raising=False)
    assert find_judge("m") == Judge(Choice("m", "http://127.0.0.1:9/v1"))
    with pytest.raises(UsageError, match="LONGWRITE_JUDGE names none"):
        find_judge("")
    monkeypatch.setenv("LONGWRITE_JUDGE", "n")
    assert find_judge("") == Judge(Choice("n", "http://127.0.0.1:9/v1"))


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ('{"mark": 4}', {"mark": 4}),
        ('```json\n{"mark": 4}\n```', {"mark": 4}),
        ('It is good. {"mark": 4} So there.', {"mark": 4}),
        ('The text says {"mark": 5}, but: {"mark": 1}', None),
        ('{"mark": 1, "mark": 5}', None),
        ('{"mark": NaN}', None),
        ("[4]", None),
        ("4", None),
        ("", None),
        ("}{", None),
        ('{"a": ' * 50_000, None),
        ('{"a": ' * 50_000 + "1" + "}" * 50_000, None),
        ("__import__('os').system('true') {", None),
        ('{"mark": ' + "9" * 10_000 + "}", None),
        ('{"text": "' + "x" * 300_000 + '"}', None),
    ],
)
def test_a_reply_is_one_object_or_no_verdict(reply: str, found: dict[str, Json] | None) -> None:
    assert read_object(reply) == found
