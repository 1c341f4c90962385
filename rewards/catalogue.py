"""Rewards by name, and compositions in words: what a command line or a YAML file can say.

    length=1, repetition=0.5, language>=0.5

pays length and repetition by these weights, and nothing at all where the language is under a half.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType

from longwrite.errors import UsageError
from longwrite.rewards.checklist import ChecklistReward
from longwrite.rewards.composition import Component, Composition, Gate
from longwrite.rewards.length import SHAPES, LengthReward
from longwrite.rewards.measured import (
    COHERENCE,
    COPYING,
    FORMAT,
    LANGUAGE,
    MeasureReward,
    RepetitionReward,
    SoundnessReward,
)
from longwrite.rewards.quality import QualityReward
from longwrite.rewards.reward import Reward
from longwrite.rewards.satisfaction import SatisfactionReward
from longwrite.rewards.trl import DEFAULT
from longwrite.scoring.measures import MEASURES


def _collect() -> dict[str, Reward]:
    lengths = [LengthReward(shape, name=shape) for shape in SHAPES if shape != "slope"]
    own: list[Reward] = [
        LengthReward(), SatisfactionReward(), RepetitionReward(), SoundnessReward(), COHERENCE,
        FORMAT, COPYING, LANGUAGE, QualityReward(), ChecklistReward(), *lengths,
    ]  # fmt: skip
    measures = {name: MeasureReward(name, (name,)) for name in MEASURES}
    return measures | {reward.name: reward for reward in own}


REWARDS: Mapping[str, Reward] = MappingProxyType(_collect())
"""The shapes of a length, the checks of a text, every measure; ``quality`` and ``checklist`` ask
the judge that the environment names (`longwrite.rewards.judge.find_judge`)."""


def find_reward(name: str) -> Reward:
    """Return a reward by its name.

    Raises:
        UsageError: There is no such reward.
    """
    if name not in REWARDS:
        close = get_close_matches(name, REWARDS, 1)
        raise UsageError(
            f"There is no reward {name!r}",
            f"did you mean {close[0]!r}?" if close else "the name is unknown",
            f"Known are {', '.join(sorted(REWARDS))}.",
        )
    return REWARDS[name]


_ITEM = re.compile(r"(?P<name>[\w.-]+)\s*(?:(?P<how>>=|=|:)\s*(?P<number>[0-9.]+))?")
_DOTTED = re.compile(r"(?P<module>[A-Za-z_][\w.]*):(?P<attribute>[A-Za-z_]\w*)")


def read_composition(text: str) -> Composition:
    """Return the composition that a text names.

    Args:
        text: ``default``; or rewards with their weights and gates, as in
            ``length=1, repetition=0.5, language>=0.5``; or ``package.module:attribute`` for one
            of the reader's own, which is imported.

    Raises:
        UsageError: It names none.
    """
    text = text.strip()
    if text == DEFAULT.name:
        return DEFAULT
    dotted = _DOTTED.fullmatch(text)
    if dotted:
        return _import(dotted["module"], dotted["attribute"])
    components: list[Component] = []
    gates: list[Gate] = []
    for item in filter(None, re.split(r"[,\s]*,[,\s]*|\n", text)):
        match = _ITEM.fullmatch(item.strip())
        if match is None:
            raise UsageError(
                f"Can't read {item.strip()!r} in the rewards {text!r}",
                "it is neither NAME, NAME=WEIGHT nor NAME>=LEAST",
                "Write for example: length=1, repetition=0.5, language>=0.5",
            )
        reward, number = find_reward(match["name"]), _number(match["number"], item)
        if match["how"] == ">=":
            gates.append(Gate(reward, number))
        else:
            components.append(Component(reward, number))
    return Composition(tuple(components), tuple(gates), name="rewards")


def _number(text: str | None, item: str) -> float:
    try:
        return float(text or 1)
    except ValueError:
        raise UsageError(f"Can't read {item!r}", f"{text!r} is no number") from None


def _import(module: str, attribute: str) -> Composition:
    where = f"{module}:{attribute}"
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UsageError(f"Can't import the rewards {where}", str(error)) from error
    if not isinstance(found, Composition):
        raise UsageError(
            f"{where} is no composition",
            f"it is a {type(found).__name__}",
            "Name a longwrite.rewards.composition.Composition.",
        )
    return found
