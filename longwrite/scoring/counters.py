"""Words as each benchmark counts them, by name.

They disagree by up to thirty times on Chinese, so a score names its counter, and a figure is only
compared with figures of the same one. `words` is the counter that briefs, plans and rewards use.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from longwrite.errors import UsageError
from longwrite.text import count_words

Counter = Callable[[str], int]

_HAN = re.compile("[\u4e00-\u9fff]")
_LATIN = re.compile(r"\b[a-zA-Z]+\b")
_WIDE = re.compile("[\u4e00-\u9fff\u3000-\u303f\uff00-\uffef]")


def count_longbench_write(text: str) -> int:
    """Count Han characters and runs of ASCII letters (LongBench-Write; Bai et al. 2024).

    A number is no word, "don't" are two, and "café" is none.

    >>> count_longbench_write("Don't go in 2024, 你好")
    6
    """
    return len(_HAN.findall(text)) + len(_LATIN.findall(text))


def count_split(text: str) -> int:
    """Count what stands between blanks (LongGenBench, LongEval)."""
    return len(text.split())


def count_self_lengthen(text: str) -> int:
    """Count wide characters, punctuation included, and what blanks part in the rest (LonGen).

    >>> count_self_lengthen("你好，world wide")
    5
    """
    rest, wide = _WIDE.subn(" ", text)
    return wide + len(rest.split())


def count_nltk(text: str) -> int:
    """Count NLTK's word tokens (HelloBench), marks included.

    Sentences are cut by the trained English Punkt where its data is installed, which is what the
    benchmark did; without it by an untrained one, which counts the full stop of an abbreviation as
    a token more.
    """
    cut, tokenize = _load_nltk()
    return sum(len(tokenize(sentence)) for sentence in cut(text))


@cache
def _load_nltk() -> tuple[Callable[[str], Any], Callable[[str], Any]]:
    from nltk.tokenize import NLTKWordTokenizer, PunktTokenizer
    from nltk.tokenize.punkt import PunktSentenceTokenizer

    try:
        sentences: Any = PunktTokenizer("english")
    except LookupError:
        sentences = PunktSentenceTokenizer()
    return sentences.tokenize, NLTKWordTokenizer().tokenize


COUNTERS: Mapping[str, Counter] = {
    "words": count_words,
    "longbench_write": count_longbench_write,
    "split": count_split,
    "nltk": count_nltk,
    "self_lengthen": count_self_lengthen,
}
"""Name to counter."""


def find_counter(name: str) -> Counter:
    """Return the counter of a name.

    Raises:
        UsageError: There is none of that name.
    """
    if name not in COUNTERS:
        near = difflib.get_close_matches(name, COUNTERS, n=1)
        mend = f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(COUNTERS)}."
        raise UsageError(f"Can't count words by {name!r}", "there is no such counter", mend)
    return COUNTERS[name]
