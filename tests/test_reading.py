"""Texts come out of files as they are, and what can't be read says why."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from longwrite.reading import Reading, UnreadableError, read_file, read_texts


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(*patterns: object) -> list[Reading]:
    found = list(read_texts([str(pattern) for pattern in patterns]))
    assert all(isinstance(one, Reading) for one in found), found
    return [one for one in found if isinstance(one, Reading)]


def refuse(pattern: object) -> str:
    found = list(read_texts([str(pattern)]))
    assert isinstance(found[-1], UnreadableError), found
    return str(found[-1])


def test_text_files_are_read_as_they_are(tmp_path: Path) -> None:
    first = write(tmp_path / "a.md", "# Boats\r\n\r\nÉté.")
    second = write(tmp_path / "b.txt", "\ufeffPlain.")
    third = write(tmp_path / "c.text", "Wide.".encode("utf-16"))
    assert [one.text for one in read(first, second, third)] == [
        "# Boats\n\nÉté.",
        "Plain.",
        "Wide.",
    ]


def test_globs_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ba":
        write(tmp_path / f"{name}.md", name)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from the pipe")))
    found = read(tmp_path / "*.md", "-")
    assert [one.text for one in found] == ["a", "b", "from the pipe"]
    assert found[-1].name == "standard input"


def test_rows_of_a_file_of_lines(tmp_path: Path) -> None:
    rows = [
        {"prompt": "Ask", "response": "Answer", "score": 3},
        {"text": "Alone"},
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello"},
            ]
        },
        {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]},
        {
            "prompt": [{"role": "user", "content": "P"}],
            "completion": [{"role": "assistant", "content": "C"}],
        },
    ]
    path = write(tmp_path / "rows.jsonl", "\n".join(map(json.dumps, rows)) + "\n\n")
    found = read(path)
    pairs = [("Ask", "Answer"), ("", "Alone"), ("Hi", "Hello"), ("Q", "A"), ("P", "C")]
    assert [(one.prompt, one.text) for one in found] == pairs
    assert found[0].name == f"{path}:1"
    assert found[0].columns == {"score": 3}


def test_a_bad_row_is_told_with_its_line_and_the_others_are_read(tmp_path: Path) -> None:
    path = write(
        tmp_path / "rows.jsonl",
        '{"text": "Good"}\n{"text": \n[1]\n{"prompt": "x"}\n{"text": "End"}',
    )
    found = list(read_texts([str(path)]))
    assert [isinstance(one, Reading) for one in found] == [True, False, False, False, True]
    told = [str(one) for one in found if isinstance(one, UnreadableError)]
    assert "rows.jsonl:2 can't be read: the line isn't JSON." in told[0]
    assert "the row is no object" in told[1]
    assert "the row has no text" in told[2]


def test_parquet_rows(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"prompt": ["P"], "completion": ["C"], "advantage": [0.5], "step": [3]})
    parquet.write_table(table, tmp_path / "completions.parquet")
    (found,) = read(tmp_path / "completions.parquet")
    assert (found.prompt, found.text) == ("P", "C")
    assert found.columns == {"advantage": 0.5, "step": 3}
    write(tmp_path / "broken.parquet", b"PAR1 no table")
    assert "no parquet file" in refuse(tmp_path / "broken.parquet")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.md", b"", "it is empty"),
        ("blank.md", b" \n\n", "it holds no text"),
        ("cat.md", b"\x89PNG\r\n" + bytes(400), "a binary file"),
        ("old.txt", "Été".encode("latin-1"), "it isn't UTF-8 from byte 0 on"),
        ("none.jsonl", b"\n", "it is empty"),
    ],
)
def test_what_gives_no_text_is_told(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    assert told in refuse(write(tmp_path / name, content))


def test_missing_files_and_folders_are_told(tmp_path: Path) -> None:
    assert "there is no such file" in refuse(tmp_path / "none.md")
    assert "it is a folder" in refuse(tmp_path)


def test_one_bad_file_stops_nothing(tmp_path: Path) -> None:
    good = write(tmp_path / "good.md", "Text.")
    found = list(read_texts([str(tmp_path / "none.md"), str(good)]))
    assert [isinstance(one, Reading) for one in found] == [False, True]


def test_documents_of_other_kinds(tmp_path: Path) -> None:
    pandoc = pytest.importorskip("pypandoc")
    html = "<h2>Hull</h2><p>Made of <b>oak</b>.</p><script>alert(1)</script>"
    page = write(tmp_path / "page.html", html)
    assert read_file(page) == "## Hull\n\nMade of **oak**.\n"
    for kind in ("docx", "epub", "odt"):
        path = tmp_path / f"book.{kind}"
        pandoc.convert_text("# Boats\n\n## Hull\n\nOak.", kind, "markdown", outputfile=str(path))
        text = read_file(path)
        assert "Hull" in text and "Oak." in text
        assert "damaged" in refuse(write(path, b"PK no zip")) or "pandoc says" in refuse(path)


def test_a_pdf(tmp_path: Path) -> None:
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter()
    writer.add_blank_page(100, 100)
    writer.write(tmp_path / "scan.pdf")
    assert "its pages are pictures" in refuse(tmp_path / "scan.pdf")
    assert "damaged" in refuse(write(tmp_path / "bad.pdf", b"%PDF-1.4 nothing"))
