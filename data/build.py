"""The builder: units to rows, many at a time, each kept as soon as it is done.

What a kill loses is the calls in flight. Units are taken in their order and finish in any; what the
set holds in the end depends on their order alone, so that a build that was killed twenty times is,
byte for byte, the one that was not.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from importlib.resources import files
from pathlib import Path

from filelock import FileLock

from longwrite import __version__
from longwrite.agent.caller import Caller
from longwrite.agent.settings import Settings
from longwrite.api import Press
from longwrite.data.filters import detail_of
from longwrite.data.labels import checker_version, verify
from longwrite.data.ledger import Ledger, Made
from longwrite.data.recipe import Recipe
from longwrite.data.rows import Drop, Row, Unit, Verdict
from longwrite.data.scrub import scrub_row
from longwrite.data.selection import Selection
from longwrite.data.workbench import Workbench
from longwrite.errors import LongwriteError
from longwrite.runs.folder import lock_folder, most_open
from longwrite.runs.store import Store, digest
from longwrite.types import Abilities, Json

PASSING = frozenset({"engine failed", "unfinished document"})
"""Reasons of drops that another run may get round: nothing was wrong with the unit."""

_PROMPTS = ("longwrite.agent", "longwrite.data", "longwrite.planners", "longwrite.rewards")
_BATCH, _SECONDS = 64, 0.5

RowFilter = Callable[[Row], Verdict]


@dataclass(frozen=True, slots=True)
class Order:
    """A build as it was asked for.

    Attributes:
        recipe: Makes the rows.
        folder: Of the set.
        settings: How the engines are asked.
        filters: Row filters by name, in their order.
        select: Makes what looks at all rows together: duplicates, quota, the number wanted.
        options: All options as JSON values; they decide, with the templates, what may be reused.
        rows: Rows wanted; None for all that the source gives.
        shard: Which shard of how many, counted from 1.
    """

    recipe: Recipe
    folder: Path
    settings: Settings
    filters: Mapping[str, RowFilter]
    select: Callable[[], Selection]
    options: Mapping[str, Json] = field(default_factory=dict)
    rows: int | None = None
    shard: tuple[int, int] = (1, 1)


@dataclass(slots=True)
class Count:
    """How far a build has come; `enough` once the rows wanted are there."""

    units: int = 0
    reused: int = 0
    rows: int = 0
    dropped: int = 0
    enough: bool = False
    last: str = ""


def fingerprint(order: Order, models: Mapping[str, str]) -> str:
    """Return a hash of everything that decides a unit's rows besides the unit."""
    said = [
        __version__,
        order.recipe.name,
        str(order.recipe.version),
        checker_version(),
        _template_hash(),
        json.dumps(asdict(replace(order.settings, concurrency=0)), sort_keys=True),
        json.dumps(order.options, sort_keys=True, ensure_ascii=False),
        json.dumps(models, sort_keys=True),
    ]
    return digest(*said)


def _template_hash() -> str:
    texts = []
    for package in _PROMPTS:
        folder = files(package) / "prompts"
        if folder.is_dir():
            entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
            texts += [f"{entry.name}\n{entry.read_text('utf-8')}" for entry in entries]
    return digest(*texts)


class Builder:
    """Brings one set as far as it will go; opening it again goes on from there.

    Args:
        order: What is built.
        press: Engines, budget and calls in flight.
        notify: Told how far it has come.
        note: Told, as a sentence, what a person should know.

    Raises:
        UsageError: The folder can't be written.
        RunError: Another process builds there, or its files are damaged.
    """

    def __init__(
        self,
        order: Order,
        press: Press,
        notify: Callable[[Count], None] = lambda count: None,
        note: Callable[[str], None] = lambda message: None,
    ) -> None:
        """Lock the folder and open log and ledger."""
        self.order, self.count = order, Count()
        self._press, self._notify = press, notify
        work = order.folder / ".work"
        self._lock = lock_set(order.folder)
        with ExitStack() as opened:
            opened.callback(self._lock.release)
            self._store = opened.enter_context(closing(Store(work / "calls.sqlite")))
            self.ledger = opened.enter_context(closing(Ledger(work / "ledger.sqlite")))
            spent = [call.reply.usage for call in self._store.list_calls()]
            self._opened = opened.pop_all()
        models: dict[str, str] = {role: engine.identity for role, engine in press.engines.items()}
        self.mark = fingerprint(order, models)
        for usage in spent:
            press.budget.spend(usage)
        self._caller = Caller(
            press.engines, self._store, press.budget, press.places, _common(press)
        )
        press.admit(self._caller)
        runs = work / "runs" / self.mark[:12]
        self._bench = Workbench(press, self._caller, runs, order.settings, note)
        self._done: list[Made] = []
        self._flushed = time.monotonic()
        self._ready: dict[int, Made | None] = {}
        self._next = 0
        counted = order.rows is not None and order.shard[1] == 1
        self._selection = order.select() if counted else None

    def close(self) -> None:
        """Close the files and let go of the folder."""
        self._press.callers.remove(self._caller)
        self._opened.close()

    def __enter__(self) -> Builder:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    @property
    def calls_made(self) -> int:
        """Calls of an engine that this process made outside the documents' own runs."""
        return self._caller.tally.made

    async def make(self) -> None:
        """Make every unit that isn't made yet, or as many as the rows wanted take.

        Raises:
            LongwriteError: It had to stop: no call can succeed, the budget is spent, or a person
                asked. What is done is kept.
        """
        self.ledger.forget_places()
        todo = self._pick()
        side_by_side = max(1, min(self._press.in_flight, most_open()))
        workers = [asyncio.create_task(self._work(todo)) for _ in range(side_by_side)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            self._flush()
        if self._press.stopped:
            raise self._press.stopped

    def _pick(self) -> Iterator[tuple[int, Unit]]:
        """Yield the units of this shard that have to be made, with their places."""
        seen: set[str] = set()
        number, shards = self.order.shard
        for place, unit in enumerate(self.order.recipe.units()):
            if shards > 1 and int(digest(unit.id)[:12], 16) % shards != number - 1:
                continue
            self.count.units += 1
            if unit.id in seen:
                self._skip(place)
            elif isinstance(unit, Drop):
                self._keep(Made(unit.id, place, drops=(unit,)))
            elif self.ledger.find(unit.id, self.mark, place):
                self.count.reused += 1
                self._recall(unit.id, place)
            else:
                yield place, unit
            seen.add(unit.id)

    async def _work(self, todo: Iterator[tuple[int, Unit]]) -> None:
        for place, unit in todo:
            if self._press.stopped or self.count.enough:
                return
            try:
                made = await self._make_unit(place, unit)
            except LongwriteError as error:
                self._press.stop(error)
                return
            self._keep(made)
            await asyncio.sleep(0)

    async def _make_unit(self, place: int, unit: Unit) -> Made:
        rows: list[Row] = []
        drops: list[Drop] = []
        for one in await self.order.recipe.make(unit, self._bench):
            passed = one if isinstance(one, Drop) else self._judge(one)
            if isinstance(passed, Drop):
                drops.append(passed)
            else:
                rows.append(passed)
        passing = any(drop.reason in PASSING for drop in drops)
        return Made(unit.id, place, tuple(rows), tuple(drops), passing)

    def _judge(self, row: Row) -> Row | Drop:
        row = scrub_row(row)
        for name, passes in self.order.filters.items():
            verdict = passes(row)
            if verdict is not True:
                return Drop(row.id, name, str(verdict[1]), detail_of(verdict))
        return verify(row)

    def _keep(self, made: Made) -> None:
        self._done.append(made)
        if len(self._done) >= _BATCH or time.monotonic() - self._flushed > _SECONDS:
            self._flush()
        self._tell(made)

    def _flush(self) -> None:
        if self._done:
            self.ledger.put(self.mark, self._done)
            self._done.clear()
        self._flushed = time.monotonic()

    def _recall(self, unit: str, place: int) -> None:
        self._flush()
        made = self.ledger.get(unit)
        if made is not None:
            self._tell(replace(made, place=place))

    def _skip(self, place: int) -> None:
        if self._selection is not None:
            self._ready[place] = None
            self._advance()

    def _tell(self, made: Made) -> None:
        self.count.rows += len(made.rows)
        self.count.dropped += len(made.drops)
        if made.drops:
            self.count.last = f"{made.drops[-1].stage}: {made.drops[-1].reason}"
        if self._selection is not None:
            self._ready[made.place] = made
            self._advance()
        self._notify(self.count)

    def _advance(self) -> None:
        """Select from the units that have no gap before them, until there are rows enough."""
        if self._selection is None or self.order.rows is None:
            return
        while self._next in self._ready:
            made = self._ready.pop(self._next)
            self._next += 1
            if made is not None:
                self._selection.take(made)
        self.count.enough = self._selection.kept >= self.order.rows


def _common(press: Press) -> Abilities:
    engines = press.engines.values()
    return Abilities(
        window=min(engine.abilities.window for engine in engines),
        json=all(engine.abilities.json for engine in engines),
        checks=press.engines["check"].abilities.checks,
    )


def lock_set(folder: Path) -> FileLock:
    """Make the folder of a set and hold it for this process.

    Raises:
        UsageError: It can't be made or written.
        RunError: Another process holds it.
    """
    return lock_folder(folder, "another process builds there", "Wait for it to end.", ".work/.lock")
