"""The list of commands, and what happens when one fails.

A command is loaded when it is called: `longwrite --help` reads this table and no more.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from longwrite.errors import LongwriteError

COMMANDS = {
    "plan": ("longwrite.cli.plan:plan", "Plan a document, to edit before it is written."),
    "write": ("longwrite.cli.write:write", "Plan and write a document, or many."),
    "resume": ("longwrite.cli.resume:resume", "Go on with a run."),
    "rewrite": ("longwrite.cli.resume:rewrite", "Write one section anew, with a wish."),
    "continue": ("longwrite.cli.continuing:continue_manuscript", "Go on with a manuscript."),
    "status": ("longwrite.cli.status:status", "Tell how far a run has come."),
    "show": ("longwrite.cli.status:show", "Print a section, or the prompt that made it."),
    "score": ("longwrite.cli.score:score", "Score texts from any source."),
    "bench": ("longwrite.cli.bench:bench", "Score a model or given texts on a benchmark."),
    "data": ("", "Build, check and ship training sets."),
    "train": ("", "Fine-tune models that write long."),
    "doctor": ("longwrite.cli.doctor:doctor", "Find the engine and try what it can do."),
}
"""Name to ``module:function`` and a line of help; a group of commands has no function."""

DATA = {
    "build": ("longwrite.cli.data:build", "Build a set with a recipe, or go on with one."),
    "lint": ("longwrite.cli.data_files:lint", "Find what is wrong with any TRL-shaped set."),
    "card": ("longwrite.cli.data_files:card", "Write the data card of a set."),
    "merge": ("longwrite.cli.data_files:merge", "Join the shards of a build."),
    "push": ("longwrite.cli.data_files:push", "Upload a set to the Hub."),
    "inspect": ("longwrite.cli.data_files:inspect", "Read a row with its labels and origin."),
}

TRAIN = {
    "sft": ("longwrite.cli.train:sft", "Fine-tune on prompts and completions."),
    "dpo": ("longwrite.cli.train:dpo", "Prefer chosen texts to rejected ones."),
    "grpo": ("longwrite.cli.train:grpo", "Reward what was asked for."),
    "self-lengthen": (
        "longwrite.cli.train_self_lengthen:self_lengthen",
        "Teach a model to write longer by what it writes itself.",
    ),
    "merge": ("longwrite.cli.train_merge:merge", "Make one model of a base and its adapter."),
    "compare": ("longwrite.cli.train_compare:compare", "Score two models on the same briefs."),
}

_PLAIN: dict[str, Any] = {"rich_markup_mode": None, "pretty_exceptions_enable": False}
_HELP = {"help_option_names": ["-h", "--help"]}


class Group(TyperGroup):
    """The commands of a table, each loaded when it is asked for."""

    table = COMMANDS

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the table's order."""
        return list(self.table)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load a command; None when there is none of that name."""
        if cmd_name not in self.table:
            return None
        if self.table is COMMANDS and cmd_name in GROUPS:
            return typer.main.get_command(GROUPS[cmd_name])
        place, _, function = self.table[cmd_name][0].partition(":")
        module = import_module(place)
        alone = typer.Typer(add_completion=False, context_settings=_HELP, **_PLAIN)
        settings = getattr(module, "CONTEXT_SETTINGS", None)
        alone.command(cmd_name, context_settings=settings)(getattr(module, function))
        return typer.main.get_command(alone)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the table's lines of help."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.table.items()])


class DataGroup(Group):
    """The commands of `longwrite data`."""

    table = DATA


data = typer.Typer(cls=DataGroup, no_args_is_help=True, context_settings=_HELP, **_PLAIN)


@data.callback()
def describe_data() -> None:
    """Build, check and ship long-output training sets.

    Example: longwrite data build agentwrite --prompts prompts.jsonl -o set

    longwrite data COMMAND --help tells more.
    """


class TrainGroup(Group):
    """The commands of `longwrite train`."""

    table = TRAIN


train = typer.Typer(cls=TrainGroup, no_args_is_help=True, context_settings=_HELP, **_PLAIN)


@train.callback()
def describe_train() -> None:
    """Fine-tune models that write long, over TRL: nothing is cut, everything goes on.

    Example: longwrite train sft --model ./base --data ./set -o out

    longwrite train COMMAND --help tells more.
    """


GROUPS = {"data": data, "train": train}

app = typer.Typer(cls=Group, no_args_is_help=True, context_settings=_HELP, **_PLAIN)


@app.callback()
def describe() -> None:
    """Write ultra-long documents: planned, length-true, resumable.

    Example: longwrite write "A 10000-word history of salt"

    longwrite COMMAND --help tells more.
    """


class _Stop(SystemExit):
    """Ctrl-C or SIGTERM where no work listens to them; of the kind that nothing takes for its own.

    A KeyboardInterrupt would be typer's, which calls it an error.
    """


def run() -> None:
    """Run the command line; an error is a sentence and an exit code, never a traceback."""
    try:
        _listen(_stop)
        _run()
    except _Stop:
        from longwrite.errors import Interrupted

        _listen(signal.SIG_IGN)
        _fail(Interrupted())


def _run() -> None:
    from longwrite.errors import LongwriteError

    _open_streams()
    try:
        _check_encoding(sys.argv)
        try:
            app()
        finally:
            sys.stdout.flush()
    except LongwriteError as error:
        _fail(error)
    except BrokenPipeError:
        _discard_output()
        sys.exit(0)
    except OSError as error:
        from longwrite.cli.output import say

        why = error.strerror or str(error)
        what = f"{error.filename} can't be used: {why}" if error.filename else why
        say(f"longwrite: {what}. What was written before is kept.")
        _discard_output()
        sys.exit(2)


def _open_streams() -> None:
    """Lead what the caller closed to nowhere, and let any text through what is no UTF-8."""
    for name in ("stdin", "stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # opened in this order, each takes the number that is its own
            number = os.open(os.devnull, os.O_RDWR)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8"))
        elif name != "stdin" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Let the interpreter's end not fail again on what could not be printed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(error: LongwriteError) -> NoReturn:
    from longwrite.cli.output import print_error

    print_error(error, as_json="--json" in sys.argv)
    sys.exit(error.exit_code)


def _listen(handler: Any) -> None:
    """Have Ctrl-C and SIGTERM handled, but where whoever began this has them ignored."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _stop(number: int, frame: object) -> NoReturn:
    raise _Stop


def _check_encoding(arguments: list[str]) -> None:
    """Refuse bytes that are no text, which the terminal hands on as lone surrogates."""
    for argument in arguments:
        if not argument.isascii() and any("\ud800" <= char <= "\udfff" for char in argument):
            from longwrite.errors import UsageError

            shown = argument.encode("utf-8", "replace").decode()
            raise UsageError(f"{shown[:80]} can't be used", "it is not UTF-8 text")


if __name__ == "__main__":
    run()
