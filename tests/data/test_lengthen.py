"""Answers grow round by round; what is cut or unclean never becomes text; lengths stated hold."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.data.lengthen import Lengthen, split_text
from longwrite.data.rows import Drop, Unit
from longwrite.engines.scripted import compose_text
from longwrite.errors import UsageError
from longwrite.text import count_words
from longwrite.types import CallError, Reply, Request
from tests.data.recipe_stub import HOSTILE, compose, is_true, run

PROMPTS = {"en": "Tell the story of a mill by a river.", "zh": "请讲述河边一座磨坊的故事。"}


def grow(request: Request) -> str:
    """Write as many words as the step is for."""
    step, language = request.ask.step, request.ask.language
    words = {"lengthen.answer": 400}.get(step, round(request.ask.words / 2.2))
    return compose_text(words, language, random.Random(request.sampling.seed))


def only(step: str, said: str | CallError | Reply) -> Callable[[Request], str | CallError | Reply]:
    """Say something at one step, and write well at the others."""
    return lambda request: said if request.ask.step == step else grow(request)


@pytest.fixture
def prompts(tmp_path: Path) -> str:
    path = tmp_path / "prompts.txt"
    path.write_text("\n".join(PROMPTS.values()), encoding="utf-8")
    return str(path)


def test_an_answer_grows_and_its_prompt_states_its_length(prompts: str, tmp_path: Path) -> None:
    rows, drops, _ = run(Lengthen(prompts=(prompts,), answers=4), tmp_path / "run", grow)
    assert not drops
    assert {row.language for row in rows} == {"en", "zh"}
    for row in rows:
        chain = row.provenance["chain"]
        assert isinstance(chain, list)
        numbers = [number for number in chain if isinstance(number, int)]
        assert len(numbers) == 4
        assert all(after >= 1.2 * before for before, after in pairwise(numbers))
        assert numbers[-1] == row.target == count_words(row.completion)
        assert row.request.startswith(PROMPTS[row.language])
        lengths = [one for one in row.constraints if one.kind == "length"]
        assert len(lengths) == 1
        assert is_true(lengths[0], row.completion, row.language), (lengths[0], row.request)


@pytest.mark.parametrize("step", ["lengthen.answer", "lengthen.first", "lengthen.rest"])
@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_step_gives_no_row(
    step: str, said: str | CallError | Reply, prompts: str, tmp_path: Path
) -> None:
    rows, drops, _ = run(Lengthen(prompts=(prompts,)), tmp_path / "run", only(step, said))
    assert not rows
    assert len(drops) == 2
    assert all(drop.reason for drop in drops)


def test_a_round_that_fails_leaves_the_text_of_the_round_before(
    prompts: str, tmp_path: Path
) -> None:
    def tire(request: Request) -> str | Reply:
        text = grow(request)
        return Reply(text[:-20], "length") if count_words(text) > 1_200 else text

    rows, _, _ = run(Lengthen(prompts=(prompts,), rounds=5), tmp_path / "run", tire)
    assert rows
    for row in rows:
        assert str(row.provenance["stopped"]).startswith("reply cut")
        assert row.completion[-1] in ".。"


def test_an_extension_that_says_its_beginning_again_is_refused(
    prompts: str, tmp_path: Path
) -> None:
    def repeat(request: Request) -> str:
        if request.ask.step != "lengthen.rest":
            return grow(request)
        shown = request.messages[0].content
        return shown[shown.index("<beginning>") + 12 : shown.index("</beginning>")].strip()

    rows, drops, _ = run(Lengthen(prompts=(prompts,)), tmp_path / "run", repeat)
    assert not rows
    assert {drop.reason for drop in drops} == {"extension repeats its beginning"}


def test_what_hardly_grows_is_no_extension(prompts: str, tmp_path: Path) -> None:
    def dawdle(request: Request) -> str:
        rng = random.Random(request.sampling.seed)
        return compose_text(210, request.ask.language, rng)

    rows, drops, _ = run(Lengthen(prompts=(prompts,), growth=2.0), tmp_path / "run", dawdle)
    assert not rows
    assert {drop.reason for drop in drops} == {"extension is hardly longer"}


def test_the_talk_around_an_answer_is_taken_off(prompts: str, tmp_path: Path) -> None:
    def chat(request: Request) -> str:
        return f"Sure! Here is the expanded story:\n\n{grow(request)}\n\n(Word count: 400)"

    rows, _, _ = run(Lengthen(prompts=(prompts,)), tmp_path / "run", chat)
    assert rows
    assert not any("Sure!" in row.completion or "Word count" in row.completion for row in rows)


def test_the_extenders_rows_are_apart_and_true(prompts: str, tmp_path: Path) -> None:
    recipe = Lengthen(prompts=(prompts,), extender_rows=True)
    rows, _, _ = run(recipe, tmp_path / "run", grow)
    roles = [row.provenance["role"] for row in rows]
    assert set(roles) == {"generator", "extender"}
    for row in rows:
        for constraint in row.constraints:
            assert is_true(constraint, row.completion, row.language)
        if row.provenance["role"] == "extender":
            chain = row.provenance["chain"]
            assert isinstance(chain, list)
            assert chain[1] == count_words(row.completion)
            assert ("<text>" in row.request) and PROMPTS[row.language] in row.request


def test_the_extender_learns_whole_texts_from_the_whole_before(
    prompts: str, tmp_path: Path
) -> None:
    rows, _, _ = run(Lengthen(prompts=(prompts,), extender_rows=True), tmp_path / "run", grow)
    chains = {row.id.split("-")[0]: row.provenance["chain"] for row in rows if row.id[-2:] == "-0"}
    assert chains
    for name, chain in chains.items():
        assert isinstance(chain, list) and len(chain) == 4
        own = [row for row in rows if row.id.startswith(f"{name}-0-x")]
        assert [row.provenance["chain"] for row in own] == [list(pair) for pair in pairwise(chain)]
        assert own[-1].completion == next(r for r in rows if r.id == f"{name}-0").completion


def test_a_share_of_the_prompts_states_no_length(prompts: str, tmp_path: Path) -> None:
    recipe = Lengthen(prompts=(prompts,), answers=6, stated=0.5)
    rows, _, _ = run(recipe, tmp_path / "run", grow)
    stated = {bool(row.constraints) for row in rows}
    assert stated == {True, False}
    assert all(row.request in PROMPTS.values() for row in rows if not row.constraints)


def test_an_extension_too_short_to_state_its_length_is_kept_without(tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text(PROMPTS["en"], encoding="utf-8")

    def write(request: Request) -> str:
        words = {"lengthen.answer": 30, "lengthen.first": 30, "lengthen.rest": 40}
        rng = random.Random(request.sampling.seed)
        return compose_text(words[request.ask.step], "en", rng)

    recipe = Lengthen((str(path),), rounds=1, least_words=10, extender_rows=True, stated=0.0)
    rows, drops, _ = run(recipe, tmp_path / "run", write)
    assert not drops and [row.id.rpartition("-")[2] for row in rows] == ["0", "x1", "r1"]
    assert all(row.target is not None and row.target < 100 for row in rows)
    assert not any(row.constraints for row in rows[:2])  # the rest is asked for by its length


def test_prompts_are_made_up_from_seeds(prompts: str, tmp_path: Path) -> None:
    new = iter(
        ["Tell how a bridge was lost.", PROMPTS["en"], "nonsense", "Describe a night ferry."]
    )

    def invent(request: Request) -> str:
        if request.ask.step == "lengthen_instruct":
            return json.dumps({"items": [next(new)]})
        return grow(request)

    recipe = Lengthen(prompts=(prompts,), invented=2)
    rows, drops, _ = run(recipe, tmp_path / "run", invent)
    assert not drops or rows
    assert rows[0].request.startswith("Tell how a bridge was lost.")
    assert [drop.reason for drop in drops] == ["no usable line"]


def test_a_prompt_with_a_length_of_its_own_is_told(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    rows = [{"prompt": "Write 500 words on salt."}, {"prompt": "Tell of\nthe salt and the sea."}]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = list(Lengthen(prompts=(str(path),)).units())
    assert isinstance(found[0], Drop)
    assert found[0].reason == "prompt states a length itself"
    assert isinstance(found[1], Unit)
    assert found[1].data["prompt"] == "Tell of\nthe salt and the sea."


@given(st.integers(0, 1_000), st.sampled_from(["en", "zh"]), st.sampled_from([0, 3]))
def test_a_text_is_cut_without_loss(seed: int, language: str, sections: int) -> None:
    text = compose(language, seed, words=300, sections=sections, extras="code table")
    head, tail = split_text(text, 1 / 2)
    assert "".join((head + tail).split()) == "".join(text.split())
    assert head.count("```") % 2 == 0
    assert not head.split("\n")[-1].startswith("#")


def test_mistakes_are_told() -> None:
    with pytest.raises(UsageError, match="no prompts"):
        Lengthen(prompts=())
    with pytest.raises(UsageError, match="en, zh"):
        Lengthen(prompts=("x",), language="fr")
    with pytest.raises(UsageError, match="growth"):
        Lengthen(prompts=("x",), growth=0.5)
    with pytest.raises(UsageError, match="no such file"):
        list(Lengthen(prompts=("/nowhere.txt",)).units())
