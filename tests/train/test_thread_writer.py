"""A plan read as the agent reads it; a document written on trial before the first step."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from longwrite.types import Brief

pytestmark = pytest.mark.skipif(find_spec("trl") is None, reason="trl isn't installed")

if find_spec("trl") is not None:
    from longwrite.train.preflight_threads import check_threads, rehearse
    from longwrite.train.thread_plan import read_plan
    from longwrite.train.thread_writer import DocumentWriter, read_brief
    from longwrite.train.transcript import Chat

PLAN = "Title: Boats\n1. Hulls | How they are built | 20\n2. Sails | What moves them | 30"


@pytest.fixture
def chat(tiny_model: Path) -> Any:
    tokenizer = import_module("transformers").AutoTokenizer.from_pretrained(str(tiny_model))
    return Chat(tokenizer, frozenset([tokenizer.eos_token_id]))


def test_a_plan_is_read_as_the_agent_reads_it() -> None:
    brief = Brief("Write 200 words about boats.", 200, language="en", form="document")
    plan = read_plan(brief, PLAN, 4096)
    assert plan is not None and plan.title == "Boats"
    assert [(one.title, one.words) for one in plan.sections] == [("Hulls", 80), ("Sails", 120)]
    assert read_plan(brief, "I would begin with hulls.", 4096) is None
    assert read_plan(brief, "\n".join(f"{n}. Part{n} | x | 9" for n in range(1, 9)), 4096) is None


def test_a_text_without_headings_keeps_its_entries_as_goals() -> None:
    plan = read_plan(Brief("A tale of boats, 200 words.", 200, form="prose"), PLAN, 4096)
    assert plan is not None and plan.title == ""
    first = plan.sections[0]
    assert (first.title, first.goal) == ("", "Hulls: How they are built")


def test_a_brief_that_can_not_be_compiled_is_written_all_the_same() -> None:
    assert read_brief({"prompt": "", "words": 40}).words == 40
    assert read_brief({"prompt": [{"role": "user", "content": "A 90-word tale."}]}).words == 90


def test_a_document_that_can_not_fit_is_told_before_the_first_step(chat: Any) -> None:
    rows = [{"prompt": f"Write {words} words about boats."} for words in (100, 1_000)]
    assert check_threads(DocumentWriter(chat, 9_000, 2_000, 1.5), rows) == []
    (problem,) = check_threads(DocumentWriter(chat, 3_000, 2_000, 1.5), rows)
    assert problem.fatal and "1,000 words doesn't fit the model's window" in problem.what
    (problem,) = check_threads(DocumentWriter(chat, 9_000, 20, 1.5), rows)
    assert problem.fatal and "plan_tokens" in problem.why


def test_a_trial_fills_all_sections(chat: Any) -> None:
    writing = rehearse(DocumentWriter(chat, 9_000, 2_000, 1.5), Brief("A tale.", 300))
    assert writing.complete and [ended for _, ended in writing.sections] == [True] * 3
