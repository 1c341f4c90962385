"""The list of commands, and what happens when one fails.

Importing this module is what `longwrite --help` costs, so the commands import what they need when
they run.
"""

from __future__ import annotations

import os
import sys

import typer

from longwrite.cli.continuing import continue_manuscript
from longwrite.cli.doctor import doctor
from longwrite.cli.plan import plan
from longwrite.cli.resume import resume, rewrite
from longwrite.cli.status import show, status
from longwrite.cli.write import write

app = typer.Typer(
    name="longwrite",
    help="Write ultra-long documents: planned, length-true, resumable.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(plan)
app.command()(write)
app.command()(resume)
app.command()(rewrite)
app.command("continue")(continue_manuscript)
app.command()(status)
app.command()(show)
app.command()(doctor)


def run() -> None:
    """Run the command line; an error is a sentence and an exit code, never a traceback."""
    from longwrite.errors import LongwriteError

    try:
        _check_encoding(sys.argv)
        app()
    except LongwriteError as error:
        from longwrite.cli.output import print_error

        print_error(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _check_encoding(arguments: list[str]) -> None:
    """Refuse bytes that are no text, which the terminal hands on as lone surrogates."""
    for argument in arguments:
        if not argument.isascii() and any("\ud800" <= char <= "\udfff" for char in argument):
            from longwrite.errors import UsageError

            shown = argument.encode("utf-8", "replace").decode()
            raise UsageError(f"{shown[:80]} can't be used", "it is not UTF-8 text")


if __name__ == "__main__":
    run()
