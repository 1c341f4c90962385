"""Spinning the Golden Thread: are all parts there, and is in each what was to be (Wu et al. 2024).

A text of many numbered parts, each begun with ``#*#``, is to hold certain things in certain parts.
CR is the share of parts that are there; STIC-2 the share of things that are; STIC-1 the same among
the parts that are there, so that who leaves parts out may gain by it: read it beside CR. CR itself
is satisfied by bare headings, so the table tells the words as well. See arXiv:2409.02076.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from longwrite.bench.benchmark import Item, ItemResult, Response
from longwrite.bench.rows import Row, RowError, load_items, prompt_of, text_of, whole_number_of
from longwrite.bench.table import Table, tabulate
from longwrite.scoring.counters import find_counter
from longwrite.types import Json

MARK = "#*#"
"""What begins each part."""
KINDS = ("once", "range", "periodic")
"""Of checks: ``checks_once`` and so on in an item, ``once`` and so on in verdicts."""

_PART = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Check:
    """Something that a part is to hold.

    Attributes:
        kind: One of `KINDS`.
        part: The part's number.
        words: Words that all have to stand in it, where the file gives any.
        what: What it is to hold, where the file says so in a sentence.
    """

    kind: str
    part: int
    words: tuple[str, ...] = ()
    what: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """What an answer is to consist of.

    Attributes:
        type: What a part is called, such as ``Week``.
        number: How many there are to be.
        checks: What they are to hold.
    """

    type: str
    number: int
    checks: tuple[Check, ...]


class SpinningTheGoldenThread:
    """The benchmark; a row is ``{"prompt", "type", "number", "checks_once", …}``.

    A check is judged by the verdicts that come with a response, ``{"once": {"19": "yes"}, …}``.
    Where none do, a check whose file gives words, ``{"19": {"words": ["birthday"]}}`` or a list of
    them, is judged by whether all of these stand in the part. A response is cut as it is: a reply
    that goes on in the part which its prompt began has no heading for it, and so lacks that part.
    """

    name = "sgt"
    counter = "split"
    verdicts = ("verdicts",)
    source = (
        "Name the items with --items: Dataset_short.json or Dataset_long.json, from the Dataset "
        "folder of the LongGenBench repository (Spinning the Golden Thread)."
    )

    def load(self, path: Path) -> tuple[Item[Parts], ...]:
        """Return the items of a file.

        Raises:
            UsageError: It can't be read, or a row asks for no parts.
        """
        return load_items(path, self.source, _read)

    def score(self, item: Item[Parts], response: Response) -> ItemResult:
        """Return CR, STIC-1 and STIC-2, in per cent.

        A check whose part is missing fails without a judge. One that has no verdict that can be
        read counts as failed where others of the item have one; where none has, the item's STIC
        is None.
        """
        parts = cut_parts(response.text, item.asked.type)
        found = parts.keys() & range(1, item.asked.number + 1)
        there = [check for check in item.asked.checks if check.part in parts]
        given = response.columns.get("verdicts")
        verdicts = [judge_check(check, parts[check.part], given) for check in there]
        unjudged = verdicts.count(None)
        yes = verdicts.count(True)
        is_judged = bool(item.asked.checks) and (not there or unjudged < len(there))
        values = {
            "CR": 100 * len(found) / item.asked.number,
            "STIC-1": 100 * yes / max(1, len(there)) if is_judged else None,
            "STIC-2": 100 * yes / len(item.asked.checks) if is_judged else None,
            "checks without verdict": float(unjudged),
            "words": float(find_counter(self.counter)(response.text)),
        }
        note = f"{unjudged} of {len(there)} checks have no verdict." if unjudged else ""
        return ItemResult(item.id, values, (item.asked.type,), note)

    def summarise(self, results: Sequence[ItemResult], *, how: str, judge: str) -> Table:
        """Return the means by type of part, each item weighing the same."""
        measures = ("CR", "STIC-1", "STIC-2", "checks without verdict", "words")
        types = list(dict.fromkeys(group for one in results for group in one.groups))
        figures = tabulate(results, measures, types if len(types) > 1 else ())
        notes = ("Without verdicts a check is judged by the words that its item gives, if any.",)
        return Table(
            self.name, self.counter, how, judge, len(results), figures,
            notes if judge == "none" else (),
        )  # fmt: skip


def cut_parts(text: str, kind: str) -> dict[int, str]:
    """Return the parts of a text by number; of two with one number the later, as published.

    >>> sorted(cut_parts("#*# Week 1: Snow. #*# Week 3: Rain.", "Week"))
    [1, 3]
    """
    number = re.compile(rf"{re.escape(kind)} (\d{{1,9}})(?!\d)")
    parts = {}
    for block in text.split(MARK):
        if match := number.search(block):
            parts[int(match[1])] = block
    return parts


def judge_check(check: Check, block: str, verdicts: Json) -> bool | None:
    """Return whether a part holds what it is to hold; None where nobody can tell."""
    if isinstance(verdicts, dict):
        listed = verdicts.get(check.kind, verdicts.get(f"checks_{check.kind}"))
        return _read_verdict(listed.get(str(check.part)) if isinstance(listed, dict) else None)
    if check.words:
        folded = block.casefold()
        return all(word.casefold() in folded for word in check.words)
    return None


def _read_verdict(given: Json) -> bool | None:
    """Return a plain yes or no; a longer answer is no verdict, whatever words it holds."""
    if isinstance(given, bool):
        return given
    if isinstance(given, str):
        return {"yes": True, "no": False}.get(given.strip(" \t\r\n.!\"'*").lower())
    return None


def _read(name: str, row: Row) -> Item[Parts]:
    kind = text_of(row, "type").strip()
    if not kind:
        raise RowError("has no 'type' of parts")
    checks = [check for one in KINDS for check in _read_checks(one, row.get(f"checks_{one}"))]
    parts = Parts(kind, whole_number_of(row, "number"), tuple(checks))
    return Item(name, prompt_of(row), parts)


def _read_checks(kind: str, listed: Json) -> list[Check]:
    if listed is None:
        return []
    if not isinstance(listed, dict) or not all(_PART.fullmatch(part) for part in listed):
        raise RowError(f"has no numbers of parts in 'checks_{kind}'")
    return [
        Check(kind, int(part), _read_words(what), what.strip() if isinstance(what, str) else "")
        for part, what in listed.items()
    ]


def _read_words(what: Json) -> tuple[str, ...]:
    given = what.get("words") if isinstance(what, dict) else what
    return tuple(w for w in given if isinstance(w, str) and w) if isinstance(given, list) else ()
