"""What is mended when all sections are there."""

from __future__ import annotations

import json
import random
from pathlib import Path

from longwrite.engines.scripted import compose_text
from longwrite.text import count_words
from tests.agent.stage import PLAN, PLAN_BRIEF, write


def test_a_section_that_can_not_be_extended_leaves_the_words_to_the_others(tmp_path: Path) -> None:
    lines: list[dict[str, str]] = []
    for section, words in (("1", 60), ("2", 250), ("3", 250)):
        text = compose_text(words, "en", random.Random(section))
        lines.append({"step": "section", "section": section, "text": text})
        lines += [{"step": "section.continue", "section": section, "error": "empty"}] * 2
    lines += [{"step": "extend", "section": "1", "error": "empty"}] * 6
    script = tmp_path / "script.jsonl"
    script.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    outcome = write(tmp_path / "run", PLAN_BRIEF, f"scripted:script={script}", plan=PLAN)
    assert abs(count_words(outcome.markdown) - 900) <= 45
