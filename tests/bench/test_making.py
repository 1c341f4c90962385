"""Making responses: caps that never help, failures that stop no other, stops that lose none."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from longwrite.agent.settings import Settings
from longwrite.api import Press, open_press
from longwrite.bench.benchmark import Item
from longwrite.bench.making import How, Making, describe_making, make_responses
from longwrite.bench.responses import ResponseFile
from longwrite.bench.rows import Row
from longwrite.engines.choice import Choice
from longwrite.engines.engine import Watch
from longwrite.errors import EngineError, Interrupted
from longwrite.types import CallError, Reply, Request

ITEMS = [Item(str(n), f"Write {n}00 words about the sea.", None, 100 * n) for n in (1, 2, 3)]


def make(
    tmp_path: Path,
    items: list[Item[Any]],
    *,
    how: How = "reply",
    model: str = "scripted",
    stop_after: int = 0,
    change: Any = lambda press: None,
) -> list[Row]:
    """Make responses one after another, and return the rows of the file."""
    making = Making(how, model, Settings(concurrency=1), tmp_path / "runs")

    async def work(file: ResponseFile) -> None:
        press = await open_press({"write": Choice(model, in_flight=1)})
        change(press)
        count = 0

        def tell(message: str) -> None:
            nonlocal count
            count += 1
            if count == stop_after:
                press.stop(Interrupted("Stopped", "as asked"))

        try:
            await make_responses(items, press, making, file, tell)
        finally:
            await press.close()

    with ResponseFile(tmp_path / "out.jsonl", "longen", describe_making(making)) as file:
        try:
            asyncio.run(work(file))
        finally:
            rows = file.rows
    return rows


class Recorder:
    """An engine that answers with one text, or one error, and keeps what it was asked."""

    identity = "recorder"

    def __init__(self, press: Press, error: CallError | None = None) -> None:
        self.abilities = press.engines["write"].abilities
        self.error = error
        self.requests: list[Request] = []

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        self.requests.append(request)
        return Reply(error=self.error) if self.error else Reply("The sea.", "stop")

    async def close(self) -> None:
        """Nothing is held."""


def test_a_stop_loses_nothing_that_was_finished(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        make(tmp_path, ITEMS, stop_after=2)
    with ResponseFile(tmp_path / "out.jsonl", "longen", describe_making(
        Making("reply", "scripted", Settings())
    )) as file:  # fmt: skip
        assert [row["id"] for row in file.rows] == ["1", "2"]


def test_an_item_that_fails_stops_no_other(tmp_path: Path) -> None:
    bad = Item("bad", "\x00\x00", None)
    rows = make(tmp_path, [ITEMS[0], bad, ITEMS[1]])
    assert [(row["id"], "failed" in row) for row in rows] == [
        ("1", False), ("bad", True), ("2", False),
    ]  # fmt: skip
    assert "control characters" in str(rows[1]["failed"])


def test_the_model_sees_the_prompt_alone_and_has_room_for_four_times_the_length(
    tmp_path: Path,
) -> None:
    recorders: list[Recorder] = []

    def change(press: Press) -> None:
        recorders.append(Recorder(press))
        press.engines["write"] = recorders[0]

    long = Item("long", "Write about the sea.", None, 1_000)
    make(tmp_path, [long, ITEMS[0]], change=change)
    first, second = recorders[0].requests
    assert [message.content for message in first.messages] == ["Write about the sea."]
    assert first.sampling.max_tokens == 4 * 1_400
    assert second.sampling.max_tokens == 1_024
    assert first.sampling.seed != second.sampling.seed


def test_an_engine_that_can_not_go_on_stops_all(tmp_path: Path) -> None:
    fatal = CallError("refused", "The key is not known.", fatal=True)

    def change(press: Press) -> None:
        press.engines["write"] = Recorder(press, fatal)

    with pytest.raises(EngineError, match="The key is not known"):
        make(tmp_path, ITEMS, change=change)


def test_the_agent_s_incomplete_document_is_kept_and_counts_as_failed(tmp_path: Path) -> None:
    rows = make(tmp_path, ITEMS[:1], how="agent", model="scripted:empty=1,json=0")
    assert "failed" in rows[0]


def test_how_is_told_in_full() -> None:
    settings = Settings(seed=3, extra={"top_k": 40}, window=4_096, planner="agentwrite")
    assert describe_making(Making("agent", "m", settings)) == (
        "agent by m, temperature 0.8, top_p 0.95, seed 3, top_k 40, window 4096, "
        "planner agentwrite, mode auto"
    )
