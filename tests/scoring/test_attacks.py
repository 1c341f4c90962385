"""Known ways to break a text, on real ones: each is caught by the measure that is for it.

AUC is the chance that the measure puts a whole text above a broken one. To see the figures::

    python -m tests.scoring.test_attacks
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from longwrite.scoring.analysis import Analysis
from longwrite.scoring.measures import Wish, measure
from longwrite.scoring.repetition import find_early_loop
from longwrite.text import sentences
from longwrite.types import Plan, Section
from tests.scoring.texts import make_text

FIXTURES = Path(__file__).parents[3] / "shared" / "fixtures"
needs_fixtures = pytest.mark.skipif(
    not FIXTURES.is_dir(), reason=f"the fixtures aren't at {FIXTURES}"
)

Attack = Callable[[list[str], random.Random], list[str]]
LETTERS = str.maketrans("0123456789", "abcdefghij")
GOOD = 0.7
WINDOW = 6_000


@cache
def sourced_texts() -> tuple[tuple[str, str], ...]:
    """Outputs that a judge liked and that end, and windows of novels that end a paragraph.

    Each with where it is from: a prompt, or a novel.
    """
    found: list[tuple[str, str]] = []
    for line in (FIXTURES / "hellobench_outputs.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        scores = row["judge_checklist_scores"]
        liked = sum(scores) / len(scores) >= GOOD
        if liked and len(row["response"].split()) > 800 and row["response"].rstrip()[-1] in '.!?"”':
            found.append((row["id"], row["response"]))
    for path in sorted((FIXTURES / "novels").glob("*.txt")):
        window: list[str] = []
        for paragraph in path.read_text("utf-8").split("\n\n"):
            window.append(paragraph)
            plain = paragraph.rstrip().endswith(".") and '"' not in paragraph + "“"
            if plain and sum(len(one.split()) for one in window) > WINDOW:
                found.append((path.name, "\n\n".join(window)))
                window = []
    return tuple(found)


def whole_texts() -> list[str]:
    """The texts alone."""
    return [text for _, text in sourced_texts()]


def duplicate(paragraphs: list[str], rng: random.Random) -> list[str]:
    """5 % of the paragraphs stand again somewhere."""
    long = [one for one in paragraphs if len(one.split()) >= 20]
    found = list(paragraphs)
    for one in rng.sample(long, max(1, len(paragraphs) // 20)):
        found.insert(rng.randrange(len(found) + 1), one)
    return found


def copy_chapter(paragraphs: list[str], rng: random.Random) -> list[str]:
    """An eighth of the text stands again at its end, every fifth word another one."""
    first = rng.randrange(len(paragraphs) // 2)
    known = " ".join(paragraphs).split()
    copied = paragraphs[first : first + max(1, len(paragraphs) // 8)]
    return paragraphs + [
        " ".join(rng.choice(known) if rng.random() < 0.2 else word for word in one.split())
        for one in copied
    ]


def cut(paragraphs: list[str], rng: random.Random) -> list[str]:
    """The text stops at 93 %, inside a sentence."""
    text = "\n\n".join(paragraphs)
    place = int(0.93 * len(text))
    while not (text[place - 2 : place].isalpha() and text[place].islower()):
        place += 1
    return [text[:place]]


def shuffle(paragraphs: list[str], rng: random.Random) -> list[str]:
    """The paragraphs stand in any order."""
    return rng.sample(paragraphs, len(paragraphs))


def shuffle_sentences(paragraphs: list[str], rng: random.Random) -> list[str]:
    """The sentences stand in any order, in paragraphs as long as before."""
    cut = [sentences(one) for one in paragraphs]
    row = [sentence.strip() for one in cut for sentence in one]
    rng.shuffle(row)
    taken = iter(row)
    return [" ".join(next(taken) for _ in one) for one in cut if one]


def loop(paragraphs: list[str], rng: random.Random) -> list[str]:
    """The last paragraph but one runs on for ever."""
    last = next(one for one in reversed(paragraphs) if len(one.split()) >= 20)
    return [*paragraphs, " ".join([last] * 5)]


FILLER = (
    "In conclusion, it is clear that there are many different sides to this question today.",
    "As we have seen so far, this is a matter of the greatest importance to all of us.",
    "There are many reasons for this, and each of them deserves to be looked at with care.",
    "Of course, every case is different, and so it always depends on the circumstances.",
)


def fill(paragraphs: list[str], rng: random.Random) -> list[str]:
    """Every third paragraph ends with one of four sentences that would end any."""
    return [
        f"{one} {rng.choice(FILLER)}" if number % 3 == 0 else one
        for number, one in enumerate(paragraphs)
    ]


def spam_headings(paragraphs: list[str], rng: random.Random) -> list[str]:
    """Every paragraph gets a heading of its own."""
    found: list[str] = []
    for one in paragraphs:
        found += [f"## {' '.join(one.split()[:4])}", one]
    return found


def switch_language(paragraphs: list[str], rng: random.Random) -> list[str]:
    """From two thirds on it goes on in Chinese."""
    kept = paragraphs[: max(1, 2 * len(paragraphs) // 3)]
    return [*kept, *["那天海很平静，他走了很久，什么也没有说。" * 6] * (len(paragraphs) // 3 + 1)]


def splice(paragraphs: list[str], rng: random.Random) -> list[str]:
    """The second half is that of a text from elsewhere."""
    text = "\n\n".join(paragraphs)
    source = next(source for source, known in sourced_texts() if known == text)
    other = rng.choice([one for where, one in sourced_texts() if where != source]).split("\n\n")
    return [*paragraphs[: len(paragraphs) // 2], *other[len(other) // 2 :]]


def measure_attack(name: str, attack: Attack) -> float:
    """Return the AUC of a measure against an attack on all whole texts."""
    rng = random.Random(7)
    texts = whole_texts()
    broken = ["\n\n".join(attack(text.split("\n\n"), rng)) for text in texts]

    def values(of: list[str]) -> list[float]:
        wish = Wish(language="en")
        scores = [measure(Analysis(text), wish, [name])[name].value for text in of]
        return [1.0 if value is None else value for value in scores]

    pairs = [(a, b) for a in values(texts) for b in values(broken)]
    return sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs)


ATTACKS: tuple[tuple[Attack, str, float], ...] = (
    (duplicate, "repeats", 0.95),
    (copy_chapter, "repeats", 0.95),
    (cut, "ending", 0.95),
    (loop, "loop", 0.95),
    (fill, "repeats", 0.95),
    (spam_headings, "headings", 0.95),
    (switch_language, "language", 0.95),
    (splice, "unity", 0.95),
    (shuffle, "cohesion", 0.85),
    (shuffle_sentences, "cohesion", 0.95),
)
"""Each attack, the measure that is for it, and the AUC it has to reach."""


@needs_fixtures
@pytest.mark.parametrize(("attack", "name", "least"), ATTACKS)
def test_an_attack_is_caught(attack: Attack, name: str, least: float) -> None:
    assert len(whole_texts()) > 30
    assert measure_attack(name, attack) >= least


def test_chapters_in_another_order_are_told_by_the_plan() -> None:
    titles = ["The ferry", "The letter", "The storm", "The harbour", "The return"]
    plan = Plan(
        "A story", tuple(Section(str(n), title, words=80) for n, title in enumerate(titles, 1))
    )
    chapters = [f"## {title}\n\n{make_text(1)}" for title in titles]

    def score(order: list[str]) -> float:
        found = measure(Analysis("\n\n".join(order)), Wish(plan=plan), ["plan"])["plan"].value
        return -1.0 if found is None else found

    assert score(chapters) == 1.0
    for seed in range(20):
        mixed = random.Random(seed).sample(chapters, len(chapters))
        assert (score(mixed) < 1.0) == (mixed != chapters)


@needs_fixtures
@pytest.mark.parametrize("size", [2_000, 4_000, 8_000, 16_000, 32_000])
def test_human_prose_is_no_loop(size: int) -> None:
    windows = []
    for path in sorted((FIXTURES / "novels").glob("*.txt")):
        words = path.read_text("utf-8").split(" ")
        windows += [
            " ".join(words[start : start + size])
            for start in range(0, len(words) - size, max(size // 2, 4_000))
        ]
    rejected = [window for window in windows if find_early_loop(window) is not None]
    assert len(windows) >= 5
    assert len(rejected) <= 0.01 * len(windows)


@pytest.mark.parametrize("period", [1, 2, 7, 13, 40, 150, 700, 2_000])
@pytest.mark.parametrize("start", [0, 900])
def test_every_loop_within_the_definition_is_caught(period: int, start: int) -> None:
    rng = random.Random(period)
    known = "".join(make_text(30)).replace(".", "").split()
    passage = [rng.choice(known) + str(n).translate(LETTERS) for n in range(period)]
    repeats = max(3, -(-40 // period))
    text = " ".join([*make_text(12).split()[:start], *passage * repeats])
    assert find_early_loop(text) is not None


if __name__ == "__main__":
    for attack, name, _ in ATTACKS:
        sys.stdout.write(f"{attack.__name__}: {measure_attack(name, attack):.3f} by {name}\n")
