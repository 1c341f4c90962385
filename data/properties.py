"""What a finished text really satisfies, as constraints that it could have been asked for with.

Everything is measured on the text by code, and stays clear of what counters disagree about: a
stated length holds however words are counted, an absence is one that no reader would dispute.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from longwrite.data.phrasing import LANGUAGES, load_phrases
from longwrite.language import detect_language
from longwrite.prompts import derive_seed
from longwrite.rewards.constraints import check
from longwrite.scoring.counters import find_counter
from longwrite.scoring.length import tolerance
from longwrite.scoring.sections import cut_sections
from longwrite.scoring.structure import headings
from longwrite.scoring.subject import find_terms
from longwrite.text import blocks, count_words, words
from longwrite.types import Constraint, Json

LEAST_WORDS = 100
"""Words under which a text's length is not stated."""

_DISAGREE = 1.15
"""A text that counters disagree about by more, for its markup and addresses, has no length."""

_MOST_SECTIONS = 60
_SAMPLE = 100_000
"""Characters in which words to mention are looked for."""

_TERMS = 40
_LANGUAGE_UNSAID = 0.75
"""Share of texts whose request doesn't name the language that it is itself in."""

_PLAIN_WORD = re.compile(r"[\u4e00-\u9fff]|[^\W_\u4e00-\u9fff]+(?:['’-][^\W_\u4e00-\u9fff]+)*")
"""Words as a reader of the raw text would count them, names of code taken apart."""

_INNER_MARK = re.compile(r"(?<=\w)[.,](?=\w)")

_COUNTERS = {"zh": ("words", "longbench_write"), "": ("words", "split", "longbench_write")}
_UNCOUNTED = frozenset({"ja", "ko"})
"""Languages in which counters disagree about what a word is."""

_ABSENT = ("headings", "table", "list")

_HEADED = re.compile(r"^\s{0,3}(?:#|\*\*|__)|^[ \t]*(?:=+|-{2,})[ \t]*$", re.MULTILINE)
_LISTED = re.compile(r"^\s*(?:[-*+•·–]|\(?\d{1,4}[.)、])\s*\S", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)
_BULLETS = re.compile(r"(?:^[ \t]{0,3}[-*+] \S[^\n]*\n?){2,}", re.MULTILINE)
_CHAPTER = re.compile(r"\W*(?:chapter\b|第.{1,5}章)", re.IGNORECASE)
_EVERYWHERE = frozenset(
    {
        "however", "because", "nothing", "something", "anything", "everything", "another",
        "without", "perhaps", "himself", "herself", "themselves", "therefore", "although",
        "thought", "against", "towards", "between", "whether", "several", "already", "certain",
        "together", "looking", "brought", "through", "general", "present", "further", "usually",
        "possible", "different", "important",
    }
)  # fmt: skip
_HAN_RUN = re.compile("[\u4e00-\u9fff]+")
_CHINESE_GLUE = frozenset(
    "的了是在和不我你他她它们这那有就也都很与及或而但之于以为从到被把让对上下中里说着过个一些什么怎"
    "又还去来没要会能可自己人时后前样想看得地几多大小点么吗呢吧啊其此所如因由并且更最只向"
)


def propose_length(text: str, language: str, seed: int) -> Constraint | None:
    """Return a length that a text has by every usual count; None where counts disagree.

    Numbers are round, as people give them. "About" stays within the checker's tolerance, and the
    bounds of "at least", "at most" and "between" are missed by no counter.
    """
    if language in _UNCOUNTED:
        return None
    counts = _count(text, language)
    low, high = min(counts), max(counts)
    if low < LEAST_WORDS or high > _DISAGREE * low:
        return None
    rng = random.Random(derive_seed(seed, "length"))
    params: dict[str, Json] = {"min": None, "max": None, "target": None}
    stated = rng.choice(("about", "about", "at_least", "at_most", "between"))
    if stated == "about":
        near = (round_number(count_words(text), digits) for digits in (1, 2, 3))
        fits = [n for n in near if all(abs(count - n) <= tolerance(n) * 4 // 5 for count in counts)]
        if fits:
            params["target"] = fits[0]
        else:
            stated = "between"
    if stated in {"at_least", "between"}:
        params["min"] = _floor(round(low * rng.uniform(0.86, 0.97)))
    if stated in {"at_most", "between"}:
        params["max"] = _ceil(round(high * rng.uniform(1.03, 1.16)))
    return Constraint("length", params | {"unit": "words", "stated": stated})


def propose(text: str, language: str, seed: int) -> tuple[Constraint, ...]:
    """Return constraints that a text meets, in a drawn order; its length isn't among them.

    Of what a text lacks (headings, tables, lists) at most one is named, for nobody lists all that
    he doesn't want.

    Args:
        text: Markdown.
        language: Code of the text's language.
        seed: Decides the words to mention and to avoid, and the order.
    """
    rng = random.Random(derive_seed(seed, "properties"))
    found = [*_structure(text, language), *_words(text, language, rng)]
    if language in LANGUAGES and rng.random() < _LANGUAGE_UNSAID:
        found = [one for one in found if one.kind != "language"]
    found = [one for one in found if check(one, text, language=language).value == 1]
    rng.shuffle(found)
    chosen: list[Constraint] = []
    absent = False
    for one in found:
        lacking = one.kind in _ABSENT and not one.params["wanted"]
        if not (lacking and absent):
            chosen.append(one)
        absent = absent or lacking
    return tuple(chosen)


def _count(text: str, language: str) -> list[int]:
    names = _COUNTERS["zh" if language == "zh" else ""]
    counts = [find_counter(name)(text) for name in names]
    joined = text if language == "zh" else _INNER_MARK.sub("", text)
    return [*counts, len(words(text)), *(len(_PLAIN_WORD.findall(one)) for one in (text, joined))]


def round_number(number: int, digits: int) -> int:
    """Return a number rounded to so many leading digits."""
    step = find_step(number, digits)
    return (number + step // 2) // step * step


def _floor(number: int) -> int:
    step = find_step(number, 2)
    return number // step * step


def _ceil(number: int) -> int:
    step = find_step(number, 2)
    return -(-number // step) * step


def find_step(number: int, digits: int) -> int:
    """Return the worth of the last of so many leading digits."""
    return int("1" + "0" * max(0, len(str(number)) - digits))


# --- structure -----------------------------------------------------------------------------------


def _structure(text: str, language: str) -> Iterator[Constraint]:
    heads = headings(text)
    parts = cut_sections(text) if heads else []
    marked = all(text[head.offset :].lstrip(" ").startswith("#") for head in heads)
    if parts and marked and 2 <= len(parts) <= _MOST_SECTIONS:
        chapters = all(_CHAPTER.match(title) for title, _ in parts)
        unit = "chapters" if chapters else "parts" if language == "zh" else "sections"
        count = len(parts)
        values: dict[str, Json] = {"count": count, "min": count, "max": count, "unit": unit}
        yield Constraint("sections", values)
    title = heads[0] if heads and heads[0].offset == 0 and heads[0].level == 1 else None
    if title and len(title.words) <= 80 and title.words in text.partition("\n")[0]:
        yield Constraint("title", {"text": title.words}, hard=False)
    if len(heads) > 1 and marked:
        yield Constraint("headings", {"wanted": True})
    if not heads and not cut_sections(text) and not _HEADED.search(text):
        yield Constraint("headings", {"wanted": False})
    if detect_language(text) == language:
        yield Constraint("language", {"code": language})
    yield from _elements(text)


def _elements(text: str) -> Iterator[Constraint]:
    counts = Counter(block.kind for block in blocks(text))
    fences = len(_FENCE.findall(text)) // 2
    for kind, count in (("table", counts["table"]), ("code", min(counts["code"], fences))):
        if count:
            yield Constraint(kind, {"wanted": True, "min": min(count, 3)})
    if counts["list"] and _BULLETS.search(text):
        yield Constraint("list", {"wanted": True, "min": 1})
    if "|" not in text and (counts["heading"] or counts["list"]):
        yield Constraint("table", {"wanted": False, "min": 0})
    if not _LISTED.search(text):
        yield Constraint("list", {"wanted": False, "min": 0})


# --- words ---------------------------------------------------------------------------------------


def _words(text: str, language: str, rng: random.Random) -> Iterator[Constraint]:
    sample = text[:_SAMPLE]
    terms = _chinese_terms(sample) if language == "zh" else _latin_terms(sample)
    for term in rng.sample(terms, min(2, len(terms))):
        yield Constraint("mention", {"text": term})
    folded = text.casefold()
    unused = [
        word
        for word in load_phrases("prompt_words").get(f"avoid.{language}", ())
        if word.casefold() not in folded
    ]
    for word in rng.sample(unused, min(1, len(unused))):
        yield Constraint("avoid", {"text": word})


def _latin_terms(text: str) -> list[str]:
    """Return words that a text uses more than once and that tell what it is about, as written."""
    forms: dict[str, Counter[str]] = {}
    for word in re.findall(r"(?<![\w'’-])[^\W\d_]{4,20}(?![\w'’-])", text):
        forms.setdefault(word.lower(), Counter())[word] += 1
    known = [term for term in find_terms(text) if _is_telling(term, forms.get(term, Counter()))]
    known.sort(key=lambda term: (-forms[term].total(), term))
    return [_first(forms[term].most_common()) for term in known[:_TERMS]]


def _is_telling(term: str, forms: Counter[str]) -> bool:
    """Tell whether a word comes again and is a name, or a long word that isn't in every text."""
    if forms.total() < 2:
        return False
    if not any(form.islower() for form in forms):
        return True
    return len(term) > 6 and not term.endswith("ly") and term not in _EVERYWHERE


def _first(ranked: Iterable[tuple[str, int]]) -> str:
    ranked = list(ranked)
    return min(word for word, count in ranked if count == ranked[0][1])


def _chinese_terms(text: str) -> list[str]:
    """Return runs of two to four characters that occur often and in varied company, as words do."""
    counts: Counter[str] = Counter()
    company: dict[str, tuple[set[str], set[str]]] = {}
    for run in _HAN_RUN.findall(text):
        for size in (2, 3, 4):
            for at in range(len(run) - size + 1):
                gram = run[at : at + size]
                if _CHINESE_GLUE.isdisjoint(gram):
                    counts[gram] += 1
                    left, right = company.setdefault(gram, (set(), set()))
                    left.add(run[at - 1 : at])
                    right.add(run[at + size : at + size + 1])
    known = [
        gram
        for gram, count in counts.items()
        if count > 2 and all(len(side) > 2 for side in company[gram])
    ]
    return sorted(known, key=lambda gram: (-counts[gram] * len(gram), gram))[:_TERMS]
