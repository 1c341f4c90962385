"""What documents are asked about: subjects that the corpus knows, and endlessly many it makes up.

A model that has only met known subjects writes about those whatever it is asked. Made-up words,
names and combinations teach it to take its subject from the reader's words, letter by letter.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from longwrite.nano.coinage import coin_acronym, coin_name, coin_word
from longwrite.nano.lexicon import Field, Lexicon, load_lexicon
from longwrite.nano.morphology import article, gerund, plural, third
from longwrite.nano.speaker import Subject

_KNOWN, _NAMED = 0.1, 0.2
"""Shares of the subjects with facts, and of those with no more than a name; the rest is made up."""

_SHAPES = (
    "art", "history", "theory", "practice", "future", "origins", "meaning", "beauty", "economics",
    "science", "politics", "psychology", "rise", "decline", "limits", "teaching", "design", "care",
    "ethics", "role", "mechanics", "growth", "problem",
)  # fmt: skip
_ABOUT = (
    "how {0} can change {1}", "the effect of {0} on {1}", "the influence of {0} on {1}",
    "{0} and {1}", "{0} and its effects on {1}", "{0} and its role in {1}", "{0} in {1}",
    "the relationship between {0} and {1}", "the use of {0} in {1}", "{0} for {1}",
    "{0} against {1}", "the application and effectiveness of {0} in {1}", "{0} or {1}",
    "{0}, {1} and their future", "the significance of {0} for {1}", "{0} with {1}",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wish:
    """A subject as a reader words it.

    Attributes:
        subject: What texts call it.
        full: The reader's words, which hold it.
        fields: Of the regions of meaning, those that suit it best.
    """

    subject: Subject
    full: str
    fields: tuple[str, ...]


def draw_wish(lexicon: Lexicon, rng: random.Random, *, story: bool = False) -> Wish:
    """Return a subject, known or made up, with what narrows it."""
    kind = rng.random()
    if kind < _KNOWN:
        topic = rng.choice(lexicon.topics)
        full = topic.name
        if rng.random() < 0.4:
            full = f"{full} {rng.choice(topic.extensions)}"
        return Wish(Subject(topic.name, topic=topic), full, topic.fields)
    fields = rng.sample(sorted(lexicon.fields), 2)
    # What is asked about may be of any field, also of those that the texts keep from.
    whole = load_lexicon()
    field, other = (whole.fields[name] for name in rng.sample(sorted(whole.fields), 2))
    if kind < _KNOWN + _NAMED:
        subject = Subject(rng.choice(lexicon.subjects))
    else:
        subject = _invent(field, whole, rng, story=story)
    name = subject.name
    shape = rng.random()
    if shape < 0.2:
        second = _invent(other, whole, rng, story=story)
        full = rng.choice(_ABOUT).format(name, second.name)
        if len(full.split()) < 12:
            both = replace(subject, second=second.short or second.name)
            return Wish(both, full, tuple(fields))
    if shape < 0.35 and not story:
        head = rng.choice((
            f"the {rng.choice(_SHAPES)}", f"{rng.choice(field.qualities)} {rng.choice(_SHAPES)}",
            f"{rng.choice(other.qualities)} {plural(rng.choice(other.things).removeprefix('~'))}",
        ))  # fmt: skip
        return Wish(subject, f"{head} of {name}", (fields[0],))
    if shape < 0.55:
        return Wish(subject, f"{name} {_extend(lexicon, field, rng)}", (fields[0],))
    return Wish(subject, name, (fields[0],))


def _extend(lexicon: Lexicon, field: Field, rng: random.Random) -> str:
    people = plural(rng.choice(field.people))
    return rng.choice(
        (
            f"for {people}", f"among {people}", f"in {rng.choice(lexicon.names.towns)}",
            f"in {coin_name(rng)}", f"since {rng.randint(1700, 2020)}",
            rng.choice(field.places), rng.choice(field.times),
            f"without {rng.choice(field.troubles)}",
            f"from {coin_name(rng)} to {coin_name(rng)}",
            f"as seen by {article(rng.choice(field.people))}",
        )
    )  # fmt: skip


def _invent(field: Field, lexicon: Lexicon, rng: random.Random, *, story: bool) -> Subject:
    """Return a noun phrase or gerund phrase of one to five words, and a shorter name for it."""
    thing = rng.choice(field.things).removeprefix("~")
    other = rng.choice(lexicon.fields[rng.choice(sorted(lexicon.fields))].things)
    other = other.removeprefix("~")
    person = rng.choice(field.people)
    quality = rng.choice(field.qualities)
    doing = gerund(rng.choice(field.verbs))
    word, name = coin_word(rng), coin_name(rng)
    kind = rng.random()
    if story and kind < 0.55:
        return rng.choice(
            (
                _person(lexicon, rng), _person(lexicon, rng), Subject(f"the {word}"),
                Subject(f"the {quality} {thing}", f"the {thing}"),
                Subject(article(f"{quality} {person}"), f"the {person}"),
                Subject(f"{article(person)} and {article(thing)}", f"the {thing}"),
                Subject(f"the {thing} of {name}", f"the {thing}"),
                Subject(f"{article(person)} who {third(rng.choice(field.verbs))} {article(other)}",
                        f"the {person}"),
                Subject(f"{article(person)} in love with {article(rng.choice(field.people))}",
                        f"the {person}"),
                Subject(f"the last {person} of {rng.choice(lexicon.names.towns)}", f"the {person}"),
                Subject(f"{article(person)}'s {thing}", f"the {thing}"),
                Subject(article(f"{word} {thing}"), f"the {thing}"),
                Subject(f"the {person} and the {word}", f"the {word}"),
            )
        )  # fmt: skip
    if kind < 0.45:
        acronym = coin_acronym(rng)
        return rng.choice(
            (
                Subject(word), Subject(f"{word} {thing}"), Subject(f"{quality} {word}", word),
                Subject(f"{word} {plural(other)}"), Subject(name), Subject(acronym),
                Subject(f"the {name} {thing}", f"the {thing}"), Subject(f"{word} {coin_word(rng)}"),
                Subject(f"{acronym} {plural(thing)}", acronym), Subject(f"{thing} {word}", word),
                Subject(f"the {word} of {plural(thing)}", f"the {word}"),
                Subject(f"{name} and {coin_name(rng)}", name), _person(lexicon, rng),
                Subject(f"{word} and {coin_word(rng)}"),
                Subject(f"the {acronym} {word}", f"the {word}"),
                Subject(f"{doing} {article(word)}", f"the {word}"),
                Subject(f"{name} {coin_name(rng)}"), Subject(f"{name} {coin_name(rng)}"),
                Subject(f"the {name} {plural(thing).title()}"),
                Subject(f"{name} {plural(thing).title()}", f"{name} {plural(thing).title()}"),
                Subject(f"the {thing} of {rng.choice(('St', 'Old', 'Lake', 'Mount'))} {name}",
                        f"the {thing}"),
                Subject(f"{name} {plural(word)}"), Subject(f"{doing} {name}", name),
            )
        )  # fmt: skip
    return rng.choice(
        (
            Subject(plural(thing)), Subject(f"{quality} {plural(thing)}", plural(thing)),
            Subject(f"{thing} {plural(other)}", plural(other)),
            Subject(f"{doing} {article(thing)}", f"the {thing}"),
            Subject(f"the {quality} {thing}", f"the {thing}"),
            Subject(f"{doing} {article(f'{quality} {thing}')}", f"the {thing}"),
            Subject(f"{plural(thing)} and {plural(other)}", plural(thing)), Subject(plural(person)),
            Subject(f"{quality} {plural(person)}", plural(person)),
            Subject(f"{person} {plural(other)}", plural(other)),
            Subject(f"the {thing} and the {other}", f"the {thing}"),
            Subject(gerund(rng.choice(field.aims))), Subject(f"{other} {thing}"),
            Subject(f"{article(person)}'s {thing}", f"the {thing}"),
            Subject(thing), Subject(f"{other} {thing}".title()),
            Subject(f"{quality} {plural(thing)}".title(), plural(thing).title()),
            Subject(f"{doing} the {thing}", f"the {thing}"), Subject(f"{thing} {doing}"),
        )
    )  # fmt: skip


def _person(lexicon: Lexicon, rng: random.Random) -> Subject:
    first = rng.choice((*lexicon.names.women, *lexicon.names.men, coin_name(rng)))
    return Subject(f"{first} {coin_name(rng)}", first) if rng.random() < 0.6 else Subject(first)
