"""What can be done with a set that is there: lint, card, merge, push, inspect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from longwrite.cli import options as o

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of the set.")]
AnySet = Annotated[Path, typer.Argument(metavar="PATH", help="A file or folder of rows.")]


def lint(
    path: AnySet,
    max_length: Annotated[
        int | None, typer.Option(min=16, help="Tokens a row may have at most.")
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option(help="Folder of the model to be trained; else tokens are guessed."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Also write a page.")] = None,
    examples: Annotated[int, typer.Option(min=0, help="Places shown for each finding.")] = 5,
    cores: Annotated[int | None, typer.Option(min=1, help="Processes; else all cores.")] = None,
    force: o.Force = False,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Find what is wrong with a set: rows that are cut, loop, lie about their length, and more.

    Exit code 6 when something is wrong.

    Example: longwrite data lint ./set --max-length 32768 --html lint.html
    """
    import shutil
    import sys

    from longwrite.cli.output import check_output, print_json, print_line, write_output
    from longwrite.data.lint import LintOptions, tell_report
    from longwrite.data.lint import lint as look
    from longwrite.data.lint_page import report_page, show_report

    check_output(html, force, (".html",))

    def tell(rows: int) -> None:
        if not quiet and sys.stderr.isatty():
            sys.stderr.write(f"\r{rows:,} rows")
            sys.stderr.flush()

    report = look(path, LintOptions(max_length, tokenizer, examples, cores), tell)
    if not quiet and sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    if html is not None:
        write_output(html, report_page(report))
    if as_json:
        print_json({**tell_report(report), "exit_code": 0 if report.ok else 6})
    else:
        print_line(show_report(report, shutil.get_terminal_size().columns))
    raise typer.Exit(0 if report.ok else 6)


def card(folder: Folder) -> None:
    """Write the data card of a set: lengths, labels, licences, what was left out, how it was made.

    Example: longwrite data card ./set
    """
    from longwrite.cli.output import print_line
    from longwrite.data.card import write_card

    print_line(str(write_card(folder)))


def merge(
    folders: Annotated[list[Path], typer.Argument(metavar="SHARD…", help="Folders of the shards.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder of the joined set.")],
    rows: o.Rows = None,
    as_json: o.AsJson = False,
) -> None:
    """Join the shards of one build: the set that one process would have made.

    Duplicates are looked for across the shards, and rows stand in the order of the source.

    Example: longwrite data merge shard-1 shard-2 -o set
    """
    from longwrite.cli.data import tell_set
    from longwrite.data.merge import merge as join

    tell_set(output, join(folders, output, rows), as_json)


def push(
    folder: Folder,
    repository: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="On the Hub.")],
    private: Annotated[bool, typer.Option(help="Make it a private one.")] = True,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Upload a finished set with its card to the Hub; log and ledger stay here.

    The token comes from HF_TOKEN or `hf auth login`.

    Example: longwrite data push ./set somebody/long-essays
    """
    from longwrite.cli.output import print_line
    from longwrite.data.push import list_upload
    from longwrite.data.push import push as upload

    files = list_upload(folder)
    size = sum(path.stat().st_size for path in files)
    public = "private" if private else "PUBLIC"
    question = f"Upload {len(files)} files ({size / 1e6:,.1f} MB) to {public} {repository}?"
    if not yes and not typer.confirm(question):
        raise typer.Exit(1)
    print_line(upload(folder, repository, private=private))


def inspect(
    path: AnySet,
    row: Annotated[int, typer.Option(min=1, help="Which row, counted from 1.")] = 1,
    name: Annotated[str, typer.Option("--id", help="The row of this id instead.")] = "",
    whole: Annotated[bool, typer.Option("--whole", help="Do not shorten long texts.")] = False,
    as_json: o.AsJson = False,
) -> None:
    """Read one row in the terminal, with its labels and where it comes from.

    Example: longwrite data inspect ./set --row 7
    """
    import shutil

    from longwrite.cli.output import print_json, print_line
    from longwrite.data.importers import BrokenRow, read_set
    from longwrite.data.inspection import harmless, show_row
    from longwrite.errors import UsageError

    rows = enumerate(read_set(path), 1)
    found = next(
        (one for number, one in rows if (number == row if not name else _is_called(one, name))),
        None,
    )
    if found is None:
        which = f"with the id {name}" if name else f"number {row}"
        raise UsageError(f"{path} has no row {which}", "", "Count from 1, or see the ids.")
    if isinstance(found, BrokenRow):
        raise UsageError(f"{found.place} can't be read", found.why, "Mend the line.")
    if as_json:
        print_json({"place": found.place, "row": dict(found.columns)})
        return
    print_line(harmless(found.place))
    print_line(show_row(found.columns, shutil.get_terminal_size().columns, whole=whole))


def _is_called(row: Any, name: str) -> bool:
    return getattr(row, "columns", {}).get("id") == name
