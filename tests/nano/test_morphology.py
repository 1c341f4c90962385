"""Word forms, by example and over every word of the corpus."""

from __future__ import annotations

import re

import pytest

from longwrite.nano.lexicon import load_lexicon
from longwrite.nano.morphology import article, gerund, participle, past, plural, third


@pytest.mark.parametrize(
    ("base", "forms"),
    [
        ("write down", "writes down, writing down, wrote down, written down"),
        ("set aside", "sets aside, setting aside, set aside, set aside"),
        ("carry", "carries, carrying, carried, carried"),
        ("label", "labels, labelling, labelled, labelled"),
        ("open", "opens, opening, opened, opened"),
        ("tie", "ties, tying, tied, tied"),
        ("agree on", "agrees on, agreeing on, agreed on, agreed on"),
        ("fix", "fixes, fixing, fixed, fixed"),
    ],
)
def test_verbs(base: str, forms: str) -> None:
    assert ", ".join((third(base), gerund(base), past(base), participle(base))) == forms


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("store keeper", "store keepers"),
        ("bill of lading", "bills of lading"),
        ("postwoman", "postwomen"),
        ("godchild", "godchildren"),
        ("bookshelf", "bookshelves"),
        ("match", "matches"),
        ("monarch", "monarchs"),
        ("diary", "diaries"),
        ("quay", "quays"),
    ],
)
def test_nouns(one: str, many: str) -> None:
    assert plural(one) == many


@pytest.mark.parametrize(
    "phrase",
    ["an hour", "a uniform", "an umbrella", "a one-way street", "an X-ray", 
     "an old map", "a European road", "a useful hint", "an SOS call"],
)  # fmt: skip
def test_articles(phrase: str) -> None:
    assert article(phrase.partition(" ")[2]) == phrase


def test_every_form_in_the_corpus_is_a_word() -> None:
    lexicon = load_lexicon()
    verbs = {verb for field in lexicon.fields.values() for verb in field.verbs}
    verbs |= {verb for field in lexicon.fields.values() for _, verb, _ in field.events}
    for verb in verbs:
        for form in (third(verb), gerund(verb), past(verb), participle(verb)):
            assert re.fullmatch(r"[a-z][a-z' -]+", form), (verb, form)
    nouns = {noun for field in lexicon.fields.values() for noun in (*field.things, *field.people)}
    for noun in nouns:
        if not noun.startswith("~"):
            assert plural(noun) != noun or noun.split()[-1] in {"sheep", "fish", "deer"}, noun
