"""How the weights are made: sizes and steps, in one place."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from longwrite.nano.model import Shape
from longwrite.nano.training import Stage


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides the weights, but for the seed.

    Attributes:
        shape: Sizes of the model.
        pages: Pages of plain text for pretraining.
        outlines: Short pages that hold a brief and its plan, beside them.
        documents: Documents that the teacher writes through the agent, for fine-tuning.
        plans: Documents that the teacher only plans.
        stages: From short rows to long ones, from pages to conversations.
        core: Whether the corpus keeps to the fields of its core.
        gate_words: Length of the documents that the corpus itself is judged by.
        checked: Unseen briefs that the finished model is tried on, at most.
    """

    shape: Shape = field(default_factory=Shape)
    pages: int = 8_000
    outlines: int = 16_000
    documents: int = 800
    plans: int = 1_600
    stages: tuple[Stage, ...] = (
        Stage("sentences", "pages", 256, 16, 2_300, 6e-3, 6e-3, warmup=80),
        Stage("pages", "pages", 1024, 5, 160, 6e-3, 5.5e-3),
        Stage("short conversations", "conversations", 1280, 4, 450, 5.5e-3, 2.5e-3),
        Stage("conversations", "conversations", 2304, 2, 240, 2.5e-3, 1e-3),
        Stage("full length", "conversations", 4096, 2, 90, 1e-3, 1e-5),
    )
    core: bool = True
    gate_words: int = 10_000
    checked: int = 100


FULL = Recipe()

SMOKE = replace(
    FULL,
    shape=Shape(vocabulary=1024, hidden=64, layers=2, heads=2, head=32, inner=128),
    pages=160,
    outlines=160,
    documents=12,
    plans=10,
    stages=(
        Stage("sentences", "pages", 128, 8, 40, 8e-3, 8e-3, warmup=5),
        Stage("conversations", "conversations", 2304, 1, 10, 8e-3, 1.5e-3),
        Stage("full length", "conversations", 4096, 1, 4, 1.5e-3, 1e-5),
    ),
    checked=1,
)
"""Every stage once, in half a minute: it shows that the recipe runs, not that it teaches."""


def enlarge(recipe: Recipe, times: int) -> Recipe:
    """Return a recipe with so many times the text and the steps, for a machine that has a GPU."""
    return replace(
        recipe,
        core=times == 1,
        pages=recipe.pages * times,
        outlines=recipe.outlines * times,
        documents=recipe.documents * times,
        plans=recipe.plans * times,
        stages=tuple(replace(stage, steps=stage.steps * times) for stage in recipe.stages),
    )
