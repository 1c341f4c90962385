"""What a row must not be: empty, cut short, a refusal, an error, a loop, in the wrong language.

Each filter is made by a factory with options and judges one row at a time. Of a pair the chosen
text is judged, for the other one is there to be worse; of stepwise rows the good steps. The limits
are set so that human prose passes: they were measured on novels and tales.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from longwrite.data.rows import Row, Verdict
from longwrite.language import is_in
from longwrite.scoring.analysis import Analysis
from longwrite.scoring.endings import is_truncated
from longwrite.scoring.failures import find_refusal
from longwrite.scoring.leaks import Leak, find_leaks
from longwrite.scoring.loops import spot_loop
from longwrite.scoring.measures import Wish, measure
from longwrite.scoring.sections import cut_sections
from longwrite.text import blocks, count_words
from longwrite.types import Json, Score

RowFilter = Callable[[Row], Verdict]


class Reason(str):
    """A reason that can be counted, with what is particular to one row kept beside it.

    It is the phrase, equal to it and hashed like it; `detail` goes to the drop's own field.
    """

    detail: str

    def __new__(cls, phrase: str, detail: str = "") -> Reason:
        """Make one of a phrase that is the same for all rows refused alike."""
        made = super().__new__(cls, phrase)
        made.detail = detail
        return made


def detail_of(verdict: Verdict) -> str:
    """Return what is particular to a refusal; empty where nothing is."""
    return getattr(verdict[1], "detail", "") if isinstance(verdict, tuple) else ""


def _refuse(phrase: str, detail: str = "") -> Verdict:
    return False, Reason(phrase, " ".join(detail.split())[:160])


def judged_text(row: Row) -> str:
    """Return the text that a row is to teach: of steps the good ones, of a prompt none."""
    if row.shape != "steps":
        return {"completion": row.completion, "pair": row.chosen}.get(row.shape, "")
    good = [text for text, is_good in row.steps if is_good]
    return "\n\n".join(good or [text for text, _ in row.steps])


def _all_texts(row: Row) -> Sequence[str]:
    if row.shape == "pair":
        return row.chosen, row.rejected
    if row.shape == "steps":
        return [text for text, _ in row.steps]
    return [row.completion] if row.shape == "completion" else []


_find_leaks = lru_cache(maxsize=8)(find_leaks)
"""Several filters ask for the same text's."""


def _quote(text: str, leak: Leak) -> str:
    return text[leak.start : min(leak.end, leak.start + 160)]


# --- prompts -------------------------------------------------------------------------------------

_CHAT_TAG = re.compile(r"<[|｜]|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|</?think", re.I)


def check_prompt() -> RowFilter:
    """Return a filter of rows whose prompt asks for nothing, or is no prompt."""

    def judge(row: Row) -> Verdict:
        if not row.prompt or row.prompt[-1].role != "user":
            return _refuse("prompt doesn't end with a request")
        for message in row.prompt:
            if message.role != "system" and not message.content.strip():
                return _refuse("prompt has an empty message")
            for leak in _find_leaks(message.content):
                found = _quote(message.content, leak)
                if leak.kind == "tag" and _CHAT_TAG.match(found.lstrip()):
                    return _refuse("prompt holds tags of a chat", found)
                if leak.kind == "error" or (leak.kind == "refusal" and message.role != "user"):
                    return _refuse("prompt holds a failed reply", found)
        return True

    return judge


# --- texts ---------------------------------------------------------------------------------------


def _on_text(judge: Callable[[Row, str], Verdict]) -> RowFilter:
    """Return a filter that judges the text of a row and lets rows without texts through."""
    return lambda row: True if row.shape == "prompt" else judge(row, judged_text(row))


def check_presence(least: int = 20) -> RowFilter:
    """Return a filter of rows without a text, or with one of fewer than `least` words."""

    def judge(row: Row, text: str) -> Verdict:
        counts = [count_words(each) for each in _all_texts(row)]
        if not counts or not all(counts):
            return _refuse("text is empty")
        count = count_words(text)
        return True if count >= least else _refuse("text is too short", f"{count} words")

    return _on_text(judge)


def check_length(least: int = 0, most: int | None = None) -> RowFilter:
    """Return a filter of rows whose words, of prompts their target, are outside two bounds."""

    def judge(row: Row) -> Verdict:
        count = row.target if row.shape == "prompt" else count_words(judged_text(row))
        if count is None:
            return True
        if count < least:
            return _refuse("fewer words than wanted", f"{count:,} words")
        if most is not None and count > most:
            return _refuse("more words than wanted", f"{count:,} words")
        return True

    return judge


_WEB_PAGE = re.compile(
    r"^[ \t]*</?(?:!doctype|html|head|body|title|meta|script|style|center)\b[^<>\n]{0,300}>",
    re.IGNORECASE | re.MULTILINE,
)


def check_errors() -> RowFilter:
    """Return a filter of rows any text of which is, or holds, what a failed call says."""

    def judge(row: Row) -> Verdict:
        for text in _all_texts(row):
            for leak in _find_leaks(text):
                if leak.kind == "error":
                    return _refuse("holds an error message", _quote(text, leak))
            for block in blocks(text) if "<" in text else ():
                if block.kind != "code" and (match := _WEB_PAGE.search(block.text)):
                    return _refuse("holds the source of a web page", match.group())
        return True

    return judge


def check_refusals() -> RowFilter:
    """Return a filter of texts that decline, as a whole or in one of their sections."""

    def judge(row: Row, text: str) -> Verdict:
        for leak in _find_leaks(text):
            if leak.kind == "refusal":
                return _refuse("declines to write", _quote(text, leak))
        for _, span in cut_sections(text):
            body = text[span.start : span.end].partition("\n")[2]
            for start, end in find_refusal(body):
                return _refuse("declines to write", body[start : min(end, start + 160)])
        return True

    return _on_text(judge)


def check_leaks() -> RowFilter:
    """Return a filter of texts with tags of a chat, thoughts, or talk about the writing."""
    phrases = {"tag": "holds tags of a chat", "meta": "talks about the writing"}

    def judge(row: Row, text: str) -> Verdict:
        for leak in _find_leaks(text):
            if leak.kind in phrases:
                return _refuse(phrases[leak.kind], _quote(text, leak))
        return True

    return _on_text(judge)


_STRETCH = 8_000
"""Characters of a text that are judged together: a drift into another language is local."""


def check_language(languages: Sequence[str] = ()) -> RowFilter:
    """Return a filter of rows in a language that isn't wanted, or not in their own.

    Args:
        languages: Codes of those wanted; none for any.
    """
    wanted = {code[:2].lower() for code in languages}

    def judge(row: Row) -> Verdict:
        code = row.language
        if wanted and code[:2].lower() not in wanted:
            return _refuse("language isn't wanted", code or "unknown")
        if row.shape == "prompt" or not code:
            return True
        for stretch in _stretches(judged_text(row)):
            if not is_in(stretch, code):
                return _refuse("text isn't in its language", stretch[:160])
        return True

    return judge


def _stretches(text: str) -> Iterator[str]:
    """Yield a text in stretches, the last one not much shorter than the others."""
    count = max(1, len(text) // _STRETCH)
    size = -(-len(text) // count)
    for start in range(0, len(text), max(1, size)):
        yield text[start : start + size]


_OPEN_SPEECH = re.compile('["“„「『] is not closed')


def check_truncation() -> RowFilter:
    """Return a filter of texts that stop short.

    A speech left open after a whole sentence is let be: novels leave the quotation marks of a
    paragraph open where the next one goes on with the speech.
    """

    def judge(row: Row, text: str) -> Verdict:
        why = is_truncated(text)
        return True if not why or _OPEN_SPEECH.fullmatch(why) else _refuse("is cut short", why)

    return _on_text(judge)


def check_loops() -> RowFilter:
    """Return a filter of texts that run in a loop, at their end or before."""

    def judge(row: Row, text: str) -> Verdict:
        offset = spot_loop(text)
        return True if offset is None else _refuse("runs in a loop", text[offset : offset + 160])

    return _on_text(judge)


# --- repetition ----------------------------------------------------------------------------------

_SHORT, _LONG = 1_000, 16_000
_LIMITS: Sequence[tuple[str, str, Callable[[Score], float | None], float, float]] = (
    ("words in passages said twice", "repeats", lambda s: s.parts.get("covered_10"), 0.30, 0.15),
    (
        "words in long passages said twice",
        "repeats",
        lambda s: s.parts.get("covered_40"),
        0.2,
        0.06,
    ),
    ("words in sentences said twice", "sentences", lambda s: s.parts.get("share"), 0.25, 0.08),
    ("words in paragraphs said twice", "paragraphs", lambda s: _missing(s.value), 0.25, 0.08),
    ("repeated words in 500", "types", lambda s: _missing(s.parts.get("least")), 0.85, 0.85),
    ("saved by compression", "compression", lambda s: _missing(s.parts.get("least")), 0.73, 0.73),
)
"""What is measured, and how much of it a text may have at 1,000 words and at 16,000.

A refrain makes up much of a short text and little of a long one, so the limits fall with the
logarithm of the length. Of tales full of refrains (Grimm) the worst window of 4,000 words has 17 %
of its words in passages said twice and 8 % in sentences, and the worst of 16,000 has 6 % and 2 %;
novels have under 1 %. A window of 500 words never had under 21 % different words, and none of 2,000
shrank to under 33 % of its size.
"""


def _missing(value: float | None) -> float | None:
    return None if value is None else 1 - value


def check_repetition(allow: float = 1.0) -> RowFilter:
    """Return a filter of texts that say much of what they say again.

    Args:
        allow: Times the limits that are allowed; the more, the more repetition passes.
    """
    names = tuple(dict.fromkeys(name for _, name, *_ in _LIMITS))

    def judge(row: Row, text: str) -> Verdict:
        analysis = Analysis(text)
        scores = measure(analysis, Wish(), names)
        size = min(max(len(analysis.words), _SHORT), _LONG)
        place = math.log(size / _SHORT) / math.log(_LONG / _SHORT)
        for what, name, read, short, long in _LIMITS:
            share = read(scores[name])
            limit = allow * (short + place * (long - short))
            if share is not None and share > limit:
                return _refuse("repeats itself", f"{share:.0%} {what}, {limit:.0%} allowed")
        return True

    return _on_text(judge)


# --- pairs ---------------------------------------------------------------------------------------


def check_pairs(unrated: float = 0.2) -> RowFilter:
    """Return a filter of pairs that teach length instead of what they are about.

    The length gap is |a - b| / max(a, b) in words; it may not exceed the quality gap, chosen minus
    rejected, unless length is what the pair is about.

    Args:
        unrated: Length gap allowed where nothing is said of quality.
    """

    def judge(row: Row) -> Verdict:
        if row.shape != "pair":
            return True
        if row.chosen.split() == row.rejected.split():
            return _refuse("both texts of the pair are the same")
        if row.provenance.get("criterion") == "length" or (
            row.broken is not None and row.broken.kind == "length"
        ):
            return True
        allowed = unrated
        if "quality" in row.provenance:
            rated = _read_quality(row.provenance["quality"])
            if rated is None:
                return _refuse("quality of the pair can't be read", str(row.provenance["quality"]))
            allowed = rated[0] - rated[1]
            if allowed <= 0:
                detail = f"{rated[0]:.2f} against {rated[1]:.2f}"
                return _refuse("chosen text isn't rated better", detail)
        counts = count_words(row.chosen), count_words(row.rejected)
        gap = abs(counts[0] - counts[1]) / max(*counts, 1)
        if gap > allowed + 1e-9:
            detail = f"{counts[0]:,} and {counts[1]:,} words, {gap:.2f} over {allowed:.2f}"
            return _refuse("length gap exceeds quality gap", detail)
        return True

    return judge


def _read_quality(given: Json) -> tuple[float, float] | None:
    """Return the two marks of a pair, None where they aren't two numbers from 0 to 1."""
    if not isinstance(given, Mapping):
        return None
    marks = [given.get(name) for name in ("chosen", "rejected")]
    numbers = [
        float(mark)
        for mark in marks
        if isinstance(mark, (int, float)) and not isinstance(mark, bool) and 0 <= mark <= 1
    ]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else None


ROW_FILTERS: Mapping[str, Callable[..., RowFilter]] = {
    "prompt": check_prompt,
    "empty": check_presence,
    "length": check_length,
    "error": check_errors,
    "refusal": check_refusals,
    "leak": check_leaks,
    "language": check_language,
    "loop": check_loops,
    "repetition": check_repetition,
    "truncation": check_truncation,
    "pair": check_pairs,
}
"""Name to factory, in the order in which they run; all options have defaults."""
