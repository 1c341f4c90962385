"""The words of a thread's prompts: the head that all its turns share, and each turn's step.

Everything stable stands first and the step last, so that a prefix cache keeps what came before. The
first half of the head (brief, title, bible, top outline) is the same for all threads of a document,
the place of a chapter comes after it.
"""

from __future__ import annotations

from collections.abc import Sequence

from longwrite.agent.job import Job
from longwrite.agent.schedule import Thread
from longwrite.agent.section import PACKAGE, describe_miss
from longwrite.assembly import leaves
from longwrite.prompts import fence, fill, name_language, name_length, name_unit
from longwrite.text import clip, estimate_tokens
from longwrite.types import Fact, Message, Score, Section

_FORMS = {
    "letter": " It is part of a letter: write it as one, in the first person, to its reader.",
    "script": " It is part of a script: speakers with their lines, and stage directions.",
    "poem": " It is verse: write lines and stanzas.",
}

_GOAL = 240
"""Characters of a goal that the outline shows."""


def make_head(job: Job, thread: Thread, canon: Sequence[Fact], past: str) -> tuple[Message, str]:
    """Return the system message and the head of a thread's first user message."""
    brief = job.brief
    outline, known = _outline(job, thread), clip(list_facts(canon), job.window // 10)
    outline = clip(outline, job.window // 6)
    if job.past:  # a stranger's manuscript has headings and facts of its own
        outline, known = fence("outline", outline), fence("canon", known) if known else ""
    head = fill(
        PACKAGE,
        "head",
        brief=fence("brief", clip(brief.prompt, job.window // 4)),
        title=job.plan.title or "the text of the brief",
        language=name_language(brief.language),
        audience=f" Readers: {brief.audience}." if brief.audience else "",
        style=f" Style: {brief.style}." if brief.style else "",
        sample=_sample(brief.style_sample),
        bible=f"What all sections share: {job.plan.bible}" if job.plan.bible else "",
        unit=name_unit(brief.language),
        outline=outline,
        place=clip(_place(thread), job.window // 8),
        canon=known,
        past=f"It goes on from this text:\n{fence('past', past)}" if past else "",
    )
    return Message("system", fill(PACKAGE, "system")), head


def make_step(job: Job, thread: Thread, leaf: Section, words: int, head: str = "") -> str:
    """Return the prompt that asks for one section.

    Args:
        job: The run.
        thread: The section's.
        leaf: The section.
        words: Words wanted.
        head: What stands above; a goal that it tells whole is pointed to and not told again.
    """
    first, last = job.manuscript.leaves[0], job.manuscript.leaves[-1]
    alone = first.id == last.id
    where = "the whole text" if alone else "the next section"
    # The heading of a manuscript's chapter stands in the outline, between its tags, and only there.
    if leaf.title and leaf not in job.plan.sections[: job.past]:
        where += f', "{leaf.title}"'
    told = _line(leaf) in head and len(leaf.goal) <= _GOAL
    if told:
        where += f" ({leaf.id} above)"
    position = ""
    if not alone:
        position = {
            first.id: " It opens the document.",
            last.id: " It ends the document: bring the whole to its close.",
        }.get(leaf.id, "")
    contract = _contract(leaf) if len(thread.leaves) > 1 else ""
    musts = "\n".join(f"- {describe_miss(c, Score('', 0.0))}" for c in leaf.constraints)
    return fill(
        PACKAGE,
        "step",
        where=where,
        goal=f"Its goal: {leaf.goal}" if leaf.goal and not told else "",
        contract=contract,
        length=name_length(words, job.brief.language),
        position=position,
        form=_FORMS.get(job.brief.form, ""),
        musts=musts,
        note=f"A wish for this version: {fence('wish', leaf.note)}" if leaf.note else "",
    )


def last_words(text: str, characters: int = 1500) -> str:
    """Return the end of a text, from the beginning of a paragraph or word where possible."""
    tail = text[-characters:]
    if len(tail) < len(text):
        cut = tail.find("\n\n")
        tail = tail[cut + 2 :] if 0 <= cut < len(tail) // 2 else tail[tail.find(" ") + 1 :]
    return tail.strip()


def list_facts(facts: Sequence[Fact]) -> str:
    """Return the canon as lines of a prompt."""
    if not facts:
        return ""
    lines = "\n".join(f"- {fact.entity}: {fact.attribute}: {fact.value}" for fact in facts)
    return f"Already established, and not to be contradicted:\n{lines}"


def _outline(job: Job, thread: Thread) -> str:
    if len(job.manuscript.leaves) == 1:
        return "one section"
    if thread.above or len(thread.leaves) < len(job.manuscript.leaves):
        return "\n".join(_line(section) for section in job.plan.sections)
    full = "\n".join(_line(leaf) for leaf in thread.leaves)
    short = "\n".join(_line(section) for section in job.plan.sections)
    return full if estimate_tokens(full) <= job.window // 6 else short


def _line(section: Section) -> str:
    name = section.title or "(without heading)"
    return f"{section.id}. {name} ({section.words:,}): {section.goal[:_GOAL]}"


def _place(thread: Thread) -> str:
    if not thread.above:
        return ""
    lines = []
    for node in thread.above:
        lines.append(f"You write inside: {node.id}. {node.title}. {node.goal} {_contract(node)}")
        if node is not thread.above[-1]:
            lines.extend(_line(child) for child in node.sections)
    lines.append("Its sections:")
    lines.extend(_line(leaf) for leaf in leaves([thread.above[-1]]))
    return "\n".join(lines)


def _contract(section: Section) -> str:
    parts = []
    if section.entry:
        parts.append(f"When it begins: {section.entry}")
    if section.exit:
        parts.append(f"When it ends: {section.exit}")
    if section.establishes:
        parts.append(f"It establishes: {'; '.join(section.establishes)}")
    return " ".join(parts)


def _sample(sample: str) -> str:
    return (
        f"Follow the manner of this sample, not its matter:\n{fence('sample', sample[:6000])}"
        if sample
        else ""
    )
