"""The finding on output length: how it is told and drawn."""

from __future__ import annotations

import random
from pathlib import Path

from longwrite.nano.bound import Reach, tabulate, write_pair
from longwrite.nano.plots import plot_curve, plot_reach
from longwrite.nano.training import Point
from longwrite.text import count_words

REACHES = [
    Reach(cap, asked, min(cap, asked), 10, 900, 1.0) for cap in (200, 500) for asked in (100, 800)
]


def test_a_pair_s_text_has_the_length_that_its_prompt_states() -> None:
    prompt, text = write_pair(random.Random(3), 300)
    assert "Length: 300 words." in prompt.content
    assert abs(count_words(text.content) - 300) <= 30


def test_the_table_has_a_row_for_each_length_asked_for() -> None:
    assert tabulate(REACHES).splitlines() == [
        "| words asked for | saw at most 200 | saw at most 500 |",
        "|---|---|---|",
        "| 100 | 100 (10 to 900) | 100 (10 to 900) |",
        "| 800 | 200 (10 to 900) | 500 (10 to 900) |",
    ]


def test_plots_are_the_same_for_the_same_figures(tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        plot_reach(REACHES, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    plot_curve(
        [Point("a", 1, 5.0, 1.0), Point("a", 2, 4.0, 2.0), Point("b", 1, 3.0, 1.0)],
        tmp_path / "c.svg",
    )
    assert (tmp_path / "c.svg").read_text("utf-8").startswith("<?xml")
