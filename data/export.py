"""The finished set on disk: Parquet shards with TRL's own columns, one config a shape.

Rows are streamed from the ledger in the order of the source, so memory doesn't grow with the set
and the same ledger gives the same bytes. The new files stand beside the old ones until all of them
are whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longwrite.data.ledger import Made
from longwrite.data.rows import Row, Shape
from longwrite.data.selection import Selection
from longwrite.errors import UsageError

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.parquet

CONFIGS: Mapping[Shape, str] = {
    "completion": "sft", "pair": "dpo", "prompt": "grpo", "steps": "stepwise",
}  # fmt: skip
"""Shape to the name of its config."""

SHARD_BYTES = 256_000_000
"""Text in a shard, before compression."""
_GROUP = 256
"""Rows that are held in memory before they are written."""

DATA = "data"


def export(
    made: Iterable[Made], folder: Path, selection: Selection, note: Any = None
) -> dict[str, int]:
    """Write the rows that are selected as Parquet shards and return how many each config has.

    Args:
        made: What became of the units, in the order of the source.
        folder: Of the set; its ``data`` folder is replaced.
        selection: Chooses among the rows.
        note: Called with the rows and drops of each unit.

    Raises:
        UsageError: pyarrow is missing, or the folder can't be written.
    """
    _import_parquet()
    fresh = folder / ".work" / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    writers: dict[Shape, _Config] = {}
    try:
        fresh.mkdir(parents=True)
        for one in made:
            rows, drops = selection.take(one)
            if note is not None:
                note(one, rows, drops)
            for row in rows:
                if row.shape not in writers:
                    writers[row.shape] = _Config(fresh / CONFIGS[row.shape], row.shape)
                writers[row.shape].add(row)
        for writer in writers.values():
            writer.close()
        _swap(fresh, folder / DATA)
    except OSError as error:
        raise UsageError(
            f"{folder / DATA} can't be written",
            error.strerror or str(error),
            "Make room or allow writing, then run the same command: the rows are kept.",
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return {CONFIGS[shape]: writer.rows for shape, writer in sorted(writers.items())}


def _swap(fresh: Path, place: Path) -> None:
    old = place.with_name(f".{place.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if place.exists():
        place.rename(old)
    try:
        fresh.rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


class _Config:
    """Writes the rows of one shape to numbered shards."""

    def __init__(self, folder: Path, shape: Shape) -> None:
        folder.mkdir(parents=True)
        self._folder, self._shape = folder, shape
        self._schema = make_schema(shape)
        self._held: list[dict[str, Any]] = []
        self._writer: pyarrow.parquet.ParquetWriter | None = None
        self._shards: list[Path] = []
        self._size = 0
        self.rows = 0

    def add(self, row: Row) -> None:
        self._held.append(to_columns(row))
        self._size += len(row.text) + len(row.rejected) + len(row.request)
        self.rows += 1
        if len(self._held) >= _GROUP or self._size >= SHARD_BYTES:
            self._write()

    def _write(self) -> None:
        parquet = _import_parquet()
        import pyarrow

        if self._held:
            if self._writer is None:
                path = self._folder / f"part-{len(self._shards):05d}"
                self._shards.append(path)
                self._writer = parquet.ParquetWriter(path, self._schema, compression="zstd")
            table = pyarrow.Table.from_pylist(self._held, self._schema)
            self._writer.write_table(table, row_group_size=_GROUP)
            self._held.clear()
        if self._size >= SHARD_BYTES:
            self._end_shard()

    def _end_shard(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer, self._size = None, 0

    def close(self) -> None:
        self._write()
        self._end_shard()
        for number, path in enumerate(self._shards):
            path.rename(path.with_name(f"train-{number:05d}-of-{len(self._shards):05d}.parquet"))


def _import_parquet() -> Any:
    with suppress(ImportError):
        import pyarrow.parquet

        return pyarrow.parquet
    raise UsageError(
        "The set can't be written", "Parquet needs pyarrow", "pip install 'longwrite[read]'."
    )


# --- columns -------------------------------------------------------------------------------------


def make_schema(shape: Shape) -> pyarrow.Schema:
    """Return the columns of a shape: TRL's own first, then what is known of the row."""
    import pyarrow as pa

    turns = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    own: dict[Shape, list[tuple[str, Any]]] = {
        "completion": [("prompt", turns), ("completion", turns)],
        "pair": [
            ("prompt", turns),
            ("chosen", turns),
            ("rejected", turns),
            ("broken", pa.string()),
        ],
        "prompt": [("prompt", turns)],
        "steps": [
            ("prompt", pa.string()),
            ("completions", pa.list_(pa.string())),
            ("labels", pa.list_(pa.bool_())),
        ],
    }
    known = [
        ("id", pa.string()),
        ("words", pa.int64()),
        ("language", pa.string()),
        ("genre", pa.string()),
        ("ends", pa.bool_()),
        ("constraints", pa.string()),
        ("provenance", pa.string()),
    ]
    return pa.schema([*own[shape], *known])


def to_columns(row: Row) -> dict[str, Any]:
    """Return a row's values; constraints and provenance are JSON, which any reader can take."""
    prompt = [asdict(message) for message in row.prompt]
    known = {
        "id": row.id,
        "words": row.target,
        "language": row.language,
        "genre": row.genre,
        "ends": row.ends,
        "constraints": _dump(
            [
                {**asdict(label.constraint), "holds": label.holds, "checker": label.checker}
                for label in row.labels
            ]
        ),
        "provenance": _dump(row.provenance),
    }
    if row.shape == "completion":
        return {"prompt": prompt, "completion": _turn(row.completion), **known}
    if row.shape == "pair":
        broken = _dump(asdict(row.broken)) if row.broken is not None else None
        texts = {"chosen": _turn(row.chosen), "rejected": _turn(row.rejected), "broken": broken}
        return {"prompt": prompt, **texts, **known}
    if row.shape == "prompt":
        return {"prompt": prompt, **known}
    return {
        "prompt": row.request,
        "completions": [text for text, _ in row.steps],
        "labels": [good for _, good in row.steps],
        **known,
    }


def _turn(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
