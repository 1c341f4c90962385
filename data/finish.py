"""From a ledger to a finished set: rows, funnel, record and card, whether or not all units are in.

A build that had to stop is finished the same way with what it has: the rows are there to be read,
and the next run goes on from the ledger, not from them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longwrite import __version__
from longwrite.data.card import write_card
from longwrite.data.export import export
from longwrite.data.funnel import Funnel, to_json
from longwrite.data.funnel_page import funnel_page
from longwrite.data.labels import checker_version
from longwrite.data.ledger import Made
from longwrite.data.rows import Drop, Row
from longwrite.data.selection import Selection
from longwrite.runs.folder import replace_file


@dataclass(frozen=True, slots=True)
class Finished:
    """A set as it stands: rows of each config, and what became of the others."""

    rows: dict[str, int]
    funnel: Funnel


def finish(
    made: Iterable[Made], folder: Path, selection: Selection, record: Mapping[str, Any]
) -> Finished:
    """Write rows, funnel report, ``build.json`` and card of a set.

    Args:
        made: What became of the units, in the order of the source.
        folder: Of the set.
        selection: Chooses among the rows, with an empty memory.
        record: How the set was made, as JSON values, for ``build.json``; its ``stages`` are the
            names of all that may drop a row, in order.

    Raises:
        UsageError: pyarrow is missing, or the folder can't be written.
    """
    stages = [str(name) for name in record["stages"]]
    funnel = Funnel(stages)
    reasons: dict[tuple[str, str], int] = {}

    def note(one: Made, rows: list[Row], drops: list[Drop]) -> None:
        for stage in stages:
            funnel.keep(stage, len(rows))
        for drop in drops:
            for stage in stages[: stages.index(drop.stage)]:
                funnel.keep(stage)
            funnel.drop(drop)
            reasons[drop.stage, drop.reason] = reasons.get((drop.stage, drop.reason), 0) + 1

    rows = export(made, folder, selection, note)
    told = {
        **record,
        "versions": {"longwrite": __version__, "checker": checker_version()},
        "rows": rows,
        "funnel": [[stage, reason, count] for (stage, reason), count in sorted(reasons.items())],
    }
    replace_file(folder / "build.json", json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    replace_file(folder / ".work" / "funnel.json", json.dumps(to_json(funnel)) + "\n")
    replace_file(folder / "funnel.html", funnel_page(funnel, folder.resolve().name))
    if rows:
        write_card(folder)
    return Finished(rows, funnel)
