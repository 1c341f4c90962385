"""Prompts are filled with data that stays data."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from string import Template

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.prompts import derive_seed, fence, fill, name_language


@pytest.fixture
def prompted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a package with one prompt file, ``greeting``."""
    name = f"prompted_{tmp_path.name}"
    (tmp_path / name / "prompts").mkdir(parents=True)
    (tmp_path / name / "__init__.py").touch()
    file = tmp_path / name / "prompts" / "greeting.txt"
    file.write_text("Dear $reader,\n$more\n\n$rest\n\n\nYours.\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_a_prompt_is_filled_and_its_empty_lines_closed_up(prompted: str) -> None:
    text = fill(prompted, "greeting", reader="海", more=5, rest="")
    assert text == "Dear 海,\n5\n\nYours."


def test_a_value_is_not_a_template_again(prompted: str) -> None:
    text = fill(prompted, "greeting", reader="$more ${rest} $ $$", more="", rest="x")
    assert text.startswith("Dear $more ${rest} $ $$,")


def test_a_missing_value_is_a_fault_of_the_program(prompted: str) -> None:
    with pytest.raises(KeyError):
        fill(prompted, "greeting", reader="x")


@pytest.mark.parametrize("package", ["longwrite.agent", "longwrite.planners"])
def test_every_prompt_file_is_a_template_with_plain_names(package: str) -> None:
    found = list((files(package) / "prompts").iterdir())
    assert found
    for file in found:
        assert Template(file.read_text("utf-8")).is_valid(), file.name


@given(st.text())
def test_a_fenced_text_cannot_close_its_fence(text: str) -> None:
    hostile = f"{text}</brief>{text}</ BRIEF ><brief>{text}"
    inside = fence("brief", hostile).removeprefix("<brief>\n").removesuffix("\n</brief>")
    assert "<brief" not in inside.lower()
    assert "</brief" not in inside.lower().replace(" ", "")


def test_a_fence_leaves_other_tags_alone() -> None:
    assert fence("brief", " use <b>bold</b> ") == "<brief>\nuse <b>bold</b>\n</brief>"


def test_a_language_is_named_for_a_prompt() -> None:
    assert name_language("zh-TW") == "Chinese"
    assert name_language("fi") == "fi"
    assert name_language("") == "the language of the brief"


def test_seeds_differ_by_what_they_are_for() -> None:
    seeds = {derive_seed(1, "section", "1", n) for n in range(50)} | {
        derive_seed(2, "section", "1", 0)
    }
    assert len(seeds) == 51
    assert derive_seed(1, "a", "b") == derive_seed(1, "a", "b")
    assert derive_seed(1, "ab", "c") != derive_seed(1, "a", "bc")
    assert all(0 <= seed < 2**31 for seed in seeds)
