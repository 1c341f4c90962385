"""The shape of a text: headings, its end, its language, what it copied and what leaked into it."""

from __future__ import annotations

import numpy as np

from longwrite.language import script_shares
from longwrite.scoring.analysis import Analysis
from longwrite.scoring.endings import NUMBERING, is_truncated
from longwrite.scoring.leaks import find_leaks
from longwrite.scoring.repeats import hash_spans
from longwrite.scoring.structure import duplicate_headings
from longwrite.types import Plan, Score, Section, Span

_DENSE, _SPAM = 12.0, 40.0
"""Headings in 1,000 words that a text may have freely, and from which on it is nothing else."""
_COPIED = 8
"""Words in a row that are taken from a prompt rather than shared with it."""
_LATIN = frozenset({"en", "fr", "de", "es", "pt", "it", "nl"})


def measure_headings(analysis: Analysis) -> Score:
    """Score headings in 1,000 words: 1 up to 12, 0 from 40 on; repeated ones are told as well."""
    words = len(analysis.words)
    count = len(analysis.headings)
    if not words and not count:
        return Score("headings", None, note="No words.")
    rate = 1_000 * count / max(1, words)
    again = duplicate_headings(analysis.text)
    value = min(1.0, max(0.0, (_SPAM - rate) / (_SPAM - _DENSE)))
    # A single title above a short text is no spam.
    return Score(
        "headings",
        1.0 if count < 4 else value,
        {"headings": count, "per_1000": rate, "repeated": len(again)},
        f"{count} headings, {rate:.1f} in 1,000 words, {len(again)} of them repeated.",
        tuple(Span(one.offset, one.offset + len(one.words)) for one in again[:100]),
    )


def measure_ending(analysis: Analysis) -> Score:
    """Score 1 for a text that ends, 0 for one that is cut."""
    why = is_truncated(analysis.text)
    end = len(analysis.text.rstrip())
    return Score(
        "ending",
        float(not why),
        note=f"Cut: {why}." if why else "It ends.",
        evidence=(Span(max(0, end - 80), end),) if why else (),
    )


def measure_leaks(analysis: Analysis) -> Score:
    """Score 1 minus what is no prose: talk about the writing, tags, refusals, error messages.

    A text that refuses, or is an error message, scores 0.
    """
    found = find_leaks(analysis.text)
    if not analysis.text.strip():
        return Score("leaks", None, note="Empty.")
    kinds = [leak.kind for leak in found]
    covered = sum(leak.end - leak.start for leak in found) / len(analysis.text)
    value = max(0.0, 0.8 - covered) if found else 1.0
    if "refusal" in kinds or "error" in kinds:
        value = 0.0
    return Score(
        "leaks",
        value,
        {kind: float(kinds.count(kind)) for kind in ("tag", "meta", "refusal", "error")},
        f"{len(found)} passages that are no prose." if found else "Nothing but prose.",
        tuple(Span(leak.start, leak.end) for leak in found[:100]),
    )


def measure_language(analysis: Analysis, language: str) -> Score:
    """Score the share of a text in the script of a language; None where none is asked for."""
    if not language:
        return Score("language", None, note="No language is asked for.")
    shares = script_shares(analysis.prose)
    if not shares:
        return Score("language", None, note="No letters.")
    script = "latin" if language in _LATIN else language
    share = shares.get(script, 0.0)
    if language == "ja":
        share += shares.get("zh", 0.0)
    return Score(
        "language",
        min(1.0, share / 0.9),
        {name: value for name, value in shares.items() if value},
        f"{share:.0%} of the words are in the script of {language!r}.",
    )


def measure_copying(analysis: Analysis, prompt: str) -> Score:
    """Score 1 minus the share of words in runs of 8 that the prompt has; None for short ones."""
    words, asked = analysis.words, Analysis(prompt).words
    if len(words) < _COPIED or len(asked) < _COPIED:
        return Score("copying", None, note=f"Fewer than {_COPIED} words.")
    known = {word: number for number, word in enumerate(words.vocabulary)}
    size = len(known)
    row = np.array([known.get(word, size) for word in asked.vocabulary])[asked.symbols]
    runs = [
        hash_spans(symbols, np.stack((starts, starts + _COPIED), axis=1))
        for symbols in (words.symbols, row)
        for starts in [np.arange(len(symbols) - _COPIED + 1)]
    ]
    hits = np.flatnonzero(np.isin(runs[0], runs[1]))
    change = np.zeros(len(words) + 1, np.int64)
    np.add.at(change, hits, 1)
    np.subtract.at(change, hits + _COPIED, 1)
    share = float((change[:-1].cumsum() > 0).mean())
    return Score(
        "copying",
        1 - share,
        {"copied": share},
        f"{share:.1%} of the words are taken from the prompt.",
        tuple(words.span(int(hit), int(hit) + _COPIED) for hit in hits[:100]),
    )


def measure_plan(analysis: Analysis, plan: Plan | None) -> Score:
    """Score the headings against a plan: the share of its titles that stand, in their order.

    The order is the longest rising run of the titles found, so that of two chapters exchanged one
    counts as misplaced.
    """
    titles = [_key(one.title) for one in _walk(plan.sections if plan else ()) if one.title]
    if not titles:
        return Score("plan", None, note="No plan with titles is given.")
    places: dict[str, list[int]] = {}
    for place, heading in enumerate(analysis.headings):
        places.setdefault(_key(heading.words), []).append(place)
    found = [places[title].pop(0) if places.get(title) else -1 for title in titles]
    standing = [place for place in found if place >= 0]
    kept = _longest_rising(standing)
    return Score(
        "plan",
        kept / len(titles),
        {"titles": len(titles), "found": len(standing), "in_order": kept},
        f"{len(standing)} of {len(titles)} titles stand, {kept} of them in order.",
    )


def _key(title: str) -> str:
    plain = title.casefold().strip()
    return " ".join((NUMBERING.sub("", plain) or plain).split())


def _walk(sections: tuple[Section, ...]) -> list[Section]:
    return [node for section in sections for node in (section, *_walk(section.sections))]


def _longest_rising(row: list[int]) -> int:
    from bisect import bisect_left

    tails: list[int] = []
    for value in row:
        place = bisect_left(tails, value)
        tails[place : place + 1] = [value]
    return len(tails)
