"""Rows that hold what a benchmark asks, or its answers: a model trained on them can't be measured.

The benchmarks are given as files and kept as hashes of their word 12-grams, the usual measure of
contamination (Brown et al. 2020, arXiv:2005.14165, with 13), so an index may be shipped where the
texts may not. A run of 12 Chinese characters is no more than a phrase, so there it takes 20.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longwrite.data.filters import Reason
from longwrite.data.rows import Row, Verdict
from longwrite.data.shingles import Hashes, hash_ngrams, hash_words, mix
from longwrite.errors import UsageError
from longwrite.strict_json import parse_json

NGRAM, WIDE_NGRAM = 12, 20
LEAST = 4
"""Words from which a prompt that is too short for an n-gram is known as a whole."""
KEYS = (
    "prompt", "query", "instruction", "question", "input", "messages", "gold", "reference",
    "references", "answer", "answers", "target_text",
)  # fmt: skip
"""Fields of a JSONL row that are read where none are named."""
_VERSION = 1
_DAMAGE = zipfile.BadZipFile, zlib.error

CONTAMINATED = "holds text of a benchmark"


@dataclass(frozen=True, slots=True)
class BenchmarkIndex:
    """Hashes of what benchmarks hold, without their texts.

    Attributes:
        names: Of the benchmarks.
        hashes: Sorted; one that several benchmarks have stands once for each.
        owners: For each hash the number of its benchmark in `names`.
    """

    names: tuple[str, ...]
    hashes: Hashes
    owners: NDArray[np.uint16]

    def find(self, text: str) -> dict[str, int]:
        """Return the benchmarks that share a passage with a text, each with how many n-grams."""
        wanted = np.unique(hash_passages(text))
        first = self.hashes.searchsorted(wanted)
        last = self.hashes.searchsorted(wanted, "right")
        counts = np.zeros(len(self.names), np.int64)
        for start, end in zip(first[last > first], last[last > first], strict=True):
            counts[self.owners[start:end]] += 1
        return {
            name: count for name, count in zip(self.names, counts.tolist(), strict=True) if count
        }


class Contamination:
    """A filter of rows whose prompt, a message of it, or text shares a passage with a benchmark.

    Attributes:
        counts: Rows refused for each benchmark so far; one that several have counts for each.
        judged: Rows judged so far.
    """

    def __init__(self, index: BenchmarkIndex) -> None:
        """Hold rows against an index."""
        self._index = index
        self.counts = dict.fromkeys(index.names, 0)
        self.judged = 0

    def __call__(self, row: Row) -> Verdict:
        """Tell whether a row is clean; the detail of the reason names the benchmarks."""
        self.judged += 1
        found: dict[str, int] = {}
        for text in (*(message.content for message in row.prompt), row.text):
            for name, count in self._index.find(text).items():
                found[name] = found.get(name, 0) + count
        for name in found:
            self.counts[name] += 1
        if not found:
            return True
        return False, Reason(CONTAMINATED, ", ".join(sorted(found)))


def hash_passages(text: str) -> Hashes:
    """Return a hash of each passage of a text that is compared.

    These are runs of 12 words, and of 20 where half or more of them are CJK characters; of a text
    of 4 to 11 words it is all of it.
    """
    words = hash_words(text)
    size = len(words)
    if size < NGRAM:
        whole = hash_ngrams(words.hashes, max(LEAST, size))
        return mix(whole ^ np.uint64(size))  # it is no passage of a longer text
    found = []
    wide = np.concatenate(([0], words.wide.cumsum()))
    for n, is_wide in ((NGRAM, False), (WIDE_NGRAM, True)):
        grams = hash_ngrams(words.hashes, n)
        share = (wide[n:] - wide[: len(wide) - n]) / n if len(grams) else np.zeros(0)
        found.append(grams[(share >= 0.5) == is_wide])
    if words.wide.mean() >= 0.5 and size < WIDE_NGRAM:
        found.append(mix(hash_ngrams(words.hashes, size) ^ np.uint64(size)))
    return np.concatenate(found)


def build_index(files: Sequence[Path | str], keys: Sequence[str] = ()) -> BenchmarkIndex:
    """Return the index of some benchmarks, each a file and named after it.

    Args:
        files: JSON lines, or text files that are one item each.
        keys: Fields of a JSON row that are read, instead of those called like prompts and gold
            answers (`KEYS`).

    Raises:
        UsageError: A file can't be read, or holds no text.
    """
    names: list[str] = []
    hashes: list[Hashes] = []
    owners: list[NDArray[np.uint16]] = []
    for file in map(Path, files):
        name = file.name.partition(".")[0] or file.name
        if name not in names:
            names.append(name)
        count = 0
        for text in _read(file, keys or KEYS):
            count += 1
            hashes.append(np.unique(hash_passages(text)))
            owners.append(np.full(len(hashes[-1]), names.index(name), np.uint16))
        if not count:
            raise UsageError(
                f"{file} can't serve as a benchmark",
                "none of its rows has a text under " + ", ".join(keys or KEYS),
                "Name the fields that hold its prompts.",
            )
    return _sorted(tuple(names), hashes, owners)


def join_indexes(indexes: Sequence[BenchmarkIndex]) -> BenchmarkIndex:
    """Return several indexes as one; benchmarks of one name are one."""
    names = tuple(dict.fromkeys(name for index in indexes for name in index.names))
    owners = []
    for index in indexes:
        moved = np.array([names.index(name) for name in index.names], np.uint16)
        owners.append(moved[index.owners])
    return _sorted(names, [index.hashes for index in indexes], owners)


def _sorted(
    names: tuple[str, ...], hashes: Sequence[Hashes], owners: Sequence[NDArray[np.uint16]]
) -> BenchmarkIndex:
    keys = np.concatenate([np.zeros(0, np.uint64), *hashes])
    values = np.concatenate([np.zeros(0, np.uint16), *owners])
    order = np.lexsort((values, keys))
    keys, values = keys[order], values[order]
    new = np.ones(len(keys), np.bool_)
    new[1:] = (keys[1:] != keys[:-1]) | (values[1:] != values[:-1])
    return BenchmarkIndex(names, keys[new], values[new])


def _read(file: Path, keys: Sequence[str]) -> Iterator[str]:
    try:
        content = file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise UsageError(f"{file} can't be read", str(why), "Give benchmarks as files.") from None
    if file.suffix.lower() not in (".jsonl", ".ndjson", ".json"):
        if content.strip():
            yield content
        return
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = parse_json(line.encode())
        except ValueError:
            raise UsageError(
                f"{file} can't be read",
                f"line {number} is no JSON",
                "Give one JSON object a line.",
            ) from None
        if isinstance(row, Mapping):
            for key in keys:
                yield from _strings(row.get(key))


def _strings(value: Any) -> Iterator[str]:
    """Yield the texts of a field: a string, a list of them, or messages."""
    if isinstance(value, str) and value.strip():
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one.get("content") if isinstance(one, Mapping) else one)


def save_index(index: BenchmarkIndex, path: Path | str) -> None:
    """Write an index as compressed NumPy arrays, the same bytes for the same index.

    Raises:
        UsageError: It can't be written.
    """
    try:
        with Path(path).open("wb") as stream:
            np.savez_compressed(
                stream,
                version=np.array(_VERSION),
                names=np.array(json.dumps(index.names)),
                hashes=index.hashes,
                owners=index.owners,
            )
    except OSError as error:
        raise UsageError(
            f"{path} can't be written", str(error.strerror), "Give a path that can be."
        ) from None


def load_index(path: Path | str) -> BenchmarkIndex:
    """Read an index; nothing in the file is run.

    Raises:
        UsageError: It can't be read, or is no index.
    """
    mend = "Make it anew from the benchmarks' files."
    try:
        with (
            Path(path).open("rb") as stream,
            np.load(stream, allow_pickle=False) as arrays,
        ):
            version, names = int(arrays["version"]), json.loads(str(arrays["names"]))
            hashes, owners = arrays["hashes"], arrays["owners"]
    except OSError as error:
        raise UsageError(f"{path} can't be read", str(error.strerror or error), mend) from None
    except (KeyError, ValueError, TypeError, AttributeError, EOFError, *_DAMAGE):
        raise UsageError(f"{path} can't be read", "it is no index of benchmarks", mend) from None
    sound = (
        version == _VERSION
        and isinstance(names, list)
        and all(isinstance(name, str) for name in names)
        and (hashes.dtype, owners.dtype) == (np.uint64, np.uint16)
        and hashes.ndim == owners.ndim == 1
        and len(hashes) == len(owners)
        and bool((hashes[1:] >= hashes[:-1]).all())
        and (not len(owners) or int(owners.max()) < len(names))
    )
    if not sound:
        raise UsageError(f"{path} can't be used", "it is damaged, or of another version", mend)
    return BenchmarkIndex(tuple(names), hashes, owners)
