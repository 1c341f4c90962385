"""What a process shares with others: folders that one alone may write, and what the system lends.

The second process leaves at once and changes nothing; many documents take no more of the system
than one does, and a system that lends little gets fewer documents at a time.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from benchmarks.engine.server import Server
from longwrite.api import write_run
from longwrite.data.build import Builder
from longwrite.engines.scripted import Rule, ScriptedEngine
from longwrite.errors import RunError
from longwrite.types import Brief
from tests.data.stage import make_order, make_press
from tests.faults.serving import serve
from tests.faults.works import DISK, JOURNAL, WORKS, Work, Workshop, assert_told, journal, texts

RUN = f"{DISK}/run"
FORCE = {"batch": ["--force"], "build": []}
FILES = Path("/proc/self/fd")


def every_byte(folder: Path) -> dict[str, bytes]:
    """Return all files of a work."""
    files = (path for path in (folder / DISK).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(files)}


# --- a second process ----------------------------------------------------------------------------

DAG, BATCH, BUILD, MERGE = (WORKS[name] for name in ("dag", "batch", "build", "merge"))
BEGUN = (*DAG.arguments, "--stop-after", "plan")
SECONDS: dict[str, tuple[Work, str]] = {
    "write": (Work(DAG.arguments, (BEGUN,)), f"{RUN}/.lock"),
    "write anew": (Work((*DAG.arguments, "--fresh"), (BEGUN,)), f"{RUN}/.lock"),
    "plan": (Work(("plan", "plan.yaml", *JOURNAL, "--run", RUN), (BEGUN,)), f"{RUN}/.lock"),
    "resume": (Work(("resume", RUN, *JOURNAL), (BEGUN,)), f"{RUN}/.lock"),
    "rewrite": (Work(("rewrite", RUN, "a", *JOURNAL), (DAG.arguments,)), f"{RUN}/.lock"),
    "batch": (Work((*BATCH.arguments, "--force"), (BATCH.arguments,)), f"{RUN}/.lock"),
    "batch anew": (
        Work((*BATCH.arguments, "--fresh", "--force"), (BATCH.arguments,)),
        f"{RUN}/.lock",
    ),
    "build": (Work(BUILD.arguments, (BUILD.arguments,)), f"{DISK}/set/.work/.lock"),
    "merge": (MERGE, f"{DISK}/2/.work/.lock"),
}
"""What comes second, after what was done before, while another process holds a lock."""


@pytest.mark.parametrize("name", SECONDS)
def test_a_second_process_leaves_at_once_and_changes_nothing(workshop: Workshop, name: str) -> None:
    work, lock = SECONDS[name]
    folder = workshop.begin(work)
    called = journal(folder)
    with FileLock(folder / lock):
        before = every_byte(folder)
        ended = workshop.host.run(work.arguments, folder)
        assert ended.code == 2 and "is in use: another process" in ended.err, ended
        assert every_byte(folder) == before
        assert journal(folder) == called


# --- descriptors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["batch", "build"])
def test_few_open_files_let_fewer_documents_be_open(
    workshop: Workshop, name: str, amount: Callable[[int, int], int]
) -> None:
    work, count = WORKS[name], amount(6, 24)
    arguments = [*work.arguments, "--concurrency", "64"]
    folder = _begin_many(workshop, work, count)
    assert workshop.host.run(arguments, folder).code == 0
    wanted = texts(folder)
    for files in (32, 8, 12, 16, 20, 24, 28, 40, 64)[: amount(1, 9)]:
        folder = _begin_many(workshop, work, count)
        ended = workshop.host.run(arguments, folder, limits={"RLIMIT_NOFILE": files})
        assert_told(ended, "Too many open files|unable to open")
        assert ended.code == 0 or files < 32, ended
        if ended.code:
            assert workshop.host.run([*arguments, *FORCE[name]], folder).code == 0
        assert texts(folder) == wanted


def _begin_many(workshop: Workshop, work: Work, count: int) -> Path:
    folder = workshop.begin(work)
    prompts = [f"Write 60 words about salt mine number {number}." for number in range(count)]
    (folder / "prompts.txt").write_text("\n".join(prompts))
    rows = [json.dumps({"prompt": prompt, "length": 60}) + "\n" for prompt in prompts]
    (folder / "rows.jsonl").write_text("".join(rows))
    return folder


def test_few_open_files_and_a_server_asked_for_much_at_once(
    workshop: Workshop, amount: Callable[[int, int], int]
) -> None:
    if amount(0, 1) == 0:
        pytest.skip("only with --thorough")
    folder = workshop.begin(DAG)
    leaves = [f"- {{id: s{number}, title: Mine {number}, words: 100}}" for number in range(40)]
    (folder / "many.yaml").write_text("\n".join(["title: Salt", "sections:", *leaves]))
    with serve(Server(chunk=64)) as address:
        arguments = ["write", "many.yaml", "--mode", "dag", "--concurrency", "64", "--quiet"]
        arguments += ["--model", "modelled", "--base-url", address, "--run"]
        assert workshop.host.run([*arguments, RUN], folder).code in {0, 6}
        few = f"{DISK}/few"
        ended = workshop.host.run([*arguments, few], folder, limits={"RLIMIT_NOFILE": 40})
        assert "Traceback" not in ended.err
        if ended.code not in {0, 6}:
            assert ended.err.startswith("longwrite: "), ended
            assert workshop.host.run([*arguments, few], folder).code in {0, 6}
    whole = (folder / RUN / "document.md").read_bytes()
    assert (folder / few / "document.md").read_bytes() == whole


# --- many documents ------------------------------------------------------------------------------


def test_many_documents_leave_no_file_open_and_no_memory_taken(
    tmp_path: Path, amount: Callable[[int, int], int], tell: Callable[[str, int], None]
) -> None:
    if not FILES.exists():
        pytest.skip("there is no /proc")
    count = amount(8, 60)

    async def write() -> tuple[list[int], list[int]]:
        press = make_press(ScriptedEngine(Rule()))
        files, memory = [], []
        for number in range(count):
            brief = Brief(f"On salt mine number {number}", 400, language="en")
            await write_run(tmp_path / str(number), press, brief)
            files.append(len(os.listdir(FILES)))
            memory.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4_096)
        return files, memory

    files, memory = asyncio.run(write())
    assert files[-1] == files[0], files
    grown = memory[-1] - memory[count // 4]
    assert grown < 16 * 2**20, f"{grown:,} bytes"
    tell("documents written in one process", count)


@pytest.mark.parametrize("damaged", ["calls.sqlite", "ledger.sqlite"])
def test_a_build_that_can_not_begin_lets_go_of_all_it_opened(tmp_path: Path, damaged: str) -> None:
    if not FILES.exists():
        pytest.skip("there is no /proc")
    before = len(os.listdir(FILES))
    (tmp_path / ".work").mkdir()
    (tmp_path / ".work" / damaged).write_bytes(b"no database" * 1_000)
    with pytest.raises(RunError, match=damaged) as caught:
        Builder(make_order(tmp_path), make_press(ScriptedEngine(Rule())))
    assert len(os.listdir(FILES)) == before, "as long as the error is held too"
    assert caught.value.mend


# --- no network ----------------------------------------------------------------------------------


def test_a_server_of_no_known_name(workshop: Workshop) -> None:
    folder = workshop.begin(DAG)
    arguments = ["write", "On salt", "--model", "m", "--base-url", "http://salt.invalid/v1"]
    ended = workshop.host.run([*arguments, "--run", RUN, "--quiet"], folder)
    assert ended.code == 5 and "salt.invalid" in ended.err and "Traceback" not in ended.err
    assert not (folder / RUN / "document.md").exists()
