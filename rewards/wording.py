"""Constraints found in the words of a prompt, English or Chinese, without a model.

What is read here is planned for, checked and paid as a reward, so a constraint that nobody asked
for does more harm than one that was missed: where the words leave a doubt, nothing is found. The
same prompt always gives the same constraints, in linear time, whatever it holds.
"""

from __future__ import annotations

from longwrite.language import detect_language
from longwrite.rewards.clauses import read_source, shorten
from longwrite.rewards.wording_elements import find_elements
from longwrite.rewards.wording_form import find_form
from longwrite.rewards.wording_language import find_language
from longwrite.rewards.wording_length import find_lengths
from longwrite.rewards.wording_phrases import find_phrases
from longwrite.rewards.wording_sections import find_sections
from longwrite.rewards.wording_title import find_title
from longwrite.rewards.wording_topics import find_topics
from longwrite.types import Constraint

_WIDE = frozenset({"zh", "ja", "ko"})


def find_constraints(prompt: str) -> tuple[Constraint, ...]:
    """Return the constraints that a prompt states, in the order of their words.

    Args:
        prompt: The request; of a long one, its two ends.

    Returns:
        Constraints of the kinds of `longwrite.rewards.constraints.KINDS`, each with the words it
        was read from. Not more than one length of the whole text, one language, form and title.

    >>> [c.kind for c in find_constraints("Write a 2,000-word letter in Chinese.")]
    ['length', 'form', 'language']
    """
    prompt = shorten(prompt)
    source = read_source(prompt)
    language = list(find_language(source))
    code = str(language[0][1].params["code"]) if language else detect_language(prompt)
    found = [
        *find_lengths(source, wide=code in _WIDE),
        *find_sections(source),
        *find_phrases(source),
        *find_topics(source),
        *find_title(source),
        *find_elements(source),
        *find_form(source),
        *language,
    ]
    found.sort(key=lambda item: item[0])
    return tuple(constraint for _, constraint in found)
