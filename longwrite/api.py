"""The public Python interface, which the command line stands on: plan, write, resume.

A `Press` holds what a command shares: the open engines, the calls in flight, the budget. On it,
`write_run` brings one run folder as far as it will go; calling it again goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from longwrite.agent.budget import Budget
from longwrite.agent.caller import Caller
from longwrite.agent.continuation import PAST, Past, attach_past, describe_past
from longwrite.agent.job import Job
from longwrite.agent.manuscript import Manuscript
from longwrite.agent.places import Places
from longwrite.agent.record import (
    Start,
    load_plan,
    load_start,
    make_report,
    save_plan,
    save_report,
    save_start,
)
from longwrite.agent.schedule import choose_mode
from longwrite.agent.settings import Event, Notify, Settings
from longwrite.agent.targets import set_targets
from longwrite.agent.writer import find_defects, write_document
from longwrite.assembly import leaves, walk
from longwrite.engines.choice import Choice, open_engine
from longwrite.engines.engine import Engine
from longwrite.engines.listing import without_password
from longwrite.errors import LongwriteError, UsageError
from longwrite.language import script_shares
from longwrite.planners import PLANNERS, load_planner
from longwrite.prompts import name_language
from longwrite.runs.folder import RunFolder, read_text, slugify
from longwrite.runs.planfile import check_plan
from longwrite.runs.store import digest
from longwrite.types import Abilities, Brief, Document, Plan, Role


@dataclass(slots=True)
class Press:
    """What all runs of one command share.

    Attributes:
        engines: One for each role, open.
        models: What was chosen for each role, for the run's record.
        budget: What may still be spent.
        places: Limits the calls in flight.
        in_flight: To how many.
        callers: Of the runs that are going on.
        stopped: Why no further call may begin, once that is so.
        counted: The runs whose earlier spending is in the budget.
        begun: Runs so far; an earlier one's calls go first.
    """

    engines: dict[Role, Engine]
    models: dict[str, str]
    budget: Budget
    places: Places
    in_flight: int
    callers: list[Caller] = field(default_factory=list)
    stopped: LongwriteError | None = None
    counted: set[Path] = field(default_factory=set)
    begun: int = 0

    def stop(self, reason: LongwriteError) -> None:
        """Begin no further call in any run; those in flight come in and are kept."""
        self.stopped = self.stopped or reason
        for caller in self.callers:
            caller.stop(reason)

    def count_spent(self, folder: RunFolder) -> None:
        """Take what earlier commands spent on a run into the budget, once."""
        if folder.path.resolve() not in self.counted:
            self.counted.add(folder.path.resolve())
            self.budget.spend(folder.store.read_lost())
            for call in folder.store.list_calls():
                self.budget.spend(call.reply.usage)

    def take_rank(self) -> int:
        """Return the rank of a run that begins."""
        self.begun += 1
        return self.begun

    def admit(self, caller: Caller) -> None:
        """Take up the caller of a run that begins."""
        self.callers.append(caller)
        if self.stopped is not None:
            caller.stop(self.stopped)

    async def close(self) -> None:
        """Close the engines."""
        for engine in {id(engine): engine for engine in self.engines.values()}.values():
            await engine.close()


async def open_press(
    choices: dict[Role, Choice],
    budget: Budget | None = None,
    tell: Callable[[str], None] = lambda message: None,
) -> Press:
    """Open the engines of a command; a role without a choice uses the writing one's.

    Raises:
        EngineError: One of them can't be opened.
    """
    opened: dict[Choice, Engine] = {}
    engines: dict[Role, Engine] = {}
    roles: tuple[Role, ...] = ("write", "plan", "check")
    try:
        for role in roles:
            choice = choices.get(role, choices["write"])
            if choice not in opened:
                opened[choice] = await open_engine(choice, tell)
            engines[role] = opened[choice]
    except BaseException:
        for engine in opened.values():
            await engine.close()
        raise
    main = choices["write"]
    models: dict[str, str] = {role: choice.model for role, choice in choices.items()}
    models["base_url"] = without_password(main.base_url)
    places = Places(main.in_flight)
    return Press(engines, models, budget or Budget(), places, main.in_flight)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run.

    Attributes:
        path: The run folder.
        document: As far as written.
        report: The content of report.json.
        untouched: Whether the run was finished before and nothing was done.
    """

    path: Path
    document: Document
    report: dict[str, Any]
    untouched: bool = False

    @property
    def markdown(self) -> str:
        """The document as Markdown.

        Raises:
            RunError: It was taken away.
        """
        return read_text(self.path / "document.md", "Resume the run.")

    @property
    def exit_code(self) -> int:
        """0 done; 3 something is missing; 6 done, but a hard requirement is unmet."""
        defects = self.document.defects
        if any(defect.kind in {"missing", "truncated"} for defect in defects):
            return 3
        return 6 if any(defect.hard for defect in defects) else 0


def default_folder(runs: Path, brief: Brief, settings: Settings, models: dict[str, str]) -> Path:
    """Return the folder of a run that was given none: the same wish leads to the same folder."""
    frozen = asdict(replace(settings, concurrency=0))
    wish = json.dumps([asdict(brief), frozen, models], sort_keys=True, ensure_ascii=False)
    return runs / f"{slugify(brief.prompt)}-{digest(wish)[:8]}"


async def write_run(
    path: Path,
    press: Press,
    brief: Brief | None = None,
    settings: Settings | None = None,
    *,
    plan: Plan | None = None,
    past: Past | None = None,
    stop_after_plan: bool = False,
    notify: Notify = lambda event: None,
    edit: Callable[[RunFolder, Plan], Plan] | None = None,
) -> Outcome:
    """Write a run as far as it will go: a new one from a brief, or one that was begun before.

    Args:
        path: The run folder.
        press: Engines and limits.
        brief: What to write; None takes up what the folder holds.
        settings: How; only for a new run, one that was begun keeps its own.
        plan: A plan to write by; None has one made.
        past: A manuscript that the document goes on from.
        stop_after_plan: Plan only.
        notify: Told what happens.
        edit: Changes the plan of the run before it goes on.

    Raises:
        LongwriteError: It can't begin or had to stop; calling again goes on from there.
    """
    with RunFolder(path) as folder:
        start = _begin(folder, press, brief, settings)
        press.count_spent(folder)
        caller = Caller(
            press.engines,
            folder.store,
            press.budget,
            press.places,
            start.abilities,
            note=lambda message: notify(Event("note", message=message)),
            rank=press.take_rank(),
        )
        press.admit(caller)
        try:
            made = await _settle_plan(folder, caller, start, plan, past, notify)
            if edit is not None:
                made = edit(folder, made)
                save_plan(folder, made)
            notify(Event("plan", words=start.brief.words, message=_tell_plan(made)))
            job = _make_job(folder, made, start, caller, press, notify)
            if stop_after_plan:
                defects = tuple(find_defects(job))
                document = Document(job.brief, job.plan, {}, defects)
            else:
                document = await _write(folder, job, start, press)
            report = make_report(job, start, document.defects, press.budget.prices)
            save_report(folder, report)
            untouched = not caller.tally.made and not caller.tally.answered
            return Outcome(path, document, report, untouched and report["complete"])
        finally:
            press.callers.remove(caller)


async def _write(folder: RunFolder, job: Job, start: Start, press: Press) -> Document:
    try:
        return await write_document(job)
    except BaseException:
        job.manuscript.lay_out()
        defects = tuple(find_defects(job))
        save_report(folder, make_report(job, start, defects, press.budget.prices))
        raise


def _begin(
    folder: RunFolder, press: Press, brief: Brief | None, settings: Settings | None
) -> Start:
    start = load_start(folder)
    identities = {str(role): engine.identity for role, engine in press.engines.items()}
    if start is None:
        if brief is None:
            raise UsageError(
                f"{folder.path} holds no run",
                "there is no brief.yaml",
                "Begin with: longwrite write",
            )
        start = _freeze(press, brief, settings or Settings(), identities)
        save_start(folder, start)
        folder.store.set_meta("begun", "1")
        return start
    if brief is not None and brief != start.brief:
        raise UsageError(
            f"{folder.path} holds another document",
            f'it was begun for "{" ".join(start.brief.prompt.split())[:80]}"',
            "Name another folder with --run, or begin anew with --fresh.",
        )
    if settings is not None and not _same(settings, start.settings):
        raise UsageError(
            f"{folder.path} was begun with other settings",
            "mode, planner, seed, sampling and window hold for the life of a run",
            "Repeat the first command, or begin anew with --fresh or another --run folder.",
        )
    planner = start.settings.planner
    if settings is None and planner not in PLANNERS and folder.read("plan.yaml") is None:
        raise UsageError(
            f"{folder.path} names a planner of its own, {planner!r:.80}",
            "it is no part of longwrite, and its code would be run",
            "If you trust it, repeat the command that began the run.",
        )
    if start.identities["write"] != identities["write"]:
        raise UsageError(
            f"{folder.path} was begun with another model",
            f"{start.identities['write']}, not {identities['write']}",
            "Resume with the first one, or begin anew with --fresh or another --run folder.",
        )
    return start


def _same(given: Settings, frozen: Settings) -> bool:
    mode = frozen.mode if given.mode == "auto" else given.mode
    return replace(given, mode=mode, concurrency=0) == replace(frozen, concurrency=0)


def _freeze(press: Press, brief: Brief, settings: Settings, identities: dict[str, str]) -> Start:
    _check_language(press, brief)
    abilities = _common(press)
    if settings.window:
        abilities = replace(abilities, window=min(settings.window, abilities.window))
    mode = choose_mode(settings.mode, brief.words, settings.concurrency)
    return Start(brief, replace(settings, mode=mode), press.models, identities, abilities)


def _check_language(press: Press, brief: Brief) -> None:
    known = press.engines["write"].abilities.languages
    # A short brief in Latin letters may not tell its language.
    told = brief.language or not script_shares(brief.prompt).get("latin")
    if known and told and brief.language[:2] not in known:
        names = " and ".join(map(name_language, known))
        raise UsageError(
            f"The document is to be in {name_language(brief.language)}",
            f"the model {press.models['write']} writes only {names}",
            "Choose a model that knows the language: --model NAME --base-url http://HOST:PORT/v1.",
        )


def _common(press: Press) -> Abilities:
    """Return what can be asked of the engines: each role's own ability, the smallest window."""
    write, plan, check = (press.engines[role].abilities for role in ("write", "plan", "check"))
    return Abilities(
        window=min(write.window, plan.window, check.window),
        json=plan.json and check.json,
        checks=check.checks,
        deterministic=write.deterministic and plan.deterministic and check.deterministic,
    )


async def _settle_plan(
    folder: RunFolder,
    caller: Caller,
    start: Start,
    given: Plan | None,
    past: Past | None,
    notify: Notify,
) -> Plan:
    found = load_plan(folder, lambda message: notify(Event("note", message=message)))
    if found is not None:
        return found
    if given is None:
        planner = load_planner(start.settings.planner)
        brief = start.brief if past is None else describe_past(start.brief, past)
        given = await planner.plan(brief, caller, start.settings.sampling)
    if past is not None:
        given = attach_past(folder, given, past)
    check_plan(given)
    save_plan(folder, given)
    return given


def _make_job(
    folder: RunFolder, plan: Plan, start: Start, caller: Caller, press: Press, notify: Notify
) -> Job:
    def note(message: str) -> None:
        notify(Event("note", message=message))

    titles = {plan.title, *(section.title for section, _ in walk(plan.sections))} - {""}
    settings = replace(start.settings, concurrency=press.in_flight)
    return Job(
        start.brief,
        plan,
        settings,
        start.settings.mode,
        caller,
        Manuscript(folder, plan, note),
        set_targets(start.brief, plan),
        notify,
        titles=frozenset(title.casefold() for title in titles),
        past=int(folder.store.get_meta(PAST) or 0),
    )


def _tell_plan(plan: Plan) -> str:
    count = len(leaves(plan.sections))
    return f"{plan.title or 'One text'}: {count} section{'s' if count > 1 else ''}"
