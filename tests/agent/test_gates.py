"""No refusal, tag, loop or error message ever becomes part of a document."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwrite.agent.gates import Draft, Surroundings, describe, inspect
from longwrite.agent.settings import Settings
from longwrite.api import Outcome
from longwrite.engines.scripted import FAULTS, compose_text
from longwrite.errors import EngineError
from longwrite.prompts import fill
from longwrite.scoring.leaks import find_leaks
from longwrite.scoring.repetition import NgramIndex, find_early_loop
from longwrite.text import count_words
from longwrite.types import Brief, Section
from tests.agent.stage import PLAN, PLAN_BRIEF, calls_made, kinds, write

GOOD = compose_text(200, "en", random.Random(1))
CHINESE = compose_text(200, "zh", random.Random(1))


def look(
    text: str,
    finish: str = "stop",
    title: str = "Mines",
    language: str = "en",
    earlier: str = "",
    terms: tuple[str, ...] = (),
) -> Draft:
    """Pass a reply through the gates."""
    index = NgramIndex()
    index.add("0", earlier)
    titles = frozenset({"salt", "mines", "ships"})
    around = Surroundings(Section("1", title), titles, language, 2, index, terms)
    return inspect(text, "length" if finish == "length" else "stop", around)


# --- what is mended ------------------------------------------------------------------------------


def test_good_prose_passes_as_it_is() -> None:
    assert look(GOOD) == Draft(GOOD, count_words(GOOD))
    assert look(CHINESE, language="zh") == Draft(CHINESE, count_words(CHINESE))


@pytest.mark.parametrize(
    "reply",
    [
        f"<think>A plan.\n\nIn two parts.</think>\n\n{GOOD}",
        f"Sure! Here is the section:\n\n{GOOD}\n\n(Word count: 200)",
        f"## Mines\n\n{GOOD}",
        f"**Chapter 1: Mines**\n\n{GOOD}",
        f"<section>\n{GOOD}\n</section>",
        f"{GOOD}\n\n# Ships",
        f"{GOOD}<|im_end|>",
        f"\n\n{GOOD}\n\n",
        f"\x1b[2J{GOOD}\x00\r\n".replace("[2J", ""),
    ],
)
def test_what_stands_around_the_prose_is_taken_away(reply: str) -> None:
    assert look(reply).text == GOOD
    assert look(reply).problems == ()


@pytest.mark.parametrize("name", ["section", "part"])
def test_our_own_request_is_no_text_before_it_or_after(name: str) -> None:
    request = f"This {name} is not finished: it still needs about 201 words."
    assert look(f"{request} {GOOD}").text == GOOD
    after = look(f"{GOOD}\n\n{request} Go on exactly where it stopped.")
    assert after.text == GOOD and after.cut


def test_sentences_of_our_request_are_taken_out_of_a_text() -> None:
    again = "Go on exactly where it stopped, with new substance. Write only the continuation. "
    assert look(again * 3 + GOOD).text == GOOD
    first, _, rest = GOOD.partition(". ")
    assert look(f"{first}. {again}{rest}").text == GOOD


def test_a_sentence_that_only_begins_like_it_is_text() -> None:
    said = f"{GOOD}\n\nThis project is not finished: it still needs about a year of work."
    assert look(said).text == said


def test_headings_inside_stand_below_the_sections_own() -> None:
    text = look(f"# Salt pans\n\n{GOOD}\n\n## Brine\n\n{GOOD[:80]} end.").text
    assert text.startswith("### Salt pans\n\n") and "\n\n#### Brine\n\n" in text


def test_headings_of_the_plan_and_repeated_ones_are_dropped() -> None:
    other = "The brine was led into shallow pans, where the sun did the rest of the work."
    draft = look(f"## Brine\n\n{GOOD}\n\n## Ships\n\n{other}\n\n## Brine\n\nIt was cheap.")
    assert draft.text == f"### Brine\n\n{GOOD}\n\n{other}\n\nIt was cheap."


@pytest.mark.parametrize(("tail", "finish"), [(" The captain of the", "stop"), (" The", "length")])
def test_an_unfinished_end_is_cut_back_to_the_last_sentence(tail: str, finish: str) -> None:
    draft = look(GOOD + tail, finish)
    assert draft.cut and draft.text == GOOD


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("", "empty"),
        (" \n\n ", "empty"),
        ("## Mines", "empty"),
        ("<think>never closed, and all is thought", "empty"),
        ("I'm sorry, but I can't help with that request.", "refusal"),
        ("<think>Hm.</think>I cannot assist with this.", "refusal"),
        ("抱歉，我无法完成这个请求。", "refusal"),
        ("Error code: 500 - {'error': {'message': 'Internal server error'}}", "error"),
    ],
)
def test_what_is_no_prose_is_not_usable(reply: str, problem: str) -> None:
    draft = look(reply)
    assert not draft.usable and draft.text == "" and problem in draft.problems
    assert describe(problem).endswith(".")


def test_a_loop_is_cut_where_it_begins() -> None:
    draft = look(f"{GOOD}\n\n{'The sea came in and the sea went out. ' * 60}")
    assert draft.problems == ("loop",)
    assert find_early_loop(draft.text) is None
    assert draft.text.startswith(GOOD)


@pytest.mark.parametrize(("text", "language"), [(GOOD, "zh"), (CHINESE, "en")])
def test_another_language_is_named(text: str, language: str) -> None:
    assert look(text, language=language).problems == ("language",)


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_a_copy_of_an_earlier_section_is_named(share: float) -> None:
    earlier = GOOD[: int(share * len(GOOD))]
    assert look(GOOD, earlier=earlier).problems == ("overlap",)


def test_a_borrowed_sentence_is_no_copy() -> None:
    assert look(GOOD, earlier=GOOD[:120]).problems == ()


def test_a_section_that_says_the_same_again_and_again_is_named() -> None:
    refrain = "It is the story of the story of the story that the story of salt tells us."
    paragraphs = GOOD.split("\n\n")
    assert look("\n\n".join([refrain, *paragraphs])).problems == ()
    assert look(f"\n\n{refrain} ".join([*paragraphs, refrain])).problems == ("repetition",)


def test_a_section_that_has_left_the_subject_is_named() -> None:
    assert look(GOOD, terms=("zorblatt", "membranes")).problems == ("drift",)
    assert (
        look(f"{GOOD}\n\nA Zorblatt membrane it was.", terms=("zorblatt", "membranes")).problems
        == ()
    )


def test_a_section_is_cut_where_it_leaves_the_subject_unless_little_were_left() -> None:
    told = "\n\n".join(f"Zorblatt membranes. {piece}" for piece in GOOD.split("\n\n"))
    other = compose_text(100, "en", random.Random(2))
    draft = look(f"{told}\n\n{other}", terms=("zorblatt", "membranes"))
    assert draft.text == told and draft.cut
    early = f"Zorblatt membranes are thin.\n\n{GOOD}"
    assert look(early, terms=("zorblatt", "membranes")) == Draft(early, count_words(early))


STEP = fill("longwrite.agent", "step", **dict.fromkeys(
    ("goal", "contract", "position", "form", "musts", "note"), ""
), where='the next section, "Mines"', length="300 words")  # fmt: skip
CONTINUE = fill("longwrite.agent", "continue", length="120 words")


@pytest.mark.parametrize("turn", [STEP, CONTINUE, f"</past>\n\n{STEP}"])
def test_a_model_that_asks_itself_for_the_next_section_is_cut_there(turn: str) -> None:
    draft = look(f"{GOOD}\n\n{turn}\n\n{compose_text(100, 'en', random.Random(2))}")
    assert draft.text == GOOD and draft.cut and not draft.problems


def test_a_model_that_says_the_request_before_its_answer_loses_that_alone() -> None:
    assert look(f"{STEP}\n\n{GOOD}") == Draft(GOOD, count_words(GOOD))


def test_a_story_in_which_people_refuse_and_apologise_passes() -> None:
    text = f"“I'm sorry,” she said, “but I can't help you with that.”\n\n{GOOD}"
    assert look(text).text == text and look(text).problems == ()


PIECES = st.sampled_from(
    ["<think>", "</think>", "# ", "Mines", "\n\n", "Sure! ", "I'm sorry. ", "```", "字。", "\x00",
     "A sentence. ", "(Word count: 5)", "<|im_end|>", "- "]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(PIECES | st.text(max_size=6), max_size=20).map("".join))
def test_any_reply_passes_or_is_refused(reply: str) -> None:
    draft = look(reply)
    assert draft.words == count_words(draft.text)
    assert draft.usable == bool(draft.text)
    assert look(draft.text).usable or not draft.usable


# --- whole documents -----------------------------------------------------------------------------


def assert_clean(outcome: Outcome) -> None:
    """Hold a document against all that it may never hold, and its defects against it."""
    markdown = (outcome.path / "document.md").read_text("utf-8")
    assert find_leaks(markdown) == ()
    for word in ("<think", "Sure!", "sorry", "Word count", "scripted engine", "Error"):
        assert word not in markdown
    texts = outcome.document.texts
    assert [name for name, text in texts.items() if find_early_loop(text) is not None] == []
    missing = {defect.section for defect in outcome.document.defects if defect.kind == "missing"}
    assert missing == {name for name, text in texts.items() if not text}
    assert outcome.exit_code == 3 or not missing
    assert all(defect.message.endswith(".") for defect in outcome.document.defects)


@pytest.mark.parametrize("mode", ["thread", "dag"])
@pytest.mark.parametrize(
    ("fault", "code", "defects"),
    [
        ("loop", 6, {"loop", "length"}),
        ("refusal", 3, {"missing"}),
        ("empty", 3, {"missing"}),
        ("leak", 0, set()),
        ("truncated", 0, set()),
        ("foreign", 6, {"language"}),
    ],
)
def test_each_fault_in_every_reply_ends_without_bad_text(
    tmp_path: Path, mode: str, fault: str, code: int, defects: set[str]
) -> None:
    outcome = write(
        tmp_path, PLAN_BRIEF, f"scripted:{fault}=1", settings=Settings(mode=mode), plan=PLAN
    )
    assert_clean(outcome)
    assert (outcome.exit_code, kinds(outcome)) == (code, defects)
    assert (outcome.report["complete"], len(outcome.report["sections"])) == (code != 3, 3)


def test_a_failing_server_leaves_every_section_to_a_resume(tmp_path: Path) -> None:
    failed = write(tmp_path, PLAN_BRIEF, "scripted:server=1", plan=PLAN)
    assert failed.exit_code == 3 and failed.document.texts == {"1": "", "2": "", "3": ""}
    done = write(tmp_path)
    assert done.exit_code == 0
    assert done.markdown == write(tmp_path / "other", PLAN_BRIEF, plan=PLAN).markdown


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("mode", ["thread", "dag"])
@pytest.mark.parametrize("seed", range(5))
def test_all_faults_together_end_in_a_document_or_in_named_gaps(
    tmp_path: Path, seed: int, mode: str, language: str
) -> None:
    faults = ",".join(f"{name}=0.3" for name in FAULTS if name != "server")
    brief = Brief("A history of salt", 4_000, language=language)
    model, settings = f"scripted:{faults},spread=0.3,seed={seed}", Settings(mode=mode)
    try:
        outcome = write(tmp_path, brief, model, settings)
    except EngineError as error:
        assert "plan of" in str(error) and not (tmp_path / "plan.yaml").exists()
        return
    assert_clean(outcome)
    assert kinds(outcome) <= {"missing", "loop", "language", "length", "overlap"}


def test_resuming_asks_anew_for_what_was_refused_and_for_nothing_else(tmp_path: Path) -> None:
    faults = "scripted:refusal=0.85"
    outcome = write(tmp_path, PLAN_BRIEF, faults, plan=PLAN)
    made = 0
    for _ in range(50):
        if outcome.exit_code != 3:
            break
        written = {name: text for name, text in outcome.document.texts.items() if text}
        outcome = write(tmp_path, model=faults)
        made += calls_made(outcome)
        assert written.items() <= outcome.document.texts.items()
    assert outcome.exit_code == 0 and made > 0
    assert_clean(outcome)
