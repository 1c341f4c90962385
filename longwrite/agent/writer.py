"""The agent's main path: threads side by side, seams between them, then the barrier.

A thread that fails stops alone; what can't go on for anyone (budget, engine, a person's stop) ends
the whole after the calls in flight have come in. Either way the same command goes on from there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from longwrite.agent.barrier import finish
from longwrite.agent.heads import last_words
from longwrite.agent.job import Job
from longwrite.agent.schedule import Thread, make_threads
from longwrite.agent.seams import smooth_seam
from longwrite.agent.thread import ThreadWriter
from longwrite.assembly import block, leaves
from longwrite.errors import LongwriteError
from longwrite.rewards.constraints import check, holds
from longwrite.scoring.repetition import duplicate_paragraphs
from longwrite.scoring.structure import duplicate_headings, headings
from longwrite.types import Constraint, Defect, Document, Message, Section


async def write_document(job: Job) -> Document:
    """Write every section of the job's plan that is not written yet.

    Args:
        job: The run.

    Returns:
        The document as far as it could be written, with its defects.

    Raises:
        LongwriteError: The run had to stop; it can be resumed.
    """
    threads = make_threads(job.plan, "dag" if job.mode == "dag" else "thread")
    outcomes = await _write_threads(job, threads)
    _raise_first(outcomes)
    if all(job.manuscript.is_written(leaf.id) for leaf in job.manuscript.leaves):
        await finish(job, threads)
    job.manuscript.lay_out()
    return Document(
        job.brief,
        job.plan,
        {leaf.id: job.manuscript.text(leaf.id) for leaf in job.manuscript.leaves},
        tuple(find_defects(job)),
        tuple(fact for place in sorted(job.facts) for fact in job.facts[place]),
    )


async def _write_threads(job: Job, threads: Sequence[Thread]) -> list[bool | BaseException]:
    writers: dict[int, ThreadWriter] = {}
    said: dict[int, tuple[Message, ...]] = {}
    written: list[asyncio.Task[bool]] = []
    noted: list[asyncio.Task[bool]] = []
    # No more chapters are begun than can be called for at once: finishing one before beginning
    # the next keeps its prefix in the engine's cache.
    places = asyncio.Semaphore(max(1, job.settings.concurrency))

    async def write(place: int) -> bool:
        needed = await asyncio.gather(*(noted[earlier] for earlier in threads[place].needs))
        if not all(needed):
            _miss(job, threads[place], "a chapter that it needs could not be written")
            return False
        async with places:
            past = _text_before(job, threads, place)
            writer = writers[place] = ThreadWriter(job, threads[place], place, past)
            done = await writer.write()
        said[place] = writer.conversation
        return done

    async def note(place: int) -> bool:
        if not await written[place]:
            return False
        await writers.pop(place).note()
        return True

    # A seam waits for the text of its two neighbours, and for nobody's notes.
    async def smooth(place: int) -> bool:
        if await written[place - 1] and await written[place]:
            await smooth_seam(job, threads[place - 1], threads[place], said.pop(place - 1))
        return True

    written.extend(asyncio.create_task(write(place)) for place in range(len(threads)))
    noted.extend(asyncio.create_task(note(place)) for place in range(len(threads)))
    seams = [asyncio.create_task(smooth(place)) for place in range(1, len(threads))]
    tasks = (*written, *noted, *seams)
    try:
        return await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        for task in tasks:
            task.cancel()


def _text_before(job: Job, threads: Sequence[Thread], place: int) -> str:
    """Return the last words before a thread, where they can't change any more."""
    if place == 0:
        return ""
    leaf = threads[place - 1].leaves[-1]
    settled = job.manuscript.is_settled(leaf.id)
    return last_words(job.manuscript.text(leaf.id)) if settled else ""


def _miss(job: Job, thread: Thread, reason: str) -> None:
    for leaf in thread.leaves:
        if not job.manuscript.is_written(leaf.id):
            message = f"It could not be written: {reason}."
            job.defects.append(Defect("missing", message, leaf.id, hard=True))
            return


def _raise_first(outcomes: Sequence[object]) -> None:
    """Raise what stopped the run: a fault of the program before an error told to a person."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    errors.sort(key=lambda error: isinstance(error, (LongwriteError, asyncio.CancelledError)))
    if errors:
        raise errors[0]


def find_defects(job: Job) -> list[Defect]:
    """Return all defects of the document as it stands, in reading order."""
    manuscript = job.manuscript
    place = {leaf.id: number for number, leaf in enumerate(manuscript.leaves)}
    found = [*job.defects, *_name_models(job)]
    missing = {defect.section for defect in found if defect.kind == "missing"}
    for leaf in manuscript.leaves:
        if manuscript.is_written(leaf.id):
            found.extend(manuscript.pins[leaf.id].written.defects)
        elif leaf.id not in missing:
            found.append(Defect("missing", "It is not written yet.", leaf.id, hard=True))
    if all(manuscript.is_written(leaf.id) for leaf in manuscript.leaves):
        found.extend(_check_document(job))
    return sorted(found, key=lambda defect: place.get(defect.section, len(place)))


def _name_models(job: Job) -> list[Defect]:
    names = job.caller.list_models()
    if len(names) < 2:
        return []
    message = f"The server let several models answer where one was asked for: {', '.join(names)}."
    return [Defect("model", message)]


def _check_document(job: Job) -> list[Defect]:
    manuscript, target = job.manuscript, job.targets.whole
    sections = [_text_of(job, section) for section in job.plan.sections[job.past :]]
    text = "\n\n".join(sections) if job.past else manuscript.document()
    found = []
    for constraint in job.brief.constraints:
        if constraint.kind == "length" and constraint.scope == "document":
            continue
        score = check(constraint, text, sections, language=job.brief.language)
        if not holds(score):
            message = f"{score.note or 'Not met'}{_source(constraint)}"
            found.append(Defect("constraint", message, hard=constraint.hard))
    times = Counter(heading.words.casefold() for heading in headings(text))
    for heading in duplicate_headings(text):  # which takes "Part 1: Salt", "Part 2: Salt" for one
        if times[heading.words.casefold()] > 1:
            found.append(Defect("heading", f'The heading "{heading.words[:80]}" stands twice.'))
    for span in duplicate_paragraphs(text):
        words = " ".join(text[span.start : span.end].split())[:60]
        found.append(Defect("repetition", f'A paragraph stands twice: "{words}…"'))
    total = manuscript.total()
    if not target.low <= total <= target.high:
        stated = any(c.kind == "length" and c.scope == "document" for c in job.brief.constraints)
        message = f"It has {total:,} words where {target.low:,} to {target.high:,} were asked for."
        found.append(Defect("length", message, hard=stated))
    return found


def _source(constraint: Constraint) -> str:
    return f' (asked for as "{constraint.quote}")' if constraint.quote else ""


def _text_of(job: Job, section: Section) -> str:
    manuscript = job.manuscript
    return "\n\n".join(
        block(manuscript.openings[leaf.id], manuscript.text(leaf.id)) for leaf in leaves([section])
    )
