"""What a power cut or a bad disk does to a file is mended or told in a sentence, never passed on.

Runs and sets, half-done and finished, get one file damaged: cut, zeroed from some byte on as file
systems leave it, or with one bit the other way. Then the same command is given again. What a person
might have done to a file that a person may edit is taken for that, and said aloud.
"""

from __future__ import annotations

import random
import re
import shutil
import signal
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from longwrite.agent.manuscript import Manuscript
from longwrite.agent.record import load_plan, save_plan
from longwrite.errors import RunError
from longwrite.runs.folder import RunFolder, is_section_remnant
from longwrite.types import Plan, Section, Written
from tests.faults.killing import JOURNAL, WORKS, Ended, Running, completed, outcome, prepare

Amount = Callable[[int, int], int]
Tell = Callable[[str, int], None]
Damage = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True, slots=True)
class Bench:
    """A work to be damaged.

    Attributes:
        arguments: The command.
        states: Folders in which it was killed on the way, and one in which it is finished.
        left: What it leaves undisturbed.
    """

    arguments: list[str]
    states: Sequence[Path]
    left: Mapping[str, object]

    def do(self, place: Path) -> Ended:
        """Give the command again."""
        ended = Running(self.arguments, place, {}).end()
        assert "Traceback" not in ended.told, ended.told
        return ended


def make_bench(name: str, folder: Path, shares: Sequence[float]) -> Bench:
    """Do a work once as a whole, and up to these shares of its steps."""
    arguments = WORKS[name]
    whole = prepare(folder / "whole")
    steps = Running(arguments, whole, {}).end().steps
    states = [whole]
    for number, share in enumerate(shares):
        place = prepare(folder / f"killed-{number}")
        Running(arguments, place, {round(share * steps): signal.SIGKILL}).end()
        states.append(place)
    return Bench(arguments, states, settle(whole))


def settle(place: Path) -> Mapping[str, object]:
    """Return what a work left; a set's documents are its own affair once their rows are made."""
    for name in place.glob("set/.work/runs"):
        shutil.rmtree(name)
    return outcome(place)


# --- any file, anywhere --------------------------------------------------------------------------


def cut(data: bytes, rng: random.Random) -> bytes:
    """Leave the beginning."""
    return data[: rng.randrange(len(data))]


def zero(data: bytes, rng: random.Random) -> bytes:
    """Leave the beginning, and zeros."""
    start = rng.randrange(len(data))
    return data[:start] + bytes(len(data) - start)


def flip(data: bytes, rng: random.Random) -> bytes:
    """Turn one bit."""
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << rng.randrange(8)]) + data[place + 1 :]


DAMAGES: Sequence[Damage] = (cut, zero, flip)
GIVEN = {"rows.jsonl", "prompts.txt", "recipe.yaml", JOURNAL}


def draw_file(place: Path, rng: random.Random) -> Path:
    """Return a file that the work wrote; a rare kind of them is as likely as a frequent one."""
    kinds: dict[tuple[bool, str], list[Path]] = {}
    for path in sorted(place.rglob("*")):
        if path.is_file() and path.name not in GIVEN and path.stat().st_size:
            kind = "section" if path.parent.name == "sections" else path.name
            kinds.setdefault(("runs" in path.parts, kind), []).append(path)
    return rng.choice(kinds[rng.choice(sorted(kinds))])


def judge(bench: Bench, place: Path, damaged: Path, damage: Damage) -> str:
    """Give the command again in a damaged place and tell what became of it, if that may be."""
    ended = bench.do(place)
    if ended.code == 2 or (ended.code == 3 and re.search(r"^  row \d: .+\.$", ended.told, re.M)):
        return "told in a sentence"
    left = settle(place)
    if left == bench.left:
        return "mended, the end the same to the byte"
    changed = {name for name in {*left, *bench.left} if left.get(name) != bench.left.get(name)}
    assert re.search(r"(Section \S+|plan\.yaml|document\.md) was edited by hand", ended.told), ended
    if damaged.name == "document.md":
        assert all(re.search(r"document\.edited-\w+\.md$", name) for name in changed)
    elif "-wal" not in damaged.name:
        assert damage is flip, "what broke off was taken for a person's edit"
        assert damaged.name == "plan.yaml" or damaged.parent.name == "sections"
    for name in changed:
        text = bench.left.get(name)
        if "/sections/" in name and isinstance(text, bytes) and (place / name).exists():
            assert not is_section_remnant(place / name, text.decode().removesuffix("\n"))
    return "taken for an edit by hand, and told"


@pytest.mark.parametrize("name", ["dag", "batch", "documents", "rows"])
def test_a_damaged_file_is_mended_or_told(
    tmp_path: Path, amount: Amount, tell: Tell, name: str
) -> None:
    shares = [0.4, 0.6, 0.3, 0.8][: amount(1, 4)]
    bench, rng = make_bench(name, tmp_path, shares), random.Random(name)
    place = tmp_path / "damaged"
    for _ in range(amount(5, 100)):
        shutil.copytree(rng.choice(bench.states), place)
        path, damage = draw_file(place, rng), rng.choice(DAMAGES)
        path.write_bytes(damage(path.read_bytes(), rng))
        tell(f"damages {judge(bench, place, path, damage)}", 1)
        shutil.rmtree(place)


# --- the log's end -------------------------------------------------------------------------------


def kept(log: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return what a log waited for the disk with: all but the calls and their messages."""
    with closing(sqlite3.connect(log)) as database:
        known = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
        tables = known & {"meta", "pins", "files"}
        return {name: sorted(database.execute(f"SELECT * FROM {name}")) for name in tables}


def lose_calls(place: Path, scratch: Path) -> int:
    """Cut as many of the last commits off the log as held calls alone; returns those calls.

    That is what a power cut may do: a call's commit doesn't wait for the disk, the others do.
    """
    log, wal = place / "run" / "calls.sqlite", place / "run" / "calls.sqlite-wal"
    data = wal.read_bytes()
    size = 24 + int.from_bytes(data[8:12], "big")  # of a frame: its head and a page
    commits = [
        end
        for end in range(32 + size, len(data) + 1, size)
        if data[end - size + 4 : end - size + 8] != bytes(4)
    ]

    def look(end: int) -> tuple[dict[str, list[tuple[object, ...]]], int]:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        shutil.copy(log, scratch)
        (scratch / wal.name).write_bytes(data[:end])
        return kept(scratch / log.name), len(completed(scratch))

    (before, calls), best = look(len(data)), len(data)
    lost = 0
    for end in reversed(commits):
        found, left = look(end)
        if found != before:
            break
        best, lost = end, calls - left
    wal.write_bytes(data[:best])
    return lost


def test_calls_that_a_power_cut_took_are_asked_again(
    tmp_path: Path, amount: Amount, tell: Tell
) -> None:
    bench = make_bench("dag", tmp_path, ())
    for number in range(3, 14, amount(8, 1)):
        place = prepare(tmp_path / str(number))
        # This is said when the log is opened, and after each call that it took in.
        kill = {number: signal.SIGKILL}
        assert Running(bench.arguments, place, kill, "PRAGMA synchronous=FULL").end().killed
        lost = lose_calls(place, tmp_path / "scratch")
        assert lost
        tell("calls lost with the log's end and asked again", lost)
        assert bench.do(place).code == 0
        assert settle(place) == bench.left


# --- a person's files ----------------------------------------------------------------------------

PLAN = Plan("Salt", (Section("1", "Mines", words=30), Section("2", "Ships", words=30)))
TEXT = "Salt lay in the earth. 盐在地下。\n\nIt was cut, carried and sold; and so it went."


def written(folder: RunFolder, notes: list[str] | None = None) -> Manuscript:
    told: list[str] = [] if notes is None else notes
    manuscript = Manuscript(folder, PLAN, told.append)
    for leaf in manuscript.leaves:
        if not manuscript.is_written(leaf.id):
            manuscript.accept(leaf, "draft", Written(TEXT, 30, 20))
    return manuscript


@pytest.mark.parametrize("zeros", [False, True])
def test_a_section_that_breaks_off_anywhere_is_put_back(
    tmp_path: Path, amount: Amount, zeros: bool
) -> None:
    with RunFolder(tmp_path) as folder:
        written(folder)
        path = tmp_path / "sections" / "1.md"
        whole = path.read_bytes()
        for end in range(1, len(whole), amount(9, 1)):
            path.write_bytes(whole[:end] + bytes(len(whole) - end if zeros else 0))
            notes: list[str] = []
            manuscript = written(folder, notes)
            if whole[:end].endswith(b"\n") and not zeros:  # as an editor leaves it
                assert manuscript.is_by_hand("1") and "edited by hand" in notes[0]
                folder.store._execute("DELETE FROM pins WHERE stage='hand'")
                folder.write("sections/1.md", whole.decode())
            else:
                assert manuscript.text("1") == TEXT and "put back" in notes[0]
                assert path.read_bytes() == whole


def test_the_last_sentence_may_be_dropped_by_hand(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder:
        written(folder)
        path = tmp_path / "sections" / "1.md"
        path.write_text("Salt lay in the earth.\n", "utf-8")
        assert written(folder).text("1") == "Salt lay in the earth."


@pytest.mark.parametrize("zeros", [False, True])
def test_a_plan_that_lacks_its_end_is_put_back(tmp_path: Path, amount: Amount, zeros: bool) -> None:
    with RunFolder(tmp_path) as folder:
        save_plan(folder, PLAN)
        path = tmp_path / "plan.yaml"
        whole = path.read_bytes()
        for end in range(0, len(whole), amount(9, 1)):
            path.write_bytes(whole[:end] + bytes(len(whole) - end if zeros else 0))
            notes: list[str] = []
            assert load_plan(folder, notes.append) == PLAN and "put back" in notes[0]
            assert path.read_bytes() == whole


def test_sections_may_be_dropped_from_a_plan_by_hand(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder:
        save_plan(folder, PLAN)
        path = tmp_path / "plan.yaml"
        lines = path.read_text("utf-8").split("\n")
        second = next(number for number, line in enumerate(lines) if "'2'" in line)
        path.write_text("\n".join([*lines[:second], *lines[-2:]]), "utf-8")
        notes: list[str] = []
        plan = load_plan(folder, notes.append)
        assert plan is not None and [section.id for section in plan.sections] == ["1"]
        assert "edited by hand" in notes[0]
        assert load_plan(folder, notes.append) == plan and len(notes) == 1


# --- the record of texts -------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["final", "hand"])
def test_a_damaged_last_text_is_told_and_no_earlier_one_takes_its_place(
    tmp_path: Path, stage: str
) -> None:
    with RunFolder(tmp_path) as folder:
        manuscript = written(folder)
        manuscript.accept(manuscript.leaves[0], stage, Written("The last word.", 30, 3))
        spoil = "UPDATE pins SET written = replace(written, 'last', 'lost') WHERE stage = ?"
        folder.store._execute(spoil, (stage,))
        with pytest.raises(RunError, match="section 1"):
            Manuscript(folder, PLAN)
        assert "The last word." in (tmp_path / "sections" / "1.md").read_text("utf-8")


def test_a_text_of_ours_is_no_edit_though_the_record_of_its_file_is_damaged(
    tmp_path: Path,
) -> None:
    with RunFolder(tmp_path) as folder:
        written(folder)
        folder.store._execute("UPDATE files SET hash = 'spoilt'")
        assert not written(folder).is_by_hand("1")


def test_a_unit_whose_rows_are_damaged_is_made_again(tmp_path: Path) -> None:
    bench = make_bench("rows", tmp_path, ())
    (place,) = bench.states
    with closing(sqlite3.connect(place / "set" / ".work" / "ledger.sqlite")) as ledger, ledger:
        ledger.execute("UPDATE units SET body = replace(body, ' the ', ' teh ')")
    before = completed(place)
    assert bench.do(place).code == 0
    assert settle(place) == bench.left and completed(place) == before
