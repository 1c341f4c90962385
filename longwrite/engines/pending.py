"""A reply on its way from the thread where a model works to the event loop that waits for it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from longwrite.engines.engine import Watch
from longwrite.engines.thinking import split_thinking
from longwrite.types import CallError, Finish, Reply, Usage

CLOSED = Reply(error=CallError("unreachable", "the engine is closed", fatal=True))


class Pending:
    """What a request waits for; made on the event loop.

    Attributes:
        answer: Becomes the reply.
        watched: Whether somebody sees the text while it is written.
    """

    def __init__(self, watch: Watch | None) -> None:
        """Begin with nothing shown."""
        self.answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self.watched = watch is not None
        self._watch = watch
        self._shown = 0

    # --- in the thread ---------------------------------------------------------------------------

    def show(self, text: str, usage: Usage) -> None:
        """Send the text so far to the watch, which lives on the event loop.

        By a share of what is there, so that all looks together stay linear; and by nothing else,
        so that where a watch stops doesn't depend on timing.
        """
        if self.watched and len(text) > self._shown + self._shown // 64:
            self._shown = len(text)
            self.answer.get_loop().call_soon_threadsafe(self._look, text, usage)

    def post(self, reply: Reply) -> None:
        """Send the reply to the event loop."""
        self.answer.get_loop().call_soon_threadsafe(self.settle, reply)

    # --- on the event loop -----------------------------------------------------------------------

    def settle(self, reply: Reply) -> None:
        """Answer with a reply, as stopped by the watch if that stops it; only the first counts."""
        if reply.error is None:
            self._settle_if_stopped(replace(reply, finish="watch"))
        if not self.answer.done():
            self.answer.set_result(reply)

    def _look(self, whole: str, usage: Usage) -> None:
        text, thinking = split_thinking(whole, streaming=True)
        if text:
            self._settle_if_stopped(Reply(text, "watch", usage, thinking))

    def _settle_if_stopped(self, reply: Reply) -> None:
        if self._watch is None or self.answer.done():
            return
        try:
            if self._watch(reply.text):
                self.answer.set_result(reply)
        except Exception as error:  # the watch's own, for whoever asked
            self.answer.set_exception(error)


def fail(kind: str, why: str) -> Reply:
    """Return a reply that says of what kind its failure is and why it failed, in one line."""
    return Reply(error=CallError(kind, " ".join(why[:500].split())))


def conclude(whole: str, finish: Finish | None, usage: Usage) -> Reply:
    """Return the reply for all that a model wrote, its thoughts apart; an empty text is none."""
    text, thinking = split_thinking(whole)
    if not text.strip():
        why = "only thinking" if thinking else "the reply has no text"
        return replace(fail("empty", why), usage=usage)
    return Reply(text, finish, usage, thinking)
