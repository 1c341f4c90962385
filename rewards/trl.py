"""Compositions as TRL's reward functions: one for each component, gates applied inside each.

TRL normalises each function's values over a group before it adds them (``normalize_then_sum``), so
components stay functions of their own, and a document that fails a gate gets the minimum of every
one of them. All functions of a composition judge a completion once and share what they found.

    trainer = GRPOTrainer(model, reward_funcs=reward_functions(composition), args=args, …)
    trl grpo --reward_funcs longwrite.rewards.trl.length longwrite.rewards.trl.repetition …
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from longwrite.errors import LongwriteError
from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.composition import Component, Composition, Gate, Verdict
from longwrite.rewards.length import LengthReward
from longwrite.rewards.measured import COHERENCE, COPYING, FORMAT, LANGUAGE, RepetitionReward
from longwrite.rewards.satisfaction import SatisfactionReward
from longwrite.scoring.documents import read_document
from longwrite.scoring.endings import is_truncated
from longwrite.types import Brief

ERRORS = 0.05
"""Share of completions that may fail to be judged before a run is stopped."""
_FEW = 20
"""Failures are a share of at least so many completions."""
_REMEMBERED = 4_096

Turns = str | Sequence[Mapping[str, Any]]


class RewardError(LongwriteError):
    """Too many completions couldn't be judged."""


@dataclass
class _Judged:
    """What a composition has judged in this process."""

    verdicts: OrderedDict[bytes, Verdict | None] = field(default_factory=OrderedDict)
    total: int = 0
    failed: int = 0
    gates_open: int = 0
    first: str = ""


_judged: dict[Composition, _Judged] = {}


@dataclass(frozen=True)
class TrlReward:
    """One component of a composition as TRL calls it.

    Attributes:
        composition: The whole.
        component: Name of the component.
        max_tokens: Tokens of a completion that was cut; None to read from the text whether it was.
        prefix: Put before the component's name in the trainer's log.
    """

    composition: Composition
    component: str
    max_tokens: int | None = None
    prefix: str = ""

    @property
    def __name__(self) -> str:
        """The name in the trainer's log, where each function needs its own."""
        return f"{self.prefix}{self.component}"

    def __call__(
        self,
        prompts: Sequence[Turns],
        completions: Sequence[Turns],
        completion_ids: Sequence[Sequence[int]] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """Return what each completion is paid, None where the component doesn't apply.

        Args:
            prompts: As the data set holds them, plain or conversations.
            completions: The replies, likewise.
            completion_ids: Their tokens.
            log_metric: The trainer's.
            **columns: Of the data set; ``words`` or ``length`` give the length asked for,
                ``brief`` a prompt to judge by in place of the one sent.

        Raises:
            RewardError: More than 5 % of the completions couldn't be judged.
        """
        found: list[float | None] = []
        for place, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            row = {name: _at(column, place) for name, column in columns.items()}
            ids = completion_ids[place] if completion_ids is not None else None
            verdict = self._judge(prompt, completion, ids, row)
            found.append(self._pay(verdict))
        if log_metric is not None:
            state = _judged[self.composition]
            log_metric(f"{self.__name__}/failed", state.failed / max(1, state.total))
        return found

    def _pay(self, verdict: Verdict | None) -> float | None:
        if verdict is None:
            return None
        return 0.0 if verdict.closed else verdict.components[self.component].value

    def _judge(
        self, prompt: Turns, completion: Turns, ids: Sequence[int] | None, row: Mapping[str, Any]
    ) -> Verdict | None:
        state = _judged.setdefault(self.composition, _Judged())
        asked, text = _last_text(row.get("brief") or prompt), _last_text(completion)
        length = next((int(row[name]) for name in ("words", "length") if row.get(name)), None)
        cut = len(ids) >= self.max_tokens if ids is not None and self.max_tokens else None
        key = hashlib.blake2b(repr((asked, length, cut, text)).encode("utf-8", "replace")).digest()
        if key in state.verdicts:
            state.verdicts.move_to_end(key)
            return state.verdicts[key]
        state.total += 1
        try:
            brief = _compile(asked, length)
            ended = not (is_truncated(text) if cut is None else cut)
            verdict = self.composition.judge(brief, read_document(brief, text, ended=ended))
            state.gates_open += bool(verdict.open)
        except Exception as error:  # a reward may be anybody's
            verdict = None
            state.failed += 1
            state.first = state.first or f"{type(error).__name__}: {error}"
            if state.failed > ERRORS * max(_FEW, state.total):
                raise RewardError(
                    f"{state.failed} of {state.total} completions couldn't be judged", state.first
                ) from error
        state.verdicts[key] = verdict
        if len(state.verdicts) > _REMEMBERED:
            state.verdicts.popitem(last=False)
        return verdict


def _at(column: Any, place: int) -> Any:
    """Return a row's value of a column; what is no column is the same for all."""
    return column[place] if isinstance(column, list | tuple) and place < len(column) else column


def _last_text(turns: Turns) -> str:
    """Return a plain text, or the last message of a conversation that has content."""
    if isinstance(turns, str):
        return turns
    for message in reversed(turns):
        content = message.get("content")
        if isinstance(content, list):  # parts, as multimodal templates have them
            content = "".join(str(part.get("text", "")) for part in content)
        if content:
            return str(content)
    return ""


@lru_cache(maxsize=1024)
def _compile(prompt: str, length: int | None) -> Brief:
    return compile_brief(prompt, length=length)


def reward_functions(
    composition: Composition, *, max_tokens: int | None = None, prefix: str = ""
) -> list[TrlReward]:
    """Return a composition's components as functions for ``GRPOTrainer(reward_funcs=…)``."""
    return [
        TrlReward(composition, one.reward.name, max_tokens, prefix)
        for one in composition.components
    ]


def reward_weights(composition: Composition) -> list[float]:
    """Return the components' weights, for ``GRPOConfig(reward_weights=…)``."""
    return [one.weight for one in composition.components]


DEFAULT = Composition(
    components=(
        Component(LengthReward()),
        Component(SatisfactionReward(kinds=()), 0.5),
        Component(RepetitionReward()),
        Component(COHERENCE, 0.5),
        Component(FORMAT, 0.5),
    ),
    gates=(Gate(LANGUAGE, 0.5), Gate(COPYING, 0.7)),
    name="default",
)
"""What a long text is paid for where nothing else is chosen."""

length, constraints, repetition, coherence, format_ = reward_functions(DEFAULT)
