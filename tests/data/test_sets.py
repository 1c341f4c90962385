"""Whole sets: built at once, in shards, killed, and from the command line."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from longwrite.agent.settings import Settings
from longwrite.cli.app import app
from longwrite.data.merge import merge
from longwrite.data.orders import Blueprint
from longwrite.data.sets import Built, build_set
from longwrite.engines.scripted import Rule, ScriptedEngine
from longwrite.errors import UsageError
from longwrite.types import Role
from tests.data.stage import make_press

pytest.importorskip("pyarrow", reason="pyarrow is not installed")


def write_prompts(path: Path, count: int) -> Path:
    """Write prompts of short texts, the first one twice."""
    prompts = [f"Write 120 words about salt mine number {number}." for number in range(count)]
    path.write_text("\n".join([*prompts, prompts[0]]), encoding="utf-8")
    return path


def build(
    folder: Path, prompts: Path, shard: tuple[int, int] = (1, 1), rows: int | None = None
) -> Built:
    """Build a set of documents with the scripted engine."""
    blueprint = Blueprint("agentwrite", {"prompts": [str(prompts)]}, rows=rows)

    async def work() -> Built:
        press = make_press(ScriptedEngine(Rule()))
        return await build_set(blueprint, folder, Settings(), press, shard)

    return asyncio.run(work())


def hash_set(folder: Path, but: Sequence[str] = ()) -> dict[str, str]:
    """Return the hash of every file that is shipped."""
    files = [*sorted((folder / "data").rglob("*.parquet")), folder / "build.json"]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name not in but
    }


def test_a_set_has_rows_card_funnel_and_record(tmp_path: Path) -> None:
    built = build(tmp_path / "set", write_prompts(tmp_path / "p.txt", 6))
    assert built.finished.rows == {"sft": 6} and built.stopped is None
    record = json.loads((tmp_path / "set" / "build.json").read_text())
    assert record["funnel"] == [["recipe", "the same source twice", 1]]
    assert record["rows"] == {"sft": 6}
    stages = built.finished.funnel.stages
    assert stages["recipe"].entered == 7 and stages["label"].kept == 6
    assert "120 words" not in (tmp_path / "set" / "README.md").read_text()
    assert "<script" not in (tmp_path / "set" / "funnel.html").read_text()


def test_shards_joined_are_the_set_of_one_process(tmp_path: Path) -> None:
    prompts = write_prompts(tmp_path / "p.txt", 12)
    build(tmp_path / "one", prompts, rows=9)
    shards = [tmp_path / f"shard-{number}" for number in (1, 2, 3)]
    for number, folder in enumerate(shards, 1):
        build(folder, prompts, (number, 3), rows=9)
    merge(shards[::-1], tmp_path / "joined")
    parquet = ("build.json",)
    assert hash_set(tmp_path / "joined", parquet) == hash_set(tmp_path / "one", parquet)
    with pytest.raises(UsageError, match="shard 2/3 is missing"):
        merge([shards[0], shards[2]], tmp_path / "other")
    with pytest.raises(UsageError, match="is one of the shards"):
        merge(shards, shards[0])
    with pytest.raises(UsageError, match="holds no shard"):
        merge([tmp_path], tmp_path / "other")


def run(*arguments: str) -> int:
    """Run the command line; return its exit code."""
    try:
        app(arguments, standalone_mode=False)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_command_builds_tells_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts = str(write_prompts(tmp_path / "p.txt", 4))
    given = ["--prompts", prompts, "--model", "scripted", "--seed", "3"]
    folder = str(tmp_path / "set")
    run("data", "build", "agentwrite", "-o", folder, *given, "--dry-run", "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["units"] == 4 and told["calls"] == 4 and told["cost"] is None
    assert not Path(folder).exists()
    run("data", "build", "agentwrite", "-o", folder, *given, "--json")
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == {"sft": 4} and told["exit_code"] == 0
    run("data", "build", "agentwrite", "-o", folder, *given)
    shown = capsys.readouterr().out
    assert "the same source twice" in shown and "sft 4" in shown
    run("data", "card", folder)
    assert "README.md" in capsys.readouterr().out


def test_lint_and_inspect_read_what_build_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "set"
    build(folder, write_prompts(tmp_path / "p.txt", 3))
    capsys.readouterr()
    page = tmp_path / "lint.html"
    run("data", "lint", str(folder), "--html", str(page), "--json", "--cores", "1")
    told = json.loads(capsys.readouterr().out)
    assert told["exit_code"] == 0, told
    assert "<script" not in page.read_text(encoding="utf-8")
    run("data", "inspect", str(folder), "--row", "2")
    shown = capsys.readouterr().out
    assert "salt mine number 1" in shown and "length" in shown and "p.txt:2" in shown
    with pytest.raises(UsageError, match="has no row number 9"):
        run("data", "inspect", str(folder), "--row", "9")


def test_a_bad_set_is_told_with_exit_code_6(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text('{"prompt": "Write 900 words.", "completion": "<think>Hm.</think> No."}\n')
    run("data", "lint", str(path), "--json", "--cores", "1")
    told = json.loads(capsys.readouterr().out)
    assert told["exit_code"] == 6


@pytest.mark.slow
def test_a_ray_cluster_makes_the_set_of_one_process(tmp_path: Path) -> None:
    """Three workers, one of them killed half-way."""
    ray = pytest.importorskip("ray", reason="Ray is not installed")
    import os
    import signal
    import threading
    import time

    from longwrite.data.ray_shards import build_on_ray
    from longwrite.engines.choice import Choice

    prompts = write_prompts(tmp_path / "p.txt", 60)
    blueprint = Blueprint("agentwrite", {"prompts": [str(prompts)]})
    settings = Settings()
    choices: dict[Role, Choice] = {"write": Choice("scripted:delay=0.3", in_flight=2)}
    ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False)
    killed: list[int] = []

    def kill_one() -> None:
        ledger = tmp_path / "set" / "shards" / "0002" / ".work" / "calls.sqlite"
        while not ledger.exists():
            time.sleep(0.05)
        time.sleep(1.0)
        named = (
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/cmdline")
            if path.read_bytes().startswith(b"ray::build_shard")
        )
        killed.append(next(named))
        os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill_one, daemon=True)
    thread.start()
    try:
        finished = build_on_ray(blueprint, tmp_path / "set", settings, choices, 3)
    finally:
        thread.join(10)
        ray.shutdown()
    assert killed and finished.rows == {"sft": 60}
    build(tmp_path / "one", prompts)
    assert hash_set(tmp_path / "set", ("build.json",)) == hash_set(
        tmp_path / "one", ("build.json",)
    )
