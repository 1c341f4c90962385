"""The run folder: one process at a time, whole files, and no edit overwritten in silence."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.errors import RunError, UsageError
from longwrite.runs.folder import SAFE_ID, RunFolder, is_locked, replace_file, slugify


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    """Return an open run."""
    with RunFolder(tmp_path / "run") as opened:
        yield opened


# --- one process at a time -----------------------------------------------------------------------

HOLD = """
import sys
from pathlib import Path
from longwrite.runs.folder import RunFolder
with RunFolder(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_process_is_refused_at_once(tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-c", HOLD, str(run)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None and other.stdout.readline() == b"held\n"
            assert is_locked(run)
            with pytest.raises(RunError, match="another process") as caught:
                RunFolder(run)
            assert f"longwrite status {run}" in caught.value.mend
        finally:
            other.kill()
            other.wait()
    assert not is_locked(run)
    with RunFolder(run) as folder:
        assert folder.read("brief.yaml") is None


def test_a_folder_is_free_after_it_failed_to_open(tmp_path: Path) -> None:
    (tmp_path / "calls.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(RunError, match="damaged"):
        RunFolder(tmp_path)
    assert not is_locked(tmp_path)


def test_looking_at_a_folder_makes_nothing(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["file", "file/below", "x" * 300])
def test_what_cannot_be_a_folder_is_a_usage_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(UsageError, match="can't be written"):
        RunFolder(tmp_path / name)


# --- edits ---------------------------------------------------------------------------------------


def test_a_hand_edit_is_noticed(folder: RunFolder) -> None:
    file = folder.path / "plan.yaml"
    assert not folder.is_edited("plan.yaml")
    folder.write("plan.yaml", "ours\n")
    assert not folder.is_edited("plan.yaml")
    file.write_text("theirs\n", "utf-8")
    assert folder.is_edited("plan.yaml")
    folder.write("plan.yaml", "ours again\n")
    assert folder.read("plan.yaml") == "ours again\n"
    assert not folder.is_edited("plan.yaml")


def test_our_own_text_is_no_edit_whatever_its_line_ends(folder: RunFolder) -> None:
    folder.write("sections/1.md", "one\r\ntwo\rthree\n")
    assert not folder.is_edited("sections/1.md")
    assert folder.read("sections/1.md") == "one\ntwo\nthree\n"


def test_an_edited_file_is_put_aside_under_a_name_of_its_own(folder: RunFolder) -> None:
    file = folder.path / "sections" / "1.2.md"
    file.write_text("theirs", "utf-8")
    kept = folder.put_aside("sections/1.2.md")
    assert kept != file and kept.read_text("utf-8") == "theirs"
    assert folder.put_aside("sections/1.2.md") == kept
    file.write_text("theirs, later", "utf-8")
    assert folder.put_aside("sections/1.2.md") != kept
    assert kept.read_text("utf-8") == "theirs"


def test_what_was_written_is_known_after_reopening(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder:
        folder.write("document.md", "ours")
    with RunFolder(tmp_path) as folder:
        assert not folder.is_edited("document.md")


def test_a_file_that_is_no_text_is_told(folder: RunFolder) -> None:
    (folder.path / "document.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RunError, match=r"document\.md can't be read"):
        folder.read("document.md")


def test_what_is_no_file_is_told_and_not_waited_for(folder: RunFolder) -> None:
    os.mkfifo(folder.path / "document.md")
    with pytest.raises(RunError, match=r"document\.md can't be read.*no file"):
        folder.read("document.md")
    folder.write("document.md", "ours")
    assert folder.read("document.md") == "ours"


# --- whole files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    path = tmp_path / "document.md"
    replace_file(path, "old")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail) if step == "fsync" else monkeypatch.setattr(
        Path, "replace", fail
    )
    with pytest.raises(UsageError, match="No space left") as caught:
        replace_file(path, "new")
    assert "kept" in caught.value.mend
    assert path.read_text("utf-8") == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["document.md"]


def test_a_text_that_cannot_be_encoded_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "document.md"
    replace_file(path, "old")
    with pytest.raises(UsageError, match="not valid Unicode"):
        replace_file(path, "new \ud800")
    assert path.read_text("utf-8") == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["document.md"]


def test_a_place_that_cannot_be_written_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "x.md", tmp_path / "none" / "x.md"):
        with pytest.raises(UsageError, match="can't be written"):
            replace_file(path, "text")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r")))
def test_any_text_is_written_as_it_is(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.md"
    replace_file(path, text)
    assert path.read_bytes().decode("utf-8") == text


# --- names ---------------------------------------------------------------------------------------


@given(st.text(), st.integers(1, 200))
def test_a_slug_names_one_folder_and_never_escapes(text: str, limit: int) -> None:
    slug = slugify(text, limit)
    assert slug and slug.strip("-") == slug
    assert all(char.isalnum() or char == "-" for char in slug)
    assert len(slug.encode()) <= 80
    assert (Path("/runs") / slug).resolve().parent == Path("/runs")


def test_slugs_read_as_titles_do() -> None:
    assert slugify("Write a guide to tide tables, with care for every detail") == (
        "write-a-guide-to-tide-tables-with-care"
    )
    assert slugify("写一篇关于海的文章") == "写一篇关于海的文章"
    assert slugify("../..") == slugify("") == "document"


@pytest.mark.parametrize("name", ["1", "1.2.10", "m12", "a_b-c", "x" * 64])
def test_ids_that_may_name_a_file(name: str) -> None:
    assert SAFE_ID.fullmatch(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/b", "a\\b", "1..2", ".hidden", "a b", "a\n", "ä", "x" * 65]
)
def test_ids_that_may_not(name: str) -> None:
    assert not SAFE_ID.fullmatch(name)
