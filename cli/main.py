"""Where the command line begins and ends, and what happens when a command fails."""

from __future__ import annotations

import io
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from longwrite.cli.commands import GROUPS, show_overview

if TYPE_CHECKING:
    from longwrite.errors import LongwriteError


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
            _call(sys.argv[1:])
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


def _call(arguments: list[str]) -> NoReturn:
    """Run a command; an overview is printed without loading what commands need."""
    *group, last = arguments or [""]
    if last in {"-h", "--help"} and " ".join(group) in GROUPS:
        sys.stdout.write(show_overview(" ".join(group)))
        sys.exit(0)
    from longwrite.cli.app import app

    app()
    sys.exit(0)


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
