"""Many documents from a JSONL, side by side, each a run of its own.

Rows are ``{"prompt": …, "length": …}``; other columns are passed through. As many documents are
open as there may be calls in flight, for a short one has one call at a time; where there are more
calls than places, documents that began first go first (`longwrite.agent.places`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longwrite.api import Press, default_folder, write_run
from longwrite.cli.briefing import Texts, read_text
from longwrite.cli.ordering import Order, put_aside
from longwrite.cli.output import check_output, print_json, print_line, say, write_output
from longwrite.cli.progress import Progress
from longwrite.cli.running import run_with_press
from longwrite.errors import BudgetError, EngineError, Interrupted, LongwriteError, UsageError
from longwrite.rewards.briefs import compile_brief
from longwrite.runs.folder import lock_folder, most_open, replace_file
from longwrite.runs.store import digest
from longwrite.strict_json import parse_json
from longwrite.types import Brief


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file; `fault` says why it can't be written."""

    number: int
    data: Mapping[str, Any]
    brief: Brief | None = None
    fault: str = ""


def carry_out_batch(
    order: Order, path: Path, words: int | None, texts: Texts, documents: int | None
) -> int:
    """Write every row; returns the worst exit code.

    Raises:
        LongwriteError: The file can't be used, or the batch had to stop (resumable).
    """
    rows = read_rows(path, words, texts)
    check_output(order.output, order.force, (".jsonl",))
    assert order.settings is not None
    models = {str(role): choice.model for role, choice in order.choices.items()}
    seed = Brief(f"{path.stem} {digest(str(path.resolve()))[:6]}", 1)
    folder = order.run or default_folder(order.runs, seed, order.settings, models)
    if order.fresh:
        put_aside(folder)
    lock = lock_folder(folder, "another process is writing this batch", "Wait for it.")
    results: dict[int, dict[str, Any]] = {}
    places = min(documents or order.settings.concurrency, most_open())

    async def work(press: Press) -> None:
        await write_rows(order, rows, folder, models, press, places, results)

    try:
        run_with_press(order.choices, order.budget, work, quiet=order.quiet)
    except LongwriteError:
        say(f"{folder} keeps what is done; run the same command to go on.")
        raise
    finally:
        try:
            _save(order, folder, rows, results)
        finally:
            lock.release()
    codes = [result["exit_code"] for result in results.values()]
    worst = next((code for code in (3, 6) if code in codes), 0)
    done = sum(code in {0, 6} for code in codes)
    if order.as_json:
        listed = [{k: v for k, v in results[n].items() if k != "response"} for n in sorted(results)]
        print_json({"run": str(folder), "rows": listed, "exit_code": worst})
    else:
        print_line(f"{folder}/responses.jsonl: {done} of {len(rows)} documents")
        for result in (results[number] for number in sorted(results)):
            if result["exit_code"]:
                print_line(f"  row {result['row']}: {result['note']}")
    return worst


def read_rows(path: Path, words: int | None, texts: Texts) -> list[Row]:
    """Read the rows; one that can't be used keeps its reason and stops no other.

    Raises:
        UsageError: The file can't be read, or has no row.
    """
    found = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            found.append(_read_row(number, line, words, texts))
    if not found:
        raise UsageError(f"{path} has no rows", "it is empty", 'Write {"prompt": "…"} on a line.')
    return found


def _read_row(number: int, line: str, words: int | None, texts: Texts) -> Row:
    try:
        data: Any = parse_json(line.encode())
        if not isinstance(data, dict) or not isinstance(data.get("prompt"), str):
            return Row(number, {}, fault='it is no object with a text as "prompt"')
        length = data.get("length")
        if length is not None and (not isinstance(length, int) or isinstance(length, bool)):
            return Row(number, data, fault=f'"length" is no whole number: {length!r:.40}')
        brief = compile_brief(data["prompt"], words=words, length=length, **texts)
        return Row(number, data, brief)
    except ValueError as error:
        return Row(number, {}, fault=f"it is no JSON ({error})")
    except LongwriteError as error:
        return Row(number, data, fault=str(error))


async def write_rows(
    order: Order,
    rows: list[Row],
    folder: Path,
    models: dict[str, str],
    press: Press,
    places: int,
    results: dict[int, dict[str, Any]],
) -> None:
    """Write every row that can be, no more than `places` at a time.

    Raises:
        LongwriteError: The batch had to stop; it can be resumed.
    """
    admitted = asyncio.Semaphore(places)

    async def write(row: Row) -> None:
        if row.brief is None:
            results[row.number] = _result(row, 3, row.fault)
            return
        assert order.settings is not None
        path = default_folder(folder, row.brief, order.settings, models)
        path = path.with_name(f"{row.number:04d}-{path.name}")
        async with admitted:
            if press.stopped:
                return
            progress = Progress(row.brief.words, order.quiet, f"[{row.number}] ")
            try:
                outcome = await write_run(path, press, row.brief, order.settings, notify=progress)
            except (BudgetError, EngineError, Interrupted) as error:
                press.stop(error)
                return
            except LongwriteError as error:
                results[row.number] = _result(row, 3, str(error))
                return
        worst = [d for d in outcome.document.defects if d.hard] or outcome.document.defects
        note = f"{worst[0].kind}: {worst[0].message}" if worst else ""
        results[row.number] = _result(row, outcome.exit_code, note) | {
            "response": outcome.markdown,
            "words": outcome.report["words"],
            "defects": outcome.report["defects"],
            "run": str(path),
        }

    tasks = [asyncio.create_task(write(row)) for row in rows]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
    if press.stopped:
        raise press.stopped


def _result(row: Row, code: int, note: str) -> dict[str, Any]:
    return {"row": row.number, "exit_code": code, "note": note}


def _save(
    order: Order, folder: Path, rows: list[Row], results: Mapping[int, Mapping[str, Any]]
) -> None:
    lines = [
        json.dumps({**row.data, **results[row.number]}, ensure_ascii=False) + "\n"
        for row in rows
        if row.number in results
    ]
    replace_file(folder / "responses.jsonl", "".join(lines))
    if order.output is not None:
        write_output(order.output, "".join(lines))
