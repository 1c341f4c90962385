"""What became of the rounds of a self-lengthening run: the file that says what is done, the report.

A stage is written down when it is over, with what came of it; the next start does what isn't there.
So a report can be told again at any time, and a run that was stopped goes on with the stage at
hand, which itself goes on from its call log or its last checkpoint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any, Literal, get_args

from longwrite.errors import RunError, UsageError
from longwrite.runs.folder import replace_file
from longwrite.scoring.repetition import duplicated_coverage
from longwrite.types import Json

STATE, REPORT = "self-lengthen.json", "rounds.jsonl"

Model = Literal["generator", "extender"]
MODELS: tuple[Model, ...] = get_args(Model)


class State:
    """The stages that are over, of one order.

    Args:
        folder: Of the run.
        order: What decides which stages belong together, as JSON values.

    Raises:
        UsageError: The folder holds another run.
        RunError: The file is damaged.
    """

    def __init__(self, folder: Path, order: Mapping[str, Any]) -> None:
        """Read the file, or begin one."""
        self._path = folder / STATE
        self._order = json.loads(json.dumps(order))
        self._done: dict[str, Any] = {}
        if not self._path.is_file():
            self._save()
            return
        try:
            held = json.loads(self._path.read_text(encoding="utf-8"))
            before, self._done = dict(held["order"]), dict(held["done"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            mend = "Name another folder with -o."
            raise RunError(f"{self._path} can't be read", "it is damaged", mend) from error
        names = self._order.keys() | before.keys()
        changed = sorted(name for name in names if self._order.get(name) != before.get(name))
        if changed:
            raise UsageError(
                f"{folder} holds another run of self-lengthen",
                f"{', '.join(changed)} changed since it was begun",
                "Repeat the first command, or name another folder with -o.",
            )

    def get(self, stage: str) -> Any:
        """Return what came of a stage, None while it isn't over."""
        return self._done.get(stage)

    def put(self, stage: str, found: Mapping[str, Any]) -> None:
        """Write down that a stage is over."""
        self._done[stage] = dict(found)
        self._save()

    def _save(self) -> None:
        held = {"order": self._order, "done": self._done}
        replace_file(self._path, json.dumps(held, ensure_ascii=False, indent=1) + "\n")


@dataclass(frozen=True, slots=True)
class Round:
    """What one round brought; round 0 is the model that it all began with.

    Attributes:
        number: Which.
        words: Median of the replies to the held-out prompts.
        sound_words: Median of those that ended and run in no loop; None where there are none.
        loop_free: Share of the replies that run in no loop.
        ended: Share of the replies that the model ended itself.
        replies: How many there are.
        failed: Prompts without a reply.
        repeated: Share of all replies' words in 10-grams that come twice in them. A model that
            learned its rows by heart answers whatever it is asked with the same text. None where
            that wasn't measured.
        rows: Rows made in this round, by role.
        row_words: Median of the texts that the generator was trained on.
        dropped: What was dropped on the way, by reason.
        steps: Of the training, by role.
        seconds: Of each stage.
    """

    number: int
    words: float
    sound_words: float | None
    loop_free: float
    ended: float
    replies: int
    failed: int = 0
    repeated: float | None = None
    rows: Mapping[str, int] = field(default_factory=dict)
    row_words: float | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    steps: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)


def make_round(state: State, number: int) -> Round:
    """Return what became of a round that is over."""
    measured = dict(state.get(f"{number}/measured"))
    built = state.get(f"{number}/rows") or {}
    trained: dict[str, Any] = {model: state.get(f"{number}/{model}") for model in MODELS}
    done = {model: found for model, found in trained.items() if found}
    dropped = dict(built.get("dropped", {}))
    for model, found in done.items():
        for reason, count in found["dropped"].items():
            dropped[f"{model}: {reason}"] = count
    stages = {"rows": built, **done, "measured": measured}
    seconds = {name: found["seconds"] for name, found in stages.items() if found}
    del measured["seconds"]
    return Round(
        number, **measured, rows=built.get("rows", {}), row_words=built.get("words"),
        dropped=dropped, steps={model: found["steps"] for model, found in done.items()},
        seconds=seconds,
    )  # fmt: skip


def summarise_replies(replies: Sequence[Mapping[str, Any]]) -> dict[str, Json]:
    """Return the figures of a round's replies.

    Args:
        replies: Each with its text as ``reply`` and the measures of
            `longwrite.train.measuring.measure_reply`, or with ``failed``.

    Raises:
        UsageError: No prompt has a reply.
    """
    found = [one for one in replies if not one.get("failed")]
    if not found:
        why = str(replies[0]["failed"]) if replies else "there is none"
        raise UsageError("No held-out prompt has a reply", why, "See the prompts and the window.")
    sound = [one["sound_words"] for one in found if one["sound_words"] is not None]
    loops = [one["loop_free"] for one in found if one["loop_free"] is not None]
    fresh = duplicated_coverage("\n\n".join(str(one["reply"]) for one in found)).value
    return {
        "words": median(one["words"] for one in found),
        "sound_words": median(sound) if sound else None,
        "loop_free": fmean(loops) if loops else 0.0,
        "ended": fmean(one["ended"] for one in found),
        "repeated": None if fresh is None else 1.0 - fresh,
        "replies": len(found),
        "failed": len(replies) - len(found),
    }


def write_report(folder: Path, rounds: Sequence[Round]) -> None:
    """Write a line for each round that is over."""
    lines = (json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in rounds)
    replace_file(folder / REPORT, "".join(lines))


_HEAD = (
    "round", "words", "sound", "loop-free", "ended", "repeated", "rows", "median", "dropped",
    "minutes",
)  # fmt: skip


def show_rounds(rounds: Sequence[Round]) -> str:
    """Return the rounds as a table for a terminal, the commonest reasons of drops below it."""
    table = [_HEAD, *map(_cells, rounds)]
    wide = [max(len(row[column]) for row in table) for column in range(len(_HEAD))]
    lines = ["  ".join(cell.rjust(size) for cell, size in zip(row, wide, strict=True))
             for row in table]  # fmt: skip
    lines.append("words: median of the held-out replies; sound: of those that ended, loop-free")
    lines.append("repeated: of the words of all replies, those in 10-grams that come twice")
    for one in rounds:
        ranked = sorted(one.dropped.items(), key=lambda each: (-each[1], each[0]))
        if ranked:
            told = ", ".join(f"{count:,} × {reason}" for reason, count in ranked[:5])
            lines.append(f"round {one.number} dropped: {told}")
    return "\n".join(lines)


def _cells(one: Round) -> tuple[str, ...]:
    sound = "-" if one.sound_words is None else f"{one.sound_words:,.0f}"
    rows = " + ".join(f"{count:,}" for count in one.rows.values()) or "-"
    return (
        str(one.number), f"{one.words:,.0f}", sound, f"{one.loop_free:.0%}", f"{one.ended:.0%}",
        "-" if one.repeated is None else f"{one.repeated:.0%}",
        rows, "-" if one.row_words is None else f"{one.row_words:,.0f}",
        f"{sum(one.dropped.values()):,}", f"{sum(one.seconds.values()) / 60:.1f}",
    )  # fmt: skip
