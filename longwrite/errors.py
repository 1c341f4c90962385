"""Every error that a person can meet, with its exit code.

    LongwriteError
    ├── UsageError      2  an option, a brief, a plan or a path that can't be used
    │   └── RunError    2  a run folder that is locked, foreign, damaged or finished
    ├── BudgetError     4  the next call could pass --max-tokens or --max-cost; resumable
    ├── EngineError     5  the engine can't be reached, refuses, or isn't what it should be
    │   └── PlanError   5  no plan came of this brief; another document may still succeed
    └── Interrupted   130  a person or the system asked to stop; resumable

An error is a sentence in three parts: what happened, why, and the command that mends it. A failed
engine call is not raised where it happens: it is a `CallError` inside the `Reply`, and never text.
"""

from __future__ import annotations


class LongwriteError(Exception):
    """What happened, why, and how to mend it.

    Args:
        what: What could not be done, naming the file, option or engine.
        why: The reason.
        mend: What to do about it, best a command.
    """

    exit_code = 1

    def __init__(self, what: str, why: str = "", mend: str = "") -> None:
        """Join the parts to one line."""
        self.what, self.why, self.mend = what, why, mend
        head = f"{what}: {why}" if why else what
        sentences = [
            part if part.endswith((".", "!", "?", "。")) else f"{part}."
            for part in (head, mend)
            if part
        ]
        super().__init__(" ".join(sentences))


class UsageError(LongwriteError):
    """An option, a brief, a plan or a path that can't be used."""

    exit_code = 2


class RunError(UsageError):
    """A run folder that is locked, foreign, damaged or finished."""


class BudgetError(LongwriteError):
    """The next call could pass the budget; the run can be resumed with a larger one."""

    exit_code = 4


class EngineError(LongwriteError):
    """The engine can't be reached, refuses, or isn't what it should be."""

    exit_code = 5


class PlanError(EngineError):
    """No plan came of this brief; the engine may still serve another."""


class Interrupted(LongwriteError):
    """A person or the system asked to stop; the run can be resumed."""

    exit_code = 130

    def __init__(
        self,
        what: str = "Stopped",
        why: str = "as asked",
        mend: str = "Run the same command to go on from here.",
    ) -> None:
        """Say so, unless there is more to say."""
        super().__init__(what, why, mend)
