"""Small sets, one for each method."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SENTENCE = "The tide came in over the flats. "


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a set of each method."""
    texts = [(f"Tell {number}.", SENTENCE * (1 + number)) for number in range(6)]
    sets = {
        "sft": [{"prompt": prompt, "completion": text} for prompt, text in texts],
        "dpo": [{"prompt": prompt, "chosen": text, "rejected": "No."} for prompt, text in texts],
    }
    for name, rows in sets.items():
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines, "utf-8")
    return tmp_path
