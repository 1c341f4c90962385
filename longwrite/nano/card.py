"""The model card, written from the figures that the build has just measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXT = """\
# longwrite-nano

A language model of 4.4 million parameters (Qwen3 architecture, float16) that plans and writes
English for longwrite's agent, so that everything runs offline. Its sentences are sound and about
their subject; what they claim is made up. Choose a real model for real prose.

Trained from nothing on text written for it (`corpus/`), by
`python -m longwrite.nano build --seed {seed}`; docs/nano.md tells how. It loads in transformers
(`AutoModelForCausalLM`), in vLLM, and without either in longwrite's own engine `nano`. Window 4,096
tokens, ChatML, temperature 0.8, top-p 0.95. Apache-2.0, as longwrite.

What the build measured of these weights, on {briefs} briefs that nothing was trained on
(`unseen.jsonl`), written by the agent:

{table}

Weak: it knows no other language; it takes its subject from the first lines of a brief and leaves
finer wishes aside; words that it must spell out of small pieces it sometimes misspells.
"""


def write_card(summary: Mapping[str, Any], seed: int) -> str:
    """Return the card as Markdown.

    Args:
        summary: The figures of the checks, name to value.
        seed: Of the build.
    """
    rows = ["| | |", "|---|---|"]
    for name, value in summary.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{inner} {figure}" for inner, figure in value.items())
        rows.append(
            f"| {name} | {value:,} |" if isinstance(value, int) else f"| {name} | {value} |"
        )
    return _TEXT.format(seed=seed, briefs=summary.get("briefs", 0), table="\n".join(rows))
