"""Every fault of an engine at every call of a document: whole, or a stop to go on from.

Documents are written by the real client over HTTP. A fault comes once, or from one call on for
good; then the server is healed and the same run is gone on with.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path

import pytest

from benchmarks.engine.faults import KINDS, Rule
from longwrite.types import Brief
from tests.faults.written import (
    MODES,
    QUICK,
    SHORT,
    Bench,
    Ended,
    find_wrong,
    flatten,
    make_server,
    opened,
    read_document,
    read_log,
)

ATTEMPTS = 4
"""Tries of one call that the engine makes."""

PASSING = frozenset({
    "rate", "dated", "server", "event", "unfinished", "cut", "reset", "stall", "trickle",
})  # fmt: skip
"""Faults after which the same is asked again, so that the document comes out the same."""

HARMLESS = frozenset({"think", "unopened", "renamed", "amid", "channel", "model"})
"""Faults beside the text."""

FLAGGED = frozenset({"foreign", "loop"})
"""Faults of texts that are worth more than none when every attempt has them."""

Amount = Callable[[int, int], int]
Tell = Callable[[str, int], None]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder that is gone after the test, as there are thousands."""
    with tempfile.TemporaryDirectory(dir=QUICK) as path:
        yield Path(path)


@cache
def write_whole(mode: str) -> tuple[str, int, tuple[tuple[int, int, str], ...]]:
    """Return the document of a run without faults, its calls, and of each what it said.

    The bytes of a call's body up to where it ends, the bytes of all of it, and its text.
    """

    async def main(path: Path) -> tuple[str, int, tuple[tuple[int, int, str], ...]]:
        async with opened() as bench:
            ended = await bench.write(path, mode=mode)
            assert ended.code == 0 and not ended.defects and not find_wrong(bench, path, ended)
            said = ((one.ended, one.body, one.text) for one in bench.server.exchanges)
            return read_document(path), ended.calls, tuple(said)

    with tempfile.TemporaryDirectory(dir=QUICK) as path:
        return asyncio.run(main(Path(path) / "run"))


# --- each fault at each call ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_any_call_ends_in_a_document_or_in_a_stop_to_go_on_from(
    kind: str, folder: Path, amount: Amount, tell: Tell
) -> None:
    rng = random.Random(kind)
    cases = [
        (mode, Rule(kind, call, at=rng.randrange(4_000), wait=rng.randint(1, 60), times=times))
        for mode in MODES
        for times in (1, 0)
        for call in range(times, write_whole(mode)[1] + 1)
    ]
    chosen = rng.sample(cases, min(amount(1, len(cases)), len(cases)))
    timed = {**SHORT, "attempts": 3} if kind in {"stall", "trickle"} else {}

    async def main() -> None:
        server = make_server()
        async with AsyncExitStack() as stack:
            faulty = healed = await stack.enter_async_context(opened(server, **timed))
            if timed:
                healed = await stack.enter_async_context(opened(server))
                healed.finished, healed.begun = faulty.finished, faulty.begun
            for number, (mode, rule) in enumerate(chosen):
                await check_case(faulty, healed, folder / str(number), mode, rule)

    asyncio.run(main())
    tell("faults of an engine, each at one call or from it on", len(chosen))


async def check_case(faulty: Bench, healed: Bench, run: Path, mode: str, rule: Rule) -> None:
    """Write a document under a fault, then without it, and hold both against all promises."""
    whole, calls, _ = write_whole(mode)
    ended = await faulty.write(run, rule, mode=mode)
    assert find_wrong(faulty, run, ended) == [], (mode, rule)
    assert ended.code in expected_codes(rule), (mode, rule, ended)
    assert max(faulty.asked().values()) <= ATTEMPTS
    kept = set(read_log(run))
    again = await healed.write(run, mode=mode)
    assert find_wrong(healed, run, again) == [], (mode, rule)
    assert again.code == (6 if ended.code == 6 else 0), (mode, rule, again)
    assert not kept & set(healed.asked()), "what was kept is not asked again"
    if rule.kind in HARMLESS:
        assert (ended.code, ended.calls, again.calls) == (0, calls, 0)
    went_without = ended.code == 0 and rule.kind in PASSING and rule.times == 0  # seams or notes
    if rule.kind in PASSING | HARMLESS and not went_without:
        assert read_document(run) == whole, (mode, rule)


def expected_codes(rule: Rule) -> set[int]:
    """Return the exit codes that a run with a fault may have.

    0 also where only notes or a seam were left out; 5 where no plan came of it, 3 where a section
    is missing.
    """
    if rule.kind in HARMLESS:
        return {0}
    if rule.kind == "overflow" or (rule.times == 0 and rule.kind not in FLAGGED):
        return {0, 3, 5}
    return {0} if rule.times else {0, 6}


# --- streams cut at every byte -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["cut", "reset"])
def test_a_stream_cut_at_every_byte_is_asked_for_again_until_it_is_whole(
    kind: str, folder: Path, amount: Amount, tell: Tell
) -> None:
    brief = Brief("A history of salt", 220, language="en")

    async def main() -> int:
        async with opened(make_server(chunk=24), attempts=100_000) as bench:
            await bench.write(folder / "whole", brief=brief)
            (call,) = bench.server.exchanges
            assert len(call.text.encode()) > len(call.text) + 100, "letters of several bytes"
            step = max(1, call.ended // amount(20, 1_000_000))
            cuts = -(-call.ended // step)
            rule = Rule(kind, 1, times=cuts, step=step)
            ended = await bench.write(folder / kind, rule, brief=brief)
            assert (ended.code, ended.calls) == (0, cuts + 1), "no cut answer was taken for whole"
            assert find_wrong(bench, folder / kind, ended) == []
            assert read_document(folder / kind) == read_document(folder / "whole")
            return cuts

    tell("streams cut at a byte", asyncio.run(main()))


@pytest.mark.parametrize("kind", ["cut", "reset"])
def test_every_call_of_a_document_may_be_cut_at_many_bytes(
    kind: str, folder: Path, amount: Amount, tell: Tell
) -> None:
    whole, calls, said = write_whole("thread")

    async def main() -> int:
        done = 0
        async with opened(attempts=100_000) as bench:
            for place in random.Random(kind).sample(range(calls), amount(2, calls)):
                end, cuts = said[place][0], amount(9, 150)
                rule = Rule(kind, place + 1, at=end % 7, times=cuts, step=(end - 7) // cuts)
                run = folder / str(place)
                ended = await bench.write(run, rule, in_flight=1)
                assert (ended.code, ended.calls) == (0, calls + cuts)
                assert find_wrong(bench, run, ended) == [] and read_document(run) == whole
                done += cuts
        return done

    tell("streams cut at a byte", asyncio.run(main()))


def test_what_is_cut_after_it_has_ended_is_whole(folder: Path, amount: Amount) -> None:
    whole, calls, said = write_whole("thread")

    async def main() -> None:
        async with opened() as bench:
            end, body, _ = said[-1]
            for at in random.Random(7).sample(range(end, body), amount(2, 60)):
                ended = await bench.write(folder / str(at), Rule("cut", calls, at=at))
                assert (ended.code, ended.calls) == (0, calls)
                assert read_document(folder / str(at)) == whole

    asyncio.run(main())


# --- what a fault is answered with ---------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rate", "dated"])
def test_a_document_waits_as_long_as_a_limiting_server_asks(kind: str, folder: Path) -> None:
    async def main() -> list[float]:
        async with opened() as bench:
            assert (await bench.write(folder / kind, Rule(kind, 5, wait=40.0))).code == 0
            return bench.waits

    (wait,) = asyncio.run(main())
    assert 38.0 < wait <= 41.0


@pytest.mark.parametrize("mode", MODES)
def test_a_text_cut_at_its_cap_is_joined_without_gap_or_overlap(
    mode: str, folder: Path, amount: Amount
) -> None:
    async def main() -> None:
        async with opened() as bench:
            await bench.write(folder / "whole", mode=mode, in_flight=1)
            whole = flatten(read_document(folder / "whole"))
            answers = [flatten(exchange.text) for exchange in bench.server.exchanges]
            sections = [n for n, text in enumerate(answers) if len(text) > 2_000 and text in whole]
            assert len(sections) >= 3
            for place in sections[: amount(1, 9)]:
                run = folder / str(place)
                ended = await bench.write(run, Rule("length", place + 1), mode=mode, in_flight=1)
                assert ended.code == 0 and find_wrong(bench, run, ended) == []
                assert answers[place] in flatten(read_document(run))

    asyncio.run(main())


def test_a_plan_cut_at_its_cap_is_not_taken_for_whole(folder: Path) -> None:
    brief = Brief("A history of salt", 2_500, language="en")

    async def main() -> tuple[Ended, Ended]:
        async with opened(make_server(window=2_500)) as bench:
            whole = await bench.write(folder / "whole", brief=brief)
            return whole, await bench.write(folder / "cut", Rule("length", 1), brief=brief)

    whole, cut = asyncio.run(main())
    assert cut.code == 0 and len(cut.report["sections"]) == len(whole.report["sections"])
    assert cut.report["plan_warnings"] == []


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("rate", "HTTP 429: Too many requests."),
        ("html", "the answer isn't a stream but '<!doctype html><title>Sign in</title>'."),
        ("garbage", "the server sends an event that isn't a JSON object."),
        ("empty", "the reply has no text."),
        ("unclosed", "only thinking."),
        ("refusal", "The model refused to write it."),
        ("event", "the server broke off: The worker died."),
    ],
)
def test_a_missing_section_is_told_with_what_the_server_did(
    kind: str, reason: str, folder: Path
) -> None:
    async def main() -> Ended:
        async with opened() as bench:
            return await bench.write(folder / kind, Rule(kind, 4, times=0))

    ended = asyncio.run(main())
    first = ended.defects[0]
    assert (ended.code, first.section) == (3, "1.1")
    assert first.message == f"It could not be written: {reason}"


# --- another model -------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_a_model_that_changes_half_way_is_told_and_kept_in_the_report(
    mode: str, folder: Path
) -> None:
    async def main() -> list[Ended]:
        async with opened() as bench:
            at = Rule("model", 6)
            changed = await bench.write(folder / "changed", at, mode=mode)
            stopped = await bench.write(folder / "stopped", Rule("server", 6, times=0), mode=mode)
            resumed = await bench.write(folder / "stopped", Rule("model"), mode=mode)
            same = await bench.write(folder / "same", Rule("model"), mode=mode)
            assert stopped.code == 3 and not stopped.notes[0].startswith("The server answers")
            return [changed, resumed, same]

    changed, resumed, same = asyncio.run(main())
    for ended in (changed, resumed):
        (told,) = [note for note in ended.notes if "another" in note]
        assert "first with modelled" in told
        (defect,) = [defect for defect in ended.defects if defect.kind == "model"]
        assert defect.message.endswith("modelled, another.") and ended.code == 0
    assert same.kinds == set(), "a server may call its model as it likes, if it stays with it"
