"""The commands as a person uses them."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from longwrite.cli.app import app
from longwrite.cli.commands import GROUPS, show_overview
from tests.cli.conftest import Command

PROMPT = "A 3000-word essay on salt"
SCRIPTED = ("--model", "scripted:spread=0.3", "--quiet")


def folder_of(longwrite: Command) -> Path:
    result = longwrite("write", PROMPT, "--run", "r", *SCRIPTED)
    assert result.code == 0, result.err
    return Path("r")


def test_one_line_gives_a_document_of_the_length_asked_for(longwrite: Command) -> None:
    result = longwrite("write", "A 10000-word history of salt", "--json", *SCRIPTED)
    told = json.loads(result.out)
    assert result.code == told["exit_code"] == 0
    assert abs(told["words"]["delivered"] - 10_000) <= 500
    assert told["complete"] and told["defects"] == []
    run = Path(told["run"])
    assert run.parent == Path("runs") and run.name.startswith("a-10000-word-history-of-salt-")
    assert {path.name for path in run.iterdir()} >= {
        "brief.yaml", "plan.yaml", "sections", "document.md", "report.json", "calls.sqlite",
    }  # fmt: skip


def test_the_same_command_again_says_that_the_run_is_finished(longwrite: Command) -> None:
    first = longwrite("write", PROMPT, *SCRIPTED)
    again = longwrite("write", PROMPT, *SCRIPTED)
    assert first.code == again.code == 0
    assert "is finished" in again.out and "--fresh" in again.out
    fresh = longwrite("write", PROMPT, "--fresh", *SCRIPTED)
    assert fresh.code == 0 and "is finished" not in fresh.out
    assert len(list(Path("runs").glob("*.old-1"))) == 1


def test_a_plan_is_edited_and_then_written(longwrite: Command) -> None:
    assert longwrite("plan", PROMPT, "--run", "r", *SCRIPTED).code == 0
    plan = Path("r/plan.yaml")
    assert not list(Path("r/sections").iterdir())
    text = plan.read_text()
    title = next(
        line for line in text.splitlines() if "title: The" in line and line.startswith("  ")
    )
    plan.write_text(text.replace(title, "  title: Salt in the Sahara", 1))
    assert longwrite("resume", "r", "--quiet").code == 0
    assert "## Salt in the Sahara" in Path("r/document.md").read_text()


def test_an_edited_section_stands_and_costs_no_call(longwrite: Command) -> None:
    run = folder_of(longwrite)
    section = sorted((run / "sections").glob("*.md"))[1]
    section.write_text("My own words about salt, which nobody shall change.\n")
    result = longwrite("resume", "r", "--json", "--quiet")
    assert json.loads(result.out)["calls"]["made"] == 0
    assert "nobody shall change" in (run / "document.md").read_text()


def test_an_edited_document_is_kept_aside(longwrite: Command) -> None:
    run = folder_of(longwrite)
    (run / "document.md").write_text("Scribbled over.")
    result = longwrite("resume", "r", "--quiet")
    assert result.code == 0 and "document.edited-" in result.err
    kept = list(run.glob("document.edited-*.md"))
    assert [path.read_text() for path in kept] == ["Scribbled over."]


def test_rewrite_changes_one_section_and_undo_brings_it_back(longwrite: Command) -> None:
    run = folder_of(longwrite)
    before = {path.name: path.read_text() for path in (run / "sections").glob("*.md")}
    name = sorted(before)[0].removesuffix(".md")
    result = longwrite("rewrite", "r", name, "--note", "more salt", "--json", "--quiet")
    assert result.code == 0 and json.loads(result.out)["calls"]["made"] >= 1
    after = {path.name: path.read_text() for path in (run / "sections").glob("*.md")}
    assert [key for key in before if before[key] != after[key]] == [f"{name}.md"]
    assert "more salt" in longwrite("show", "r", name, "--prompt").out
    undone = longwrite("rewrite", "r", name, "--undo", "--json", "--quiet")
    assert json.loads(undone.out)["calls"]["made"] == 0
    assert {path.name: path.read_text() for path in (run / "sections").glob("*.md")} == before


def test_cascade_rewrites_what_was_written_in_view_of_it(longwrite: Command) -> None:
    run = folder_of(longwrite)
    names = sorted(path.stem for path in (run / "sections").glob("*.md"))
    longwrite("rewrite", "r", names[0], "--quiet")
    stale = [
        s["id"]
        for s in json.loads(longwrite("status", "r", "--json").out)["sections"]
        if s["stale"]
    ]
    assert stale == names[1:]
    before = {name: (run / f"sections/{name}.md").read_text() for name in names}
    longwrite("rewrite", "r", names[0], "--cascade", "--quiet")
    assert all((run / f"sections/{name}.md").read_text() != before[name] for name in names)


def test_a_manuscript_is_continued_and_stays_as_it_is(longwrite: Command) -> None:
    manuscript = (
        "# Salt\n\n## The mine\n\nIt was dark below.\n\n## The road\n\nThe carts went north."
    )
    Path("novel.md").write_text(manuscript)
    result = longwrite(
        "continue", "novel.md", "Two more chapters", "--words", "2000", "--run", "r", *SCRIPTED
    )
    assert result.code == 0, result.err
    document = Path("r/document.md").read_text()
    assert document.startswith(manuscript)
    told = json.loads(Path("r/report.json").read_text())
    assert 1_900 <= told["words"]["delivered"] - 15 <= 2_120


def test_a_page_and_a_markdown_file(longwrite: Command) -> None:
    assert longwrite("write", PROMPT, "-o", "salt.html", *SCRIPTED).code == 0
    page = Path("salt.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html>") and "<script" not in page
    assert longwrite("write", PROMPT, "-o", "salt.md", *SCRIPTED).code == 0
    assert Path("salt.md").read_text().startswith("# ")


def test_a_dry_run_calls_nothing_and_forecasts_what_a_run_takes(longwrite: Command) -> None:
    arguments = ("write", PROMPT, "--price", "2,8,0.5", "--json", *SCRIPTED)
    told = json.loads(longwrite(*arguments, "--dry-run").out)
    assert not Path("runs").exists()
    real = json.loads(longwrite(*arguments).out)
    assert abs(told["calls"] - real["calls"]["made"]) <= 0.5 * real["calls"]["made"]
    assert 0.5 * real["cost"] <= told["cost"] <= 2 * real["cost"]


def test_a_budget_stops_the_run_and_a_larger_one_goes_on(longwrite: Command) -> None:
    arguments = ("write", PROMPT, "--run", "r", *SCRIPTED)
    stopped = longwrite(*arguments, "--max-tokens", "6000")
    assert stopped.code == 4 and "resume" in stopped.err
    spent = json.loads(Path("r/report.json").read_text())["tokens"]
    assert spent["prompt"] + spent["completion"] <= 6000
    assert longwrite(*arguments).code == 0
    whole = longwrite("write", PROMPT, "--run", "whole", *SCRIPTED)
    assert whole.code == 0
    assert Path("r/document.md").read_bytes() == Path("whole/document.md").read_bytes()


def test_a_failing_engine_leaves_a_resumable_run(longwrite: Command) -> None:
    base = ("write", PROMPT, "--run", "r", "--quiet")
    failed = longwrite(*base, "--model", "scripted:spread=0.3,server=0.6")
    assert failed.code in {3, 5}
    for _ in range(20):
        again = longwrite(*base, "--model", "scripted:spread=0.3,server=0.3")
        if again.code == 0:
            break
    assert again.code == 0
    assert longwrite("write", PROMPT, "--run", "whole", *SCRIPTED).code == 0
    assert Path("r/document.md").read_bytes() == Path("whole/document.md").read_bytes()


def test_standard_input_a_brief_and_its_options(longwrite: Command) -> None:
    Path("brief.yaml").write_text(
        "prompt: An essay on salt\nwords: 2000\naudience: sailors\nstyle: dry\n"
    )
    assert longwrite("write", "brief.yaml", "--run", "r", *SCRIPTED).code == 0
    assert "sailors" in longwrite("show", "r", "1", "--prompt").out
    done = subprocess.run(
        [sys.executable, "-c", "from longwrite.cli.main import run; run()",
         "write", "-", "--model", "scripted", "--quiet", "--json"],
        input="On salt, about 300 words", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert 280 <= json.loads(done.stdout)["words"]["delivered"] <= 320


def test_doctor_tells_what_the_engine_can(longwrite: Command) -> None:
    told = json.loads(longwrite("doctor", "--model", "scripted", "--json").out)
    assert told["answers"] == "yes" and told["json"] == "forced" and told["window"] == 32768


def test_every_command_has_help_with_an_example(longwrite: Command) -> None:
    for name in ("plan", "write", "resume", "rewrite", "continue", "status", "show", "doctor"):
        result = longwrite(name, "--help")
        assert result.code == 0 and f"Example: longwrite {name}" in " ".join(result.out.split())


@pytest.mark.parametrize("group", GROUPS)
def test_the_overview_is_one_with_and_without_typer(longwrite: Command, group: str) -> None:
    fast = longwrite(*group.split(), "--help")
    slow = CliRunner().invoke(app, [*group.split(), "--help", "--help"])
    assert fast.code == slow.exit_code == 0
    assert fast.out == slow.output == show_overview(group)
    assert all(f"  {name} " in fast.out for name in GROUPS[group][0])
    assert max(map(len, fast.out.splitlines())) <= 90


def test_the_version_is_told(longwrite: Command) -> None:
    assert longwrite("--version").out == f"longwrite {version('longwrite')}\n"


def test_an_older_text_that_a_person_brings_back_stands(longwrite: Command) -> None:
    run = folder_of(longwrite)
    section = sorted((run / "sections").glob("*.md"))[0]
    older = section.read_text()
    assert longwrite("rewrite", "r", section.stem, "--quiet").code == 0
    assert section.read_text() != older
    section.write_text(older)
    assert longwrite("resume", "r", "--quiet").code == 0
    assert section.read_text() == older and older.strip() in (run / "document.md").read_text()


def test_a_section_that_misses_a_requirement_is_repaired(longwrite: Command) -> None:
    prompt = 'A 2000-word essay that must mention "white gold" and include a table'
    result = longwrite("write", prompt, "--run", "r", "--json", *SCRIPTED)
    told = json.loads(result.out)
    assert result.code == 0 and told["defects"] == []
    document = Path("r/document.md").read_text()
    assert "white gold" in document and "|---|" in document
    assert abs(told["words"]["delivered"] - 2_000) <= 100


def test_a_length_that_nobody_stated_is_told(longwrite: Command) -> None:
    told = longwrite("write", "A poem on salt", "--model", "scripted")
    assert told.code == 0 and "No length is stated: about 300 words" in told.err
    stated = longwrite("write", "A poem on salt, 100 words", "--model", "scripted")
    assert "No length" not in stated.err


def test_without_a_model_the_embedded_one_writes_and_says_so_first(longwrite: Command) -> None:
    result = longwrite("write", "A 300-word report on night buses", "--run", "r")
    assert result.code == 0
    first = result.err.splitlines()[0]
    assert first.startswith("nano writes") and "--model" in first
    report = json.loads(Path("r/report.json").read_text("utf-8"))
    assert 280 <= report["words"]["delivered"] <= 320
    assert any("canon notes" in line for line in report["left_out"])


def test_the_embedded_model_refuses_a_language_that_it_does_not_know(longwrite: Command) -> None:
    result = longwrite("write", "写一篇关于盐的2000字文章", "--run", "r")
    assert result.code == 2
    assert "Chinese" in result.err and "nano writes only English" in result.err


def test_a_short_brief_that_does_not_tell_its_language_is_taken_for_english(
    longwrite: Command,
) -> None:
    result = longwrite("write", "Hong Kong Travel Guide, 200 words")
    assert result.code in {0, 6}, result.err
    assert "Traceback" not in result.err


def test_doctor_without_a_model_looks_at_the_embedded_one(longwrite: Command) -> None:
    told = json.loads(longwrite("doctor", "--json").out)
    assert told["model"] == "nano" and told["deterministic"] == "yes" and told["servers"]
