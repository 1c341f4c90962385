"""Long completions decoded in segments over the steps of a run (UloRL, arXiv:2507.19766).

A batch that is decoded at once takes as long as its longest row, and most of it has ended long
before. Here a row is decoded for so many tokens at a time. What has ended makes room for the next
prompt, what hasn't stays in a pool and goes on from where it stands, with the weights of that time.
A prompt's completions leave together when the last has ended, so rewards and advantages are those
of whole rows and whole groups.

The oldest rows go first, as many at once as a batch of the trainer has. So the oldest groups, as
many as a batch takes, are decoded in every call, and after limit / segment calls they are whole,
since the limit ends what nothing else does. Each step gets a full batch, and what it waits for is
never longer than one row at the limit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from longwrite.errors import UsageError
from longwrite.runs.folder import replace_file


@dataclass(frozen=True, slots=True)
class Completion:
    """A row of the pool.

    Attributes:
        tokens: Decoded so far, the stop token included.
        logprobs: Of the first of them, with which they were sampled: of those that an optimizer
            step has been made after.
        finished: Whether it ended or reached the limit.
    """

    tokens: tuple[int, ...] = ()
    logprobs: tuple[float, ...] = ()
    finished: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """A prompt with its completions.

    Attributes:
        row: Number of the prompt's row in the set.
        prompt: Its tokens.
        completions: As many as a group has.
    """

    row: int
    prompt: tuple[int, ...]
    completions: tuple[Completion, ...]

    @property
    def finished(self) -> bool:
        """Whether all completions are."""
        return all(one.finished for one in self.completions)


class Place(NamedTuple):
    """Where a completion is: the number of its group, by entry, and its own in that."""

    group: int
    completion: int


class SegmentPool:
    """The groups that a process has under way, in order of entry.

    Args:
        size: Completions of a group.
        limit: Most tokens of a completion.
        stops: Tokens that end one.
    """

    def __init__(self, size: int, limit: int, stops: Collection[int]) -> None:
        """Set an empty pool up."""
        self.size, self.limit, self.stops = size, limit, frozenset(stops)
        self.groups: dict[int, Group] = {}
        self.entered = 0

    @property
    def unfinished(self) -> int:
        """Completions that aren't whole."""
        return sum(not one.finished for group in self.groups.values() for one in group.completions)

    @property
    def ready(self) -> int:
        """Groups that are whole."""
        return sum(group.finished for group in self.groups.values())

    def __getitem__(self, place: Place) -> Completion:
        """Return a completion."""
        return self.groups[place.group].completions[place.completion]

    def enter(self, row: int, prompt: Sequence[int]) -> None:
        """Add a group whose completions are to be decoded."""
        self.groups[self.entered] = Group(row, tuple(prompt), (Completion(),) * self.size)
        self.entered += 1

    def find(self, wanted: Callable[[Completion], bool]) -> list[Place]:
        """Return where some completions are, the oldest first."""
        return [
            Place(number, place)
            for number, group in self.groups.items()
            for place, one in enumerate(group.completions)
            if wanted(one)
        ]

    def read_tokens(self, place: Place) -> list[int]:
        """Return what a completion goes on from: the prompt and what is decoded so far."""
        return [*self.groups[place.group].prompt, *self[place].tokens]

    def extend(self, place: Place, tokens: Sequence[int]) -> None:
        """Add tokens, the last of which may end it, to a completion; the limit cuts them.

        Raises:
            ValueError: It is finished, or there are none.
        """
        before = self[place]
        if before.finished or not tokens:
            raise ValueError(f"{len(tokens)} tokens can't be added at {place}")
        whole = (*before.tokens, *tokens)[: self.limit]
        finished = len(whole) == self.limit or whole[-1] in self.stops
        self._put(place, replace(before, tokens=whole, finished=finished))

    def keep_logprobs(self, place: Place, logprobs: Sequence[float]) -> None:
        """Note the log-probabilities of all tokens of a completion, where none is known yet."""
        one = self[place]
        known = (*one.logprobs, *logprobs[len(one.logprobs) :])
        self._put(place, replace(one, logprobs=known))

    def take(self, count: int) -> list[Group]:
        """Remove groups that are whole and return them, the oldest first."""
        numbers = [number for number, group in self.groups.items() if group.finished][:count]
        return [self.groups.pop(number) for number in numbers]

    def _put(self, place: Place, completion: Completion) -> None:
        group = self.groups[place.group]
        mixed = list(group.completions)
        mixed[place.completion] = completion
        self.groups[place.group] = replace(group, completions=tuple(mixed))


Draw = Callable[[Sequence[Place], int], Sequence[Sequence[int]]]


def decode_batch(
    pool: SegmentPool,
    count: int,
    segment: int,
    enter: Callable[[], None],
    draw: Draw,
    agree: Callable[[bool], bool] = bool,
) -> int:
    """Decode segments until a batch of groups is whole, and return how many.

    All processes decode equally many, for `draw` is a call that all have to make. Where one has its
    batch before the others it goes on with what it has under way, and nothing enters, so that
    processes with short texts don't run ahead; it may come to draw for no place at all.

    Args:
        pool: Of this process.
        count: Groups of a batch; it decodes ``count * pool.size`` completions at once.
        segment: Most tokens of a completion that are decoded at a time.
        enter: Enters the next prompt into the pool.
        draw: Decodes places for up to so many tokens, and returns what it added to each.
        agree: Tells whether something is so in all processes.
    """
    calls, width = 0, count * pool.size
    while not agree(pool.ready >= count):
        room = width - pool.unfinished if pool.ready < count else 0
        for _ in range(0, room, pool.size):
            enter()
        running = pool.find(lambda one: not one.finished)[:width]
        left = [pool.limit - len(pool[place].tokens) for place in running]
        drawn = draw(running, min(segment, max(left, default=1)))
        for place, tokens in zip(running, drawn, strict=True):
            pool.extend(place, tokens)
        calls += 1
    return calls


# --- in a checkpoint ------------------------------------------------------------------------------


def name_file(process: int, processes: int) -> str:
    """Return the name of a process's pool in a checkpoint."""
    return f"segments-{process}-of-{processes}.json"


def save_pool(pool: SegmentPool, path: Path) -> None:
    """Write a pool; floats keep all their digits.

    Raises:
        UsageError: It can't be written.
    """
    groups = [{"number": number, **asdict(group)} for number, group in pool.groups.items()]
    content = {"entered": pool.entered, "size": pool.size, "limit": pool.limit, "groups": groups}
    replace_file(path, json.dumps(content) + "\n")


def restore_pool(pool: SegmentPool, path: Path, rows: int) -> None:
    """Fill a pool with what was saved.

    Args:
        pool: Which; what it held is dropped.
        path: Of the file.
        rows: Number of rows of the set.

    Raises:
        UsageError: There is no such pool, or it can't be used.
    """
    mend = "Go on from another checkpoint, or begin anew in another folder."
    try:
        content = json.loads(path.read_text("utf-8"))
        groups = {int(one["number"]): _read_group(one) for one in content["groups"]}
        entered, made = int(content["entered"]), (content["size"], content["limit"])
    except FileNotFoundError as error:
        why = (
            "it is of a run without segments, of another number of processes, or was saved with "
            "save_only_model"
        )
        raise UsageError(f"{path.parent} has no {path.name}", why, mend) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} can't be read", "it is damaged", mend) from error
    if made != (pool.size, pool.limit):
        why = (
            f"it has groups of {made[0]} with up to {made[1]} tokens, not {pool.size}, {pool.limit}"
        )
        raise UsageError(f"{path} is of a run with other settings", why, mend)
    if any(
        not 0 <= group.row < rows or len(group.completions) != pool.size
        for group in groups.values()
    ):
        raise UsageError(f"{path} is of another set", f"this one has {rows:,} rows", mend)
    pool.groups, pool.entered = groups, entered


def _read_group(saved: Mapping[str, Any]) -> Group:
    completions = tuple(
        Completion(
            tuple(map(int, one["tokens"])),
            tuple(map(float, one["logprobs"])),
            bool(one["finished"]),
        )
        for one in saved["completions"]
    )
    if any(len(one.logprobs) > len(one.tokens) for one in completions):
        raise ValueError("more log-probabilities than tokens")
    return Group(int(saved["row"]), tuple(map(int, saved["prompt"])), completions)
