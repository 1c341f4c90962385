"""One requirement broken, by code or by a model, and nothing else changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.data.breaking import break_by_code
from longwrite.data.recipe import Recipe
from longwrite.data.rows import Drop, Row
from longwrite.data.violate import Violate, read_constraints, verify_edit
from longwrite.errors import UsageError
from longwrite.rewards.constraints import check, holds
from longwrite.types import Constraint, Request
from tests.data.pairing import HOSTILE, Said, make_only, prose, reasons_of, rows_of, write_rows
from tests.planners.stub import StubEngine

PARTS = [prose(seed, 70).replace("\n\n", " ") for seed in range(6)]
MENTION = f"{PARTS[3]} The grey heron came back in spring. {PARTS[4]}"
LIST = "- salt from the sea\n- salt from the mine\n- salt from the lake"
TABLE = "| place | salt |\n|---|---|\n| sea | grey |\n| mine | red |"
TEXT = "\n\n".join(
    [
        "# Salt",
        "## One",
        PARTS[0],
        LIST,
        "## Two",
        PARTS[1],
        TABLE,
        "## Three",
        MENTION,
        "## Four",
        PARTS[5],
    ]
)

REQUIRED: dict[str, Constraint] = {
    "mention": Constraint("mention", {"text": "grey heron"}),
    "avoid": Constraint("avoid", {"text": "zebra"}),
    "sections": Constraint("sections", {"count": 4, "unit": "chapters"}),
    "list": Constraint("list", {"wanted": True}),
    "table": Constraint("table", {"wanted": True, "min": 1}),
    "headings": Constraint("headings", {"wanted": True}),
    "title": Constraint("title", {"text": "Salt"}),
    "length": Constraint("length", {"min": 365}),
}


def write_source(folder: Path, text: str, prompt: str, *constraints: Constraint) -> str:
    """Write a row with a text, its prompt and its constraints, and return the file's name."""
    listed = [
        {"kind": c.kind, "params": dict(c.params), "scope": c.scope, "quote": c.quote}
        for c in constraints
    ]
    row = {"prompt": prompt, "response": text, "constraints": json.dumps(listed)}
    return write_rows(folder, row)


def break_one(
    folder: Path, kind: str, by: str, answer: Any = None, **options: Any
) -> list[Row | Drop]:
    """Break the requirement of a kind, which the prompt states."""
    wanted = REQUIRED[kind]
    quote = f"the rule of {kind}"
    stated = Constraint(wanted.kind, wanted.params, wanted.scope, True, quote)
    others = [one for name, one in REQUIRED.items() if name != kind]
    source = write_source(folder, TEXT, f"Tell of rain, and keep {quote}.", stated, *others)
    recipe = Violate((source,), by=by, kinds=(kind,), **options)
    return make_only(folder, recipe, answer or StubEngine())


# --- by code -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mention", "avoid", "list", "table", "title", "length"])
def test_code_breaks_just_one_requirement(tmp_path: Path, kind: str) -> None:
    engine = StubEngine()
    (row,) = rows_of(break_one(tmp_path, kind, "code", engine))
    assert row.chosen == TEXT and row.broken is not None and row.broken.kind == kind
    assert not engine.requests and row.provenance["by"] == "code"
    for name, wanted in REQUIRED.items():
        assert holds(check(wanted, row.chosen, language="en"))
        assert holds(check(wanted, row.rejected, language="en")) is (name != kind)
    changed = row.provenance["changed"]
    assert isinstance(changed, float) and 0 < changed < 0.15
    assert {c.kind for c in row.constraints} >= set(REQUIRED)


def test_a_mention_goes_with_its_sentence_alone(tmp_path: Path) -> None:
    (row,) = rows_of(break_one(tmp_path, "mention", "code"))
    assert row.rejected == TEXT.replace("The grey heron came back in spring. ", "")


def test_a_whole_section_is_no_minimal_edit_and_headings_are_sections_too(tmp_path: Path) -> None:
    assert reasons_of(break_one(tmp_path, "sections", "code")) == [
        "the edit changes another requirement"
    ]
    alone = write_source(tmp_path, TEXT, "Tell of rain in 4 chapters.")
    recipe = Violate((alone,), by="code", kinds=("sections",))
    found = make_only(tmp_path, recipe, StubEngine())
    assert reasons_of(found) == ["the edit is not minimal"]
    wide = Violate((alone,), by="code", kinds=("sections",), max_changed=0.4)
    (row,) = rows_of(make_only(tmp_path, wide, StubEngine()))
    assert row.rejected.count("\n## ") == 3 and row.rejected.endswith(PARTS[5])


def test_chinese_is_broken_in_chinese(tmp_path: Path) -> None:
    text = "\n\n".join(
        [
            "盐来自大海。渔民在岸边晒盐。太阳很毒，风也很大。",
            "古道上走着盐商。他们带着骆驼，穿过戈壁。夜里星星很亮，没有人说话。",
            "后来铁路来了。骆驼不见了，盐商也老了。这条路只留在歌里。",
        ]
    )
    prompt = "写一篇关于盐的文章，要提到“骆驼”，不要出现“汽车”。"
    source = write_source(tmp_path, text, prompt)
    recipe = Violate((source,), by="code", per_text=2, max_changed=0.4)
    rows = rows_of(make_only(tmp_path, recipe, StubEngine()))
    broken = {row.broken.kind: row for row in rows if row.broken}
    assert "骆驼" not in broken["mention"].rejected
    assert "（汽车）" in broken["avoid"].rejected and "汽车" not in text


def test_a_requirement_that_the_prompt_keeps_secret_is_not_broken(tmp_path: Path) -> None:
    source = write_source(tmp_path, TEXT, "Tell of rain.", REQUIRED["mention"])
    recipe = Violate((source,), by="code")
    found = make_only(tmp_path, recipe, StubEngine())
    assert reasons_of(found) == ["it meets no requirement that could be broken"]


kinds = st.sampled_from(sorted(REQUIRED))


@given(kinds, st.lists(st.sampled_from([*PARTS, MENTION, LIST, TABLE, "## Five"]), max_size=8))
def test_what_is_verified_breaks_one_and_leaves_the_others(kind: str, parts: list[str]) -> None:
    text = "\n\n".join(["# Salt", *parts])
    wanted = REQUIRED[kind]
    others = [one for name, one in REQUIRED.items() if name != kind]
    edited = break_by_code(text, wanted)
    if edited is None:
        return
    outcome = verify_edit(text, edited, wanted, others, "en", 0.3)
    if isinstance(outcome, float):
        assert holds(check(wanted, text)) and not holds(check(wanted, edited))
        assert all(holds(check(c, text)) == holds(check(c, edited)) for c in others)


# --- by a model ----------------------------------------------------------------------------------


def test_a_model_writes_one_passage_again(tmp_path: Path) -> None:
    engine = StubEngine(lambda request: MENTION.replace("grey heron", "old ferryman"))
    (row,) = rows_of(break_one(tmp_path, "mention", "model", engine))
    (request,) = engine.requests
    assert MENTION in request.messages[-1].content and PARTS[0] not in request.messages[-1].content
    assert row.rejected == TEXT.replace("grey heron", "old ferryman")
    assert row.provenance["by"] == "model" and row.provenance["model"] == "stub"


def test_a_model_that_breaks_nothing_is_asked_again_and_given_up(tmp_path: Path) -> None:
    engine = StubEngine(lambda request: MENTION.replace("spring", "autumn"))
    assert reasons_of(break_one(tmp_path, "mention", "model", engine)) == [
        "the edit breaks nothing"
    ]
    assert [request.attempt for request in engine.requests] == [0, 1]


def test_a_second_try_may_succeed(tmp_path: Path) -> None:
    def answer(request: Request) -> Said:
        return MENTION.replace("grey", "old") if request.attempt else HOSTILE["refusal"]

    assert len(rows_of(break_one(tmp_path, "mention", "model", answer))) == 1


def test_an_edit_that_breaks_another_requirement_is_refused(tmp_path: Path) -> None:
    found = break_one(
        tmp_path, "mention", "model", lambda request: MENTION.replace("grey heron", "zebra")
    )
    assert reasons_of(found) == ["the edit changes another requirement"]


def test_a_rewritten_text_is_no_minimal_edit(tmp_path: Path) -> None:
    found = break_one(tmp_path, "mention", "model", lambda request: prose(77, 130))
    assert reasons_of(found) == ["the edit is not minimal"]


@pytest.mark.parametrize("reason", HOSTILE)
def test_a_hostile_reply_is_a_drop(tmp_path: Path, reason: str) -> None:
    found = break_one(tmp_path, "mention", "model", lambda request: HOSTILE[reason])
    assert reasons_of(found) == [reason] and not rows_of(found)


# --- sources -------------------------------------------------------------------------------------


def test_a_column_is_read_with_suspicion() -> None:
    good = {"kind": "mention", "params": {"text": "salt"}}
    entries = [
        good,
        {**good, "holds": False},
        {"kind": "magic", "params": {}},
        {"kind": "mention"},
        {"kind": "mention", "params": {"text": 3}},
        "mention",
        None,
    ]
    assert read_constraints(json.dumps(entries)) == (Constraint("mention", {"text": "salt"}),)
    assert read_constraints("{") == read_constraints(None) == read_constraints(7) == ()


def test_options_that_make_no_sense_are_errors() -> None:
    options: list[dict[str, Any]] = [{"by": "magic"}, {"per_text": 0}, {"max_changed": 1.0}]
    for option in options:
        with pytest.raises(UsageError):
            Violate(("x",), **option)
    assert isinstance(Violate(("x",)), Recipe)
