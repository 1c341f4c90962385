"""Real prompts and great lengths, with an engine that misses every length by up to 30 %."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from longwrite.rewards.briefs import compile_brief

FIXTURES = Path(__file__).resolve().parents[2].parent / "shared" / "fixtures"

MEASURED = """
import resource, sys
from longwrite.cli.main import run
try:
    run()
except SystemExit as ended:
    print("PEAK", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)
    raise
"""


def write(*arguments: str) -> tuple[dict[str, Any], int]:
    """Run the command; return its JSON and the peak memory of the process in MiB."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "write", *arguments, "--json", "--quiet"],
        capture_output=True,
        text=True,
    )
    assert done.returncode in {0, 6}, done.stderr
    return json.loads(done.stdout), int(done.stderr.split("PEAK")[1])


@pytest.mark.skipif(not FIXTURES.exists(), reason="the shared fixtures are not here")
def test_all_prompts_of_longbench_write_come_out_at_their_length(tmp_path: Path) -> None:
    source = FIXTURES / "longbench_write.jsonl"
    write(str(source), "--model", "scripted:spread=0.3", "--run", str(tmp_path / "batch"))
    responses = (tmp_path / "batch" / "responses.jsonl").read_text()
    rows = [json.loads(line) for line in responses.splitlines()]
    assert len(rows) == 120
    directions = {"at_least": 0, "at_most": 0}
    for row in rows:
        delivered, asked = row["words"]["delivered"], row["length"]
        assert abs(delivered - asked) <= max(0.05 * asked, 20), row["prompt"]
        assert not [defect for defect in row["defects"] if defect["kind"] == "length"]
        for constraint in compile_brief(row["prompt"], length=asked).constraints:
            stated = constraint.params.get("stated")
            if constraint.kind == "length" and constraint.scope == "document":
                assert stated != "at_least" or delivered >= asked, row["prompt"]
                assert stated != "at_most" or delivered <= asked, row["prompt"]
                directions[str(stated)] = directions.get(str(stated), 0) + 1
    assert directions["at_least"] >= 15 and directions["at_most"] >= 1


def test_memory_is_flat_and_requests_stay_small_at_100_000_words(tmp_path: Path) -> None:
    model = ("--model", "scripted:spread=0.3")
    _, small = write("A history of salt", "--words", "5000", *model, "--run", str(tmp_path / "a"))
    told, large = write(
        "A history of salt", "--words", "100000", *model, "--run", str(tmp_path / "b")
    )
    assert abs(told["words"]["delivered"] - 100_000) <= 5_000
    assert told["mode"] == "dag" and told["complete"]
    assert told["calls"]["largest_request_tokens"] < 8_000
    assert large - small < 40, f"{small} MiB at 5,000 words, {large} MiB at 100,000"
