"""One document on the modelled engine, by longwrite or by a peer, and what it took."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.engine.answers import EXACT, Manner
from benchmarks.engine.clock import run_virtual
from benchmarks.engine.machine import H100, IDEAL, Machine
from benchmarks.engine.modelled import WINDOW, Call, ModelledEngine
from benchmarks.engine.tokens import count_tokens
from benchmarks.peers import PEERS
from longwrite.agent.budget import Budget
from longwrite.agent.places import Places
from longwrite.agent.settings import Settings
from longwrite.api import Press, write_run
from longwrite.engines.engine import Engine
from longwrite.types import Brief, Role

WISH = "A history of the northern harbours and of the people who kept them"
TOKENS_PER_WORD = 1.35
"""Of the engine's prose; sizes are given in tokens as the engine counts them."""

NOBODY_WAITS = 4_096
"""Calls in flight when only the depth is asked for."""

_ROLES: tuple[Role, ...] = ("write", "plan", "check")


@dataclass(frozen=True, slots=True)
class Way:
    """A way to write: longwrite in some mode, or a peer.

    Attributes:
        peer: Name of the peer; empty for longwrite.
        mode: Of longwrite.
        planner: Of longwrite.
        window: Tokens of a request and its answer.
    """

    name: str
    peer: str = ""
    mode: str = "auto"
    planner: str = "outline"
    window: int = WINDOW


AGENTWRITE, COGWRITER, STORM = (Way(name, peer=name) for name in PEERS)
AUTO = Way("longwrite")
DAG = Way("longwrite dag", mode="dag")
THREAD = Way("longwrite thread", mode="thread", planner="agentwrite")
EPOCHS = Way("longwrite epochs", mode="thread", planner="agentwrite", window=16_384)


@dataclass(frozen=True, slots=True)
class Taken:
    """What writing took.

    Attributes:
        final: Tokens of the finished text.
        seconds: On the engine's clock.
        calls: All calls.
        defects: What longwrite found wrong with it, by kind.
    """

    final: int
    seconds: float
    calls: Sequence[Call] = field(repr=False)
    defects: dict[str, int]

    @property
    def uncached(self) -> float:
        """Prompt tokens computed for each token of the text."""
        return sum(call.uncached for call in self.calls) / self.final

    @property
    def written(self) -> float:
        """Tokens written for each token of the text."""
        return sum(call.written for call in self.calls) / self.final

    @property
    def largest(self) -> int:
        """Tokens of the largest request with its answer."""
        return max(call.prompt + call.written for call in self.calls)


def make_press(engine: Engine, in_flight: int) -> Press:
    """Return what longwrite's runs share, on one engine."""
    models = {"write": engine.identity}
    places = Places(in_flight)
    return Press({role: engine for role in _ROLES}, models, Budget(), places, in_flight)


def measure(
    way: Way,
    tokens: int,
    in_flight: int,
    manner: Manner = EXACT,
    machine: Machine = H100,
) -> Taken:
    """Write one document and return what it took.

    Args:
        way: How.
        tokens: Of the text, about.
        in_flight: Calls at the same time.
        manner: How the engine keeps to lengths.
        machine: What it runs on.
    """
    engine = ModelledEngine(machine, manner, way.window)
    words = round(tokens / TOKENS_PER_WORD)
    if way.peer:
        work = PEERS[way.peer](WISH, words, engine, in_flight)
        text, seconds = run_virtual(_await(work))
        return Taken(count_tokens(text), seconds, engine.calls, {})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        (text, defects), seconds = run_virtual(_write(path, way, words, engine, in_flight))
    return Taken(count_tokens(text), seconds, engine.calls, defects)


def measure_depth(way: Way, tokens: int, manner: Manner = EXACT) -> float:
    """Return the tokens that have to be written one after another."""
    return measure(way, tokens, NOBODY_WAITS, manner, IDEAL).seconds


async def _await(work: Awaitable[str]) -> str:
    return await work


async def _write(
    path: Path, way: Way, words: int, engine: ModelledEngine, in_flight: int
) -> tuple[str, dict[str, int]]:
    settings = Settings(mode=way.mode, planner=way.planner, concurrency=in_flight)
    brief = Brief(WISH, words, language="en")
    outcome = await write_run(path, make_press(engine, in_flight), brief, settings)
    return outcome.markdown, dict(outcome.report["defect_counts"])
