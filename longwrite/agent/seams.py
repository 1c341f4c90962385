"""Seams between chapters that were written side by side.

When both neighbours are written, the first paragraph of the later one is written anew so that it
follows from the end of the earlier one: in the earlier one's conversation where it has room, which
an engine still has in its cache, else in a prompt of its own that holds its last words. A reply
that isn't one good paragraph of about the same length changes nothing.
"""

from __future__ import annotations

from dataclasses import replace

from longwrite.agent.caller import MESSAGE_OVERHEAD
from longwrite.agent.gates import Surroundings, inspect
from longwrite.agent.heads import last_words
from longwrite.agent.job import CallFailed, Job, cap_tokens
from longwrite.agent.schedule import Thread
from longwrite.agent.section import PACKAGE
from longwrite.prompts import fence, fill, name_language, name_length
from longwrite.runs.store import digest
from longwrite.scoring.repetition import NgramIndex
from longwrite.text import blocks, clip, count_words, estimate_tokens
from longwrite.types import Ask, Message

_LEAST_WORDS = 25


async def smooth_seam(
    job: Job, before: Thread, after: Thread, conversation: tuple[Message, ...] = ()
) -> None:
    """Smooth the opening of a thread towards the end of the one before it.

    Args:
        job: The run.
        before: The earlier thread.
        after: The later one.
        conversation: In which the earlier one was written; none to tell its last words instead.

    Raises:
        LongwriteError: The run can't go on.
    """
    manuscript = job.manuscript
    earlier, leaf = before.leaves[-1], after.leaves[0]
    if manuscript.is_settled(leaf.id) or "seam" in manuscript.stages[leaf.id]:
        return
    draft = manuscript.basis(leaf.id)
    opening = next((part for part in blocks(draft.text)), None)
    if opening is None or opening.kind != "paragraph":
        return
    words = count_words(opening.text)
    if words < _LEAST_WORDS:
        return
    tail = last_words(manuscript.basis(earlier.id).text, 900)
    values = {
        "title": leaf.title or "(no heading)",
        "opening": fence("opening", opening.text),
        "length": name_length(words, job.brief.language),
        "language": name_language(job.brief.language),
    }
    question = Message("user", fill(PACKAGE, "seam_after", **values))
    messages = (*conversation, question)
    if not conversation or not _fits(job, messages, words):
        brief = fence("brief", clip(job.brief.prompt, 400))
        prompt = fill(PACKAGE, "seam", brief=brief, before=fence("before", tail), **values)
        messages = (Message("system", fill(PACKAGE, "system")), Message("user", prompt))
    try:
        reply = await job.ask(messages, Ask("seam", leaf.id, leaf.title, words))
    except CallFailed as failure:
        job.tell("note", leaf.id, message=f"Its seam was left as it is: {failure}")
        return
    around = Surroundings(
        leaf, job.titles, job.brief.language, manuscript.depths[leaf.id], NgramIndex()
    )
    new = inspect(reply.text, reply.finish, around)
    good = new.usable and not new.problems and not new.cut and "\n\n" not in new.text
    if not good or not 0.6 * words <= new.words <= 1.5 * words:
        new = replace(new, text=opening.text)
    rest = draft.text[opening.start + len(opening.text) :]
    text = draft.text[: opening.start] + new.text + rest
    inputs = digest(tail, opening.text)
    manuscript.accept(leaf, "seam", replace(draft, text=text), inputs)
    job.tell("seam", leaf.id, manuscript.words(leaf.id))


def _fits(job: Job, messages: tuple[Message, ...], words: int) -> bool:
    prompt = sum(estimate_tokens(m.content) + MESSAGE_OVERHEAD for m in messages)
    return prompt + cap_tokens(words, job.brief.language) <= job.window
