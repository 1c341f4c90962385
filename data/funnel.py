"""How many rows went into and came out of each stage of a build, and why the others did not.

Texts of rows get into it as examples, so whatever shows it makes them harmless first.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from longwrite.data.rows import Drop
from longwrite.errors import UsageError
from longwrite.types import Json

EXAMPLES = 3
_DETAIL = 200


@dataclass(frozen=True, slots=True)
class Loss:
    """The rows that a stage dropped for one reason.

    Attributes:
        count: How many.
        examples: Id and detail of up to three, those whose ids come first by name: they don't
            depend on the order in which rows were made.
    """

    count: int = 0
    examples: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Stage:
    """What a stage let through, and what it dropped, by reason."""

    kept: int = 0
    losses: dict[str, Loss] = field(default_factory=dict)

    @property
    def dropped(self) -> int:
        """Rows that did not come out."""
        return sum(loss.count for loss in self.losses.values())

    @property
    def entered(self) -> int:
        """Rows that went in."""
        return self.kept + self.dropped

    def ranked(self) -> list[tuple[str, Loss]]:
        """Return the reasons, the commonest first."""
        return sorted(self.losses.items(), key=lambda each: (-each[1].count, each[0]))


class Funnel:
    """Counts rows through the stages of a build."""

    def __init__(self, stages: Iterable[str] = ()) -> None:
        """Begin with some stages in order; others are added when a row first meets them."""
        self._stages = {name: Stage() for name in stages}

    @property
    def stages(self) -> Mapping[str, Stage]:
        """The stages by name, in order."""
        return self._stages

    def keep(self, stage: str, count: int = 1) -> None:
        """Count rows that a stage let through."""
        self._stages.setdefault(stage, Stage()).kept += count

    def drop(self, drop: Drop) -> None:
        """Count a row that a stage dropped."""
        example = (drop.id[:_DETAIL], drop.detail[:_DETAIL])
        self._lose(drop.stage, drop.reason, Loss(1, (example,)))

    def add(self, other: Funnel) -> None:
        """Count all that another funnel counted, such as that of another shard."""
        for name, stage in other.stages.items():
            self.keep(name, stage.kept)
            for reason, loss in stage.losses.items():
                self._lose(name, reason, loss)

    def _lose(self, stage: str, reason: str, loss: Loss) -> None:
        losses = self._stages.setdefault(stage, Stage()).losses
        known = losses.get(str(reason), Loss())
        examples = tuple(sorted((*known.examples, *loss.examples))[:EXAMPLES])
        losses[str(reason)] = replace(known, count=known.count + loss.count, examples=examples)


def to_json(funnel: Funnel) -> dict[str, Json]:
    """Return a funnel as JSON."""
    stages: list[Json] = [
        {
            "stage": name,
            "in": stage.entered,
            "out": stage.kept,
            "dropped": [
                {
                    "reason": reason,
                    "count": loss.count,
                    "examples": [{"id": id_, "detail": detail} for id_, detail in loss.examples],
                }
                for reason, loss in stage.ranked()
            ],
        }
        for name, stage in funnel.stages.items()
    ]
    return {"stages": stages}


def from_json(data: object, where: str = "the funnel") -> Funnel:
    """Return a funnel from JSON.

    Args:
        data: What `to_json` made.
        where: What it was read from, for errors.

    Raises:
        UsageError: It is no funnel.
    """
    try:
        return _read(data)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UsageError(
            f"{where} can't be read", "it is no funnel report", "Build the set again."
        ) from None


def _read(data: object) -> Funnel:
    funnel = Funnel()
    for stage in _list(_dict(data)["stages"]):
        told = _dict(stage)
        name = _string(told["stage"])
        funnel.keep(name, _count(told["out"]))
        for loss in _list(told["dropped"]):
            lost = _dict(loss)
            examples = [_dict(each) for each in _list(lost["examples"])]
            pairs = tuple((_string(each["id"]), _string(each["detail"])) for each in examples)
            funnel._lose(name, _string(lost["reason"]), Loss(_count(lost["count"]), pairs))
    return funnel


def _dict(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError
    return value


_BAR = 24


def show(funnel: Funnel, examples: bool = True) -> str:
    """Return a funnel as a table for a terminal, examples under their reasons."""
    if not funnel.stages:
        return "No rows came."
    stages = funnel.stages
    wide = max(5, *(len(plain(name, 40)) for name in stages))
    most = max(1, *(stage.entered for stage in stages.values()))
    lines = [f"{'stage':<{wide}}  {'in':>9}  {'out':>9}  {'dropped':>9}"]
    for name, stage in stages.items():
        bar = "█" * round(_BAR * stage.kept / most)
        lines.append(
            f"{plain(name, 40):<{wide}}  {stage.entered:>9,}  {stage.kept:>9,}  "
            f"{stage.dropped:>9,}  {bar}".rstrip()
        )
        for reason, loss in stage.ranked():
            lines.append(f"  {loss.count:,} × {plain(reason, 80)}")
            shown = loss.examples if examples else ()
            lines += [f"      {plain(f'{id_}: {detail}', 100)}" for id_, detail in shown]
    return "\n".join(lines)


def plain(text: str, most: int = 200) -> str:
    """Return the beginning of a text as one line that does nothing to a terminal or page."""
    kept = "".join(
        " " if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") else char
        for char in text[: 4 * most]
    )
    short = " ".join(kept.split())
    return short[:most] + ("…" if len(short) > most else "")
