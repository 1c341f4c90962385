"""From a request, options and files to a brief, and back from what was stored."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.errors import UsageError
from longwrite.rewards.briefs import brief_from_yaml, brief_to_yaml, compile_brief, read_brief
from longwrite.types import Brief, Constraint


def lengths(brief: Brief, scope: str = "document") -> list[tuple[str, ...]]:
    """Return each length of a scope as its direction and numbers."""
    found = []
    for c in brief.constraints:
        if c.kind == "length" and c.scope == scope:
            numbers = [c.params.get(name) for name in ("min", "max", "target")]
            found.append((str(c.params["stated"]), *(str(n) for n in numbers if n is not None)))
    return found


@pytest.mark.parametrize(
    ("prompt", "asked", "words", "length"),
    [
        ("Write a 2000-word essay.", None, 2000, ("about", "2000")),
        ("Write an essay.", 900, 900, ("about", "900")),
        ("Write a 2000-word essay.", 900, 900, ("about", "900")),
        ("Write at least 800 words.", None, 800, ("at_least", "800")),
        ("Write at least 800 words.", 2000, 2000, ("at_least", "2000")),
        ("介绍长江，200字以内", None, 200, ("at_most", "200")),
        ("介绍长江，200字以内", 150, 150, ("at_most", "150")),
        ("Write 300-400 words.", None, 350, ("between", "300", "400")),
        ("Write 300-400 words.", 400, 400, ("between", "300", "400")),
        ("Write 300-400 words.", 900, 900, ("about", "900")),
        ("Write a 50-page novel.", 10_000, 10_000, ("about", "10000")),
        ("创作五篇日记，每篇400字左右", None, 2000, ("about", "2000")),
        ("分三部分写，每部分不少于500字", None, 1500, ("at_least", "1500")),
        ("Chapter 1: 500 words. Chapter 2: 700 words.", None, 1200, ("about", "1200")),
    ],
)
def test_the_words_to_plan_for_agree_with_the_one_length_of_the_whole(
    prompt: str, asked: int | None, words: int, length: tuple[str, ...]
) -> None:
    brief = compile_brief(prompt, words=asked)
    assert (brief.words, lengths(brief)) == (words, [length])


def test_a_data_sets_column_wins_over_the_option() -> None:
    assert compile_brief("Write an essay.", words=500, length=700).words == 700


def test_lengths_of_sections_are_scaled_to_another_total() -> None:
    brief = compile_brief("创作五篇日记，每篇400字左右", words=4000)
    assert lengths(brief, "each") == [("about", "800")]
    brief = compile_brief(
        "Write 10 chapters of 1000 words each, 10,000 words in total.", words=5000
    )
    assert (lengths(brief), lengths(brief, "each")) == ([("about", "5000")], [("about", "500")])
    assert lengths(compile_brief("创作五篇日记，每篇400字左右", words=2050), "each") == [
        ("about", "400")
    ]


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("Write about the sea. Chapter 3 should have 900 words.", 10_000),
        ("Write a guide in 4 parts. Part 1: 500 words. Part 2: 900 words.", 10_000),
        ("Write about the sea.", 10_000),
        ("Write a letter to my aunt.", 600),
        ("写一首关于海的诗", 300),
        ("Write a screenplay about bees.", 3_000),
        ("Write a speech for my wedding.", 3_000),
    ],
)
def test_without_a_length_the_form_decides_and_nothing_is_constrained(
    prompt: str, words: int
) -> None:
    brief = compile_brief(prompt)
    assert (brief.words, lengths(brief)) == (words, [])


@pytest.mark.parametrize(
    ("prompt", "form"),
    [
        ("Write a 10,000-word handbook on bees.", "document"),
        ("Write a 500-word essay.", "prose"),
        ("Write a 500-word essay with headings.", "document"),
        ("Write a 600-word guide in four parts.", "document"),
        ("Write a 5,000-word essay without headings.", "prose"),
        ("Write a 3000-word letter.", "letter"),
        ("写一份五幕剧本，10000字", "script"),
        ("Write a 200-word rap.", "poem"),
        ("Write a 700-word speech.", "prose"),
        ("Write a 2000-word speech.", "document"),
        ("创作五篇日记，每篇400字左右", "document"),
    ],
)
def test_short_texts_have_no_headings_and_letters_scripts_and_poems_keep_their_form(
    prompt: str, form: str
) -> None:
    assert compile_brief(prompt).form == form


def test_the_language_is_the_options_else_the_requests_wish_else_its_own() -> None:
    assert compile_brief("用英文写一篇文章", language="fr").language == "fr"
    assert compile_brief("用英文写一篇文章").language == "en"
    assert compile_brief("写一篇文章").language == "zh"


def test_a_given_constraint_replaces_the_requests_of_its_kind() -> None:
    given_length = Constraint("length", {"max": 300, "stated": "at_most"})
    brief = compile_brief('Write 900 words. Mention "tea".', constraints=[given_length])
    assert (brief.words, lengths(brief)) == (300, [("at_most", "300")])
    both = compile_brief('Mention "tea".', constraints=[Constraint("mention", {"text": "milk"})])
    assert [c.params["text"] for c in both.constraints] == ["tea", "milk"]


@pytest.mark.parametrize("words", [0, -5, 10**9, True])
def test_lengths_that_no_document_has_are_refused(words: int) -> None:
    with pytest.raises(UsageError, match="1 to 1,000,000"):
        compile_brief("Write an essay.", words=words)


@pytest.mark.parametrize(
    "prompt",
    ["", " \n\t", "x" * 200_001, "a\x00b", "\x01\x02\x03", "\udcff text", "Write 5 million words."],
)
def test_what_is_no_request_is_refused_with_a_mend(prompt: str) -> None:
    with pytest.raises(UsageError) as caught:
        compile_brief(prompt)
    assert caught.value.mend


# --- files ---------------------------------------------------------------------------------------


def write(folder: Path, text: str | bytes, name: str = "brief.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_yaml_brief_is_compiled(tmp_path: Path) -> None:
    text = """
prompt: |
  Write a guide to bread.
words: 1500
language: en
audience: beginners
style:
constraints:
  - must mention "sourdough"
  - kind: avoid
    params: {text: obviously}
    scope: each
    hard: false
"""
    brief = read_brief(write(tmp_path, text))
    assert (brief.words, brief.language, brief.audience, brief.style) == (
        1500,
        "en",
        "beginners",
        "",
    )
    kinds = [(c.kind, c.scope, c.hard) for c in brief.constraints if c.kind in {"mention", "avoid"}]
    assert kinds == [("mention", "document", True), ("avoid", "each", False)]


@pytest.mark.parametrize("name", ["brief.txt", "brief.md"])
def test_the_text_of_a_text_file_is_the_prompt(tmp_path: Path, name: str) -> None:
    path = write(tmp_path, b"\xef\xbb\xbfWrite a 700-word tale.\n", name)
    assert read_brief(path) == compile_brief("Write a 700-word tale.")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02", "YAML"),
        (b"\xff\xfea\x00", "UTF-8"),
        (b"prompt: " + b"x" * 2_000_000, "larger"),
        ("- a\n- b", "mapping"),
        ("words: 5", "no prompt"),
        ("prompt: x\nword: 5", "Did you mean words"),
        ("prompt: x\nwords: many", "whole number"),
        ("prompt: x\nwords: yes", "whole number"),
        ("prompt: x\nlanguage: no", "not text"),
        ("prompt: x\nprompt: y", "again"),
        ("a: &a [1]\nprompt: *a", "alias"),
        ("prompt: !!python/name:os.system", "YAML"),
        ("[" * 20_000, "deeply"),
        ("prompt: x\nconstraints: [be kind]", "nothing that can be checked"),
        ("prompt: x\nconstraints: [{kind: mentoin, params: {text: a}}]", "Did you mean mention"),
        ("prompt: x\nconstraints: [{kind: length, params: {min: a}}]", "min"),
        ("prompt: x\nconstraints: [{params: {min: 3}}]", "no kind"),
    ],
)
def test_a_file_that_is_no_brief_is_refused_in_a_sentence(
    tmp_path: Path, text: str | bytes, says: str
) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        read_brief(write(tmp_path, text))
    assert caught.value.mend
    assert "\n" not in str(caught.value)


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    for path in (tmp_path, tmp_path / "folder.yaml", tmp_path / "none.yaml", tmp_path / "a.pdf"):
        with pytest.raises(UsageError, match="Can't read"):
            read_brief(path)


def test_aliases_can_not_blow_a_file_up(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x]"] + [
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)
    ]
    with pytest.raises(UsageError, match="alias"):
        read_brief(write(tmp_path, "\n".join(lines)))


TEXTS = st.text(max_size=60)
JSON_TEXTS = st.one_of(
    TEXTS, st.sampled_from(["no", "1", "2024-01-01", "~", "a: b", " x\n y ", "|\n", "é\u2028"])
)


@given(
    prompt=JSON_TEXTS.filter(lambda text: bool(text.strip())),
    words=st.integers(1, 1_000_000),
    texts=st.tuples(JSON_TEXTS, JSON_TEXTS, JSON_TEXTS),
    phrase=JSON_TEXTS,
    hard=st.booleans(),
)
def test_a_stored_brief_comes_back_exactly(
    prompt: str, words: int, texts: tuple[str, str, str], phrase: str, hard: bool
) -> None:
    audience, style, sample = texts
    own = Constraint("mention", {"text": phrase}, "each", hard)
    try:
        brief = compile_brief(
            prompt,
            words=words,
            audience=audience,
            style=style,
            style_sample=sample,
            constraints=[own],
        )
    except UsageError:
        return
    assert brief_from_yaml(brief_to_yaml(brief)) == brief


def test_a_stored_brief_reads_well_and_its_faults_are_named() -> None:
    text = brief_to_yaml(compile_brief("写一篇关于海的文章，\n三千字左右。"))
    assert "prompt: |" in text
    assert "三千字左右" in text
    with pytest.raises(UsageError, match="form"):
        brief_from_yaml(text.replace("form: document", "form: novel"))
    with pytest.raises(UsageError, match="no words"):
        brief_from_yaml("prompt: x")


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        (
            "Write at least 3000 words and at most 1000 words about boats.",
            "3,000 and at most 1,000",
        ),
        ("写一篇至少3000字、至多1000字的文章。", "3,000 and at most 1,000"),
        ('Mention "the keel". Never use the words "the keel".', "but “Never use"),
    ],
)
def test_a_brief_that_contradicts_itself_is_refused(prompt: str, said: str) -> None:
    with pytest.raises(UsageError, match="contradicts itself") as caught:
        compile_brief(prompt)
    assert said in str(caught.value)


def test_two_lengths_that_fit_each_other_do_not_contradict() -> None:
    brief = compile_brief("Write at most 3000 words, but at least 1000 words, about boats.")
    assert brief.words == 2000
