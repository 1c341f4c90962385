"""Every sentence that states a constraint is read back as that constraint."""

from __future__ import annotations

import pytest

from longwrite.data.phrasing import LANGUAGES, load_phrases, phrase, state
from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.constraints import validate
from longwrite.types import Constraint, Json

REQUESTS = {
    "en": "Explain how the old harbour of Lisbon was rebuilt after the flood.",
    "zh": "请介绍里斯本老码头在洪水之后重建的过程。",
}


def _length(stated: str, **numbers: int) -> Constraint:
    params: dict[str, Json] = {"min": None, "max": None, "target": None}
    return Constraint("length", params | numbers | {"unit": "words", "stated": stated})


def _sections(unit: str, count: int) -> Constraint:
    params: dict[str, Json] = {"count": count, "min": count, "max": count, "unit": unit}
    return Constraint("sections", params)


CONSTRAINTS = (
    _length("about", target=3_200),
    _length("about", target=950),
    _length("at_least", min=12_000),
    _length("at_most", max=700),
    _length("between", min=1_800, max=2_400),
    _sections("sections", 7),
    _sections("parts", 4),
    _sections("chapters", 12),
    Constraint("headings", {"wanted": True}),
    Constraint("headings", {"wanted": False}),
    *(
        Constraint(kind, {"wanted": least > 0, "min": least})
        for kind in ("table", "list", "code")
        for least in (0, 1, 3)
    ),
    Constraint("mention", {"text": "harbour master"}),
    Constraint("mention", {"text": "灯塔"}),
    Constraint("avoid", {"text": "delve"}),
    Constraint("avoid", {"text": "值得注意的是"}),
    *(Constraint("language", {"code": code}) for code in ("en", "zh", "fr", "ru")),
    Constraint("title", {"text": "The Second Quay"}),
    Constraint("title", {"text": "第二座码头"}),
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=str)
def test_each_wording_is_compiled_back(constraint: Constraint, language: str) -> None:
    validate(constraint)
    for sentence in phrase(constraint, language):
        glue = " " if language == "en" else ""
        brief = compile_brief(f"{REQUESTS[language]}{glue}{sentence}")
        found = [(one.kind, one.params, one.scope) for one in brief.constraints]
        assert found == [(constraint.kind, constraint.params, "document")], sentence


def test_every_wording_of_the_file_is_tried_here() -> None:
    tried = {
        sentence
        for language in LANGUAGES
        for constraint in CONSTRAINTS
        for sentence in phrase(constraint, language)
    }
    templates = [
        line
        for key, lines in load_phrases("prompt_phrases").items()
        if not key.startswith(("request.", "joint."))
        for line in lines
    ]
    starts = {line.split("$")[0] for line in templates}
    assert all(any(one.startswith(start) for one in tried) for start in starts)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("seed", range(12))
def test_several_wishes_are_stated_together_in_every_layout(language: str, seed: int) -> None:
    wishes = [CONSTRAINTS[0], CONSTRAINTS[9], CONSTRAINTS[16 if language == "en" else 20]]
    statement = state(REQUESTS[language], wishes, language, seed)
    assert statement is not None
    kinds = {one.kind for one in statement.brief.constraints}
    assert {one.kind for one in wishes} == kinds | {one.kind for one in statement.left_out}
    assert "length" in kinds
    assert statement.brief.words == 3_200


def test_what_the_request_says_already_is_not_said_again() -> None:
    statement = state("Write about 3,200 words on salt.", [CONSTRAINTS[0]], "en", 1)
    assert statement is not None
    assert statement.prompt == "Write about 3,200 words on salt."


def test_a_wish_against_the_request_is_left_out() -> None:
    wish = Constraint("headings", {"wanted": True})
    statement = state("Explain the tides without headings.", [wish], "en", 1)
    assert statement is not None
    assert statement.left_out == (wish,)
    assert statement.prompt == "Explain the tides without headings."


def test_words_that_would_end_their_own_quotation_are_not_phrased() -> None:
    assert phrase(Constraint("mention", {"text": "a “quoted” word"}), "en") == ()
    assert phrase(Constraint("mention", {"text": "salt"}, scope="section:2"), "en") == ()


def test_a_request_that_cannot_be_compiled_states_nothing() -> None:
    assert state("", [CONSTRAINTS[0]], "en", 0) is None
