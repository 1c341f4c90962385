"""What is known to make plan-then-write rollouts fail: documents that don't fit their row.

A document is written on trial with stand-ins for the policy's replies, of the tokens that its words
need, by the code that will write it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from longwrite.train.preflight import Problem, find_longest
from longwrite.train.thread_plan import count_sections
from longwrite.train.thread_writer import DocumentWriter, Writing, read_brief
from longwrite.train.transcript import Sampled
from longwrite.types import Brief

_COMPILED = 10_000
_TRIED = 8
_TITLES = ("First", "Second", "Third", "Fourth", "Fifth", "Sixth", "Seventh", "Eighth", "Ninth")


def check_threads(writer: DocumentWriter, rows: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """Find documents that can't be planned or written whole.

    Args:
        writer: Of the run.
        rows: The set, any sequence of mappings.
    """
    briefs = [read_brief(rows[number]) for number in range(min(_COMPILED, len(rows)))]
    longest = sorted(briefs, key=lambda brief: -brief.words)[:_TRIED]
    wordiest = find_longest([brief.prompt for brief in briefs], _TRIED)
    for brief in [*longest, *(brief for brief in briefs if brief.prompt in wordiest)]:
        count = count_sections(brief, writer.window)
        writing = rehearse(writer, brief)
        if writing.plan is None:
            return [
                Problem(
                    f"A plan of {count} sections doesn't fit {writer.plan_tokens:,} tokens",
                    f"that is what plan_tokens says, and a row asks for {brief.words:,} words",
                    "Set plan_tokens higher, or drop the rows with the longest targets.",
                )
            ]
        if not writing.complete:
            return [
                Problem(
                    f"A document of {brief.words:,} words doesn't fit the model's window of "
                    f"{writer.window:,} tokens",
                    f"its plan and {len(writing.sections)} of its {count} sections do, with what "
                    "asks for them",
                    "Drop the rows with the longest targets, or use a model with a larger window.",
                )
            ]
    return []


def rehearse(writer: DocumentWriter, brief: Brief) -> Writing:
    """Return a document of stand-ins: the shortest plan, and sections of the words asked for."""
    chat = writer.chat
    end = chat.tokenizer.eos_token_id
    count = count_sections(brief, writer.window)
    names = [_TITLES[n] if n < len(_TITLES) else f"Part {n + 1}" for n in range(count)]
    each = max(1, brief.words // count)
    lines = [f"{n}. {name} | what it says | {each}" for n, name in enumerate(names, 1)]
    plan = chat.tokenizer("\n".join(lines), add_special_tokens=False)["input_ids"]
    document = writer.write(brief)
    call = next(document)
    reply = [*plan, end][: call.most]
    try:
        while True:
            call = document.send(Sampled(reply))
            reply = [*[plan[0]] * (call.needed - 1), end]
    except StopIteration as over:
        writing: Writing = over.value
        return writing
