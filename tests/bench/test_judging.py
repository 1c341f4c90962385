"""A live judge's word is put beside the response; where there is no judge, that is said."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from longwrite.bench.benchmark import Item, Response
from longwrite.bench.judging import open_judge
from longwrite.bench.longbench_write import LongBenchWrite
from longwrite.errors import UsageError
from longwrite.types import Brief, Document, Score

ITEM = Item("1", "Write 1000 words about boats.", 1_000, 1_000)
NAME = "longwrite.rewards.quality"


class QualityReward:
    """Stands in for a judge of quality."""

    def __init__(self, judge: str) -> None:
        self.judge = judge

    def __call__(self, brief: Brief, document: Document) -> Score:
        assert brief.words == 1_000
        return Score("quality", 0.75 if "boat" in document.texts["1"] else None)


def test_a_judge_s_value_becomes_the_quality(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType(NAME)
    monkeypatch.setattr(module, "QualityReward", QualityReward, raising=False)
    monkeypatch.setitem(sys.modules, NAME, module)
    judge = open_judge("longbench_write", "m")
    bench = LongBenchWrite()
    assert bench.score(ITEM, judge(ITEM, Response("A boat."))).values["S_q"] == 75
    unjudged = bench.score(ITEM, judge(ITEM, Response("A tree.")))
    assert unjudged.values["S_q"] is None and unjudged.note
    assert judge(ITEM, Response()) == Response()


def test_a_missing_judge_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, NAME, None)
    with pytest.raises(UsageError, match="has no judge of quality"):
        open_judge("longbench_write", "m")
    with pytest.raises(UsageError, match="sgt has no live judge"):
        open_judge("sgt", "m")
