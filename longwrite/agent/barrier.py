"""What can be seen only when all chapters are there: contradictions, repetition, the total length.

Everything here works in reading order on texts that no longer change by themselves, so that it
comes out the same whatever came in first. It touches only leaves that are not settled, and pins
nothing before all of it is done: a run killed here begins the barrier again, its calls answered
from the log.
"""

from __future__ import annotations

from dataclasses import replace

from longwrite.agent.canon import Conflict, find_conflicts, stands
from longwrite.agent.gates import OVERLAP_MOST, Surroundings, describe, inspect
from longwrite.agent.heads import make_head, make_step
from longwrite.agent.job import CallFailed, Job
from longwrite.agent.length import Bounds, closing, join, trim
from longwrite.agent.schedule import Thread
from longwrite.agent.section import PACKAGE, SectionWriter, Turn, needed_by
from longwrite.engines.engine import gather_calls
from longwrite.prompts import fence, fill, name_language, name_length
from longwrite.scoring.repetition import NgramIndex
from longwrite.text import Block, blocks, count_words
from longwrite.types import Ask, Defect, Fact, Message, Section

_EXTENSIONS = 6


async def finish(job: Job, threads: tuple[Thread, ...]) -> None:
    """Bring a document whose sections are all written to its end.

    Raises:
        LongwriteError: The run can't go on; what was done is kept.
    """
    if not all(job.manuscript.is_settled(leaf.id) for leaf in job.manuscript.leaves):
        if len(threads) > 1:
            await _rewrite_overlaps(job, threads)
        await _patch_conflicts(job)
        await _extend(job, threads)
        _shorten(job)
        job.manuscript.settle()
    _report_facts(job)


# --- repetition between parallel chapters --------------------------------------------------------


async def _rewrite_overlaps(job: Job, threads: tuple[Thread, ...]) -> None:
    """Have each section that repeats an earlier chapter written once more."""
    manuscript = job.manuscript
    index = NgramIndex()
    for thread in threads:
        for leaf in thread.leaves:
            passages = _repeated(job, index, leaf)
            if passages and not manuscript.is_settled(leaf.id):
                await _write_again(job, thread, leaf, index, passages)
        for leaf in thread.leaves:
            index.add(leaf.id, manuscript.text(leaf.id))


def _repeated(job: Job, index: NgramIndex, leaf: Section) -> list[str]:
    text = job.manuscript.text(leaf.id)
    score = index.coverage(text)
    if score.value is None or 1.0 - score.value <= OVERLAP_MOST:
        return []
    return [text[span.start : span.end] for span in score.evidence[:6]]


async def _write_again(
    job: Job, thread: Thread, leaf: Section, index: NgramIndex, passages: list[str]
) -> None:
    manuscript = job.manuscript
    old = manuscript.pins[leaf.id].written
    aim = max(1, old.asked - manuscript.heading_words(leaf.id))
    system, head = make_head(job, thread, (), "")
    note = fill(PACKAGE, "again", passages=fence("said", "\n".join(passages)[:4000]))
    told = head if job.caller.abilities.checks else ""
    step = f"{make_step(job, thread, leaf, aim, told)}\n\n{note}"
    depth = manuscript.depths[leaf.id]
    around = Surroundings(leaf, job.titles, job.brief.language, depth, index, job.terms_of(leaf))
    turn = Turn(
        leaf, (system, Message("user", f"{head}\n\n{step}")), closing(aim, aim), around, "again"
    )
    try:
        new = await SectionWriter(job, turn).write()
    except CallFailed:
        new = old
    if any(defect.kind == "overlap" for defect in new.defects) or new is old:
        defect = Defect("overlap", describe("overlap"), leaf.id, hard=True)
        manuscript.revise(leaf, replace(old, defects=(*old.defects, defect)))
        return
    manuscript.revise(leaf, replace(new, asked=old.asked))


# --- contradictions ------------------------------------------------------------------------------


def _all_facts(job: Job) -> list[Fact]:
    """Return the canon in reading order, without facts whose words are gone."""
    return [
        fact
        for place in sorted(job.facts)
        for fact in job.facts[place]
        if stands(fact, job.manuscript.text(fact.section))
    ]


async def _patch_conflicts(job: Job) -> None:
    """Ask once for each contradicting paragraph to be put right; all at the same time."""
    by_section: dict[str, Conflict] = {}
    for conflict in find_conflicts(_all_facts(job)):
        by_section.setdefault(conflict.later.section, conflict)
    await gather_calls(_patch(job, conflict) for conflict in by_section.values())


async def _patch(job: Job, conflict: Conflict) -> None:
    manuscript = job.manuscript
    later, earlier = conflict.later, conflict.earlier
    leaf = next((leaf for leaf in manuscript.leaves if leaf.id == later.section), None)
    if leaf is None or manuscript.is_settled(leaf.id):
        return
    text = manuscript.text(leaf.id)
    paragraph = next((part for part in blocks(text) if stands(later, part.text)), None)
    if paragraph is None or paragraph.kind != "paragraph":
        return
    words = count_words(paragraph.text)
    prompt = fill(
        PACKAGE,
        "patch",
        title=leaf.title or leaf.id,
        paragraph=fence("paragraph", paragraph.text),
        entity=later.entity,
        attribute=later.attribute,
        value=later.value,
        earlier=f"{earlier.attribute}: {earlier.value}",
        language=name_language(job.brief.language),
        length=name_length(words, job.brief.language),
    )
    messages = (Message("system", fill(PACKAGE, "system")), Message("user", prompt))
    try:
        reply = await job.ask(messages, Ask("patch", leaf.id, leaf.title, words))
    except CallFailed:
        return
    around = Surroundings(
        leaf, job.titles, job.brief.language, manuscript.depths[leaf.id], NgramIndex()
    )
    new = inspect(reply.text, reply.finish, around)
    if new.usable and not new.problems and not new.cut and 0.6 * words <= new.words <= 1.5 * words:
        _replace_block(job, leaf, paragraph, new.text)


def _replace_block(job: Job, leaf: Section, old: Block, new: str) -> None:
    written = job.manuscript.pins[leaf.id].written
    text = written.text[: old.start] + new + written.text[old.start + len(old.text) :]
    job.manuscript.revise(leaf, replace(written, text=text))


def _report_facts(job: Job) -> None:
    for conflict in find_conflicts(_all_facts(job)):
        later, earlier = conflict.later, conflict.earlier
        message = (
            f"{later.entity}, {later.attribute}: '{later.value}' here, "
            f"'{earlier.value}' in section {earlier.section}."
        )
        job.defects.append(Defect("fact", message, later.section))


# --- the total length ----------------------------------------------------------------------------


async def _extend(job: Job, threads: tuple[Thread, ...]) -> None:
    """Ask the shortest sections for what the whole document still misses."""
    manuscript = job.manuscript
    refused: set[str] = set()
    for attempt in range(_EXTENSIONS):
        before = manuscript.total()
        if before >= job.targets.whole.low:
            return
        open_leaves = [
            leaf
            for leaf in manuscript.leaves
            if not manuscript.is_settled(leaf.id) and leaf.id not in refused
        ]
        if not open_leaves:
            return
        leaf = min(open_leaves, key=lambda leaf: (_filled(job, leaf), leaf.id))
        thread = next(thread for thread in threads if leaf in thread.leaves)
        await _extend_leaf(job, thread, leaf, job.targets.whole.aim - before, attempt)
        if manuscript.total() == before:
            refused.add(leaf.id)


def _filled(job: Job, leaf: Section) -> float:
    return job.manuscript.words(leaf.id) / max(1, job.targets.leaves[leaf.id])


async def _extend_leaf(job: Job, thread: Thread, leaf: Section, missing: int, attempt: int) -> None:
    manuscript = job.manuscript
    written = manuscript.pins[leaf.id].written
    words = min(missing, max(60, job.targets.leaves[leaf.id] // 2))
    system, head = make_head(job, thread, (), "")
    told = head if job.caller.abilities.checks else ""
    step = make_step(job, thread, leaf, written.delivered + words, told)
    messages = (
        system,
        Message("user", f"{head}\n\n{step}"),
        Message("assistant", written.text),
        Message("user", fill(PACKAGE, "continue", length=name_length(words, job.brief.language))),
    )
    try:
        reply = await job.ask(messages, Ask("extend", leaf.id, leaf.title, words), attempt)
    except CallFailed:
        return
    index = NgramIndex()
    index.add(leaf.id, written.text)
    around = Surroundings(leaf, job.titles, job.brief.language, manuscript.depths[leaf.id], index)
    new = inspect(reply.text, reply.finish, around)
    if not new.usable or new.problems:
        return
    room = job.targets.whole.high - manuscript.total()
    addition = trim(new.text, Bounds(1, min(missing, room), max(1, room)))
    if count_words(addition) <= room:
        manuscript.revise(leaf, replace(written, text=join(written.text, addition)))


def _shorten(job: Job) -> None:
    """Drop what the whole document has too much, from the sections that are over the most."""
    manuscript = job.manuscript
    tried: set[str] = set()
    while manuscript.total() > job.targets.whole.high:
        open_leaves = [
            leaf
            for leaf in manuscript.leaves
            if not manuscript.is_settled(leaf.id) and leaf.id not in tried
        ]
        if not open_leaves:
            return
        leaf = max(open_leaves, key=lambda leaf: (_filled(job, leaf), leaf.id))
        tried.add(leaf.id)
        surplus = manuscript.total() - job.targets.whole.aim
        written = manuscript.pins[leaf.id].written
        body = count_words(written.text)
        most = max(surplus, 1)
        share = max(round(0.25 * body), 20)
        aim = body - min(most, share)
        text = trim(written.text, Bounds(max(1, aim - 20), aim, aim + 1), needed_by(leaf))
        if text != written.text:
            manuscript.revise(leaf, replace(written, text=text))
