"""Which of all good rows make the set: what can only be told with the others in view.

Rows are taken in the order of their source, so the choice doesn't depend on which came in first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from longwrite.data.filters import detail_of
from longwrite.data.ledger import Made
from longwrite.data.rows import Drop, Row, Verdict

SetFilter = Callable[[Row], Verdict]
"""A filter with a memory: what it says of a row depends on the rows before."""


@dataclass(slots=True)
class Selection:
    """Chooses rows unit by unit.

    Attributes:
        filters: By name, in their order.
        most: Rows wanted; None for no limit.
        kept: Rows chosen so far.
    """

    filters: Mapping[str, SetFilter]
    most: int | None = None
    kept: int = 0

    def take(self, made: Made) -> tuple[list[Row], list[Drop]]:
        """Return the rows of a unit that enter the set, and why others don't."""
        rows: list[Row] = []
        drops = list(made.drops)
        for row in made.rows:
            if self.most is not None and self.kept >= self.most:
                break
            drop = self._refuse(row)
            if drop is not None:
                drops.append(drop)
            else:
                rows.append(row)
                self.kept += 1
        return rows, drops

    def _refuse(self, row: Row) -> Drop | None:
        for name, passes in self.filters.items():
            verdict = passes(row)
            if verdict is not True:
                return Drop(row.id, name, str(verdict[1]), detail_of(verdict))
        return None
