"""What every reply passes before it may become part of a document; no model is asked.

The gates are thin users of `longwrite.scoring`. First what can be mended without loss is mended
(tags and chatter around the text, its own heading, an end in mid-sentence); what is then still
wrong is named. A blocking problem asks for another attempt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from longwrite.language import is_in
from longwrite.scoring.endings import complete_part, is_truncated
from longwrite.scoring.leaks import find_leaks, is_error, is_refusal, scrub
from longwrite.scoring.loops import spot_loop
from longwrite.scoring.repetition import NgramIndex, duplicated_coverage
from longwrite.scoring.structure import demote_headings, duplicate_headings, strip_own_heading
from longwrite.scoring.subject import find_drift, names_subject
from longwrite.text import blocks, count_words, heading_text
from longwrite.types import Finish, Section

OVERLAP_MOST = 0.25
"""Share of a section's words that may stand in 10-grams of earlier text."""

_JUDGED_WORDS = 30
"""Words under which a text can't be said to repeat another, or to have left its subject."""

_REPEATED_MOST = 0.05
"""Share of a section's words in its own 10-grams that come twice.

Of 896 windows of 200 words from six novels one has more."""

_KEPT_LEAST = 0.6
"""Share of a text that has to be left for it to be cut where it leaves its subject."""

_WHOLE_WORDS = 150
"""Words under which a text isn't judged by what it repeats of itself."""

_MOST_PASSES = 8

_LINE_END = re.compile(r"\r\n?|[\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a terminal or a file would take for more than text."""

# A small model says our words again with another for "section".
_UNFINISHED = (
    r"This (?:section|part|text|chapter|piece|passage) is not finished: it still needs about \d"
)

_OWN_TURN = re.compile(
    rf"^(?:Now write the (?:whole text|next section)\b|{_UNFINISHED}"
    r"|This section has to be changed so that it meets |Other sections of the document already say "
    r"|You write: [^\n]*\nLanguage: )",
    re.MULTILINE,
)
"""How our own prompts begin: a model that goes on writing after its answer asks itself the next."""

_OWN_REQUEST = re.compile(
    r"\s*(?:Now write the [^\n]*\n(?:[^\n]*\n){0,12}?Length: about [^\n]*(?:\n|\Z)"
    rf"|{_UNFINISHED}[^.\n]*\.[^\S\n]*)"
)

_OWN_SENTENCE = re.compile(
    r"(?:Go on exactly where it stopped|Write only the continuation)[^.!?\n]*[.!?]?[^\S\n]*"
)
"""What our request to continue says, in the midst of a text; what stands around it is text."""

SOFT = frozenset({"repetition", "drift"})
"""Problems that are worth another attempt, but leave a text that can be used."""

_UNUSABLE = frozenset({"empty", "refusal", "error"})


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a section's text is held against.

    Attributes:
        section: The node being written.
        titles: Every heading of the plan; inside a text they are repetitions.
        language: Code of the language wanted.
        depth: Level of the section's own heading; headings inside stand below it.
        earlier: The 10-grams of what came before it in its thread.
        terms: Words of the brief that the section's plan has too; some of them have to come.
    """

    section: Section
    titles: frozenset[str]
    language: str
    depth: int
    earlier: NgramIndex
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply after the gates.

    Attributes:
        text: Mended.
        words: Of the text.
        problems: Names of what is wrong with it, worst first.
        cut: Whether it lost an unfinished end.
    """

    text: str
    words: int
    problems: tuple[str, ...] = ()
    cut: bool = False

    @property
    def usable(self) -> bool:
        """Whether it is prose at all."""
        return not _UNUSABLE.intersection(self.problems)


def inspect(text: str, finish: Finish | None, around: Surroundings) -> Draft:
    """Mend a reply and name what is wrong with it."""
    text = _close_comment(_CONTROL.sub("", _LINE_END.sub("\n", text)))
    if failure := _name_failure(text):
        return Draft("", 0, (failure,))
    problems: list[str] = []
    loop = spot_loop(text)
    if loop is not None:
        text = text[:loop]
        problems.append("loop")
    text, left = _cut_own_turn(text)
    drift = find_drift(around.terms, text) or 0
    if drift >= _KEPT_LEAST * len(text):
        text, left = text[:drift].rstrip(), True
    cut = (finish != "stop" and not left) or loop is not None
    text, shortened = _mend(complete_part(text) if cut else text, around)
    cut = cut or shortened or left
    words = count_words(text)
    if words == 0:
        return Draft("", 0, (*problems, "empty"), cut)
    if failure := _name_failure(text):
        return Draft("", 0, (failure,))
    if not is_in(text, around.language):
        problems.append("language")
    new = around.earlier.coverage(text).value
    if words >= _JUDGED_WORDS and new is not None and 1.0 - new > OVERLAP_MOST:
        problems.append("overlap")
    if words >= _JUDGED_WORDS and not names_subject(around.terms, text):
        problems.append("drift")
    if words >= _WHOLE_WORDS:
        once = duplicated_coverage(text).value
        if once is not None and 1.0 - once > _REPEATED_MOST:
            problems.append("repetition")
    if any(leak.kind in {"tag", "error"} for leak in find_leaks(text)):
        problems.append("leak")
    return Draft(text, words, tuple(problems), cut)


def _mend(text: str, around: Surroundings) -> tuple[str, bool]:
    """Take away what is no part of the text, until nothing more is found; tell of a lost end.

    One step may uncover work for another: what follows a dropped heading may be chatter, and what
    is left of a cut end a heading.
    """
    cut = False
    for _ in range(_MOST_PASSES):
        before = text
        text = strip_own_heading(scrub(text).strip(), around.section.title)
        text = demote_headings(_drop_headings(text, around.titles), around.depth).strip()
        if is_truncated(text):
            text, cut = complete_part(text).strip(), True
        if text == before:
            break
    return text, cut


def _cut_own_turn(text: str) -> tuple[str, bool]:
    """Drop our request said before or in the text, and all from the next on; tell of the latter."""
    if asked := _OWN_REQUEST.match(text):
        text = text[asked.end() :].lstrip()
    text = _OWN_SENTENCE.sub("", text)
    turn = _OWN_TURN.search(text)
    return (text[: turn.start()].rstrip(), True) if turn else (text, False)


def _close_comment(text: str) -> str:
    """Show a comment that never ends as text, lest it hide the rest of the document."""
    last = text.rfind("<!--")
    if last < 0 or text.find("-->", last) >= 0:
        return text
    return f"{text[:last]}&lt;!--{text[last + 4 :]}"


def _name_failure(text: str) -> str:
    return "error" if is_error(text) else "refusal" if is_refusal(text) else ""


def _drop_headings(text: str, titles: frozenset[str]) -> str:
    """Drop headings that the plan has elsewhere, and those that a text has twice."""
    repeated = {heading.offset for heading in duplicate_headings(text)}
    parts = blocks(text)
    kept = [
        part
        for part in parts
        if part.kind != "heading"
        or (part.start not in repeated and heading_text(part.text).casefold() not in titles)
    ]
    return text if len(kept) == len(parts) else "\n\n".join(part.text for part in kept)


def describe(problem: str) -> str:
    """Return a sentence for a problem that no attempt got rid of."""
    return {
        "loop": "It began to repeat itself and was cut there.",
        "language": "It is not in the language asked for.",
        "overlap": "Much of it repeats an earlier section word for word.",
        "repetition": "It says the same again and again.",
        "drift": "It names nothing of what the brief and its own plan speak of.",
        "leak": "It holds tags or messages that are no part of the text.",
        "refusal": "The model refused to write it.",
        "error": "The engine answered with an error message instead of text.",
        "empty": "The model wrote nothing.",
    }[problem]
