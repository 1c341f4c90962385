"""Whether a text still speaks of what was asked for.

Small models lose the subject: a plan that misspells the one rare word of its brief has the whole
document about something else. The words that tell are those that the brief and the plan share.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from longwrite.language import is_small_word
from longwrite.text import count_words, visible, words

_LEAST_LETTERS = 4
_MOST_NEEDED = 3
_ENDING = re.compile(r"(?:['’]s|ies|es|ing|ed|s|y|e)$")
_STRETCH = 80
"""Words that a text may go on without a word on its subject."""
_PART = 4
"""One in so many of the words that tell has to stand in a text."""

_GENERAL_WORDS = (
    "write written writing word words length least long essay article report story stories "
    "novel handbook guide manual text document about please should answer detailed detail "
    "provide explain describe include including information introduction compose draft "
    "approximately their they them some have been were those these there would could into "
    "over under more most many much very also only just than then when where while each other "
    "such both between through because during before after again make made like need will "
    "must shall history style tone language readers reader section sections chapter chapters "
)
_GENERAL = frozenset(_GENERAL_WORDS.split())
"""What briefs say of the text rather than of its subject, and words that stand in any text."""


def find_terms(brief: str) -> tuple[str, ...]:
    """Return the words of a brief that tell what it is about, each once, in order.

    They are the longer ones that are neither small words nor said of the text itself. Scripts
    without spaces between words have none.

    >>> find_terms("Write a 6000 word travel guide to the Faroe Islands.")
    ('travel', 'faroe', 'islands')
    """
    found = dict.fromkeys(words(visible(brief)))
    return tuple(word for word in found if _tells(word))


def _tells(word: str) -> bool:
    return (
        len(word) >= _LEAST_LETTERS
        and word.isalpha()
        and word.upper() != word.lower()
        and word not in _GENERAL
        and not is_small_word(word)
    )


def share_terms(terms: Sequence[str], text: str) -> tuple[str, ...]:
    """Return the terms that a text holds, in any form that only differs at its end.

    >>> share_terms(("islands", "moths"), "An island without a moth's wing")
    ('islands', 'moths')
    """
    if not terms:
        return ()
    stems = {_stem(word) for word in words(visible(text))}
    return tuple(term for term in terms if _stem(term) in stems)


def keeps_subject(terms: Sequence[str], text: str) -> bool:
    """Tell whether a text holds enough of the terms: a quarter of them, three at most.

    >>> keeps_subject(("paper", "recycling", "primary", "schools", "pupils"), "On paper")
    False
    """
    needed = min(_MOST_NEEDED, -(-len(terms) // _PART))
    return len(share_terms(terms, text)) >= needed


def names_subject(terms: Sequence[str], text: str) -> bool:
    """Tell whether a passage names what it is about: two thirds of the terms, three at most.

    One word of several is no name: a text on night buses may come to speak of any night.

    >>> names_subject(("night", "buses"), "On a grey night."), names_subject((), "Anything.")
    (False, True)
    """
    return len(share_terms(terms, text)) >= min(_MOST_NEEDED, -(-2 * len(terms) // 3))


def find_drift(terms: Sequence[str], text: str) -> int | None:
    """Return where a text leaves its subject for good: after the last paragraph with a term.

    None where it doesn't: there are no terms, or fewer than 80 words follow that paragraph.
    """
    if not terms:
        return None
    end, after = 0, 0
    for match in re.finditer(r"(?:.+\n?)+", text):
        if share_terms(terms, match.group()):
            end, after = match.end(), 0
        else:
            after += count_words(match.group())
    return end if after >= _STRETCH else None


def _stem(word: str) -> str:
    return _ENDING.sub("", word) if len(word) > _LEAST_LETTERS else word.rstrip("s")
