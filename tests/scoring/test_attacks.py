"""Known ways to break a text, on real ones: each is caught by the measure that is for it.

AUC is the chance that the measure puts a whole text above a broken one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from longwrite.scoring.analysis import Analysis
from longwrite.scoring.measures import Wish, measure
from longwrite.scoring.repetition import find_early_loop
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
def whole_texts() -> tuple[str, ...]:
    """Outputs that a judge liked and that end, and windows of novels that end a paragraph."""
    found = []
    for line in (FIXTURES / "hellobench_outputs.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        scores = row["judge_checklist_scores"]
        liked = sum(scores) / len(scores) >= GOOD
        if liked and len(row["response"].split()) > 800 and row["response"].rstrip()[-1] in '.!?"”':
            found.append(row["response"])
    for path in sorted((FIXTURES / "novels").glob("*.txt")):
        window: list[str] = []
        for paragraph in path.read_text("utf-8").split("\n\n"):
            window.append(paragraph)
            plain = paragraph.rstrip().endswith(".") and '"' not in paragraph + "“"
            if plain and sum(len(one.split()) for one in window) > WINDOW:
                found.append("\n\n".join(window))
                window = []
    return tuple(found)


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


def auc(name: str, attack: Attack) -> float:
    rng = random.Random(7)
    texts = whole_texts()
    broken = ["\n\n".join(attack(text.split("\n\n"), rng)) for text in texts]

    def values(of: list[str] | tuple[str, ...]) -> list[float]:
        scores = [measure(Analysis(text), Wish(), [name])[name].value for text in of]
        return [1.0 if value is None else value for value in scores]

    pairs = [(a, b) for a in values(texts) for b in values(broken)]
    return sum((a > b) + (a == b) / 2 for a, b in pairs) / len(pairs)


@needs_fixtures
@pytest.mark.parametrize(
    ("attack", "name", "least"),
    [
        (duplicate, "repeats", 0.95),
        (copy_chapter, "repeats", 0.95),
        (cut, "ending", 0.95),
        (shuffle, "cohesion", 0.85),
    ],
)
def test_an_attack_is_caught(attack: Attack, name: str, least: float) -> None:
    assert len(whole_texts()) > 30
    assert auc(name, attack) >= least


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
