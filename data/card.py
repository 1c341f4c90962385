"""The data card: what is in a set, how it was made, and what was left out, as its README.md.

Its front matter tells `datasets.load_dataset` where each config's files are. Nothing in it differs
between two builds of the same rows.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from longwrite.data.export import DATA
from longwrite.data.funnel import plain
from longwrite.errors import RunError, UsageError
from longwrite.runs.folder import read_text, replace_file

_EDGES = (250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000)
"""Words at which the bars of the length histogram begin and end."""
_BAR = 40

_KNOWN = frozenset({"apache-2.0", "mit", "cc-by-4.0", "cc-by-sa-4.0", "cc0-1.0", "other"})


@dataclass(slots=True)
class Summary:
    """What the rows of one config hold.

    Attributes:
        lengths: Rows by the first edge over their words.
        labels: By kind: how many hold, and how many can't be told.
    """

    rows: int = 0
    words: int = 0
    ends: int = 0
    lengths: Counter[int] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    genres: Counter[str] = field(default_factory=Counter)
    labels: Counter[tuple[str, str]] = field(default_factory=Counter)
    licences: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)


def list_configs(folder: Path) -> dict[str, list[Path]]:
    """Return the Parquet files of each config of a finished set.

    Raises:
        UsageError: The folder holds none.
    """
    found = {
        path.name: sorted(one for one in path.glob("*.parquet") if one.is_file())
        for path in sorted((folder / DATA).glob("*"))
        if path.is_dir()
    }
    if not any(found.values()):
        raise UsageError(
            f"{folder} holds no finished set",
            f"there is no Parquet file in {folder / DATA}",
            "Build one with: longwrite data build RECIPE -o FOLDER",
        )
    return {name: files for name, files in found.items() if files}


def read_columns(files: list[Path], columns: list[str]) -> Iterator[dict[str, Any]]:
    """Yield some columns of each row, a few at a time in memory."""
    import pyarrow.parquet as parquet

    for path in files:
        for batch in parquet.ParquetFile(path).iter_batches(512, columns=columns):
            yield from batch.to_pylist()


def summarise(files: list[Path]) -> Summary:
    """Return what the rows of some Parquet files of this project hold."""
    found = Summary()
    columns = ["words", "language", "genre", "ends", "constraints", "provenance"]
    for row in read_columns(files, columns):
        words = row["words"] or 0
        found.rows += 1
        found.words += words
        found.ends += bool(row["ends"])
        found.lengths[next((edge for edge in _EDGES if words < edge), 0)] += 1
        found.languages[row["language"] or "unknown"] += 1
        found.genres[row["genre"] or "unknown"] += 1
        for label in json.loads(row["constraints"]):
            told = {True: "holds", False: "fails", None: "untold"}[label["holds"]]
            found.labels[label["kind"], told] += 1
        provenance = json.loads(row["provenance"])
        found.licences[str(provenance.get("licence", "not stated"))] += 1
        found.models[str(provenance.get("model", "none"))] += 1
    return found


def write_card(folder: Path) -> Path:
    """Write the card of a set as its README.md and return where.

    Raises:
        UsageError: The folder holds no finished set, or can't be written.
    """
    configs = list_configs(folder)
    summaries = {name: summarise(files) for name, files in configs.items()}
    build = _read_json(folder / "build.json")
    text = "\n".join([*_front_matter(configs, summaries), *_body(folder, summaries, build)])
    path = folder / "README.md"
    replace_file(path, text + "\n")
    return path


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_text(path))
    except (RunError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _front_matter(
    configs: Mapping[str, list[Path]], summaries: Mapping[str, Summary]
) -> Iterator[str]:
    licences = set().union(*(summary.licences for summary in summaries.values()))
    languages = sorted(set().union(*(summary.languages for summary in summaries.values())))
    rows = sum(summary.rows for summary in summaries.values())
    size = next((name for most, name in _SIZES if rows < most), "n>1M")
    licence = next(iter(licences)) if len(licences) == 1 else "other"
    yield "---"
    yield f"license: {licence if licence in _KNOWN else 'other'}"
    yield "language:"
    yield from (f"- {code}" for code in languages if code != "unknown")
    yield f"size_categories:\n- {size}"
    yield "tags:\n- long-form\n- longwrite"
    yield "configs:"
    for number, name in enumerate(configs):
        yield f"- config_name: {name}"
        if not number:
            yield "  default: true"
        # The library's cache tells folders of one name apart by what stands here, and no further.
        yield f"  description: {summaries[name].rows} rows, sha256 {_digest(configs[name])}"
        yield f"  data_files:\n  - split: train\n    path: {DATA}/{name}/train-*.parquet"
    yield "---"


def _digest(files: list[Path]) -> str:
    """Return a hash of some files' bytes."""
    state = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            state.update(hashlib.file_digest(file, "sha256").digest())
    return state.hexdigest()[:16]


_SIZES = (
    (1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
)  # fmt: skip


def _body(
    folder: Path, summaries: Mapping[str, Summary], build: Mapping[str, Any]
) -> Iterator[str]:
    yield f"\n# {_plain(folder.resolve().name)}\n"
    yield (
        "Long-output training data made with longwrite. Every row passed the filters below, and "
        "every label was computed on the row by the checker whose version stands beside it."
    )
    for name, summary in summaries.items():
        mean = summary.words / max(1, summary.rows)
        yield f"\n## {name}\n"
        yield f"{summary.rows:,} rows, {summary.words:,} words, {mean:,.0f} on average.\n"
        yield "```"
        yield from _histogram(summary.lengths)
        yield "```\n"
        yield "| | |\n|---|---|"
        yield f"| ends its document | {summary.ends:,} of {summary.rows:,} |"
        for title, counts in (
            ("languages", summary.languages),
            ("genres", summary.genres),
            ("licences of the sources", summary.licences),
            ("written by", summary.models),
        ):
            told = ", ".join(f"{_plain(key)} {count:,}" for key, count in sorted(counts.items()))
            yield f"| {title} | {told} |"
        if summary.labels:
            yield "\n| constraint | holds | can't be told |\n|---|---|---|"
            for kind in sorted({kind for kind, _ in summary.labels}):
                held, untold = summary.labels[kind, "holds"], summary.labels[kind, "untold"]
                yield f"| {_plain(kind)} | {held:,} | {untold:,} |"
    funnel = build.get("funnel", [])
    if funnel:
        yield "\n## What was left out\n\n| stage | reason | rows |\n|---|---|---|"
        for stage, reason, count in funnel:
            yield f"| {_plain(stage)} | {_plain(reason)} | {count:,} |"
    if build:
        yield "\n## How it was made\n\n```json"
        kept = {key: value for key, value in build.items() if key != "funnel"}
        yield json.dumps(kept, ensure_ascii=False, indent=1, sort_keys=True).replace("```", "'''")
        yield "```"


def _histogram(lengths: Counter[int]) -> Iterator[str]:
    most = max(lengths.values(), default=1)
    low = 0
    for edge in (*_EDGES, 0):
        count = lengths[edge]
        name = f"{low:,} to {edge:,}" if edge else f"{low:,} and more"
        if count:
            yield f"{name:>20} words {'#' * max(1, round(_BAR * count / most)):<{_BAR}} {count:,}"
        low = edge


def _plain(text: object) -> str:
    """Return text for a table's cell: one line, no markup of its own."""
    return plain(str(text)).replace("|", "/").replace("<", "‹").replace("`", "'")
