"""Texts pinned while their nodes hold, laid out as files, and outranked by a person's hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from longwrite.agent.manuscript import Manuscript
from longwrite.runs.folder import RunFolder
from longwrite.types import Plan, Section, Written
from tests.agent.stage import PLAN, PLAN_BRIEF, calls_made, write


def fill(manuscript: Manuscript, stage: str = "draft") -> None:
    """Accept a text for every leaf."""
    for leaf in manuscript.leaves:
        text = f"The {stage} of {leaf.title}."
        manuscript.accept(leaf, stage, Written(text, leaf.words, 4))
    manuscript.lay_out()


def changed(plan: Plan, **fields: Any) -> Plan:
    """Return the plan with the first section changed."""
    first = replace(plan.sections[0], **fields)
    return replace(plan, sections=(first, *plan.sections[1:]))


def section_file(folder: RunFolder, name: str) -> Path:
    """Return the file of a section."""
    return folder.path / "sections" / f"{name}.md"


def test_a_text_is_pinned_and_taken_up_again(folder: RunFolder) -> None:
    fill(Manuscript(folder, PLAN))
    again = Manuscript(folder, PLAN)
    assert again.text("2") == "The draft of Ships."
    assert again.document() == (folder.path / "document.md").read_text("utf-8")
    assert again.words("2") == 5 and again.total() == 5 * 3 + 1
    assert not again.is_settled("2")


def test_a_pin_holds_while_its_node_does(folder: RunFolder) -> None:
    fill(Manuscript(folder, PLAN))
    for fields in ({"words": 400}, {"goal": "Other."}, {"note": "Shorter."}, {"revision": 1}):
        edited = Manuscript(folder, changed(PLAN, **fields))
        assert not edited.is_written("1") and edited.is_written("2")
    assert Manuscript(folder, PLAN).text("1") == "The draft of Mines."


def test_a_later_stage_outranks_an_earlier_one_and_the_draft_stays_the_basis(
    folder: RunFolder,
) -> None:
    manuscript = Manuscript(folder, PLAN)
    fill(manuscript)
    fill(manuscript, "seam")
    again = Manuscript(folder, PLAN)
    assert again.text("1") == "The seam of Mines."
    assert again.basis("1").text == "The draft of Mines."
    again.settle()
    assert all(again.is_settled(leaf.id) for leaf in again.leaves)
    assert Manuscript(folder, PLAN).basis("1").text == "The seam of Mines."


def test_a_revision_is_pinned_only_when_all_is_settled(folder: RunFolder) -> None:
    manuscript = Manuscript(folder, PLAN)
    fill(manuscript)
    manuscript.revise(manuscript.leaves[0], Written("Revised.", 300, 1))
    assert Manuscript(folder, PLAN).text("1") == "The draft of Mines."
    manuscript.settle()
    assert Manuscript(folder, PLAN).text("1") == "Revised."


# --- a person's hand -----------------------------------------------------------------------------


def test_a_section_edited_by_hand_outranks_all_and_is_told(folder: RunFolder) -> None:
    fill(Manuscript(folder, PLAN), "final")
    section_file(folder, "2").write_text("My own words.\n", "utf-8")
    told: list[str] = []
    manuscript = Manuscript(folder, PLAN, told.append)
    assert manuscript.text("2") == "My own words." and manuscript.is_by_hand("2")
    assert any("Section 2 was edited by hand" in message for message in told)
    assert "My own words." in (folder.path / "document.md").read_text("utf-8")
    told.clear()
    assert Manuscript(folder, PLAN, told.append).is_by_hand("2") and not told


def test_a_hand_edit_may_be_edited_again(folder: RunFolder) -> None:
    fill(Manuscript(folder, PLAN))
    for text in ("First edit.", "Second edit.", "Third edit."):
        section_file(folder, "2").write_text(text, "utf-8")
        assert Manuscript(folder, PLAN).text("2") == text


def test_a_section_may_be_written_by_hand_before_any_engine(folder: RunFolder) -> None:
    section_file(folder, "3").write_text("# Mine\n\nAll mine.\n", "utf-8")
    manuscript = Manuscript(folder, PLAN)
    assert manuscript.is_by_hand("3") and not manuscript.is_written("1")


def test_an_emptied_section_is_no_edit_and_is_restored(folder: RunFolder) -> None:
    fill(Manuscript(folder, PLAN))
    section_file(folder, "2").write_text("  \n", "utf-8")
    assert Manuscript(folder, PLAN).text("2") == "The draft of Ships."
    assert section_file(folder, "2").read_text("utf-8") == "The draft of Ships.\n"


def test_deleted_files_are_restored(folder: RunFolder) -> None:
    fill(Manuscript(folder, PLAN))
    before = (folder.path / "document.md").read_text("utf-8")
    section_file(folder, "1").unlink()
    (folder.path / "document.md").unlink()
    Manuscript(folder, PLAN)
    assert section_file(folder, "1").read_text("utf-8") == "The draft of Mines.\n"
    assert (folder.path / "document.md").read_text("utf-8") == before


def test_a_document_edited_by_hand_is_put_aside(folder: RunFolder) -> None:
    fill(Manuscript(folder, PLAN))
    document = folder.path / "document.md"
    document.write_text("All my own.", "utf-8")
    told: list[str] = []
    Manuscript(folder, PLAN, told.append)
    assert "The draft of Mines." in document.read_text("utf-8")
    (kept,) = folder.path.glob("document.edited-*.md")
    assert kept.read_text("utf-8") == "All my own."
    assert any(kept.name in message for message in told)


def test_a_file_edited_while_a_run_goes_on_is_put_aside(folder: RunFolder) -> None:
    manuscript = Manuscript(folder, PLAN)
    fill(manuscript)
    section_file(folder, "1").write_text("Mine, meanwhile.", "utf-8")
    fill(manuscript, "seam")
    assert section_file(folder, "1").read_text("utf-8") == "The seam of Mines.\n"
    (kept,) = (folder.path / "sections").glob("1.edited-*.md")
    assert kept.read_text("utf-8") == "Mine, meanwhile."


def test_line_ends_of_a_reply_make_no_hand_edit(folder: RunFolder) -> None:
    manuscript = Manuscript(folder, PLAN)
    manuscript.accept(manuscript.leaves[0], "draft", Written("One.\r\n\r\nTwo.\rThree.", 300, 3))
    assert not Manuscript(folder, PLAN).is_by_hand("1")


# --- whole runs ----------------------------------------------------------------------------------


def test_edits_of_plan_and_files_touch_just_the_sections_they_name(tmp_path: Path) -> None:
    first = write(tmp_path, PLAN_BRIEF, plan=PLAN)
    assert first.exit_code == 0 and calls_made(first) > 0
    again = write(tmp_path)
    assert again.untouched and again.markdown == first.markdown

    edited = tmp_path / "sections" / "2.md"
    edited.write_text("Ships carried salt, and that is all.\n", "utf-8")
    second = write(tmp_path)
    assert calls_made(second) == 0
    assert "Ships carried salt, and that is all." in second.markdown
    assert second.document.texts["1"] == first.document.texts["1"]

    plan_file = tmp_path / "plan.yaml"
    plan_file.write_text(plan_file.read_text("utf-8").replace("Tell of mines.", "Tell of pits."))
    third = write(tmp_path)
    assert calls_made(third) > 0
    assert third.document.texts["1"] != first.document.texts["1"]
    assert third.document.texts["2"] == second.document.texts["2"]
    assert third.document.texts["3"] == first.document.texts["3"]


def test_a_lost_call_log_loses_no_section(tmp_path: Path) -> None:
    first = write(tmp_path, PLAN_BRIEF, plan=PLAN)
    for file in tmp_path.glob("calls.sqlite*"):
        file.unlink()
    again = write(tmp_path)
    assert calls_made(again) == 0
    assert again.markdown == first.markdown


def test_a_section_added_to_the_plan_is_written(tmp_path: Path) -> None:
    first = write(tmp_path, PLAN_BRIEF, plan=PLAN)
    plan_file = tmp_path / "plan.yaml"
    added = "- id: '4'\n  title: Roads\n  words: 200\n  goal: Tell of roads.\n"
    plan_file.write_text(plan_file.read_text("utf-8") + added, "utf-8")
    second = write(tmp_path)
    assert list(second.document.texts) == ["1", "2", "3", "4"]
    assert second.document.texts["1"] == first.document.texts["1"]
    assert "## Roads" in second.markdown


def test_section_ids_of_any_safe_form_name_files(folder: RunFolder) -> None:
    sections = tuple(Section(name, "", words=9) for name in ("a", "1.2.3", "x_y-z", "A" * 64))
    manuscript = Manuscript(folder, Plan("", sections))
    for leaf in manuscript.leaves:
        manuscript.accept(leaf, "draft", Written("Text.", 9, 1))
    assert len(list((folder.path / "sections").glob("*.md"))) == 4
