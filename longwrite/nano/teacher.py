"""An engine that answers the agent's prompts from the corpus: what the model is trained to do.

The agent plans and writes with it as with any engine, and its transcripts are the training set. So
the model learns exactly the prompts it will meet.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from longwrite.engines.engine import Watch
from longwrite.nano.lexicon import Lexicon
from longwrite.nano.outlines import Outliner, dump_plan, list_plan
from longwrite.nano.prose import Author, Genre
from longwrite.nano.speaker import Frame, draw_cast
from longwrite.nano.subjects import Wish
from longwrite.text import estimate_tokens
from longwrite.types import Abilities, CallError, Reply, Request, Usage

_MUST = re.compile(r'must contain the words "([^"\n]{1,120})"')

SHORT = 0.1
"""Share of sections that the teacher leaves unfinished, so that continuations are asked for."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A request and its answer.

    Attributes:
        taught: Whether the answer is one to learn.
    """

    request: Request
    answer: str
    taught: bool


class Teacher:
    """Answers for one document.

    Args:
        genre: Of the document.
        wish: What it is about.
        lexicon: All words.
        seed: Of everything drawn.
        window: Tokens that it claims.
        as_json: Whether it claims to answer by schema.
        keep: Gets every turn.
    """

    def __init__(
        self,
        genre: Genre,
        wish: Wish,
        lexicon: Lexicon,
        seed: int,
        *,
        window: int = 4096,
        as_json: bool = False,
        keep: Callable[[Turn], None] = lambda turn: None,
    ) -> None:
        """Cast and order the fields."""
        self.rng = random.Random(seed)
        self.genre, self.wish, self._keep = genre, wish, keep
        cast = draw_cast(lexicon.names, self.rng)
        self.outliner = Outliner(genre, wish, cast, lexicon, self.rng)
        self._window, self._json = window, as_json
        self._frames: dict[str, Frame] = {}

    @property
    def identity(self) -> str:
        """It is asked once and logged nowhere for long."""
        return "teacher"

    @property
    def abilities(self) -> Abilities:
        """What the embedded model will claim, or a server that serves it."""
        return Abilities(self._window, self._json, False, deterministic=True)

    async def close(self) -> None:
        """Nothing is held."""

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        """Answer one request."""
        text, taught = self._answer(request)
        if not text:
            return Reply(error=CallError("server", "The teacher has no answer to that."))
        self._keep(Turn(request, text, taught))
        prompt = sum(estimate_tokens(message.content) for message in request.messages)
        return Reply(text, "stop", Usage(prompt, estimate_tokens(text)))

    def _answer(self, request: Request) -> tuple[str, bool]:
        ask = request.ask
        if ask.step.startswith("plan"):
            return self._plan(request), True
        frame = self._frames.get(ask.section) or self.outliner.frame(0)
        author = Author(self.genre, frame, self.rng)
        if ask.step == "seam":
            return author.paragraph(ask.words, author.first), True
        if ask.step.endswith((".continue", "extend")):
            return author.section(ask.words, opens=False), True
        must = tuple(_MUST.findall(request.messages[-1].content))
        if self.rng.random() < SHORT and ask.words > 150 and not must:
            return author.section(round(ask.words * self.rng.uniform(0.4, 0.8))), False
        return author.section(ask.words, must=must), True

    def _plan(self, request: Request) -> str:
        ask = request.ask
        parent = self._frames.get(ask.section) if ask.section else None
        entries = self.outliner.entries(ask.items, ask.words, parent)
        for number, entry in enumerate(entries, 1):
            name = f"{ask.section}.{number}" if ask.section else str(number)
            self._frames[name] = entry.frame
        root = ask.step != "plan.level"
        title = self.outliner.title() if root else ""
        bible = self.outliner.bible() if root else ""
        if ask.step == "plan.lines":
            return "\n".join(
                f"Paragraph {number} - Main Point: {entry.goal} - Word Count: {entry.words} words"
                for number, entry in enumerate(entries, 1)
            )
        if request.schema is None:
            return list_plan(title, bible, entries)
        return dump_plan(title, bible, entries, request.schema)
