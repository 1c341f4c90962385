"""One text, or many on several cores: the same verdicts in the order of the texts."""

from __future__ import annotations

import pytest

from longwrite.errors import UsageError
from longwrite.reading import Reading, UnreadableError
from longwrite.rewards.briefs import compile_brief
from longwrite.verdicts import Scored, score_many, score_text, tell_scored
from tests.scoring.texts import make_text

TEXT = "# Boats\n\n" + make_text(6)


def test_a_text_is_held_against_its_brief() -> None:
    brief = compile_brief('Write about 480 words. Mention "the keel".')
    scored = score_text(TEXT, brief=brief)
    assert (scored.delivered, scored.asked) == (481, 480)
    assert scored.length is not None and scored.length.value == pytest.approx(1, abs=0.01)
    held = {one.kind: score.value for one, score in scored.constraints}
    assert held == {"length": 1.0, "mention": 0.0}


def test_without_a_brief_nothing_is_claimed_of_length() -> None:
    scored = score_text(TEXT, counter="split")
    assert (scored.asked, scored.length, scored.counter) == (None, None, "split")
    assert scored.report.soundness is not None


def test_an_unknown_counter_is_told() -> None:
    with pytest.raises(UsageError, match="no such counter"):
        next(iter(score_many([Reading("a", "Text.")], counter="tokens")))


def test_rows_are_held_against_their_own_prompts() -> None:
    rows = [
        Reading("a", TEXT, "Write 400 words."),
        Reading("b", TEXT, "Write a text.", {"length": 600}),
        Reading("c", TEXT),
    ]
    scored = [one for one in score_many(rows) if isinstance(one, Scored)]
    assert [one.asked for one in scored] == [400, 600, None]


def test_what_could_not_be_read_is_handed_on_in_its_place() -> None:
    bad = UnreadableError("b can't be read", "it is a binary file")
    found = list(score_many([Reading("a", TEXT), bad, Reading("c", TEXT)]))
    assert found[1] is bad
    assert [one.report.name for one in found if isinstance(one, Scored)] == ["a", "c"]


def test_several_cores_say_what_one_says() -> None:
    rows = [Reading(f"{n}", make_text(200, seed=n)) for n in range(6)]
    alone = [tell_scored(one) for one in score_many(rows) if isinstance(one, Scored)]
    apart = [tell_scored(one) for one in score_many(rows, cores=2) if isinstance(one, Scored)]
    assert apart == alone
    assert len(alone) == 6


def test_strips_and_copies_show_where_a_text_falls_apart() -> None:
    good = [f"## Part {n}\n\n{make_text(3, seed=n)}" for n in range(4)]
    broken = [*good, f"## Part 4\n\n{make_text(3, seed=2)}"]
    report = score_text("\n\n".join(broken)).report
    assert [strip.title for strip in report.strips] == [f"Part {n}" for n in range(5)]
    assert [round(strip.repeated, 2) for strip in report.strips] == [0, 0, 1, 0, 1]
    assert {round(copy.start, 1) for copy in report.copies} == {0.4, 0.8}
    assert all(copy.words == 240 for copy in report.copies)
