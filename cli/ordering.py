"""Carrying out an order for one document: what `plan`, `write`, `resume` and `rewrite` share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from longwrite.agent.budget import Budget
from longwrite.agent.continuation import Past
from longwrite.agent.settings import Settings
from longwrite.api import Outcome, Press, default_folder, write_run
from longwrite.cli.output import check_output, print_json, say, tell_outcome, write_document
from longwrite.cli.progress import Progress
from longwrite.cli.running import run_with_press
from longwrite.engines.choice import Choice
from longwrite.errors import LongwriteError, RunError, UsageError
from longwrite.runs.folder import RunFolder, is_locked
from longwrite.types import Brief, Plan, Role


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be written, where, and how it is told.

    Attributes:
        brief: None takes up the run folder as it is.
        edit: Changes the plan first.
    """

    choices: dict[Role, Choice]
    budget: Budget
    settings: Settings | None = None
    brief: Brief | None = None
    plan: Plan | None = None
    past: Past | None = None
    runs: Path = Path("runs")
    run: Path | None = None
    fresh: bool = False
    output: Path | None = None
    force: bool = False
    as_json: bool = False
    quiet: bool = False
    plan_only: bool = False
    edit: Callable[[RunFolder, Plan], Plan] | None = None


def carry_out(order: Order) -> int:
    """Write the document and tell of it; returns the exit code.

    Raises:
        LongwriteError: It can't be begun or had to stop.
    """
    check_output(order.output, order.force)
    folder = order.run or _own_folder(order)
    if order.fresh:
        put_aside(folder)
    if order.brief is not None and not order.quiet and not _is_length_stated(order.brief):
        say(f"No length is stated: about {order.brief.words:,} words. --words asks for another.")
    progress = Progress(order.brief.words if order.brief else 0, order.quiet)

    async def work(press: Press) -> Outcome:
        return await write_run(
            folder,
            press,
            order.brief,
            order.settings,
            plan=order.plan,
            past=order.past,
            stop_after_plan=order.plan_only,
            notify=progress,
            edit=order.edit,
        )

    try:
        outcome = run_with_press(order.choices, order.budget, work, quiet=order.quiet)
    except LongwriteError as error:
        if (folder / "brief.yaml").exists() and not isinstance(error, UsageError):
            say(f"{folder} keeps what is done. Go on with: longwrite resume {folder}")
        raise
    if order.plan_only:
        return _tell_plan(order, outcome)
    if order.output is not None:
        write_document(outcome, order.output)
    if order.as_json:
        about = {"run": str(outcome.path), "document": str(outcome.path / "document.md")}
        print_json(about | outcome.report | {"exit_code": outcome.exit_code})
    else:
        tell_outcome(outcome, order.output)
    return outcome.exit_code


def _is_length_stated(brief: Brief) -> bool:
    return any(constraint.kind == "length" for constraint in brief.constraints)


def _tell_plan(order: Order, outcome: Outcome) -> int:
    path = outcome.path / "plan.yaml"
    if order.as_json:
        sections = outcome.report["sections"]
        print_json({"run": str(outcome.path), "plan": str(path), "sections": sections})
    else:
        say(f"{path} is the plan. Edit it if you like, then: longwrite resume {outcome.path}")
    return 0


def _own_folder(order: Order) -> Path:
    if order.brief is None or order.settings is None:
        raise UsageError("No run is named", mend="Name one with --run.")
    models = {str(role): choice.model for role, choice in order.choices.items()}
    return default_folder(order.runs, order.brief, order.settings, models)


def put_aside(folder: Path) -> None:
    """Rename an old run folder so that a new one can take its place.

    Raises:
        RunError: Another process is writing it.
    """
    if not folder.exists():
        return
    if is_locked(folder):
        raise RunError(f"{folder} is in use", "another process is writing this run", "Wait for it.")
    number = 1
    while (old := folder.with_name(f"{folder.name}.old-{number}")).exists():
        number += 1
    try:
        folder.rename(old)
    except OSError as error:
        raise UsageError(
            f"{folder} can't be put aside", error.strerror or str(error), "Name another with --run."
        ) from error
    say(f"The old run is kept as {old}.")
