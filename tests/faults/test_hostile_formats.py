"""Files of other programs, cut or with bits flipped: a text, a sentence, and never a crash."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from longwrite.data.importers import read_set
from longwrite.reading import Reading, UnreadableError, read_texts
from tests.faults.hostile import Amount, Tell, swift

TEXT = "The tide came in over the flats, and the harbour filled. "
ROWS = [{"prompt": f"Tell {number}.", "completion": TEXT * 9} for number in range(99)]


def make_parquet(path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist(ROWS), path)


def make_arrow(path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    table = arrow.Table.from_pylist(ROWS)
    with arrow.OSFile(str(path), "wb") as sink, arrow.ipc.new_file(sink, table.schema) as file:
        file.write_table(table)


def make_docx(path: Path) -> None:
    pandoc = pytest.importorskip("pypandoc")
    pandoc.convert_text(f"# Tides\n\n{TEXT * 9}\n", "docx", "md", outputfile=str(path))


def make_pdf(path: Path) -> None:
    pytest.importorskip("pypdf")
    shown = f"BT /F1 12 Tf 50 700 Td ({TEXT}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(shown), shown),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    path.write_bytes(
        b"%sxref\n0 6\n0000000000 65535 f \n%strailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n"
        b"%%%%EOF\n" % (body, table, len(body))
    )


def damage(whole: bytes, rng: random.Random) -> bytes:
    """Return bytes of which the end is lost, or some bits are others."""
    if rng.random() < 0.3:
        return whole[: rng.randrange(len(whole))]
    changed = bytearray(whole)
    for _ in range(rng.choice((1, 3, 20))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


KINDS: dict[str, tuple[Callable[[Path], None], Callable[[Path], list[object]]]] = {
    "parquet": (make_parquet, lambda path: list(read_set(path))),
    "arrow": (make_arrow, lambda path: list(read_set(path))),
    "docx": (make_docx, lambda path: list(read_texts([str(path)]))),
    "pdf": (make_pdf, lambda path: list(read_texts([str(path)]))),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_of_another_program(
    tmp_path: Path, tell: Tell, amount: Amount, kind: str
) -> None:
    make, read = KINDS[kind]
    path = tmp_path / f"file.{kind}"
    make(path)
    whole = path.read_bytes()
    assert "harbour" in str(read(path))
    count = amount(20, 1_000 if kind != "docx" else 100)
    for seed in range(count):
        path.write_bytes(damage(whole, random.Random(seed)))
        with swift():
            found = read(path)
        if kind in {"docx", "pdf"}:
            assert len(found) == 1 and isinstance(found[0], Reading | UnreadableError)
    tell("damaged files of other programs", count)
