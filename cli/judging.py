"""A judge as commands use it: reached before other work begins, let go of at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from longwrite.cli.output import print_line

if TYPE_CHECKING:
    from longwrite.rewards.judge import Judge
    from longwrite.rewards.judgement import Judgement


@contextmanager
def reaching(judge: Judge) -> Iterator[Judge]:
    """Open a judge's engine, so that what can't judge is told before anything is spent.

    Raises:
        EngineError: It can't be opened.
        UsageError: It can't judge.
    """
    from longwrite.rewards.judge import run_apart

    run_apart(judge.reach())
    try:
        yield judge
    finally:
        run_apart(judge.close())


def tell_judged(judged: Judgement) -> None:
    """Print what a judge said of one text."""
    from longwrite.rewards.judgement import describe_judge
    from longwrite.rewards.quality import load_dimensions

    score, first = judged.score, next(iter(judged.verdicts), None)
    value = "–" if score.value is None else f"{score.value:.2f}"
    print_line(f"  {score.name:<12} {value:>4}  {_plain(score.note)}")
    for name, told in load_dimensions().items():
        mark = score.parts.get(name)
        print_line(f"    {name:<18} {'–' if mark is None else f'{mark:.1f}'} of 5  {told}")
    if first is not None:
        calls = round(score.parts.get("calls", 0))
        by = _plain(describe_judge(first.model, first.sampling))
        print_line(f"    judged by {by}; {calls:,} call{'' if calls == 1 else 's'}")


def _plain(text: str) -> str:
    """Return a line without what would drive a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)
