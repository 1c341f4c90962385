"""From a request and a text to the messages that a judge gets, one conversation for each window.

What is quoted comes first and the question last, so that several questions about one window share
their beginning, which servers then read once.
"""

from __future__ import annotations

from dataclasses import dataclass

from longwrite.prompts import fill
from longwrite.rewards.quoting import make_mark, quote
from longwrite.rewards.windows import Shown, Window, cut_windows, draw_outline
from longwrite.text import clip, count_words, estimate_tokens
from longwrite.types import Abilities, Message, Sampling

PROMPTS = "longwrite.rewards"
"""The package whose prompts judges are asked with."""

LEAST_ROOM = 400
"""Tokens of a text that a window has to have room for."""
_MARGIN = 120
"""Tokens for the marks around what is quoted, and for what a chat template adds."""
_UNKNOWN = "(Nobody says what was asked for. Judge the text by what it sets out to be.)"


@dataclass(frozen=True, slots=True)
class Showing:
    """What a judge is to be shown, before it is asked anything.

    Attributes:
        system: What holds for every question.
        parts: For each window all that stands before the question.
        windows: The windows.
        mark: What surrounds quoted material.
        shown: What to say of it.
    """

    system: str
    parts: tuple[str, ...]
    windows: tuple[Window, ...]
    mark: str
    shown: Shown


def ask_about(showing: Showing, window: int, question: str) -> tuple[Message, ...]:
    """Return the messages of a question about one window."""
    content = f"{showing.parts[window]}\n\n{question}"
    return (Message("system", showing.system), Message("user", content))


def show(
    prompt: str,
    text: str,
    abilities: Abilities,
    sampling: Sampling,
    question: str = "",
    *,
    words: int | None = None,
) -> Showing:
    """Return what a judge is shown of a text, in as few windows as its engine allows.

    Where the engine's window has no room for any text, the text is one window all the same, and
    the engine says so.

    Args:
        prompt: What was asked for; empty where nobody says.
        text: The text to be judged.
        abilities: Of the judge's engine.
        sampling: How verdicts are drawn; room is left for the longest.
        question: The longest that will be asked.
        words: The most words of a window, where that is to be less than fits.
    """
    mark = make_mark(prompt, text, question)
    system = make_system(mark)
    room = room_for(abilities, sampling, system, question)
    request, cut = fit_prompt(prompt, room)
    room -= estimate_tokens(request)
    windows, outline, left_out = lay_out(text, room, words)
    head = quote("request", mark, request) if prompt.strip() else _UNKNOWN
    if outline:
        head += f"\n\n{quote('outline', mark, outline)}"
    shown = Shown(
        len(windows),
        count_words(text),
        sum(window.words - window.fresh for window in windows),
        bool(outline),
        left_out,
        cut,
    )
    parts = tuple(
        "\n\n".join((head, _place(windows, number, shown), quote("text", mark, _cut(text, window))))
        for number, window in enumerate(windows)
    )
    return Showing(system, parts, windows, mark, shown)


def lay_out(text: str, room: int, words: int | None = None) -> tuple[tuple[Window, ...], str, int]:
    """Return the windows of a text, its outline where there are several, and what that lacks.

    Args:
        text: The text.
        room: Tokens for a window and the outline; where they are too few for anything, the text is
            one window.
        words: The most words of a window.
    """
    if room < LEAST_ROOM:
        return cut_windows(text, estimate_tokens(text) + 1), "", 0
    windows = cut_windows(text, room, words)
    if len(windows) < 2:
        return windows, "", 0
    outline, left_out = draw_outline(text, room // 5)
    return cut_windows(text, room - estimate_tokens(outline) - _MARGIN, words), outline, left_out


def make_system(mark: str) -> str:
    """Return what a judge is told before all else."""
    return fill(PROMPTS, "judge", mark=mark)


def room_for(abilities: Abilities, sampling: Sampling, *said: str) -> int:
    """Return the tokens that are left for quoted material."""
    used = sum(estimate_tokens(one) for one in said)
    return abilities.window - sampling.max_tokens - used - _MARGIN


def fit_prompt(prompt: str, room: int) -> tuple[str, bool]:
    """Return a request of at most a third of the room, and whether its middle had to go."""
    most = max(LEAST_ROOM, room) // 3
    cut = estimate_tokens(prompt) > most
    return (clip(prompt, most) if cut else prompt), cut


def _cut(text: str, window: Window) -> str:
    return text[window.span.start : window.span.end]


def _place(windows: tuple[Window, ...], number: int, shown: Shown) -> str:
    if len(windows) == 1:
        return "The whole text:"
    before = sum(window.fresh for window in windows[:number])
    first = before - (windows[number].words - windows[number].fresh) + 1
    return fill(
        PROMPTS, "part", number=number + 1, count=len(windows), total=f"{shown.words:,}",
        outline="; the outline quoted above shows all of it" if shown.outlined else "",
        first=f"{first:,}", last=f"{before + windows[number].fresh:,}",
    )  # fmt: skip
