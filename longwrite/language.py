"""Which language a text is in, told by script and by the commonest small words.

Enough to notice that a reply came in the wrong language; it names nine languages, and returns an
empty code rather than guess.
"""

from __future__ import annotations

import re
from collections import Counter

from longwrite.text import words

NAMES = {
    "en": "English",
    "zh": "Chinese",
    "ja": "Japanese",
    "ko": "Korean",
    "ru": "Russian",
    "ar": "Arabic",
    "fr": "French",
    "de": "German",
    "es": "Spanish",
    "pt": "Portuguese",
    "it": "Italian",
    "nl": "Dutch",
}
"""Code to English name of the languages that can be told apart or asked for by name."""

_SCRIPTS = {
    "ja": re.compile("[\u3040-\u30ff]"),
    "ko": re.compile("[\uac00-\ud7af]"),
    "zh": re.compile("[\u3400-\u4dbf\u4e00-\u9fff]"),
    "ru": re.compile("[\u0400-\u04ff]"),
    "ar": re.compile("[\u0600-\u06ff]"),
    "latin": re.compile("[A-Za-z\u00c0-\u024f]+"),
}
_SMALL_WORDS = {
    "en": "the of and to in is that it for was with as on are this be by an or from at not you "
    "your write about me my its can how what which",
    "fr": "le la les des et une est pour dans que qui sur pas avec ce sont au du plus",
    "de": "der die das und ist nicht ein eine mit von zu den auf für im dem sich auch es wird",
    "es": "el la los las de y que en un una es por con para no se del su al lo como más",
    "pt": "o os as de e que em um uma é por com para não se do da no na ao mais como",
    "it": "il lo gli di e che in un una è per con non si del della sono al dei più come",
    "nl": "de het een en van is dat op te in niet zijn met voor die er aan ook als",
}
_SMALL = {code: frozenset(text.split()) for code, text in _SMALL_WORDS.items()}


def is_small_word(word: str) -> bool:
    """Tell whether a word (lower case) is one of the commonest of any of the languages."""
    return any(word in small for small in _SMALL.values())


def script_shares(text: str) -> dict[str, float]:
    """Return the share of each script among the units of a text (CJK characters, Latin words)."""
    if text.isascii():
        shares = dict.fromkeys(_SCRIPTS, 0.0) | {"latin": 1.0}
        return shares if _SCRIPTS["latin"].search(text) else {}
    counts = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS.items()}
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()} if total else {}


def detect_language(text: str) -> str:
    """Return the code of a text's language, or an empty string when it can't be told.

    >>> detect_language("请写一篇文章，主题是AI"), detect_language("Write about the sea and me")
    ('zh', 'en')
    """
    sample = text[:20_000]
    shares = script_shares(sample)
    if not shares:
        return ""
    if shares["ja"] > 0.15:
        return "ja"
    best = max(shares, key=lambda name: shares[name])
    if shares["zh"] > 0.3:
        best = "zh"
    if best != "latin":
        return best
    tokens = words(sample)[:2000]
    hits = _count_small_words(tokens)
    code = max(hits, key=lambda name: hits[name])
    return code if hits[code] else ""


def _count_small_words(tokens: list[str]) -> dict[str, int]:
    counts = Counter(tokens)
    return {code: sum(counts[word] for word in small) for code, small in _SMALL.items()}


def is_in(text: str, language: str) -> bool:
    """Tell whether a text can pass as written in `language`; True when it can't be told.

    A passage of under 20 words is never judged, nor one in a language without a name here, and a
    Latin-script text only against another script or against a language whose small words outnumber
    the wanted one's three to one.
    """
    tokens = words(text[:20_000])
    wanted = language[:2].lower()
    if wanted not in NAMES or len(tokens) < 20:
        return True
    shares = script_shares(text[:20_000])
    script = wanted if wanted in _SCRIPTS else "latin"
    share = shares.get(script, 0.0) + (shares.get("zh", 0.0) if wanted == "ja" else 0.0)
    if share < 0.4:
        return False
    if script != "latin" or wanted not in _SMALL:
        return True
    hits = _count_small_words(tokens)
    best = max(hits, key=lambda name: hits[name])
    return hits[best] < 6 or 3 * hits[wanted] >= hits[best]
