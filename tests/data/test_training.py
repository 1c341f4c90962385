"""Each config of a set in TRL's own trainers, two steps on a CPU, no row cut."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from longwrite.data.card import write_card
from tests.data.test_export import make_rows, write

pytestmark = pytest.mark.skipif(find_spec("trl") is None, reason="trl isn't installed")

ROOT = Path(__file__).resolve().parents[2]
QUIET = {"HF_HUB_OFFLINE": "1", "TRL_EXPERIMENTAL_SILENCE": "1", "OMP_NUM_THREADS": "2"}


@pytest.mark.parametrize("name", ["sft", pytest.param("dpo", marks=pytest.mark.slow), "grpo"])
def test_trl_trains_on_it(name: str, tiny_model: Path, tmp_path: Path) -> None:
    rows = [
        replace(row, id=f"{row.id}{number}", prompt=row.prompt[:1])
        for number in range(4)
        for row in make_rows()
    ]
    write(tmp_path / "set", rows)
    write_card(tmp_path / "set")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(Path(__file__).with_name("train_steps.py")),
         str(tiny_model), str(tmp_path / "set"), name, str(tmp_path / "out")],
        capture_output=True, text=True, timeout=280, check=False, cwd=tmp_path,
        env={**os.environ, **QUIET, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["steps"] == 2 and all(map(math.isfinite, told["losses"]))
    assert told["longest"] <= told["room"]
