"""Tables on a terminal, and bars that a figure has to keep to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure may be at most or has to be at least."""

    kind: Literal["most", "least"]
    value: float

    def holds(self, figure: float) -> bool:
        """Tell whether a figure keeps to it, as it is printed: to two decimals."""
        shown = round(figure, 2)
        return shown <= self.value if self.kind == "most" else shown >= self.value

    def __str__(self) -> str:
        return f"{'≤' if self.kind == 'most' else '≥'} {self.value:g}"


def at_most(*values: float | None) -> list[Bar | None]:
    """Return a bar for each value, none for None."""
    return [None if value is None else Bar("most", value) for value in values]


def at_least(*values: float | None) -> list[Bar | None]:
    """Return a bar for each value, none for None."""
    return [None if value is None else Bar("least", value) for value in values]


def show_figure(figure: float) -> str:
    """Return a figure in as many digits as it deserves.

    >>> show_figure(0.1234), show_figure(12.34), show_figure(5432.1)
    ('0.12', '12.3', '5,432')
    """
    size = abs(figure)
    return f"{figure:,.0f}" if size >= 100 else f"{figure:.1f}" if size >= 10 else f"{figure:.2f}"


def show_judged(figure: float, bar: Bar | None) -> str:
    """Return a figure, and its bar where there is one; a missed one is marked."""
    if bar is None:
        return show_figure(figure)
    return f"{show_figure(figure)} ({bar}{'' if bar.holds(figure) else ' MISSED'})"


def lay_out(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with its columns lined up."""
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    rule = ["-" * width for width in widths]
    lines = (
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (head, rule, *rows)
    )
    return "\n".join(lines)
