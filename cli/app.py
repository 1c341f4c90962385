"""The typer application: the groups of commands, each command loaded when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from longwrite import __version__
from longwrite.cli.commands import GROUPS, show_overview

_PLAIN: dict[str, Any] = {"rich_markup_mode": None, "pretty_exceptions_enable": False}
_HELP = {"help_option_names": ["-h", "--help"]}


class Group(TyperGroup):
    """The commands of a table."""

    group = ""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the table's order."""
        return list(GROUPS[self.group][0])

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Load a command; None when there is none of that name."""
        table = GROUPS[self.group][0]
        if cmd_name not in table:
            return None
        if not self.group and cmd_name in _GROUPS:
            return typer.main.get_command(_GROUPS[cmd_name])
        place, _, function = table[cmd_name][0].partition(":")
        module = import_module(place)
        alone = typer.Typer(add_completion=False, context_settings=_HELP, **_PLAIN)
        settings = getattr(module, "CONTEXT_SETTINGS", None)
        alone.command(cmd_name, context_settings=settings)(getattr(module, function))
        return typer.main.get_command(alone)

    def get_help(self, ctx: Any) -> str:
        """Return the overview, which is the same where typer is not loaded for it."""
        return show_overview(self.group).rstrip("\n")


class DataGroup(Group):
    """The commands of `longwrite data`."""

    group = "data"


class TrainGroup(Group):
    """The commands of `longwrite train`."""

    group = "train"


def _make(cls: type[Group], **options: Any) -> typer.Typer:
    return typer.Typer(cls=cls, no_args_is_help=True, context_settings=_HELP, **_PLAIN, **options)


data = _make(DataGroup, add_completion=False)
train = _make(TrainGroup, add_completion=False)
app = _make(Group)
_GROUPS = {"data": data, "train": train}


@data.callback()
@train.callback()
def begin_group() -> None:
    """Have typer take a group without a command for one."""


def show_version(asked: bool) -> None:
    """Print the version if that is what was asked for, and end."""
    if asked:
        typer.echo(f"longwrite {__version__}")
        raise typer.Exit


@app.callback()
def begin(
    version: bool = typer.Option(False, "--version", is_eager=True, callback=show_version),
) -> None:
    """Take the options that stand before any command."""
