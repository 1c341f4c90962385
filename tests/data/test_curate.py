"""Of a set the rows with one stated length that they keep to, each with why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from longwrite.data.curate import Curate, count_lengths
from longwrite.data.rows import Drop, Row
from longwrite.errors import UsageError
from longwrite.types import Message
from tests.data.recipe_stub import HOSTILE, compose, is_true, run


def row(prompt: str, text: str, number: int = 0) -> Row:
    provenance = {"source": "set.jsonl"}
    return Row(
        f"set:{number}", "completion", (Message("user", prompt),), text, provenance=provenance
    )


def importing(monkeypatch: pytest.MonkeyPatch, found: Sequence[Row | Drop]) -> Curate:
    """Return the recipe over these rows."""

    def import_rows(patterns: Sequence[str]) -> Iterator[Row | Drop]:
        assert patterns == ("set.jsonl",)
        yield from found

    monkeypatch.setattr("longwrite.data.curate.import_rows", import_rows)
    return Curate(sources=("set.jsonl",))


ENGLISH = compose("en", 1, words=1_000)
CHINESE = compose("zh", 2, words=1_000)


def test_a_row_near_its_one_length_is_kept_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = importing(
        monkeypatch,
        [row("Write a 1000-word story about a mill.", ENGLISH),
         row("写一篇关于磨坊的故事，约1000字。", CHINESE, 1)],
    )  # fmt: skip
    rows, drops, _ = run(recipe, tmp_path / "run")
    assert not drops
    for kept in rows:
        why = kept.provenance["kept"]
        assert isinstance(why, dict)
        assert why["asked"] == 1_000
        assert isinstance(why["s_l"], float)
        assert why["s_l"] >= 80
        assert kept.provenance["source"] == "set.jsonl"
        assert "length" in {one.kind for one in kept.constraints}
        assert all(is_true(one, kept.completion, kept.language) for one in kept.constraints)


def test_a_set_in_a_file_is_read_in_whatever_shape_it_has(tmp_path: Path) -> None:
    asked = "Write a 1000-word story about a mill."
    talk = [{"from": "human", "value": asked}, {"from": "gpt", "value": ENGLISH}]
    file = tmp_path / "set.jsonl"
    file.write_text(
        "".join(
            json.dumps(one) + "\n"
            for one in (
                {"conversations": talk},
                {"prompt": "Write a 4000-word story about a mill.", "completion": ENGLISH},
            )
        )
        + "{ no row\n"
    )
    rows, drops, _ = run(Curate(sources=(str(file),)), tmp_path / "run")
    assert [(one.prompt[0].content, one.completion) for one in rows] == [(asked, ENGLISH)]
    assert len(drops) == 2
    assert any("S_l under 80" in one.reason for one in drops)


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("Write a story about a mill.", "prompt states no length"),
        ("Write 1000 words on a mill, the introduction with 200 words.", "several lengths"),
        ("Write a 1000-word story. Each chapter must have 250 words.", "several lengths"),
        ("Write a story of 5,000 words about a mill.", "S_l under 80"),
        ("Write a story of 300 words about a mill.", "S_l under 80"),
        ("", "prompt can't be compiled"),
    ],
)
def test_a_row_that_teaches_the_wrong_length_is_dropped(
    prompt: str, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows, drops, _ = run(importing(monkeypatch, [row(prompt, ENGLISH)]), tmp_path / "run")
    assert not rows
    assert reason in drops[0].reason


@pytest.mark.parametrize("said", [one for one in HOSTILE.values() if isinstance(one, str)])
def test_broken_text_is_dropped_whatever_its_length(
    said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = f"{said}\n\n{ENGLISH}" if len(said) < 200 else said
    recipe = importing(monkeypatch, [row("Write a 1000-word story about a mill.", said or text)])
    rows, drops, _ = run(recipe, tmp_path / "run")
    assert not rows
    assert drops[0].reason


def test_a_cut_text_and_a_thought_before_a_good_one_are_dropped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prompt = "Write a 1000-word story about a mill."
    found = [row(prompt, ENGLISH[:-12]), row(prompt, f"<think>Hm.</think>\n\n{ENGLISH}", 1)]
    rows, drops, _ = run(importing(monkeypatch, found), tmp_path / "run")
    assert not rows
    assert [drop.reason for drop in drops] == ["truncated", "leaked tags"]


def test_what_is_missed_is_told_or_strictly_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    prompt = "Write a story of 1200 words about a mill. Include a table."
    recipe = importing(monkeypatch, [row(prompt, ENGLISH)])
    rows, _, _ = run(recipe, tmp_path / "run")
    assert not {"table", "length"} & {one.kind for one in rows[0].constraints}
    missed = rows[0].provenance["missed"]
    assert isinstance(missed, list)
    assert len(missed) == 2
    strict = Curate(sources=("set.jsonl",), strict=True)
    rows, drops, _ = run(strict, tmp_path / "strict")
    assert not rows
    assert drops[0].reason == "text misses what its prompt asks"


def test_gates_are_held(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    importing(monkeypatch, [row("Write a 1000-word story about a mill.", ENGLISH)])
    kept, _, _ = run(Curate(sources=("set.jsonl",), gates="repetition>=0.5"), tmp_path / "a")
    why = kept[0].provenance["kept"]
    assert isinstance(why, dict)
    assert isinstance(why["gates"], dict)
    assert "repetition" in why["gates"]
    rows, drops, _ = run(Curate(sources=("set.jsonl",), gates="headings>=2"), tmp_path / "b")
    assert not rows
    assert drops[0].reason == "headings under 2"


def test_rows_without_a_text_and_given_twice_are_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    good = row("Write a 1000-word story about a mill.", ENGLISH)
    turns = (*good.prompt, Message("assistant", "Well."), Message("user", "Go on."))
    talk = Row("set:3", "completion", turns, ENGLISH)
    bad = Drop("set:9", "import", "row without a text")
    recipe = importing(monkeypatch, [good, good, row("Hello.", "", 2), talk, bad])
    rows, drops, _ = run(recipe, tmp_path / "run")
    assert len(rows) == 1
    assert [drop.reason for drop in drops] == [
        "row given twice", "row without a completion", "not one request and one answer",
        "row without a text",
    ]  # fmt: skip


def test_lengths_are_counted() -> None:
    assert count_lengths("Write a story about a mill.") == 0
    assert count_lengths("Write a story of at least 800 and at most 1,000 words.") == 1
    assert count_lengths("写一篇800到1000字的故事。") == 1
    assert count_lengths("Write an essay of 800 words. The essay must have 900 words.") == 2


def test_mistakes_are_told() -> None:
    with pytest.raises(UsageError, match="no source"):
        Curate(sources=())
    with pytest.raises(UsageError, match="0 and 100"):
        Curate(sources=("x",), least=101)
    with pytest.raises(UsageError, match="judge"):
        Curate(sources=("x",), gates="quality>=0.5")
    with pytest.raises(UsageError, match="least value"):
        Curate(sources=("x",), gates="repetition=1")
    with pytest.raises(UsageError, match="no reward"):
        Curate(sources=("x",), gates="beauty>=1")
