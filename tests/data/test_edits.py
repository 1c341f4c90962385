"""A person's changes to a run, as pairs in the run's own thread."""

from __future__ import annotations

from pathlib import Path

import pytest

from longwrite.data.edits import Edits
from longwrite.data.recipe import Recipe
from longwrite.data.rows import Unit
from longwrite.errors import UsageError
from tests.agent.stage import PLAN, PLAN_BRIEF, write
from tests.data.pairing import HOSTILE, make, make_only, only_unit, prose, reasons_of, rows_of
from tests.planners.stub import StubEngine


@pytest.fixture
def run(tmp_path: Path) -> Path:
    path = tmp_path / "salt"
    write(path, PLAN_BRIEF, plan=PLAN)
    return path


def section(run: Path, name: str) -> Path:
    """Return a section's file."""
    return run / "sections" / f"{name}.md"


def test_a_run_that_nobody_touched_has_no_edits(run: Path) -> None:
    assert list(Edits((str(run),)).units()) == []


def test_an_edit_is_a_turn_of_the_runs_thread(tmp_path: Path, run: Path) -> None:
    written = section(run, "2").read_text("utf-8").strip()
    edited = f"{prose(1, 40)}\n\n{written}"
    section(run, "2").write_text(f"{edited}\n", "utf-8")
    recipe, engine = Edits((str(run),)), StubEngine()
    assert isinstance(recipe, Recipe)
    (row,) = rows_of(make_only(tmp_path, recipe, engine))
    assert (row.chosen, row.rejected) == (edited, written)
    assert [one.role for one in row.prompt] == ["system", "user", "assistant", "user"]
    assert "Ships" in row.prompt[-1].content
    assert row.prompt[2].content == section(run, "1").read_text("utf-8").strip()
    assert not row.ends and row.provenance["by"] == "person" and not engine.requests


def test_the_last_section_ends_the_document(tmp_path: Path, run: Path) -> None:
    section(run, "3").write_text(prose(1, 90), "utf-8")
    recipe = Edits((str(run),))
    (row,) = rows_of(make_only(tmp_path, recipe, StubEngine()))
    assert row.ends


def test_an_edit_that_a_later_run_took_up_is_still_one(tmp_path: Path, run: Path) -> None:
    written = section(run, "2").read_text("utf-8").strip()
    section(run, "2").write_text(prose(1, 90), "utf-8")
    before = only_unit(Edits((str(run),)).units())
    write(run)
    after = only_unit(Edits((str(run),)).units())
    assert after == before and after.data["written"] == written


def test_blanks_are_no_edit_and_hostile_text_no_choice(tmp_path: Path, run: Path) -> None:
    written = section(run, "1").read_text("utf-8")
    section(run, "1").write_text(written.replace(" ", "  ", 3), "utf-8")
    section(run, "2").write_text(str(HOSTILE["leaked tags"]), "utf-8")
    recipe = Edits((str(run),))
    units = [unit for unit in recipe.units() if isinstance(unit, Unit)]
    found = [one for unit in units for one in make(tmp_path, recipe, unit, StubEngine())]
    assert reasons_of(found) == ["only blanks were changed", "leaked tags"]


def test_a_folder_without_runs_is_an_error_and_a_damaged_run_a_drop(
    tmp_path: Path, run: Path
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="holds no run"):
        list(Edits((str(tmp_path / "empty"),)).units())
    (run / "plan.yaml").write_text("title: [", "utf-8")
    assert reasons_of(list(Edits((str(run),)).units())) == ["run can't be read"]
