"""A whole set from the embedded model by one command, and the same killed at random moments.

python benchmarks/nano_set.py --rows 320 --kills 20
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import typer

_JOURNAL = "NANO_SET_JOURNAL"
_LENGTHS = (120, 150, 180, 220, 260)


def write_prompts(path: Path, rows: int) -> None:
    """Write prompts that state a length, each about another subject."""
    from longwrite.nano.lexicon import load_lexicon
    from longwrite.nano.subjects import draw_wish

    rng, lexicon = random.Random(0), load_lexicon(core=True)
    wishes = {draw_wish(lexicon, rng, story=False).full: None for _ in range(2 * rows)}
    asked = [f"Write an essay of {rng.choice(_LENGTHS)} words about {one}." for one in wishes]
    path.write_text("".join(json.dumps({"prompt": one}) + "\n" for one in asked[:rows]), "utf-8")


def commands(folder: Path, prompts: Path) -> list[list[str]]:
    """Return the two builds of a set: documents, then pairs in which one requirement is broken."""
    shared = ["--model", "nano", "--quiet", "--json"]
    violate = ["violate", "--set", f"sources=[{folder}/sft]", "--set", "by=code",
               "--set", "max_changed=0.3", "-o", f"{folder}/dpo"]  # fmt: skip
    first = ["agentwrite", "--prompts", str(prompts), "-o", f"{folder}/sft"]
    return [["data", "build", *one, *shared] for one in (first, violate)]


def run(folder: Path, prompts: Path, kills: Sequence[int] = ()) -> tuple[int, int]:
    """Build a set; returns rows to fine-tune on, and pairs.

    Args:
        folder: Of the set.
        prompts: See `write_prompts`.
        kills: Calls of the model after which its process is killed, in order.
    """
    waiting, journal = list(kills), folder / "journal"
    rng = random.Random(2)
    made = []
    for arguments in commands(folder, prompts):
        while True:
            child = subprocess.Popen(
                [sys.executable, __file__, "--as-longwrite", *arguments],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                env={**os.environ, _JOURNAL: str(journal)},
            )  # fmt: skip
            while waiting and child.poll() is None and _count(journal) < waiting[0]:
                time.sleep(0.01)
            if not waiting or child.poll() is not None:
                break
            time.sleep(rng.uniform(0.0, 0.5))
            child.send_signal(signal.SIGKILL)
            child.communicate()
            waiting.pop(0)
        said = child.communicate()[0]
        if child.returncode:
            raise SystemExit(f"{' '.join(arguments)} ended with {child.returncode}: {said}")
        made.append(sum(json.loads(said)["rows"].values()))
    if waiting:
        raise SystemExit(f"{len(waiting)} kills came too late")
    return made[0], made[1]


def _count(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.is_file() else 0


def hash_sets(folder: Path) -> dict[str, str]:
    """Return a hash of each file of the sets; the folder's own name is no part of them."""
    found = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.is_file() and not {".work", "journal"}.intersection(inside.parts):
            text = path.read_bytes().replace(str(folder).encode(), b"FOLDER")
            found[str(inside)] = hashlib.sha256(text).hexdigest()
    return found


def count_repeats(folder: Path) -> tuple[int, int]:
    """Return the calls that the model completed, and how many of them it had completed before."""
    calls = Counter((folder / "journal").read_text("utf-8").split())
    return calls.total(), sum(number - 1 for number in calls.values())


def be_longwrite(arguments: list[str]) -> None:
    """Run a command of longwrite that notes each completed call of the model."""
    from longwrite.cli.main import run as run_command
    from longwrite.engines.nano import NanoEngine

    generate, journal = NanoEngine.generate, Path(os.environ[_JOURNAL])

    async def note(self: NanoEngine, request: Any, watch: Any = None) -> Any:
        reply = await generate(self, request, watch)
        asked = repr((request.messages, request.sampling, request.attempt, request.ask.section))
        with journal.open("a", encoding="utf-8") as stream:
            stream.write(hashlib.sha256(asked.encode()).hexdigest() + "\n")
        return reply

    sys.argv = ["longwrite", *arguments]
    with patch.object(NanoEngine, "generate", note):
        run_command()


def main() -> None:
    """Build the set twice and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=320)
    parser.add_argument("--kills", type=int, default=20)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        prompts = Path(place, "prompts.jsonl")
        write_prompts(prompts, chosen.rows)
        whole, killed = Path(place, "whole"), Path(place, "killed")
        for folder in (whole, killed):
            folder.mkdir()
        begun = time.monotonic()
        rows, pairs = run(whole, prompts)
        calls = _count(whole / "journal")
        seconds = time.monotonic() - begun
        typer.echo(f"{rows} rows and {pairs} pairs in {seconds:.0f} s, {calls} calls")
        if not chosen.kills:
            return
        again = run(killed, prompts, sorted(random.Random(1).sample(range(calls), chosen.kills)))
        one, other = hash_sets(whole), hash_sets(killed)
        different = sorted(name for name in one | other if one.get(name) != other.get(name))
        total, repeated = count_repeats(killed)
        typer.echo(f"killed {chosen.kills} times: {again[0]} rows and {again[1]} pairs; "
                   f"files that differ: {', '.join(different) or 'none'} of {len(one)}; "
                   f"{total} calls, {repeated} of them made before")  # fmt: skip
        raise SystemExit(bool(different))


if __name__ == "__main__":
    if "--as-longwrite" in sys.argv[1:2]:
        be_longwrite(sys.argv[2:])
    else:
        main()
