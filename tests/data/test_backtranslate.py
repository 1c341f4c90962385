"""Documents to requests: what a row's prompt says is true, and a hostile model gives no row."""

from __future__ import annotations

import json
import random
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from longwrite.data.backtranslate import STYLES, BackTranslate, read_request
from longwrite.data.documents import cut_document, excerpt
from longwrite.data.recipe import load_recipe
from longwrite.data.rows import Drop, Unit
from longwrite.errors import UsageError
from longwrite.rewards.briefs import compile_brief
from longwrite.text import count_words, estimate_tokens
from longwrite.types import CallError, Reply, Request
from tests.data.recipe_stub import HOSTILE, compose, is_true, run

HARBOUR = (
    "# The harbour of Lisbon\n\n## Its quays\n\n"
    + " ".join(f"The harbour of Lisbon had {n} quays in the year 1{n}00." for n in range(1, 9))
    + "\n\n## Its ships\n\n"
    + " ".join(
        f"A merchant sent {n} ships of salt along the coast in spring." for n in range(2, 30)
    )
)
GOOD = "Write about the harbour of Lisbon, its quays and the merchant ships that carried salt."


def answer_well(request: Request) -> str:
    """Ask for what the composed texts are about, by words that stand in the material."""
    shown = request.messages[1].content
    if "in Chinese" in shown:
        start = shown.index("\n\n") if shown.count("\n\n") > 20 else 40
        body = "".join(c for c in shown[start : start + 400] if "\u4e00" <= c <= "\u9fff")
        return json.dumps({"request": f"请讲一讲{body[4:8]}与{body[12:16]}的故事。"})
    words = [
        word for word in shown.replace("\n", " ").split(" ") if word.isalpha() and len(word) > 5
    ]
    seed = request.sampling.seed
    first, second = random.Random(seed).sample(words[5:60], 2)
    told = {"query": f"how did the {first} and the {second} come together"}
    style = request.ask.step.rpartition(".")[2]
    return json.dumps({"request": told.get(style, f"Tell me about the {first} and the {second}.")})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    inside = tmp_path / "texts"
    inside.mkdir()
    for number in range(12):
        language = "zh" if number % 2 else "en"
        text = compose(
            language, number, words=500 + 100 * number, sections=(0, 3, 5)[number % 3],
            extras=("", "table list", "code")[number % 3],
        )  # fmt: skip
        (inside / f"{number}.md").write_text(text, encoding="utf-8")
    return inside


def test_each_document_gets_a_true_row_in_each_style(folder: Path, tmp_path: Path) -> None:
    rows, drops, _ = run(
        BackTranslate(styles_each=0, sources=(str(folder),)), tmp_path / "run", answer_well
    )
    assert len(rows) >= 30, drops
    assert {str(row.provenance["style"]) for row in rows} == set(STYLES)
    for row in rows:
        brief = compile_brief(row.request)
        claimed = [(one.kind, one.params) for one in row.constraints]
        stated = [(c.kind, c.params) for c in brief.constraints if c.kind != "form"]
        assert [one for one in claimed if one[0] != "form"] == stated
        for constraint in row.constraints:
            assert is_true(constraint, row.completion, row.language), (constraint, row.request)
        assert row.target == count_words(row.completion)
    assert sum(bool(row.constraints) for row in rows) > 0.9 * len(rows)
    assert {one.kind for row in rows for one in row.constraints} >= {"length", "mention", "avoid"}


def test_the_same_replies_give_the_same_rows(folder: Path, tmp_path: Path) -> None:
    recipe = BackTranslate(styles_each=0, sources=(str(folder),))
    first, _, engine = run(recipe, tmp_path / "run", answer_well)
    again, _, silent = run(recipe, tmp_path / "run", answer_well)
    assert first == again
    assert engine.requests
    assert not silent.requests


@pytest.mark.parametrize("said", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_reply_gives_no_row(
    said: str | CallError | Reply, folder: Path, tmp_path: Path
) -> None:
    recipe = BackTranslate(styles_each=0, sources=(f"{folder}/[01].md",))
    rows, drops, _ = run(recipe, tmp_path / "run", lambda request: said)
    assert not rows
    assert len(drops) == 2 * len(STYLES)
    assert all(drop.reason for drop in drops)


@pytest.mark.parametrize("said", [one for one in HOSTILE.values() if isinstance(one, str)])
def test_a_hostile_text_in_good_form_gives_no_row(said: str, folder: Path, tmp_path: Path) -> None:
    recipe = BackTranslate(styles_each=0, sources=(f"{folder}/[01].md",))
    hidden = json.dumps({"request": said})
    rows, drops, _ = run(recipe, tmp_path / "run", lambda request: hidden)
    assert not rows
    assert len(drops) == 2 * len(STYLES)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ("Write a 500-word article about the harbour of Lisbon.", "speaks of its length"),
        ("Write five pages on the harbour of Lisbon and its quays.", "speaks of its length"),
        ("Write a concise overview of the harbour of Lisbon.", "speaks of its length"),
        ("Summarize this text about the harbour of Lisbon.", "speaks of"),
        ("What does the passage say about the harbour of Lisbon?", "speaks of the text"),
        ("Explain how volcanoes form in the Pacific basin.", "about something else"),
        ("写一篇关于里斯本港口的文章。", "in another language"),
        ("<p>Write about the harbour of Lisbon.</p>", "HTML"),
        ("Write", "too short"),
        ("A merchant sent 5 ships of salt along the coast in spring. Say more.", "copies"),
    ],
)
def test_a_request_that_does_not_fit_is_refused(request_: str, reason: str) -> None:
    found = read_request(json.dumps({"request": request_}), HARBOUR, "instruction", "en")
    assert isinstance(found, tuple)
    assert reason in found[0]


def test_a_good_request_is_read_alone_and_in_a_fence() -> None:
    told = json.dumps({"request": GOOD})
    for reply in (told, f"```json\n{told}\n```"):
        assert read_request(reply, HARBOUR, "instruction", "en") == GOOD
    assert isinstance(read_request(told + told, HARBOUR, "instruction", "en"), tuple)
    more = json.dumps({"request": GOOD, "note": "x"})
    assert isinstance(read_request(more, HARBOUR, "instruction", "en"), tuple)


def test_an_invented_requirement_is_asked_for_again_and_then_dropped(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(HARBOUR, encoding="utf-8")
    recipe = BackTranslate(
        styles_each=0, sources=(f"{tmp_path}/a.md",), styles=("instruction",), min_words=50
    )
    false = json.dumps({"request": f"{GOOD} Include a table of all ships."})
    rows, drops, engine = run(recipe, tmp_path / "run", lambda request: false)
    assert (rows, [drop.reason for drop in drops]) == (
        [], ["request says what the text does not meet"],
    )  # fmt: skip
    assert [request.attempt for request in engine.requests] == [0, 1, 2]
    told = iter([false, json.dumps({"request": GOOD})])
    rows, _, _ = run(recipe, tmp_path / "again", lambda request: next(told))
    assert rows[0].request.startswith(GOOD)


def test_a_true_requirement_of_the_model_becomes_a_claim(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(HARBOUR, encoding="utf-8")
    recipe = BackTranslate(
        sources=(f"{tmp_path}/a.md",), styles=("instruction",), min_words=50, wishes=0
    )
    told = json.dumps({"request": f"{GOOD} Use headings."})
    rows, _, _ = run(recipe, tmp_path / "run", lambda request: told)
    assert [one.kind for one in rows[0].constraints] == ["headings"]


def test_a_long_document_is_shown_in_part_and_that_is_said(tmp_path: Path) -> None:
    text = compose("en", 4, words=9_000, sections=9)
    (tmp_path / "long.md").write_text(text, encoding="utf-8")
    recipe = BackTranslate(
        styles_each=0, sources=(str(tmp_path / "long.md"),), styles=("instruction",)
    )
    rows, _, engine = run(recipe, tmp_path / "run", answer_well, window=6_000)
    shown = rows[0].provenance["shown"]
    assert isinstance(shown, dict)
    assert shown["whole"] is False
    words, of = shown["words"], shown["of"]
    assert isinstance(words, int) and isinstance(of, int)
    assert words < of == count_words(text)
    content = engine.requests[0].messages[1].content
    assert estimate_tokens(content) < 5_400
    assert text[:100] in content
    assert text[-100:] in content
    assert rows[0].completion == text


def test_an_excerpt_says_how_much_it_leaves_out() -> None:
    text = compose("zh", 4, words=4_000, sections=5) + " {braces} $dollars"
    part = excerpt(text, 1_500)
    assert not part.whole
    assert f"{part.of - part.words:,} words are not shown" in part.text
    assert excerpt(text, 50_000).text == text


def test_documents_are_cut_where_sections_begin() -> None:
    text = compose("en", 3, words=4_000, sections=8)
    pieces = cut_document(text, 1_200)
    assert len(pieces) > 3
    assert all(count_words(piece) <= 1_200 for piece in pieces)
    assert all(piece.startswith("#") for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_units_tell_what_cannot_be_used(tmp_path: Path) -> None:
    text = compose("en", 3, words=900)
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    (tmp_path / "b.txt").write_text(text, encoding="utf-8")
    (tmp_path / "short.txt").write_text("Salt.", encoding="utf-8")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (tmp_path / "binary.txt").write_bytes(b"\0" * 100)
    rows = [{"text": compose("zh", 9, words=700), "license": "cc0", "url": "http://x.y"}]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, [*rows, {"a": 1}])) + "\n{")
    found = list(BackTranslate(styles_each=0, sources=(str(tmp_path),), licence="mit").units())
    units = [one for one in found if isinstance(one, Unit)]
    reasons = [one.reason for one in found if isinstance(one, Drop)]
    assert [unit.data["licence"] for unit in units] == ["mit", "cc0"]
    assert units[1].data["source"] == "http://x.y"
    assert sorted(reasons) == [
        "document given twice", "document too short", *["unreadable document"] * 4,
    ]  # fmt: skip


def test_one_style_for_each_document_is_taken_in_turn(folder: Path, tmp_path: Path) -> None:
    recipe = BackTranslate(sources=(str(folder),), styles_each=1)
    rows, drops, _ = run(recipe, tmp_path / "run", answer_well)
    assert len(rows) + len(drops) == 12
    assert len({row.provenance["style"] for row in rows}) > 1


def test_a_document_in_another_language_is_asked_for_in_that_language(tmp_path: Path) -> None:
    text = " ".join(
        f"Le port de la ville numéro {n} est plus grand que les ports qui sont dans le nord, "
        f"et pour les marins {n * 7} la route du sel est une histoire de famille."
        for n in range(1, 40)
    )
    (tmp_path / "fr.txt").write_text(text, encoding="utf-8")
    recipe = BackTranslate(
        styles_each=0, sources=(str(tmp_path / "fr.txt"),), styles=("instruction",)
    )
    told = json.dumps({"request": "Tell the story of the harbours of the north and their sailors."})
    rows, drops, _ = run(recipe, tmp_path / "run", lambda request: told)
    assert not drops
    assert rows[0].language == "fr"
    assert "language" in {one.kind for one in rows[0].constraints}


def test_a_data_set_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, config: str | None, *, split: str, streaming: bool) -> Iterator[
        Mapping[str, object]
    ]:  # fmt: skip
        assert (name, config, split, streaming) == ("books", None, "test", True)
        yield {"body": compose("en", 1, words=500), "licence": "cc-by"}
        yield {"body": None}

    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(load_dataset=load))
    found = list(BackTranslate(dataset="books", split="test", column="body").units())
    assert isinstance(found[0], Unit)
    assert found[0].data["source"] == "books:test:0"
    assert isinstance(found[1], Drop)


def test_mistakes_are_told_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no documents"):
        BackTranslate()
    with pytest.raises(UsageError, match="instruction, chatbot, query"):
        BackTranslate(styles_each=0, sources=("x",), styles=("ode",))
    with pytest.raises(UsageError, match="max_words is below"):
        BackTranslate(styles_each=0, sources=("x",), max_words=10)
    with pytest.raises(UsageError, match="no such file"):
        list(BackTranslate(styles_each=0, sources=(str(tmp_path / "none"),)).units())
    with pytest.raises(UsageError, match="no text files"):
        list(BackTranslate(styles_each=0, sources=(str(tmp_path),)).units())
    assert isinstance(load_recipe("backtranslate", {"sources": "a"}), BackTranslate)
