"""Compositions as TRL's reward functions: one for each component, gates applied inside each.

TRL normalises each function's values over a group before it adds them (``normalize_then_sum``), so
components stay functions of their own, and a document that fails a gate gets the minimum of every
one of them. All functions of a composition judge a completion once and share what they found; of a
batch all completions are judged at the same time.

    trainer = GRPOTrainer(model, reward_funcs=reward_functions(composition), args=args, …)
    trl grpo --reward_funcs longwrite.rewards.trl.length longwrite.rewards.trl.repetition …

``longwrite.rewards.trl.quality`` and ``…checklist`` ask the judge that LONGWRITE_JUDGE names, at
LONGWRITE_BASE_URL. What it doesn't answer in time, or not so that it can be read, is None, which
the trainer skips, and is logged as ``quality/unjudged``.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from longwrite.errors import LongwriteError
from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.checklist import ChecklistReward
from longwrite.rewards.columns import read_constraints
from longwrite.rewards.composition import Component, Composition, Gate, Measured, Verdict
from longwrite.rewards.judge import run_apart
from longwrite.rewards.judgement import JudgedReward
from longwrite.rewards.length import LengthReward
from longwrite.rewards.measured import COHERENCE, COPYING, FORMAT, LANGUAGE, RepetitionReward
from longwrite.rewards.quality import QualityReward
from longwrite.rewards.satisfaction import SatisfactionReward
from longwrite.scoring.documents import read_document
from longwrite.scoring.endings import is_truncated
from longwrite.types import Brief, Document, Score

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
    unjudged: Counter[str] = field(default_factory=Counter)


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
                ``constraints`` what else is required (`longwrite.rewards.columns`), ``brief`` a
                prompt to judge by in place of the one sent.

        Raises:
            RewardError: More than 5 % of the completions couldn't be judged.
        """
        texts: list[_Text] = []
        for place, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            row = {name: _at(column, place) for name, column in columns.items()}
            ids = completion_ids[place] if completion_ids is not None else None
            texts.append(self._read(prompt, completion, ids, row))
        state = _judged.setdefault(self.composition, _Judged())
        verdicts = _judge_all(self.composition, state, texts)
        if log_metric is not None:
            total = max(1, state.total)
            log_metric(f"{self.__name__}/failed", state.failed / total)
            if self._is_judged():
                log_metric(f"{self.__name__}/unjudged", state.unjudged[self.component] / total)
        return [self._pay(verdict) for verdict in verdicts]

    def _is_judged(self) -> bool:
        return any(
            one.reward.name == self.component and isinstance(one.reward, JudgedReward)
            for one in self.composition.components
        )

    def _pay(self, verdict: Verdict | None) -> float | None:
        if verdict is None:
            return None
        return 0.0 if verdict.closed else verdict.components[self.component].value

    def _read(
        self, prompt: Turns, completion: Turns, ids: Sequence[int] | None, row: Mapping[str, Any]
    ) -> _Text:
        asked, text = _last_text(row.get("brief") or prompt), _last_text(completion)
        length = next((int(row[name]) for name in ("words", "length") if row.get(name)), None)
        cut = len(ids) >= self.max_tokens if ids is not None and self.max_tokens else None
        return _Text(asked, text, length, cut, _tell(row.get("constraints")))


@dataclass(frozen=True, slots=True)
class _Text:
    """A completion to be judged.

    Attributes:
        asked: The prompt.
        text: The completion.
        length: Words asked for by a column.
        cut: Whether it was cut; None where the text itself has to show it.
        required: The column of constraints as JSON.
    """

    asked: str
    text: str
    length: int | None
    cut: bool | None
    required: str = ""

    def key(self) -> bytes:
        parts = repr((self.asked, self.length, self.cut, self.text, self.required))
        return hashlib.blake2b(parts.encode("utf-8", "replace")).digest()


def _judge_all(
    composition: Composition, state: _Judged, texts: Sequence[_Text]
) -> list[Verdict | None]:
    """Return the verdict on each text; those that are new are judged side by side."""
    keys = [text.key() for text in texts]
    new = {key: one for key, one in zip(keys, texts, strict=True) if key not in state.verdicts}
    for key in keys:
        if key in state.verdicts:
            state.verdicts.move_to_end(key)
    measured: dict[bytes, tuple[Brief, Document, Measured]] = {}
    for key, one in new.items():
        state.total += 1
        try:
            measured[key] = _measure(composition, one)
        except Exception as error:  # a reward may be anybody's
            _fail(state, key, error)
    asking = [key for key, (_, _, found) in measured.items() if composition.asks(found)]
    answers = dict(zip(asking, _ask(composition, [measured[key] for key in asking]), strict=True))
    for key, (_, _, found) in measured.items():
        judged = answers.get(key, {})
        if isinstance(judged, BaseException):
            _fail(state, key, judged)
            continue
        state.verdicts[key] = verdict = composition.conclude(found, judged)
        state.gates_open += bool(verdict.open)
        state.unjudged.update(name for name, score in judged.items() if score.value is None)
    paid = [state.verdicts[key] for key in keys]
    while len(state.verdicts) > _REMEMBERED:
        state.verdicts.popitem(last=False)
    return paid


def _measure(composition: Composition, one: _Text) -> tuple[Brief, Document, Measured]:
    brief = _compile(one.asked, one.length, one.required)
    ended = not (is_truncated(one.text) if one.cut is None else one.cut)
    document = read_document(brief, one.text, ended=ended)
    return brief, document, composition.measure(brief, document)


def _ask(
    composition: Composition, documents: Sequence[tuple[Brief, Document, Measured]]
) -> Sequence[dict[str, Score] | BaseException]:
    if not documents:
        return ()

    async def ask() -> list[dict[str, Score] | BaseException]:
        calls = (composition.ask(brief, document) for brief, document, _ in documents)
        return await asyncio.gather(*calls, return_exceptions=True)

    return run_apart(ask())


def _fail(state: _Judged, key: bytes, error: BaseException) -> None:
    """Count a completion that couldn't be judged.

    Raises:
        RewardError: There are too many of them.
    """
    state.verdicts[key] = None
    state.failed += 1
    state.first = state.first or f"{type(error).__name__}: {error}"
    if state.failed > ERRORS * max(_FEW, state.total):
        raise RewardError(
            f"{state.failed} of {state.total} completions couldn't be judged", state.first
        ) from error


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
def _compile(prompt: str, length: int | None, required: str) -> Brief:
    return compile_brief(prompt, length=length, constraints=read_constraints(required))


def _tell(column: Any) -> str:
    """Return a column as JSON, by which it can be remembered; empty for one without anything."""
    if not column:
        return ""
    return column if isinstance(column, str) else json.dumps(column, default=str)


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

JUDGED = Composition(
    components=(Component(QualityReward()), Component(ChecklistReward())),
    gates=DEFAULT.gates,
    name="judged",
)
"""What only a judge can tell; the judge is the one that LONGWRITE_JUDGE names."""

quality, checklist = reward_functions(JUDGED)
