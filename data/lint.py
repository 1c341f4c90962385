"""Whether a training set may be trained on: every row of it looked at, whoever made it.

Rows are read in one process and checked in several; of each only counts, a few examples and two
hashes are kept, so that a set may be as large as its disk.
"""

from __future__ import annotations

import os
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from itertools import chain, islice
from json import dumps
from multiprocessing import get_context
from pathlib import Path, PurePath
from typing import Any

from longwrite.data.examples import Example, read_example
from longwrite.data.importers import BrokenRow, RawRow, read_set
from longwrite.data.lint_rules import RULES, Found, Severity, check_row, check_tokens
from longwrite.data.lint_tokens import Limit, find_limit, find_measure, unlearned_end

TRL_DEFAULT = 1_024
"""TRL's own max_length for SFT and DPO, which cuts nearly every long output."""

_CHUNK = 32
_FIRST = 512
"""Rows up to which other processes aren't worth their start."""
_MOST_COLUMNS = 200
_SPLITS = frozenset({"train", "test", "validation", "valid", "val", "dev", "eval", "data"})

_Rows = Sequence[RawRow | BrokenRow]


@dataclass(frozen=True, slots=True)
class LintOptions:
    """How a set is looked at.

    Attributes:
        max_length: Tokens that a row may have; None for the window of the tokenizer's model.
        tokenizer: Folder of the model to be trained; None to estimate tokens.
        examples: Findings of a rule that are kept; all are counted.
        cores: Processes; None for all cores.
    """

    max_length: int | None = None
    tokenizer: Path | None = None
    examples: int = 5
    cores: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong at one place.

    Attributes:
        rule: Name of the rule, a key of `longwrite.data.lint_rules.RULES`.
        severity: Whether it makes the set unsound.
        place: File and row.
        what: What was found.
        excerpt: A little of the text.
    """

    rule: str
    severity: Severity
    place: str
    what: str
    excerpt: str = ""

    @property
    def sentence(self) -> str:
        """What was found, why it harms, and how to mend it."""
        rule = RULES[self.rule]
        return f"{self.what[:1].upper()}{self.what[1:]}: {rule.why}. {rule.mend}"


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many rows break a rule, with the first of them."""

    rule: str
    severity: Severity
    count: int
    examples: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class LintReport:
    """What was found in a set.

    Attributes:
        path: The set.
        rows: Rows looked at, those that can't be read included.
        forms: Rows of each custom (`longwrite.data.examples.Form`).
        rules: The rules that are broken, in the order of `RULES`.
        limit: Maximum length in tokens; None where nobody gave one.
        exact: Whether tokens were counted by a tokenizer.
        longest: Tokens of the longest row.
        over_default: Rows that TRL's own max_length would cut.
        lengths: Rows by length: the largest power of two that is not above their tokens.
    """

    path: str
    rows: int
    forms: Mapping[str, int]
    rules: tuple[RuleCount, ...]
    limit: int | None = None
    exact: bool = False
    longest: int = 0
    over_default: int = 0
    lengths: Mapping[int, int] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """Findings that make the set unsound."""
        return sum(one.count for one in self.rules if one.severity == "error")

    @property
    def warnings(self) -> int:
        """Findings that leave it sound."""
        return sum(one.count for one in self.rules if one.severity == "warning")

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not self.errors


def lint(
    path: str | Path,
    options: LintOptions = LintOptions(),
    tell: Callable[[int], None] = lambda rows: None,
) -> LintReport:
    """Look at every row of a set.

    The report is the same for any number of cores.

    Args:
        path: A file or a folder; see `longwrite.data.importers.read_set`.
        options: How to look at it.
        tell: Told how many rows were looked at, now and then.

    Raises:
        UsageError: There is no such set or tokenizer, or what reads it isn't installed.
    """
    limit = find_limit(options.max_length, options.tokenizer)
    rows = read_set(path)
    board = _Board(options.examples)
    for chunk, tally in _check_all(rows, limit, options):
        board.add(chunk, tally)
        tell(board.total.rows)
    if limit.tokenizer and board.conversational and (end := unlearned_end(limit.tokenizer)):
        what = f"the chat template ends no answer with {end}"
        board.count("template-eos", str(limit.tokenizer), what)
    board.find_mixtures()
    return board.report(str(path), limit)


# --- chunks of rows ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Tally:
    """What a chunk of rows comes to."""

    rows: int = 0
    forms: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[Finding]] = field(default_factory=dict)
    longest: int = 0
    over_default: int = 0
    lengths: Counter[int] = field(default_factory=Counter)
    shapes: list[str] = field(default_factory=list)
    """Of each row its shape; empty for one that was not understood."""
    columns: dict[str, set[str]] = field(default_factory=dict)
    texts: array[int] = field(default_factory=lambda: array("Q"))
    """Of each row a hash of prompt and texts, 0 for one without."""
    wholes: array[int] = field(default_factory=lambda: array("Q"))
    """Of each row a hash of all its columns."""


def _check_all(
    rows: Iterator[RawRow | BrokenRow], limit: Limit, options: LintOptions
) -> Iterator[tuple[_Rows, _Tally]]:
    """Yield the chunks of a set with what they come to, in order."""
    work = partial(_check_chunk, limit=limit, most=options.examples)
    cores = options.cores or _count_cores()
    first = list(islice(rows, _FIRST))
    if cores == 1 or len(first) < _FIRST:
        yield from ((chunk, work(chunk)) for chunk in _chunks(chain(first, rows)))
        return
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        waiting: deque[tuple[_Rows, Future[_Tally]]] = deque()
        for chunk in _chunks(chain(first, rows)):
            waiting.append((chunk, pool.submit(work, chunk)))
            if len(waiting) > 3 * cores:
                done, tally = waiting.popleft()
                yield done, tally.result()
        while waiting:
            done, tally = waiting.popleft()
            yield done, tally.result()


def _count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _chunks(rows: Iterable[RawRow | BrokenRow]) -> Iterator[_Rows]:
    rows = iter(rows)
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _check_chunk(chunk: _Rows, *, limit: Limit, most: int) -> _Tally:
    tally = _Tally(rows=len(chunk))
    measure = find_measure(limit)
    for raw in chunk:
        if isinstance(raw, BrokenRow):
            _count(tally, raw.place, [Found("unreadable", raw.why)], most)
            tally.shapes.append("")
            tally.texts.append(0)
            tally.wholes.append(0)
            continue
        columns = {name: value for name, value in raw.columns.items() if value is not None}
        example = read_example(columns)
        tokens = measure(example)
        exact = limit.tokenizer is not None or example.form == "tokens"
        found = [
            *check_row(columns, example),
            *check_tokens(tokens, limit.tokens, exact=exact),
        ]
        _count(tally, raw.place, found, most)
        tally.forms[example.form or "unknown"] += 1
        tally.longest = max(tally.longest, tokens)
        tally.over_default += tokens > TRL_DEFAULT
        tally.lengths[1 << max(0, tokens.bit_length() - 1)] += 1
        turns = ", as turns" if example.conversational else ""
        tally.shapes.append(f"{example.form}{turns}" if example.form else "")
        known = tally.columns.setdefault(_file(raw.place), set())
        if len(known) < _MOST_COLUMNS:
            known.update(map(str, raw.columns))
        tally.texts.append(_hash_texts(example))
        tally.wholes.append(_hash(dumps(columns, sort_keys=True, default=str, skipkeys=True)))
    return tally


def _count(tally: _Tally, place: str, found: Iterable[Found], most: int) -> None:
    for one in found:
        tally.counts[one.rule] += 1
        examples = tally.examples.setdefault(one.rule, [])
        if len(examples) < most:
            severity = RULES[one.rule].severity
            examples.append(Finding(one.rule, severity, place, one.what, one.excerpt))


def _hash_texts(example: Example) -> int:
    texts = [*(turn.content for turn in example.prompt), example.answer, example.rejected]
    texts += [step for step, _ in example.steps]
    return _hash("\0".join(text.strip() for text in texts)) if any(texts) else 0


def _hash(text: str) -> int:
    data = text.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big") or 1


def _file(place: str) -> str:
    return place.rpartition(":")[0] or place


# --- the set as a whole --------------------------------------------------------------------------


class _Board:
    """Adds up what chunks come to, and sees what only the set as a whole shows.

    Texts are known by their hash and the place of the first, packed into two numbers, so that a row
    takes some three hundred bytes however long it is.
    """

    def __init__(self, most: int) -> None:
        self.total = _Tally()
        self.conversational = False
        self._most = most
        self._files: dict[str, int] = {}
        self._names: list[str] = []
        self._texts: dict[int, int] = {}
        self._wholes: set[int] = set()
        self._shapes: dict[str, dict[str, tuple[int, str]]] = {}
        self._columns: dict[str, set[str]] = {}

    def add(self, chunk: _Rows, tally: _Tally) -> None:
        """Take in a chunk and what it comes to."""
        total = self.total
        total.rows += tally.rows
        total.forms += tally.forms
        total.counts += tally.counts
        total.lengths += tally.lengths
        total.longest = max(total.longest, tally.longest)
        total.over_default += tally.over_default
        for rule, examples in tally.examples.items():
            kept = total.examples.setdefault(rule, [])
            kept += examples[: self._most - len(kept)]
        for file, names in tally.columns.items():
            self._columns.setdefault(file, set()).update(names)
        for raw, shape, text, whole in zip(
            chunk, tally.shapes, tally.texts, tally.wholes, strict=True
        ):
            config = config_of(_file(raw.place))
            if shape:
                self.conversational |= shape.endswith("turns")
                count, first = self._shapes.setdefault(config, {}).get(shape, (0, raw.place))
                self._shapes[config][shape] = (count + 1, first)
            if text:
                self._find_again(raw.place, config, text, whole)

    def _find_again(self, place: str, config: str, text: int, whole: int) -> None:
        text, whole = hash((config, text)), hash((config, whole))
        first = self._unpack(self._texts.setdefault(text, self._pack(place)))
        if first != place and whole in self._wholes:
            self.count("duplicate", place, f"it is the row {first} again")
        elif first != place:
            self.count("same-answer", place, f"prompt and text are those of {first}")
        self._wholes.add(whole)

    def _pack(self, place: str) -> int:
        file, _, number = place.rpartition(":")
        if file not in self._files:
            self._files[file] = len(self._names)
            self._names.append(file)
        return self._files[file] << 40 | int(number)

    def _unpack(self, packed: int) -> str:
        return f"{self._names[packed >> 40]}:{packed & (1 << 40) - 1}"

    def count(self, rule: str, place: str, what: str, times: int = 1) -> None:
        """Count a finding of the whole set."""
        self.total.counts[rule] += times
        examples = self.total.examples.setdefault(rule, [])
        if len(examples) < self._most:
            examples.append(Finding(rule, RULES[rule].severity, place, what))

    def find_mixtures(self) -> None:
        """Count the rows and files that are shaped unlike most of their config."""
        for shapes in self._shapes.values():
            usual = max(shapes, key=lambda shape: shapes[shape][0])
            for shape, (count, place) in shapes.items():
                if shape != usual:
                    what = f"rows are “{shape}” here ({count:,}), where most are “{usual}”"
                    self.count("mixed-shapes", place, what, count)
        usual_of: dict[str, tuple[str, set[str]]] = {}
        for file, names in self._columns.items():
            other, usual_names = usual_of.setdefault(config_of(file), (file, names))
            if names != usual_names:
                odd = ", ".join(sorted(names ^ usual_names)[:8])[:200]
                self.count("mixed-columns", file, f"{odd} stand in this file or in {other} alone")

    def report(self, path: str, limit: Limit) -> LintReport:
        """Return the report."""
        total = self.total
        rules = tuple(
            RuleCount(name, rule.severity, total.counts[name], tuple(total.examples[name]))
            for name, rule in RULES.items()
            if total.counts[name]
        )
        return LintReport(
            path,
            total.rows,
            dict(total.forms.most_common()),
            rules,
            limit.tokens,
            limit.tokenizer is not None,
            total.longest,
            total.over_default,
            dict(sorted(total.lengths.items())),
        )


def config_of(file: str) -> str:
    """Return the folder that a file's config is, its split's own folder left out.

    >>> config_of("set/sft/train/0.parquet"), config_of("set/sft/test-0.parquet")
    ('set/sft', 'set/sft')
    """
    folder = PurePath(file).parent
    while folder.name in _SPLITS:
        folder = folder.parent
    return str(folder)


def tell_report(report: LintReport) -> dict[str, Any]:
    """Return a report as JSON."""
    return {
        "path": report.path,
        "ok": report.ok,
        "rows": report.rows,
        "errors": report.errors,
        "warnings": report.warnings,
        "forms": dict(report.forms),
        "tokens": {
            "limit": report.limit,
            "exact": report.exact,
            "longest": report.longest,
            "over_trl_default": report.over_default,
            "rows_from": {str(least): rows for least, rows in report.lengths.items()},
        },
        "rules": [
            {
                "rule": one.rule,
                "severity": one.severity,
                "count": one.count,
                "title": RULES[one.rule].title,
                "why": RULES[one.rule].why,
                "mend": RULES[one.rule].mend,
                "examples": [
                    {"place": each.place, "what": each.what, "excerpt": each.excerpt}
                    for each in one.examples
                ],
            }
            for one in report.rules
        ],
    }
