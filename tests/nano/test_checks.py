"""The checks of the finished model, and the card that tells of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from longwrite.engines.nano import NanoEngine
from longwrite.nano.card import write_card
from longwrite.nano.checks import Result, Unseen, load_unseen, summarise, try_brief

FIXTURES = Path(__file__).resolve().parents[2].parent / "shared" / "fixtures"
GOOD = Result("x", 1_000, 1_010, 0.01, 1.0, 4, 0, 0, 0.01, 0, 3, 0, 0, 0, 2.0)


def test_figures_weigh_sections_and_count_briefs() -> None:
    poor = replace(GOOD, delivered=800, miss=-0.2, on_topic=0.5, looping=1, unread=3, replanned=4)
    found = summarise([GOOD, poor])
    assert found["within 5 % of the length"] == 1
    assert found["sections with a key term"] == 0.75
    assert found["briefs with a key term in 80 % of their sections"] == 1
    assert found["sections without a loop"] == 0.875
    assert found["plans read at the first try"] == 0.5
    assert found["plans kept at the first try"] == 0.333
    assert found["words"] == 1_810


def test_the_package_s_own_briefs_are_twenty() -> None:
    assert len(load_unseen()) == 20


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="the fixtures are not here")
def test_ten_more_come_from_longbench_write() -> None:
    more = load_unseen(FIXTURES / "longbench_write.jsonl")[20:]
    assert len(more) == 10
    assert all(unseen.words and unseen.prompt.isascii() for unseen in more)
    assert all(unseen.terms[0].casefold() in unseen.prompt.casefold() for unseen in more[:3])


def test_a_brief_is_tried_on_the_model_in_the_package() -> None:
    async def work() -> Result:
        engine = await NanoEngine.open()
        try:
            unseen = Unseen("Write a 1000-word essay about clocks", ("clock",))
            return (await try_brief(engine, unseen))[0]
        finally:
            await engine.close()

    result = asyncio.run(work())
    assert abs(result.miss) <= 0.05
    assert result.sections == 2 and result.plans == 1
    assert result.on_topic >= 0.5 and result.coverage <= 0.05


def test_the_card_has_every_figure() -> None:
    card = write_card(summarise([GOOD]) | {"perplexity": {"pages": 9.5, "replies": 8.25}}, 3)
    assert "--seed 3" in card
    assert "| words | 1,010 |" in card
    assert "| perplexity | pages 9.5, replies 8.25 |" in card
