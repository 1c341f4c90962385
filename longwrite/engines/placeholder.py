"""Prose for the scripted engine: grammatical, on no subject, and never the same twice.

Sentences are composed from the word lists in ``placeholder.txt``, so that no fixed run is longer
than five words and a document of 100,000 words repeats almost nothing; gates that look for
repetition stay quiet.
"""

from __future__ import annotations

import random
from functools import cache
from importlib.resources import files


@cache
def load_lists() -> dict[str, list[str]]:
    """Return the word lists by name, such as ``en.nouns``."""
    lines = (files("longwrite.engines") / "placeholder.txt").read_text("utf-8").splitlines()
    return {name: rest.split("|") for name, rest in (line.split(" = ", 1) for line in lines)}


def is_spaceless(language: str) -> bool:
    """Tell whether the language is written without spaces (Chinese is then composed)."""
    return language[:2] in {"zh", "ja"}


def compose_sentence(rng: random.Random, language: str) -> str:
    """Return one sentence, its final mark included."""
    return _compose_chinese(rng) if is_spaceless(language) else _compose_english(rng)


def compose_title(rng: random.Random, language: str) -> str:
    """Return a heading of a few words."""
    lists, pick = load_lists(), rng.choice
    if is_spaceless(language):
        nouns = lists["zh.nouns"]
        return f"{pick(lists['zh.adjectives'])}的{pick(nouns)}与{pick(nouns)}"
    words = (pick(lists[name]).title() for name in ("en.adjectives", "en.nouns", "en.people"))
    return "The {} {} and the {}".format(*words)


def _compose_chinese(rng: random.Random) -> str:
    lists, pick = load_lists(), rng.choice

    def noun() -> str:
        return pick(lists["zh.nouns"])

    def person() -> str:
        return pick(lists["zh.people"])

    def verb() -> str:
        return pick(lists["zh.verbs"])

    link, adjective = pick(lists["zh.links"]), pick(lists["zh.adjectives"])
    clauses = [
        f"{adjective}的{person()}{verb()}{noun()}",
        f"{noun()}旁的{person()}{verb()}{pick(lists['zh.adjectives'])}的{noun()}",
        f"{link}{noun()}与{noun()}{verb()}{noun()}",
        f"{person()}{verb()}{pick(lists['zh.adjectives'])}的{noun()}",
    ]
    rng.shuffle(clauses)
    return "，".join(clauses[: pick((1, 2, 2, 3))]) + "。"


def _compose_english(rng: random.Random) -> str:
    lists, pick = load_lists(), rng.choice

    def noun() -> str:
        return pick(lists["en.nouns"])

    def adjective() -> str:
        return pick(lists["en.adjectives"])

    person, verb = pick(lists["en.people"]), pick(lists["en.verbs"])
    subject = pick((f"the {adjective()} {person}", f"this {person} and the {noun()}"))
    clause = f"{subject} {pick(lists['en.adverbs'])} {verb} the {adjective()} {noun()}"
    if rng.random() < 0.6:
        owner, article = pick(("one", "her", "their", "every")), pick(("that", "the", "his", "no"))
        link, verb = pick(lists["en.links"]), pick(lists["en.verbs"])
        clause += f", {link} {owner} {noun()} {verb} {article} {noun()}"
    if rng.random() < 0.4:
        opening = pick(lists["en.openings"])
        clause = f"{opening.format(n=noun(), m=noun(), a=adjective(), p=person)}, {clause}"
    return f"{clause[0].upper()}{clause[1:]}."
