"""Rows of a batch keep to themselves."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from longwrite.engines import batch
from longwrite.engines.batch import Row, decode
from longwrite.types import Sampling

torch = pytest.importorskip("torch")

PROMPTS = ([7], list(range(3, 200)), [9, 8, 7, 6, 5], [11] * 40)


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Any:
    return import_module("transformers").AutoModelForCausalLM.from_pretrained(tiny_model)


def write(model: Any, rows: Sequence[Row], ends: frozenset[int] = frozenset()) -> list[list[int]]:
    with torch.inference_mode():
        for _ in decode(model, rows, ends):
            pass
    return [row.tokens for row in rows]


def test_greedy_rows_are_what_the_library_writes(model: Any) -> None:
    rows = [Row(Sampling(30, temperature=0), prompt) for prompt in PROMPTS]
    together = write(model, rows)
    for prompt, tokens in zip(PROMPTS, together, strict=True):
        whole = model.generate(
            torch.tensor([prompt]), do_sample=False, max_new_tokens=30, min_new_tokens=30
        )
        assert tokens == whole[0, len(prompt) :].tolist()


def test_a_row_is_the_same_alone_and_in_company(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    samplings = [
        Sampling(60, 0.8, 0.95, seed=1),
        Sampling(25, 1.3, 1.0, seed=2),
        Sampling(40, 0.0, 1.0, seed=3),
        Sampling(60, 0.8, 0.5, seed=2**70),
    ]
    pairs = list(zip(samplings, PROMPTS, strict=True))
    alone = [write(model, [Row(sampling, prompt)])[0] for sampling, prompt in pairs]
    assert write(model, [Row(sampling, prompt) for sampling, prompt in pairs]) == alone
    monkeypatch.setattr(batch, "_CHUNK", 16)
    assert write(model, [Row(sampling, prompt) for sampling, prompt in pairs]) == alone
    assert [len(tokens) for tokens in alone] == [60, 25, 40, 60]


def test_a_row_ends_at_an_end_or_at_its_cap(model: Any) -> None:
    free = Row(Sampling(20, seed=5), [7])
    write(model, [free])
    end = free.tokens[12]
    cut = free.tokens.index(end)
    stopped, short = Row(Sampling(20, seed=5), [7]), Row(Sampling(3, seed=5), [7])
    write(model, [stopped, short], frozenset([end]))
    assert (stopped.finish, stopped.tokens) == ("stop", free.tokens[:cut])
    assert (short.finish, short.tokens) == ("length", free.tokens[:3])


def test_a_row_that_nobody_waits_for_leaves(model: Any) -> None:
    rows = [Row(Sampling(20, seed=1), [7]), Row(Sampling(20, seed=2), [7, 8])]
    with torch.inference_mode():
        for row in decode(model, rows, frozenset()):
            row.gone = row is rows[0] and len(row.tokens) == 5
    assert (rows[0].finish, len(rows[0].tokens)) == (None, 5)
    assert rows[1].tokens == write(model, [Row(Sampling(20, seed=2), [7, 8])])[0]


def test_no_rows_are_no_work(model: Any) -> None:
    assert write(model, []) == []
