"""One thread: sections written one after another in a conversation that only grows at its end.

When the next turn might not fit the window any more, the thread rolls into a new epoch: a fresh
head with the facts noted so far and the last words of the text, and goes on.
"""

from __future__ import annotations

from dataclasses import replace

from longwrite.agent.caller import MESSAGE_OVERHEAD
from longwrite.agent.canon import note_facts
from longwrite.agent.gates import Surroundings
from longwrite.agent.heads import last_words, make_head, make_step
from longwrite.agent.job import CallFailed, Job, cap_tokens
from longwrite.agent.length import Bounds, between_sections, closing, less
from longwrite.agent.schedule import THREAD_BELOW, Thread
from longwrite.agent.section import SectionWriter, Turn
from longwrite.errors import UsageError
from longwrite.scoring.length import LengthRange
from longwrite.scoring.repetition import NgramIndex
from longwrite.text import estimate_tokens
from longwrite.types import Defect, Fact, Message, Section, Written

_MOST_CARRIED = 0.4
"""Share of a section's budget that earlier sections may add to it or take from it."""

_SLACK = 400
"""Tokens kept free for the continuation prompt and the estimate's error."""


class ThreadWriter:
    """Writes the leaves of one thread.

    Args:
        job: The run.
        thread: What to write.
        place: The thread's number in reading order.
        past: Text that the thread goes on from.
    """

    def __init__(self, job: Job, thread: Thread, place: int, past: str = "") -> None:
        """Start with a fresh head."""
        self.job, self.thread, self.place = job, thread, place
        self._facts: tuple[Fact, ...] = ()
        self._index = NgramIndex()
        self._epoch: list[Section] = []
        self._epochs = 0
        self._owed = 0
        self._begin_epoch(past)

    def _begin_epoch(self, past: str) -> None:
        needed = [fact for place in self.thread.needs for fact in self.job.facts.get(place, ())]
        self._system, self._head = make_head(self.job, self.thread, [*needed, *self._facts], past)
        self._turns: tuple[Message, ...] = ()
        self._epoch = []
        self._epochs += 1

    @property
    def conversation(self) -> tuple[Message, ...]:
        """What was said so far in this epoch; nothing for an engine too small to go on from it."""
        return (self._system, *self._turns) if self.job.caller.abilities.checks else ()

    async def write(self) -> bool:
        """Write what is not yet written; False when a section failed and the thread stopped there.

        Raises:
            LongwriteError: The run can't go on.
        """
        manuscript = self.job.manuscript
        for leaf in self.thread.leaves:
            aim = self._aim(leaf)
            await self._make_room(leaf, aim)
            if manuscript.is_written(leaf.id):
                self.job.tell("kept", leaf.id, manuscript.words(leaf.id))
            else:
                try:
                    await self._write_leaf(leaf, aim)
                except CallFailed as failure:
                    message = f"It could not be written: {failure}"
                    self.job.defects.append(Defect("missing", message, leaf.id, hard=True))
                    self.job.tell("failed", leaf.id, message=message)
                    return False
            basis = manuscript.basis(leaf.id)
            part, inside = self.job.part_of(leaf.id)
            settled = part is not None and inside[-1] == leaf.id
            self._owed = 0 if settled or manuscript.is_by_hand(leaf.id) else aim - basis.delivered
            self._append(leaf, basis)
        return True

    async def note(self) -> None:
        """Note what the written thread has fixed, for others and for the barrier.

        Nobody needs notes of a short text that its writer saw whole.

        Raises:
            LongwriteError: The run can't go on.
        """
        leaves, targets = self.job.manuscript.leaves, self.job.targets.leaves
        alone = len(self.thread.leaves) == len(leaves) and self._epochs == 1
        if not alone or sum(targets.values()) >= THREAD_BELOW:
            await self._take_notes()
        self.job.facts[self.place] = self._facts

    async def _make_room(self, leaf: Section, aim: int) -> None:
        """Begin an epoch when this turn might not fit; the same way whenever it is asked."""
        step = self._step(leaf, aim)
        if not self._fits(step, aim) and self._epoch:
            await self._take_notes()
            self._begin_epoch(last_words(self._so_far()))

    def _aim(self, leaf: Section) -> int:
        own = self.job.targets.leaves[leaf.id]
        most = round(_MOST_CARRIED * own)
        return max(1, own + max(-most, min(most, self._owed)))

    async def _write_leaf(self, leaf: Section, aim: int) -> None:
        manuscript = self.job.manuscript
        whole = self._bounds(leaf, aim)
        bounds = less(whole, manuscript.heading_words(leaf.id))
        step = self._step(leaf, bounds.aim)
        if not self._fits(step, min(bounds.aim, 100)):
            raise UsageError(
                f"Section {leaf.id} does not fit the engine's window of {self.job.window:,} tokens",
                "brief, plan and style sample leave too little room for it",
                "Shorten them, or use a model or --window with more tokens.",
            )
        self.job.tell("start", leaf.id, bounds.aim)
        try:
            written = await self._ask_for(leaf, bounds)
        except CallFailed as failure:
            if failure.kind != "window" or not self._epoch:
                raise
            # The engine counts more tokens than the estimate: a fresh head is shorter.
            self._begin_epoch(last_words(self._so_far()))
            written = await self._ask_for(leaf, bounds)
        manuscript.accept(leaf, "draft", replace(written, asked=whole.aim))
        self.job.tell("section", leaf.id, manuscript.words(leaf.id))

    def _step(self, leaf: Section, words: int) -> str:
        # A small engine is told a goal where it is to be met, even if it stands far above too.
        head = self._head if self.job.caller.abilities.checks else ""
        return make_step(self.job, self.thread, leaf, words, head)

    async def _ask_for(self, leaf: Section, bounds: Bounds) -> Written:
        turn = Turn(leaf, self._messages(self._step(leaf, bounds.aim)), bounds, self._around(leaf))
        return await SectionWriter(self.job, turn).write()

    def _bounds(self, leaf: Section, aim: int) -> Bounds:
        """Return the words wanted of a leaf's block, what is already settled taken off."""
        manuscript = self.job.manuscript
        closed = self._closed_by(leaf)
        if closed is not None:
            wanted, inside = closed
            done = sum(manuscript.words(name) for name in inside if name != leaf.id)
            return less(Bounds(wanted.low, wanted.aim, wanted.high), done)
        if leaf.id != self.thread.leaves[-1].id:
            return between_sections(aim)
        return closing(aim, sum(self.job.targets.leaves[other.id] for other in self.thread.leaves))

    def _closed_by(self, leaf: Section) -> tuple[LengthRange, list[str]] | None:
        """Return the range that a leaf has to fill up, and all leaves inside it, if it ends one.

        That is a part with a stated length, or the whole document where this thread writes all
        of it.
        """
        part, inside = self.job.part_of(leaf.id)
        if part is not None:
            return (part, inside) if inside[-1] == leaf.id else None
        names = [other.id for other in self.job.manuscript.leaves]
        fresh = not any(self.job.manuscript.is_settled(name) for name in names if name != leaf.id)
        if fresh and names[-1] == leaf.id and len(self.thread.leaves) == len(names):
            return self.job.targets.whole, names
        return None

    def _around(self, leaf: Section) -> Surroundings:
        depth = self.job.manuscript.depths[leaf.id]
        job = self.job
        language, terms = job.brief.language, job.terms_of(leaf)
        return Surroundings(leaf, job.titles, language, depth, self._index, terms)

    def _messages(self, step: str) -> tuple[Message, ...]:
        if not self._turns:
            return self._system, Message("user", f"{self._head}\n\n{step}")
        return self._system, *self._turns, Message("user", step)

    def _append(self, leaf: Section, basis: Written) -> None:
        words = max(1, basis.asked - self.job.manuscript.heading_words(leaf.id))
        step = self._step(leaf, words)
        self._turns = (*self._messages(step)[1:], Message("assistant", basis.text))
        self._epoch.append(leaf)
        self._index.add(leaf.id, basis.text)

    def _fits(self, step: str, words: int) -> bool:
        # Room for the turn and for a continuation of it, whose prompt holds the turn's text.
        prompt = sum(estimate_tokens(m.content) + MESSAGE_OVERHEAD for m in self._messages(step))
        return prompt + 2 * cap_tokens(words, self.job.brief.language) + _SLACK <= self.job.window

    def _so_far(self) -> str:
        return "\n\n".join(m.content for m in self._turns if m.role == "assistant")

    async def _take_notes(self) -> None:
        if self._epoch and len(self.job.manuscript.leaves) > 1:
            messages = (self._system, *self._turns)
            self._facts += await note_facts(self.job, messages, self._epoch)
