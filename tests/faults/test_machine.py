"""A machine that is not as it should be: places, streams, clocks, limits, other processes.

A command ends with a sentence, or does its work as if nothing were wrong; it never hangs, leaks or
changes what is not its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from longwrite.api import Outcome, write_run
from longwrite.engines.engine import Watch
from longwrite.engines.scripted import Rule, ScriptedEngine
from longwrite.errors import LongwriteError
from longwrite.runs.store import Store
from longwrite.types import Brief, Reply, Request
from tests.cli.conftest import Command
from tests.cli.conftest import longwrite as longwrite
from tests.data.stage import make_press
from tests.faults.hosting import ROOT, Ended
from tests.faults.works import DISK, JOURNAL, WORKS, Work, Workshop, journal, texts

SCRIPTED = ("--model", "scripted", "--quiet")
SALT = ("write", "On salt, 300 words", "--run", f"{DISK}/run", *SCRIPTED)
MINES = Work(SALT)
WORLDS = "tests.faults.worlds"


def assert_sentence(ended: Ended, *words: str) -> None:
    """Hold that a command ended with a sentence that says what is wrong."""
    assert ended.code == 2 and ended.err.startswith("longwrite: "), ended
    assert "Traceback" not in ended.err
    for word in words:
        assert word in ended.err, ended


# --- places --------------------------------------------------------------------------------------

PLACES: dict[str, Callable[[Path], object]] = {
    "a file": lambda path: path.write_text("mine"),
    "below a file": lambda path: path.parent.write_text("mine"),
    "a pipe": lambda path: os.mkfifo(path),
    "a circle": lambda path: path.symlink_to(path.name),
    "leads nowhere": lambda path: path.symlink_to("none/at/all"),
    "a device": lambda path: path.symlink_to("/dev/full"),
    "of the system": lambda path: path.symlink_to("/proc/self"),
}
COMMANDS: dict[str, tuple[str, ...]] = {
    "write": (*SALT[:2], *SCRIPTED, "--run"),
    "batch": ("write", "rows.jsonl", *SCRIPTED, "--run"),
    "build": ("data", "build", "agentwrite", "--prompts", "prompts.txt", *SCRIPTED, "-o"),
    "merge": ("data", "merge", f"{DISK}/1", f"{DISK}/2", "-o"),
    "resume": ("resume",),
    "status": ("status",),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_can_be_none(
    workshop: Workshop, command: str, amount: Callable[[int, int], int]
) -> None:
    first = list(COMMANDS).index(command)
    for place in [*PLACES, *PLACES][first :: amount(4, 1)]:
        folder = workshop.begin(WORKS["merge"] if command == "merge" else MINES)
        path = folder / DISK / "x" / "y"
        if place != "below a file":
            path.parent.mkdir()
        PLACES[place](path)
        ended = workshop.host.run([*COMMANDS[command], f"{DISK}/x/y"], folder)
        if place == "leads nowhere" and ended.code == 0:
            continue  # a folder may be made there
        assert_sentence(ended, f"{DISK}/x/y")


OUTPUTS = {
    "write": (*SALT, "--force", "-o"),
    "score": ("score", "text.md", "--force", "--html"),
    "lint": ("data", "lint", "rows.jsonl", "--cores", "1", "--force", "--html"),
}


@pytest.mark.parametrize("command", OUTPUTS)
def test_an_output_that_is_no_file(
    workshop: Workshop, command: str, amount: Callable[[int, int], int]
) -> None:
    for place in list(PLACES)[1 :: amount(3, 1)]:
        folder = workshop.begin(MINES)
        path = folder / DISK / "x" / "y.html"
        if place != "below a file":
            path.parent.mkdir()
        PLACES[place](path)
        ended = workshop.host.run([*OUTPUTS[command], str(path)], folder)
        if place in {"a circle", "leads nowhere"}:
            assert ended.code == 0 and path.read_text().startswith("<!"), ended
        else:
            assert_sentence(ended, str(path), "can't be written")


class Fleeting(ScriptedEngine):
    """Deletes a folder before one of its calls."""

    def __init__(self, path: Path, before: int) -> None:
        super().__init__(Rule())
        self._path, self._left = path, before

    async def generate(self, request: Request, watch: Watch | None = None) -> Reply:
        self._left -= 1
        if self._left == 0:
            shutil.rmtree(self._path)
        return await super().generate(request, watch)


READ_ONLY = {
    "the run": ("run", ("resume", "run")),
    "its sections": ("run/sections", ("resume", "run")),
    "where runs go": (".", ("write", "On tides, 300 words", "--model", "scripted")),
    "where the document goes": (
        "desk", ("write", "On tides, 300 words", "--model", "scripted", "-o", "desk/tides.md")
    ),
    "where a set goes": (
        "desk",
        ("data", "build", "agentwrite", "--prompts", "prompts.txt", "--model", "scripted",
         "-o", "desk/set"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READ_ONLY)
def test_a_folder_that_can_only_be_read(tmp_path: Path, name: str) -> None:
    folder, arguments = READ_ONLY[name]
    (tmp_path / "desk").mkdir()
    (tmp_path / "prompts.txt").write_text("On tides, 300 words\n")
    call(tmp_path, "plan", "On salt, 900 words", "--model", "scripted", "--run", "run")
    (tmp_path / folder).chmod(0o555)
    refused = call(tmp_path, *arguments)
    assert refused.returncode == 2 and "longwrite: " in refused.stderr, refused
    assert "Traceback" not in refused.stderr and "can't be" in refused.stderr
    looked = call(tmp_path, "status", "run")
    assert looked.returncode == 0 and "of 900 words" in looked.stdout, looked
    (tmp_path / folder).chmod(0o755)
    done = call(tmp_path, *arguments)
    assert done.returncode == 0, done


def test_a_run_in_a_folder_that_can_only_be_read_is_looked_at(tmp_path: Path) -> None:
    call(tmp_path, "write", "On salt, 900 words", "--model", "scripted", "--run", "run")
    run = tmp_path / "run"
    before = {path: path.stat().st_mtime_ns for path in sorted(run.rglob("*"))}
    for path in (run, *before):
        path.chmod(0o555 if path.is_dir() else 0o444)
    for arguments in (("status", "run"), ("show", "run", "1"), ("show", "run", "1", "--prompt")):
        looked = call(tmp_path, *arguments)
        assert looked.returncode == 0 and looked.stdout.strip(), looked
    run.chmod(0o755)
    (run / "sections").chmod(0o755)
    assert call(tmp_path, "status", "run").returncode == 0
    assert before == {path: path.stat().st_mtime_ns for path in sorted(run.rglob("*"))}


RUN = ("brief.yaml", "plan.yaml", "calls.sqlite", "sections/1.md", "document.md", "report.json",
       ".lock")  # fmt: skip
SET = ("build.json", "README.md", "data/sft/train-00000-of-00001.parquet", ".work/shard.json",
       ".work/funnel.json", ".work/ledger.sqlite")  # fmt: skip
ONCE = ("write", "On salt, 900 words", "--model", "scripted", "--run", "copy")
BUILD = ("data", "build", "agentwrite", "--prompts", "prompts.txt", "--model", "scripted", "-o")


@pytest.mark.timeout(100)
@pytest.mark.parametrize("name", RUN)
def test_a_pipe_in_the_place_of_a_run_s_file(longwrite: Command, name: str) -> None:
    assert longwrite(*ONCE[:-1], "run").code == 0
    for arguments in (("status", "copy"), ("show", "copy", "1"), ("resume", "copy"), ONCE):
        put_pipe(Path("run"), name)
        ended = longwrite(*arguments)
        assert ended.code == 0 or (name in ended.err and ended.code == 2), ended


@pytest.mark.timeout(100)
@pytest.mark.parametrize("name", SET)
def test_a_pipe_in_the_place_of_a_set_s_file(longwrite: Command, name: str) -> None:
    Path("prompts.txt").write_text("On tides, 300 words\n")
    assert longwrite(*BUILD, "set").code == 0
    for arguments in (("data", "lint", "copy"), ("data", "card", "copy"), (*BUILD, "copy"),
                      ("data", "merge", "copy", "-o", "joined")):  # fmt: skip
        put_pipe(Path("set"), name)
        ended = longwrite(*arguments)
        assert ended.code in {0, 2, 6} and "Traceback" not in ended.err, ended


def put_pipe(folder: Path, name: str) -> None:
    """Copy a folder, with a pipe in the place of a file."""
    shutil.rmtree("copy", ignore_errors=True)
    shutil.copytree(folder, "copy")
    (Path("copy") / name).unlink()
    os.mkfifo(Path("copy") / name)


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody whom permissions bind, which they don't an administrator."""
    bound: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("permissions bind no administrator, and there is no setpriv")
        bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    run = [sys.executable, "-c", "from longwrite.cli.main import run; run()"]
    return subprocess.run(
        [*bound, *run, *arguments], cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip


def write(path: Path, engine: ScriptedEngine, words: int = 1_500) -> Outcome:
    brief = Brief("A history of salt", words, language="en")
    return asyncio.run(write_run(path, make_press(engine), brief))


def test_a_run_that_is_deleted_while_it_is_written(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole", ScriptedEngine(Rule()))
    calls = whole.report["calls"]["made"]
    for before in range(1, calls + 1):
        path = tmp_path / "run"
        with pytest.raises(LongwriteError, match=r"can't be (written|read)"):
            write(path, Fleeting(path, before))
        again = write(path, ScriptedEngine(Rule()))
        assert again.markdown == whole.markdown
        shutil.rmtree(path)


# --- the user's surroundings ---------------------------------------------------------------------

SURROUNDINGS: dict[str, tuple[dict[str, str | None], str]] = {
    "no home": (
        {"HOME": None, "XDG_STATE_HOME": None, "XDG_CONFIG_HOME": None},
        f"{WORLDS}:be_homeless",
    ),
    "a home that can't be written": ({"XDG_STATE_HOME": "/proc/self/none"}, ""),
    "no terminal": ({"TERM": None, "COLUMNS": "0", "LINES": "0"}, ""),
    "a narrow one": ({"TERM": "dumb", "COLUMNS": "1"}, ""),
    "no room for temporary files": ({"TMPDIR": "/none/at/all"}, ""),
    "a clock that jumps": ({}, f"{WORLDS}:turn_the_clock"),
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_odd_surroundings_change_no_byte(
    workshop: Workshop, name: str, amount: Callable[[int, int], int]
) -> None:
    environment, before = SURROUNDINGS[name]
    works = ["lint", "thread"] if amount(0, 1) == 0 else list(WORKS)
    for work in works:
        whole = workshop.whole(WORKS[work])
        folder = workshop.begin(WORKS[work])
        ended = workshop.host.run(
            WORKS[work].arguments, folder, environment=environment, before=before
        )
        assert ended.code == 0 and "Traceback" not in ended.err, ended
        assert texts(folder) == whole.texts
        assert journal(folder) == whole.calls


def test_the_log_keeps_its_order_while_the_clock_jumps(workshop: Workshop) -> None:
    work = Work(("write", "plan.yaml", "--mode", "thread", *JOURNAL, "--run", f"{DISK}/run"))
    folder = workshop.begin(work)
    assert workshop.host.run(work.arguments, folder, before=f"{WORLDS}:turn_the_clock").code == 0
    with closing(Store(folder / DISK / "run" / "calls.sqlite")) as store:
        logged = [f"{call.step} {call.section}" for call in store.list_calls()]
    made = [line.rpartition(" ")[0] for line in (folder / "journal").read_text().splitlines()]
    assert logged == made


def test_the_folder_that_a_command_runs_in_is_gone(workshop: Workshop) -> None:
    for arguments in (SALT, ("write", "On salt", *SCRIPTED), ("status", "run"), COMMANDS["batch"]):
        folder = workshop.begin(MINES)
        ended = workshop.host.run(arguments, folder, before=f"{WORLDS}:lose_the_folder")
        assert ended.code == 2 and "Traceback" not in ended.err, ended


# --- streams -------------------------------------------------------------------------------------

STREAMS = {
    "out is full": (">/dev/full", 2, "No space left"),
    "out is closed": (">&-", 0, ""),
    "a page is enough": ("| head -c 1", 0, "{"),
    "err is full": ("2>/dev/full", 0, "exit_code"),
    "err is closed": ("2>&-", 0, "exit_code"),
    "all are closed": ("<&- >&- 2>&-", 0, ""),
    "err is full, without JSON": ("2>/dev/full", 0, "words of 300"),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_takes_nothing(
    tmp_path: Path, name: str, amount: Callable[[int, int], int]
) -> None:
    if amount(0, 1) == 0 and name not in {"out is full", "all are closed"}:
        pytest.skip("only with --thorough")
    streams, code, said = STREAMS[name]
    style = [] if "without JSON" in name else ["--json"]
    command = [sys.executable, "-c", "from longwrite.cli.main import run; run()"]
    command += ["write", "On salt, 300 words", "--model", "scripted", "--run", "run", *style]
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f'"$@" {streams}', "bash", *command],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=280,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = done.stdout + done.stderr
    assert done.returncode == code and said in told, done
    assert "Traceback" not in told and "Exception ignored" not in told
    assert (tmp_path / "run" / "document.md").stat().st_size > 1_000


ENCODINGS = {
    "none but ASCII": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "said so": {"PYTHONIOENCODING": "ascii"},
    "Latin": {"PYTHONIOENCODING": "latin-1"},
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_terminal_of_another_encoding(
    tmp_path: Path, name: str, amount: Callable[[int, int], int]
) -> None:
    if amount(0, 1) == 0 and name != "none but ASCII":
        pytest.skip("only with --thorough")
    (tmp_path / "brief.txt").write_text("写一篇关于海的文章，300字", "utf-8")
    command = [sys.executable, "-c", "from longwrite.cli.main import run; run()", "write"]
    command += ["brief.txt", "--model", "scripted", "--run", "run", "--json"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT), **ENCODINGS[name]},
        capture_output=True, timeout=280, check=False,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert done.returncode == told["exit_code"] and b"Traceback" not in done.stderr
    assert told["title"] == yaml.safe_load((tmp_path / "run" / "plan.yaml").read_bytes())["title"]
    assert "海" in (tmp_path / "run" / "brief.yaml").read_text("utf-8")
