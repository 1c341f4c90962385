"""Progress of a run on standard error: words so far, words a second, time left."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from longwrite.cli.output import say

if TYPE_CHECKING:
    from longwrite.agent.settings import Event

_SHOWN = {"section": "written", "seam": "seam smoothed"}


@dataclass(slots=True)
class Progress:
    """Counts words as sections come in and tells a person about it.

    Attributes:
        target: Words of the whole.
        quiet: Whether to say nothing but notes.
        label: Stands before each line, for documents side by side.
    """

    target: int = 0
    quiet: bool = False
    label: str = ""
    _words: dict[str, int] = field(default_factory=dict)
    _kept: int = 0
    _begun: float = field(default_factory=time.monotonic)

    def __call__(self, event: Event) -> None:
        """Take in an event."""
        if event.kind == "plan":
            self.target = self.target or event.words
            self._say(f"planned: {event.message}")
        elif event.kind == "kept":
            self._words[event.section] = event.words
            self._kept += event.words
        elif event.kind in _SHOWN:
            self._words[event.section] = event.words
            self._say(self._line(event))
        elif event.kind == "failed":
            self._say(f"section {event.section} failed: {event.message}")
        elif event.kind == "note":
            say(f"{self.label}note: {event.message}")

    def _line(self, event: Event) -> str:
        done = sum(self._words.values())
        seconds = max(1e-3, time.monotonic() - self._begun)
        rate = max(0, done - self._kept) / seconds
        left = (
            f", {_clock((self.target - done) / rate)} left" if rate and done < self.target else ""
        )
        what = f"section {event.section} {_SHOWN[event.kind]} ({event.words:,} words)"
        return f"{what}: {done:,} of {self.target:,} words, {rate:,.0f} words/s{left}"

    def _say(self, message: str) -> None:
        if not self.quiet:
            if sys.stderr.isatty() and not self.label:
                sys.stderr.write("\r\x1b[K")
            say(f"{self.label}{message}")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
