"""`longwrite status` and `longwrite show`: looking at a run without touching it."""

from __future__ import annotations

from typing import Annotated

import typer

from longwrite.cli import options as o
from longwrite.cli.resume import RunArgument, SectionArgument


def status(run: RunArgument, as_json: o.AsJson = False) -> None:
    """Tell how far a run has come, section by section; safe while it is being written.

    Example: longwrite status runs/a-history-of-salt-1f2e3d4c
    """
    from longwrite.agent.look import look_at
    from longwrite.cli.output import print_json, print_line

    view = look_at(run)
    if as_json:
        print_json(view)
        return
    print_line(f"{view['title'] or run.name}: {view['words']:,} of {view['asked']:,} words")
    print_line(f"{view['written']} of {len(view['sections'])} sections; {view['calls']} calls made"
               + (", being written now" if view["locked"] else ""))  # fmt: skip
    for section in view["sections"]:
        stale = "  stale" if section["stale"] else ""
        words = f"{section['delivered']:,}/{section['asked']:,}"
        print_line(
            f"  {section['id']:<10} {section['stage']:<8} {words:>13}  {section['title']}{stale}"
        )
    for defect in view["defects"][:12]:
        print_line(f"  ! {defect['section'] or 'document'}: {defect['kind']}: {defect['message']}")


def show(
    run: RunArgument,
    section: SectionArgument,
    prompt: Annotated[
        bool, typer.Option("--prompt", help="The conversation that it was written in.")
    ] = False,
    as_json: o.AsJson = False,
) -> None:
    """Print a section's text, or the prompt that it was written by.

    Example: longwrite show runs/a-history-of-salt-1f2e3d4c 2.1 --prompt
    """
    from longwrite.agent.look import look_at_section
    from longwrite.cli.output import print_json, print_line

    text, messages = look_at_section(run, section)
    if as_json:
        turns = [{"role": role, "content": content} for role, content in messages]
        print_json({"section": section, "text": text, "messages": turns})
    elif prompt:
        for role, content in messages:
            print_line(f"--- {role} ---\n{content}\n")
    else:
        print_line(text)
