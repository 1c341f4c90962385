"""Who speaks in a text of the corpus: the words that fill its slots, the same people throughout.

A frame says what a section is about. The speaker draws from it, remembers whom a paragraph follows,
and lets no word come twice in a sentence.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from longwrite.nano.lexicon import Field, Happening, Names, Topic
from longwrite.nano.morphology import article, gerund, participle, past, plural, third


@dataclass(frozen=True, slots=True)
class Subject:
    """What a document is about, in the reader's words.

    Attributes:
        name: The reader's own words for it.
        short: What texts call it by turns with its name, where that is long.
        second: Another thing that the reader named beside it.
        topic: What the corpus knows of it.
    """

    name: str
    short: str = ""
    second: str = ""
    topic: Topic | None = None


@dataclass(frozen=True, slots=True)
class Cast:
    """The people and the place of a story; the hero's pronouns are subject, object, possessive."""

    hero: str
    friend: str
    elder: str
    stranger: str
    town: str
    pronouns: tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Frame:
    """What a section is about."""

    subject: Subject
    field: Field
    focus: tuple[str, ...]
    cast: Cast


SHE, HE = ("she", "her", "her"), ("he", "him", "his")


def draw_cast(names: Names, rng: random.Random) -> Cast:
    """Return the people of a story, no name twice."""
    female = rng.random() < 0.5
    first = rng.choice(names.women if female else names.men)
    others = [name for name in (*names.women, *names.men) if name != first]
    friend, elder, stranger = rng.sample(others, 3)
    town = rng.choice(names.towns)
    return Cast(first, friend, elder, stranger, town, SHE if female else HE)


_NUMBERS = (
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "fourteen", "fifteen", "eighteen", "twenty", "twenty-four", "thirty", "forty", "fifty", "sixty",
    "ninety",
)  # fmt: skip

_MATTERS = (
    "the matter of", "the subject of", "the question of", "the story of", "the business of",
    "the idea of", "the world of", "the name of", "the ways of", "the meaning of", "all sides of",
    "the whole of",
)  # fmt: skip
_ASIDES = (
    "as a rule", "in fact", "by most accounts", "after all", "as it turns out", "to be exact",
    "for one thing", "as far as anyone knows", "on the whole", "strange to say", "in short",
    "as every book says", "it is agreed", "first of all", "without exception", "so to speak",
    "by the way", "above all", "needless to say", "for example",
)  # fmt: skip

_SINGULAR = {"a", "an", "the", "every", "each", "nobody", "no", "one", "another", "someone"}


class Speaker:
    """Fills slots from a frame.

    Args:
        frame: What is spoken of.
        rng: Draws.
        story: Whether pronouns are the hero's.
    """

    def __init__(self, frame: Frame, rng: random.Random, *, story: bool = False) -> None:
        """Begin a first paragraph."""
        self.frame, self._rng, self._story = frame, rng, story
        self._used: set[str] = set()
        self._named = False
        self._facts = list(frame.subject.topic.facts) if frame.subject.topic else []
        rng.shuffle(self._facts)
        self._lead, self._pronouns = "", frame.cast.pronouns
        self.begin_paragraph()

    @property
    def knows(self) -> bool:
        """Whether there is a fact that was not told yet."""
        return bool(self._facts)

    def begin_paragraph(self) -> None:
        """Follow another person."""
        people = self._people()
        self._lead = people[int(self._rng.random() * len(people))]
        if not self._story:
            self._pronouns = SHE if self._rng.random() < 0.5 else HE

    def begin_sentence(self) -> None:
        """Allow every word again."""
        self._used.clear()

    def __call__(self, slot: str) -> str:
        """Return the words of a slot.

        Raises:
            KeyError: There is no such slot.
        """
        field = self.frame.field
        simple = _SIMPLE.get(slot)
        if simple is not None:
            return self._draw(getattr(field, simple))
        if slot in _NOUNS:
            source, form = _NOUNS[slot]
            return _form_noun(self._draw(self._nouns(source)), form)
        if slot in _VERBS:
            return _VERBS[slot](self._draw(field.verbs))
        return self._special(slot, field)

    def _special(self, slot: str, field: Field) -> str:
        rng, cast = self._rng, self.frame.cast
        if slot == "topic":
            return self._name_subject()
        if slot in {"they", "them", "their"}:
            return self._pronouns[("they", "them", "their").index(slot)]
        if slot == "field":
            return field.name
        if slot == "the lead":
            return f"the {self._lead}"
        if slot in {"the person", "a person", "people", "person"}:
            return _form_noun(self._draw(self._people()), slot)
        if slot in {"event", "happened"}:
            return _tell(self._draw_happening(field.events), past_tense=slot == "happened")
        if slot == "fact":
            return self._tell_fact()
        if slot == "aiming":
            return gerund(self._draw(field.aims))
        if slot == "number":
            return self._draw(_NUMBERS)
        if slot == "percent":
            return f"{rng.randint(3, 97)} per cent"
        if slot == "year":
            return str(rng.randint(1790, 2019))
        if slot == "decade":
            return f"the {rng.randint(179, 201)}0s"
        if slot in {"hero", "friend", "elder", "stranger", "town"}:
            return str(getattr(cast, slot))
        raise KeyError(slot)

    def _name_subject(self) -> str:
        """Return the subject's name, or a shorter word for it once the name has been said."""
        subject = self.frame.subject
        name = subject.name
        if subject.second and self._rng.random() < 0.2:
            name = subject.second
        elif subject.short and self._named and self._rng.random() < 0.5:
            name = subject.short
        else:
            self._named = True
        wordy = name.count(" ") > 2
        return name if wordy or self._rng.random() > 0.3 else f"{self._draw(_MATTERS)} {name}"

    def _tell_fact(self) -> str:
        """Return a fact as a clause, by turns with a word put between, so that it reads anew."""
        subject, verb, rest = self._facts.pop()
        if self._rng.random() < 0.5:
            subject = f"{subject}, {self._draw(_ASIDES)},"
        return f"{subject} {verb} {rest}".strip()

    def _people(self) -> Sequence[str]:
        topic = self.frame.subject.topic
        own = self.frame.field.people
        return (*own, *topic.people, *topic.people) if topic else own

    def _nouns(self, source: str) -> Sequence[str]:
        if source == "thing":
            return self.frame.field.things
        topic = self.frame.subject.topic
        return topic.terms if source == "term" and topic else self.frame.focus

    def _draw(self, items: Sequence[str]) -> str:
        item = items[int(self._rng.random() * len(items))]
        for _ in range(3):
            if item not in self._used:
                break
            item = items[int(self._rng.random() * len(items))]
        self._used.add(item)
        return item

    def _draw_happening(self, items: Sequence[Happening]) -> Happening:
        return items[int(self._rng.random() * len(items))]


_SIMPLE = {
    "way": "ways", "quality": "qualities", "trouble": "troubles", "gain": "gains",
    "time": "times", "place": "places", "question": "questions", "unit": "units", "aim": "aims",
}  # fmt: skip
_NOUNS = {
    form.format(name=name, names=plural(name) if name != "focus" else "focuses"): (name, shape)
    for name in ("thing", "focus", "term")
    for form, shape in (
        ("the {name}", "the person"), ("a {name}", "a person"), ("{names}", "people"),
        ("{name}", "person"),
    )
}  # fmt: skip
_VERBS: dict[str, Callable[[str], str]] = {
    "verb": lambda verb: verb, "verbs": third, "verbed": past, "verbing": gerund,
    "verben": participle,
}  # fmt: skip


def _form_noun(noun: str, form: str) -> str:
    mass = noun.startswith("~")
    noun = noun.removeprefix("~").strip()
    if form.startswith("the"):
        return f"the {noun}"
    if form.startswith("a "):
        return f"some {noun}" if mass else article(noun)
    return noun if mass or form == "person" else plural(noun)


def _tell(happening: Happening, *, past_tense: bool) -> str:
    subject, verb, rest = happening
    if past_tense:
        verb = past(verb)
    elif _is_singular(subject):
        verb = third(verb)
    return " ".join(filter(None, (subject, verb, rest)))


def _is_singular(subject: str) -> bool:
    words = subject.split()
    if words[0] in {"two", "three", "some", "few", "all", "both", "many", "several", "most"}:
        return False
    head = words[words.index("of") - 1] if "of" in words else words[-1]
    if head in {"people", "children", "men", "women", "feet", "sheep", "geese", "mice", "police"}:
        return False
    return not (head.endswith("s") and not head.endswith(("ss", "us", "is", "news"))) or (
        words[0] in _SINGULAR - {"the", "no"}
    )
