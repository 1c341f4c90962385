"""Which response answers which item: by id, else by prompt, else by their order.

A response on the wrong item gives a wrong table without a word, so an id counts only where the
prompts agree, order only where nothing else can and the counts are equal, and what finds no partner
is told.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longwrite.bench.benchmark import Item, Response
from longwrite.bench.rows import Row, RowError, prompt_of, read_rows, text_of

_TEXTS = ("response", "completion", "output", "answer", "text")


@dataclass(frozen=True, slots=True)
class Matching:
    """Items with their responses.

    Attributes:
        pairs: Every item once, in order; one without an answer has an empty response.
        by: ``id``, ``prompt`` or ``order`` to the number of items matched so.
        unanswered: Items that no row belongs to.
        unmatched: Rows that belong to no item.
        replaced: Rows whose item has a later one.
    """

    pairs: tuple[tuple[Item[Any], Response], ...]
    by: dict[str, int]
    unanswered: int = 0
    unmatched: int = 0
    replaced: int = 0


def read_responses(path: Path) -> tuple[Response, ...]:
    """Return the responses of a file of rows, in its order; one may be empty.

    Raises:
        UsageError: The file can't be read, or a line of it is no object.
    """
    mend = 'Write {"id": …, "prompt": …, "response": …} on each line.'
    return tuple(map(to_response, read_rows(path, mend)))


def to_response(row: Row) -> Response:
    """Return the response that stands in a row."""
    text = next((found for key in _TEXTS if (found := text_of(row, key))), "")
    try:
        prompt = prompt_of(row)
    except RowError:
        prompt = ""
    return Response(text, text_of(row, "id"), prompt, row, text_of(row, "failed"))


def match_responses(items: Sequence[Item[Any]], responses: Sequence[Response]) -> Matching:
    """Return each item with its response.

    Of several rows with one item's id the last counts. Items that share a prompt take the rows of
    that prompt in turn.
    """
    found: dict[str, Response] = {}
    by_id = {item.id: item for item in items}
    rest: list[Response] = []
    replaced = 0
    for one in responses:
        item = by_id.get(one.id)
        if item is None or (one.prompt and not _is_same(one.prompt, item.prompt)):
            rest.append(one)
            continue
        replaced += item.id in found
        found[item.id] = one
    by = {"id": len(found)}
    waiting: defaultdict[str, deque[Item[Any]]] = defaultdict(deque)
    for item in items:
        if item.id not in found:
            waiting[_fold(item.prompt)].append(item)
    left: list[Response] = []
    for one in rest:
        queue = waiting.get(_fold(one.prompt))
        if queue:
            found[queue.popleft().id] = one
        else:
            left.append(one)
    by["prompt"] = len(found) - by["id"]
    if not found and len(left) == len(items):
        found = {item.id: one for item, one in zip(items, left, strict=True)}
        by["order"], left = len(found), []
    pairs = tuple((item, found.get(item.id, Response())) for item in items)
    kinds = {kind: count for kind, count in by.items() if count}
    return Matching(pairs, kinds, len(items) - len(found), len(left), replaced)


def pair_rows(items: Sequence[Item[Any]], responses: Sequence[Response]) -> Matching:
    """Return items and responses that stand in the same rows."""
    pairs = tuple(zip(items, responses, strict=True))
    return Matching(pairs, {"row": len(pairs)})


def tell_matching(matching: Matching) -> list[str]:
    """Return what a reader has to know of it, a sentence each."""
    notes = []
    if matching.by.keys() != {"id"}:
        ways = ", ".join(f"{count:,} by {kind}" for kind, count in matching.by.items())
        notes.append(f"Responses were matched to items: {ways or 'none'}.")
    empty = sum(not response.text.strip() for _, response in matching.pairs)
    if empty:
        notes.append(f"Items without a response, which score 0 for their length: {empty:,}.")
    if matching.unmatched:
        notes.append(f"Rows of no item, which are not in the table: {matching.unmatched:,}.")
    if matching.replaced:
        notes.append(f"Rows left out for a later one of the same item: {matching.replaced:,}.")
    cut = sum(response.columns.get("cut") is True for _, response in matching.pairs)
    if cut:
        notes.append(f"Responses that ran into their token cap: {cut:,}.")
    return notes


def _fold(prompt: str) -> str:
    return " ".join(prompt.split())


def _is_same(one: str, other: str) -> bool:
    return _fold(one) == _fold(other)
