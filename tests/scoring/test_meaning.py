"""Coherence by embeddings: neighbours count against all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from longwrite.scoring.analysis import Analysis
from longwrite.scoring.meaning import measure_meaning

TOPICS = ("harbour", "orchard", "railway", "winter")


def embed(passages: Sequence[str]) -> NDArray[np.float32]:
    """Count four topics: a model that knows nothing else."""
    return np.array([[text.count(topic) for topic in TOPICS] for text in passages], np.float32)


def write(order: Sequence[int]) -> Analysis:
    return Analysis("\n\n".join(f"Of the {TOPICS[n]} and so on. " * 12 for n in order))


def test_a_text_that_keeps_to_its_topics_for_a_while_holds_together() -> None:
    kept = measure_meaning(write([0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]), embed)
    mixed = measure_meaning(write([0, 1, 2, 3] * 3), embed)
    assert (kept.value, mixed.value) == (1.0, 0.0)
    assert kept.parts["difference"] > 0.5


def test_one_topic_alone_is_no_coherence() -> None:
    assert measure_meaning(write([0] * 12), embed).value == 0.0


def test_evidence_is_where_a_passage_stands_apart() -> None:
    analysis = write([0] * 12 + [2] + [0] * 12)
    found = measure_meaning(analysis, embed)
    assert [span.start for span in found.evidence][:1] == [analysis.paragraphs[12, 0]]


@pytest.mark.parametrize("text", ["", "Short.", "# Only a heading"])
def test_without_passages_there_is_nothing_to_say(text: str) -> None:
    assert measure_meaning(Analysis(text), embed).value is None
