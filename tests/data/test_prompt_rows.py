"""Prompts over a grid: each states exactly its constraints, and no cell is forgotten."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from longwrite.data.invention import are_alike, read_lines
from longwrite.data.prompt_rows import GENRES, KINDS, UNSUITED, PromptRows, make_grid
from longwrite.data.recipe import load_recipe
from longwrite.errors import UsageError
from longwrite.rewards.briefs import compile_brief
from longwrite.types import CallError, Reply, Request
from tests.data.recipe_stub import HOSTILE, run

TOPICS = (
    "the rebuilding of the old harbour of Lisbon",
    "salt roads of the Alps",
    "a clockmaker who loses her hearing",
    "里斯本老码头的重建",
    "高原上的茶马古道",
    "Explain how tides work in the Bay of Fundy.",
    "请介绍长江三峡的航运史。",
)


@pytest.fixture
def topics(tmp_path: Path) -> str:
    path = tmp_path / "topics.txt"
    path.write_text("\n".join(TOPICS), encoding="utf-8")
    return str(path)


def propose(request: Request) -> str:
    """Name as many subjects as are asked for, new with each call."""
    seed = request.sampling.seed
    if request.ask.language == "zh":
        signs = "山河桥船灯塔盐茶纸钟鱼马城路井石"
        names = [
            "".join(signs[(seed >> shift + 3 * n) % 16] for shift in (0, 4, 8, 12)) + "的来历"
            for n in range(6)
        ]
    else:
        words = ("salt", "bridges", "clocks", "ferries", "orchards", "letters")
        names = [f"{word} near village {seed + n} by night" for n, word in enumerate(words)]
    return json.dumps({"items": names})


def test_with_topics_no_call_is_made_and_every_cell_comes(topics: str, tmp_path: Path) -> None:
    recipe = PromptRows(topics=(topics,), rows=430)
    rows, drops, _ = run(recipe, tmp_path / "run")
    assert not drops
    assert len(rows) == 430 == len(make_grid(recipe))
    assert len({row.request for row in rows}) == 430
    cells = {json.dumps(row.provenance["cell"], sort_keys=True) for row in rows}
    assert len(cells) == 430


def test_each_prompt_says_what_it_is_labelled_with(topics: str, tmp_path: Path) -> None:
    rows, _, _ = run(PromptRows(topics=(topics,), rows=300), tmp_path / "run")
    for row in rows:
        brief = compile_brief(row.request)
        cell = row.provenance["cell"]
        assert isinstance(cell, dict)
        assert (row.constraints, row.target) == (brief.constraints, brief.words)
        kinds = [one.kind for one in row.constraints if one.kind != "form"]
        assert sorted(kinds) == sorted({"length", str(cell["kind"])})
        assert int(str(cell["least"])) * 0.85 <= brief.words <= int(str(cell["most"])) * 1.15
        # In other words than the compiler's: the numbers of the constraint stand in the prompt.
        length = next(one for one in row.constraints if one.kind == "length")
        stated = {int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\d", row.request)}
        assert {n for name in ("min", "max", "target") if (n := length.params.get(name))} <= stated
        assert (row.language == "zh") == bool(re.search("[\u4e00-\u9fff]", row.request))
        assert not row.completion


def test_any_beginning_of_the_grid_is_even() -> None:
    cells = make_grid(PromptRows())[:60]
    lengths = Counter(cell.least for cell in cells)
    assert max(lengths.values()) - min(lengths.values()) <= 2
    assert Counter(cell.language for cell in cells) == {"en": 30, "zh": 30}
    assert {cell.genre for cell in cells} == set(GENRES)
    assert {cell.kind for cell in cells} == set(KINDS)
    assert not {(cell.genre, cell.kind) for cell in cells} & UNSUITED


def test_lengths_are_even_on_a_logarithmic_scale() -> None:
    edges = sorted({(cell.least, cell.most) for cell in make_grid(PromptRows())})
    assert edges == [
        (1_000, 2_000), (2_000, 4_000), (4_000, 8_000), (8_000, 16_000), (16_000, 32_000),
    ]  # fmt: skip


def test_the_same_recipe_gives_the_same_rows_and_another_seed_others(
    topics: str, tmp_path: Path
) -> None:
    first, _, _ = run(PromptRows(topics=(topics,), rows=40), tmp_path / "a")
    again, _, _ = run(PromptRows(topics=(topics,), rows=40), tmp_path / "b")
    other, _, _ = run(PromptRows(topics=(topics,), rows=40, seed=1), tmp_path / "c")
    assert first == again != other


def test_topics_are_made_up_in_batches(tmp_path: Path) -> None:
    recipe = PromptRows(rows=60)
    rows, drops, engine = run(recipe, tmp_path / "run", propose)
    assert len(rows) + len(drops) == 60
    assert len(rows) >= 55
    assert len(engine.requests) <= 36
    assert {row.language for row in rows} == {"en", "zh"}


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_topics_give_no_row(said: str | CallError | Reply, tmp_path: Path) -> None:
    rows, drops, _ = run(PromptRows(rows=12), tmp_path / "run", lambda request: said)
    assert not rows
    assert len(drops) == 12
    assert all(drop.reason for drop in drops)


@pytest.mark.parametrize("said", [one for one in HOSTILE.values() if isinstance(one, str)])
def test_hostile_lines_give_no_row(said: str, tmp_path: Path) -> None:
    reply = json.dumps({"items": [said] * 6})
    rows, drops, _ = run(PromptRows(rows=12), tmp_path / "run", lambda request: reply)
    assert not rows
    assert len(drops) == 12


def test_a_topic_that_states_a_length_is_no_topic(tmp_path: Path) -> None:
    path = tmp_path / "topics.txt"
    path.write_text("Write 500 words on salt.\n", encoding="utf-8")
    rows, drops, _ = run(PromptRows(topics=(str(path),), languages=("en",), rows=3), tmp_path / "r")
    assert not rows
    assert {drop.reason for drop in drops} == {"topic states a constraint itself"}


def test_lines_are_read_strictly_and_near_ones_are_one() -> None:
    assert read_lines('{"items": ["a  b", "", 3]}') == ["a b"]
    assert read_lines('{"items": []}') is None
    assert read_lines("1. salt\n2. sea") is None
    assert are_alike("高原上的茶马古道", "高原上的茶马古道史")
    assert not are_alike("the salt roads of the Alps", "a clockmaker who loses her hearing")


def test_mistakes_are_told_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "topics.txt"
    path.write_text("salt roads of the Alps\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"languages: \[en\]"):
        list(PromptRows(topics=(str(path),)).units())
    with pytest.raises(UsageError, match="genres: ode"):
        PromptRows(genres=("ode",))
    with pytest.raises(UsageError, match="No cell"):
        PromptRows(genres=("story",), kinds=("code",))
    with pytest.raises(UsageError, match="shortest"):
        PromptRows(shortest=9_000, longest=1_000)
    assert isinstance(load_recipe("prompts", {"rows": 3}), PromptRows)
