"""What the README shows can be run, as it stands, in an empty folder."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
LINES = [
    line.split("  #")[0].strip()
    for line in README.splitlines()
    if line.strip().startswith("longwrite ")
]
NEEDS_MORE = ("RUN", ".jsonl", "--judge")
"""What a line needs that isn't in an empty folder: a finished run, a list of prompts, a server."""
RUNNABLE = [line for line in LINES if not any(one in line for one in NEEDS_MORE)]
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_there_is_something_to_run() -> None:
    assert len(RUNNABLE) >= 3 and len(PYTHON) == 1


@pytest.mark.parametrize("line", RUNNABLE)
def test_commands_of_the_readme_work(line: str, tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "novel.md").write_text(
        "# A novel\n\n## One\n\nIt began.\n\n## Two\n\nIt went on.\n"
    )
    shutil.copytree(tiny_model, tmp_path / "base")
    (tmp_path / "essays").mkdir()
    (tmp_path / "essays" / "train.jsonl").write_text(
        '{"prompt": "Tell of tides.", "completion": "They come in."}\n'
    )
    arguments = shlex.split(line)[1:]
    done = subprocess.run(
        [sys.executable, "-c", "from longwrite.cli.main import run; run()", *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", LINES)
def test_the_readme_names_commands_and_options_that_exist(line: str) -> None:
    name, *rest = shlex.split(line)[1:]
    group = [name, rest.pop(0)] if name in ("data", "train") else [name]
    known = ""
    for ask in ("--help", "--arguments")[: 1 + (name == "train")]:  # those of TRL
        told = subprocess.run(
            [sys.executable, "-c", "from longwrite.cli.main import run; run()", *group, ask],
            capture_output=True,
            text=True,
        )
        assert told.returncode == 0
        known += told.stdout
    assert all(option in known for option in rest if option.startswith("-"))


@pytest.mark.parametrize("code", PYTHON)
def test_python_of_the_readme_works(code: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
