"""A report is a table that a terminal may print and a page that runs nothing."""

from __future__ import annotations

import re
from pathlib import Path

from longwrite.data.lint import LintOptions, LintReport, lint
from longwrite.data.lint_page import report_page, show_report

HOSTILE = '{"prompt": "Write {topic_<name>}. \\u001b[2J", "completion": "<think>\\u001b]0;x\\u0007'
ROW = HOSTILE + '<script>alert(1)</script>", "<img src=x>": 1}\n'


def make_report(folder: Path, text: str, limit: int | None = None) -> LintReport:
    path = folder / "a <b>set.jsonl"
    path.write_text(text, "utf-8")
    return lint(path, LintOptions(max_length=limit, cores=1))


def test_the_page_escapes_all_and_loads_nothing(tmp_path: Path) -> None:
    page = report_page(make_report(tmp_path, ROW))
    assert "<script" not in page and "<img" not in page and "<b>set" not in page
    assert "&lt;script&gt;" in page and "\x1b" not in page
    assert "default-src 'none'" in page and "prefers-color-scheme:dark" in page
    assert not re.search(r'(?:src|href)="(?!#)|src=[^"]', page)


def test_the_table_names_rule_place_and_mend(tmp_path: Path) -> None:
    table = show_report(make_report(tmp_path, ROW * 9, 5))
    assert "\x1b" not in table
    assert re.search(r"9  error +thoughts in the answer +think", table)
    assert "set.jsonl:1" in table and "Take out what stands between the tags." in table
    assert "… and 4 more" in table


def test_a_clean_set_is_said_to_be_one(tmp_path: Path) -> None:
    report = make_report(tmp_path, '{"prompt": "Write of the sea."}\n')
    assert "1 rows, nothing found" in show_report(report)
    assert "nothing was found" in report_page(report)


def test_rows_that_trl_would_cut_are_told(tmp_path: Path) -> None:
    text = "word " * 1_200
    report = make_report(tmp_path, f'{{"prompt": "Write.", "completion": "{text}"}}\n')
    assert "TRL's own max_length of 1,024 would cut 1 rows: set max_length to 2,048" in show_report(
        report
    )
