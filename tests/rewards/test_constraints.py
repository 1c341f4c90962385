"""What each checker accepts, what it pays for less, and where it points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.errors import UsageError
from longwrite.rewards.constraints import (
    KINDS,
    PARAMETERS,
    UnknownKind,
    check,
    holds,
    validate,
)
from longwrite.scoring.sections import cut_sections
from longwrite.types import Constraint, Json, Score

STORY = """# The Lamp

The keeper came early.

## One

The sea was grey, and the LAMP was out.

## Two

He climbed. The sea rose.

## Three

Nothing moved.
"""
LETTER = "Dear Ms Green,\n\nthe roof leaks again.\n\nYours sincerely,\nTom\n"
SCENE = "INT. KITCHEN\n\nANNA: You came.\n\nBOB: I did.\n\nANNA: Why?\n"
VERSE = "The tide goes out,\nthe tide comes in,\n\nand none of us\nhas time to swim.\n"


def score(kind: str, text: str, scope: str = "document", /, **params: Json) -> Score:
    return check(Constraint(kind, params, scope), text)


def value(kind: str, text: str, scope: str = "document", /, **params: Json) -> float | None:
    return score(kind, text, scope, **params).value


def words(count: int) -> str:
    return "word " * count


def test_every_kind_has_a_checker_and_parameters() -> None:
    assert KINDS.keys() == PARAMETERS.keys()


@pytest.mark.parametrize(
    ("count", "params", "expected"),
    [
        (100, {"min": 100}, 1.0),
        (5000, {"min": 100}, 1.0),
        (50, {"min": 100}, 0.5),
        (200, {"max": 100}, 0.5),
        (80, {"target": 100}, 1.0),
        (79, {"target": 100}, 79 / 80),
        (240, {"target": 100}, 0.5),
        (0, {"target": 100}, 0.0),
        (150, {"min": 100, "max": 200}, 1.0),
        (400, {"min": 100, "max": 200}, 0.5),
    ],
)
def test_a_length_holds_in_its_range_and_is_paid_by_nearness(
    count: int, params: dict[str, Json], expected: float
) -> None:
    assert value("length", words(count), **params) == pytest.approx(expected)


def test_a_length_counts_what_a_reader_sees() -> None:
    assert score("length", "## 两个 **字** <!-- hidden words -->", min=3, max=3).value == 1.0


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"count": 3, "min": 3, "max": 3, "unit": "chapters"}, 1.0),
        ({"count": 6, "min": 6, "max": 6, "unit": "chapters"}, 0.5),
        ({"count": 2, "min": 2, "max": None, "unit": "parts"}, 1.0),
        ({"count": 4, "unit": "paragraphs"}, 1.0),
        ({"count": 3, "min": 3, "max": None, "unit": "items"}, 1.0),
    ],
)
def test_sections_paragraphs_and_items_are_counted(
    params: dict[str, Json], expected: float
) -> None:
    assert value("sections", STORY, **params) == expected


def test_a_given_list_of_sections_is_what_counts() -> None:
    acts = Constraint("sections", {"count": 2, "min": 2, "max": 2, "unit": "acts"})
    assert check(acts, SCENE + VERSE, [SCENE, VERSE]).value == 1.0
    assert check(acts, SCENE).value == 0.5


@pytest.mark.parametrize(
    ("phrase", "text", "found"),
    [
        ("lamp", STORY, True),
        ("lam", STORY, False),
        ("the sea", "The\nSea", True),
        ("sea", "overseas", False),
        ("net-zero (2050)", "By net-zero (2050).", True),
        ("长城", "我去了长城。", True),
        ("AI", "人工智能AI技术", True),
        ("C++", "I like C++!", True),
        (".*", "anything", False),
    ],
)
def test_phrases_are_whole_words_or_any_chinese_characters(
    phrase: str, text: str, found: bool
) -> None:
    assert value("mention", text, text=phrase) == float(found)
    assert (value("avoid", text, text=phrase) == 1.0) is not found


def test_a_phrase_to_avoid_is_shown_where_it_stands() -> None:
    found = score("avoid", STORY, text="the sea")
    assert [STORY[span.start : span.end].lower() for span in found.evidence] == ["the sea"] * 2
    assert found.value == pytest.approx(1 / 3)


def test_a_scope_is_paid_by_the_share_of_its_sections() -> None:
    found = score("mention", STORY, "each", text="sea")
    assert found.value == pytest.approx(2 / 3)
    assert [STORY[span.start : span.end] for span in found.evidence] == ["## Three"]
    assert value("mention", STORY, "section:2", text="sea") == 1.0
    assert value("mention", STORY, "every:3", text="sea") == 0.0
    assert value("mention", STORY, "every:2", text="climbed") == 1.0
    assert value("mention", STORY, "every:2:1", text="sea") == pytest.approx(1 / 2)
    assert value("mention", STORY, "every:5:2", text="sea") == 1.0


def test_evidence_in_a_section_is_placed_in_the_document() -> None:
    found = score("avoid", STORY, "each", text="climbed")
    assert [STORY[span.start : span.end] for span in found.evidence] == ["climbed"]


def test_a_section_that_is_missing_fails_a_hard_constraint_and_excuses_a_soft_one() -> None:
    missing = score("mention", STORY, "section:9", text="sea")
    excused = check(Constraint("mention", {"text": "sea"}, "section:9", hard=False), STORY)
    assert (missing.value, holds(missing)) == (0.0, False)
    assert (excused.value, holds(excused)) == (None, True)


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("headings", STORY, True),
        ("headings", "# Only a title\n\nText.", False),
        ("table", "a | b\n--- | ---\n1 | 2", True),
        ("table", "The figures:\n| a | b |\n|---|---|\n| 1 | 2 |", True),
        ("table", "He laid the table.", False),
        ("list", "- one\n- two", True),
        ("list", "We need:\n1. rope\n2. oil", True),
        ("list", "In 1984. Nothing.", False),
        ("code", "```py\nprint()\n```", True),
        ("code", "`print()`", False),
    ],
)
def test_elements_are_told_from_prose(kind: str, text: str, found: bool) -> None:
    least: dict[str, Json] = {} if kind == "headings" else {"min": 1}
    assert value(kind, text, wanted=True, **least) == float(found)
    assert (value(kind, text, wanted=False, **least) == 1.0) is not found


def test_two_tables_are_more_than_one() -> None:
    table = "| a |\n|---|\n| 1 |\n\n"
    assert value("table", table, wanted=True, min=2) == 0.5
    assert value("table", table + "And:\n\n" + table, wanted=True, min=2) == 1.0


def test_a_language_is_told_by_its_script_and_small_words() -> None:
    french = (
        "Le chat est dans la maison et le chien dort sur le tapis avec un os pour la nuit. " * 2
    )
    assert value("language", french, code="fr") == 1.0
    assert value("language", french, code="en") == 0.0
    assert value("language", "他去了北京。" * 10, code="en") == 0.0


def test_forms_that_show_are_scored_and_others_do_not_apply() -> None:
    for name, text in (("letter", LETTER), ("script", SCENE), ("poem", VERSE)):
        assert value("form", text, name=name) == 1.0
    assert value("form", STORY, name="letter") == 0.0
    assert value("form", STORY, name="essay") is None


def test_a_title_is_looked_for_at_the_beginning() -> None:
    assert value("title", STORY, text="the lamp") == 1.0
    assert value("title", STORY, text="One") == 0.0


@pytest.mark.parametrize(
    ("text", "firsts"),
    [
        (STORY, ["## One", "## Two", "## Three"]),
        ("# A\n\nx\n\n# B\n\ny", ["# A", "# B"]),
        ("# T\n\n## A\n\n### a\n\n### b\n\n## B\n\nz", ["## A", "## B"]),
        ("第一幕 早晨\n\n甲：好。\n\n第二幕\n\n乙：好。", ["第一幕 早晨", "第二幕"]),
        ("**Act One**\n\nA.\n\n**Act Two**\n\nB.", ["**Act One**", "**Act Two**"]),
        ("# Title\n\nOnly prose.", []),
        ("", []),
    ],
)
def test_sections_are_found_by_the_shallowest_heading_that_repeats(
    text: str, firsts: list[str]
) -> None:
    found = [text[span.start : span.end] for _, span in cut_sections(text)]
    assert [part.split("\n", 1)[0] for part in found] == firsts


def test_an_unknown_kind_is_an_error_that_suggests_the_known() -> None:
    with pytest.raises(UnknownKind, match="mention"):
        check(Constraint("mentions"), STORY)
    assert issubclass(UnknownKind, UsageError)


@pytest.mark.parametrize(
    "wrong",
    [
        Constraint("length", {}),
        Constraint("length", {"min": "5"}),
        Constraint("length", {"min": True}),
        Constraint("length", {"minimum": 5}),
        Constraint("length", {"target": 0}),
        Constraint("length", {"min": 9, "max": 5}),
        Constraint("mention", {}),
        Constraint("table", {"wanted": 1}),
        Constraint("mention", {"text": "a"}, scope="section:0"),
        Constraint("mention", {"text": "a"}, scope="section:1:2"),
        Constraint("mention", {"text": "a"}, scope="every:2:0"),
        Constraint("mention", {"text": "a"}, scope="everywhere"),
    ],
)
def test_what_has_the_wrong_form_is_refused(wrong: Constraint) -> None:
    with pytest.raises(UsageError):
        validate(wrong)


SCOPES = st.sampled_from(["document", "each", "section:1", "every:2", "every:2:1"])


@given(st.text(max_size=300), SCOPES)
def test_any_text_gets_a_score_between_zero_and_one(text: str, scope: str) -> None:
    samples: dict[str, dict[str, Json]] = {
        "length": {"target": 50},
        "sections": {"count": 3, "unit": "paragraphs"},
        "mention": {"text": "a b"},
        "avoid": {"text": "一"},
        "language": {"code": "en"},
        "headings": {"wanted": False},
        "table": {"wanted": True},
        "list": {"wanted": False},
        "code": {"wanted": True, "min": 2},
        "form": {"name": "script"},
        "title": {"text": "x"},
        "judged": {"question": "Is it good?"},
    }
    assert samples.keys() == KINDS.keys()
    for kind, params in samples.items():
        found = check(Constraint(kind, params, scope), text)
        assert found.value is None or 0 <= found.value <= 1
        assert all(0 <= span.start <= span.end <= len(text) for span in found.evidence)
