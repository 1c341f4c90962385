"""Whole runs, in processes of their own, go on after a stop or with a damaged call log.

Kills by the hundred are in `tests/faults/test_kills.py`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

FIXTURES = Path(__file__).resolve().parents[2].parent / "shared" / "fixtures"
PROMPT = "A 30000-word history of salt"


def command(arguments: list[str]) -> list[str]:
    return [sys.executable, "-c", "from longwrite.cli.main import run; run()", *arguments]


def write(folder: Path, journal: Path) -> list[str]:
    model = f"scripted:spread=0.3,journal={journal}"
    return command(["write", PROMPT, "--model", model, "--run", str(folder), "--quiet"])


def run_and_kill(arguments: list[str], after: float) -> bool:
    """Start a command and kill it after some seconds; True if it was still at work."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_a_damaged_call_log_is_a_sentence_and_the_sections_stay(tmp_path: Path) -> None:
    run, journal = tmp_path / "run", tmp_path / "journal"
    subprocess.run(write(run, journal), check=True, capture_output=True)
    document = (run / "document.md").read_bytes()
    for name in ("calls.sqlite-wal", "calls.sqlite-shm"):
        (run / name).unlink(missing_ok=True)
    (run / "calls.sqlite").write_bytes(b"not a database" * 1000)
    refused = subprocess.run(write(run, journal), capture_output=True, text=True)
    assert refused.returncode == 2
    assert "Move it away" in refused.stderr and "Traceback" not in refused.stderr
    os.rename(run / "calls.sqlite", run / "damaged.sqlite")
    calls = len(lines(journal))
    again = subprocess.run(write(run, journal), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert (run / "document.md").read_bytes() == document
    assert not [line for line in lines(journal)[calls:] if line.startswith("section")]


@pytest.mark.skipif(not FIXTURES.exists(), reason="the shared fixtures are not here")
def test_a_batch_of_ten_long_documents_killed_twice(tmp_path: Path) -> None:
    rows = (FIXTURES / "longbench_write.jsonl").read_text().splitlines()[110:120]
    source = tmp_path / "long.jsonl"
    source.write_text("\n".join(rows) + "\n")

    def batch(folder: Path, delay: float) -> list[str]:
        model = f"scripted:spread=0.3,delay={delay}"
        return command(
            ["write", str(source), "--model", model, "--run", str(folder), "--quiet", "--json"]
        )

    whole = subprocess.run(batch(tmp_path / "whole", 0), capture_output=True, text=True)
    assert whole.returncode in {0, 6}, whole.stderr
    for after in (1.2, 1.8):
        assert run_and_kill(batch(tmp_path / "killed", 0.2), after)
    killed = subprocess.run(batch(tmp_path / "killed", 0), capture_output=True, text=True)
    assert killed.returncode == whole.returncode, killed.stderr
    responses = [
        [json.loads(line) for line in lines(tmp_path / name / "responses.jsonl")]
        for name in ("whole", "killed")
    ]
    assert [row["response"] for row in responses[0]] == [row["response"] for row in responses[1]]
    assert len(responses[0]) == 10
    for row in responses[0]:
        assert abs(row["words"]["delivered"] - row["length"]) <= max(0.05 * row["length"], 20)
        assert not [defect for defect in row["defects"] if defect["kind"] == "missing"]


def test_ctrl_c_stops_every_document_of_a_batch(tmp_path: Path) -> None:
    rows = [{"prompt": f"An essay on salt, part {number}", "length": 900} for number in range(8)]
    source, journal = tmp_path / "rows.jsonl", tmp_path / "journal"
    source.write_text("\n".join(map(json.dumps, rows)) + "\n")

    def batch(delay: float) -> list[str]:
        model = f"scripted:spread=0.3,delay={delay},journal={journal}"
        limits = ["--concurrency", "4", "--documents", "2", "--quiet", "--json"]
        run = ["--run", str(tmp_path / "batch")]
        return command(["write", str(source), "--model", model, *run, *limits])

    process = subprocess.Popen(batch(0.2), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while len(lines(journal)) < 3:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert len(lines(journal)) < 12, "no document was begun after the stop"
    done = subprocess.run(batch(0), capture_output=True, text=True, check=True)
    assert [row["exit_code"] for row in json.loads(done.stdout)["rows"]] == [0] * 8
