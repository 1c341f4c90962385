"""`longwrite train compare`: a tuned model against its base, on briefs that neither has seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from longwrite.cli import options as o

if TYPE_CHECKING:
    from longwrite.api import Press
    from longwrite.engines.choice import Choice
    from longwrite.train.compare import Side
    from longwrite.train.held_out import HeldOut
    from longwrite.train.replies import Answer, Way
    from longwrite.types import Role


def compare(
    base: Annotated[
        str, typer.Argument(metavar="BASE", help="Model before: nano, ./FOLDER, vllm:NAME, NAME.")
    ],
    tuned: Annotated[str, typer.Argument(metavar="TUNED", help="Model after, named likewise.")],
    briefs: Annotated[
        Path, typer.Option(help="Held-out briefs: JSONL, Parquet, or text with one a line.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder of the page and of the call log.")
    ] = Path("compare"),
    how: Annotated[
        str, typer.Option(help="reply (one call each) or agent (longwrite writes).")
    ] = "reply",
    samples: Annotated[int, typer.Option(min=1, help="Replies of each model to a brief.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many briefs.")] = None,
    max_new_tokens: Annotated[
        int | None, typer.Option(min=16, help="Cap of a reply; else four times the words asked.")
    ] = None,
    card: Annotated[
        bool, typer.Option("--card", help="Put the table into the README.md of the TUNED folder.")
    ] = False,
    push: Annotated[
        str | None,
        typer.Option(
            metavar="OWNER/NAME", help="Then upload the TUNED folder, with its card, to the Hub."
        ),
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Make it a public one.")] = False,
    base_url: o.BaseUrl = None,
    tuned_base_url: Annotated[
        str | None, typer.Option(help="Server of TUNED, where it is another one.")
    ] = None,
    key_file: o.KeyFile = None,
    vllm_python: o.VllmPython = None,
    window: o.Window = None,
    temperature: Annotated[
        float | None, typer.Option(min=0.0, max=2.0, help="Else 1 for reply, 0.8 for agent.")
    ] = None,
    top_p: Annotated[
        float | None, typer.Option("--top-p", min=0.0, max=1.0, help="Else 1, or 0.95 for agent.")
    ] = None,
    extra: o.Extra = None,
    mode: o.Mode = "auto",
    planner: o.Planner = "outline",
    concurrency: o.Concurrency = 16,
    seed: o.Seed = 0,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Write with two models, score both, and tell what the second gained over the first.

    Both write to the same briefs with the same seeds; length, repetition, coherence and what the
    briefs require are measured without a judge, and told with paired intervals.

    Example: longwrite train compare ./base ./tuned --briefs held-out.jsonl -o compare

    --push goes to a private repository, with the table in the card; the token comes from HF_TOKEN
    or `hf auth login`.

    The same command goes on where it stopped. Exit codes: 0 done, 2 usage, 3 a reply failed
    (resumable), 5 engine, 130 stopped.
    """
    from longwrite.cli.output import print_json, print_line
    from longwrite.train.compare import compare_sides, tell_comparison
    from longwrite.train.compare_folder import open_folder, save_comparison
    from longwrite.train.compare_table import render_markdown, show_comparison
    from longwrite.train.held_out import read_held_out

    held_out = read_held_out(briefs, limit)
    if push is not None:
        from longwrite.train.push import list_model_files

        list_model_files(Path(tuned).expanduser())
    carrier = _find_card(tuned) if card or push is not None else None
    agent = _check_how(how) == "agent"
    way = _make_way(
        how, samples, max_new_tokens,
        o.make_settings(
            mode, planner, seed,
            (0.8 if agent else 1.0) if temperature is None else temperature,
            (0.95 if agent else 1.0) if top_p is None else top_p,
            extra, window, concurrency,
        ),
    )  # fmt: skip
    sides = []
    with open_folder(output) as work:
        for name, url in ((base, base_url), (tuned, tuned_base_url or base_url)):
            choices = _choose(name, url, key_file, vllm_python, window, concurrency)
            sides.append(_write(name, choices, held_out, way, work, output, quiet))
        comparison = compare_sides(sides[0], sides[1], held_out, way)
        page = save_comparison(output, comparison)
    if carrier is not None:
        from longwrite.train.model_card import put_comparison

        put_comparison(carrier, render_markdown(comparison))
    code = 3 if any(side.failed for side in sides) else 0
    address = _push(Path(tuned).expanduser(), push, not public, page) if push and not code else None
    if as_json:
        told = tell_comparison(comparison)
        print_json({"page": str(page), **told, "pushed": address, "exit_code": code})
    else:
        print_line(show_comparison(comparison))
        print_line(f"\n{page}: the plots and the replies")
        if push:
            print_line(address or f"Not uploaded to {push}: a reply failed. Run it again.")
    raise typer.Exit(code)


def _push(folder: Path, repository: str, private: bool, page: Path) -> str:
    from longwrite.cli.output import say
    from longwrite.errors import LongwriteError
    from longwrite.train.push import push_model

    try:
        return push_model(folder, repository, private=private)
    except LongwriteError:
        say(f"{page} and the card of {folder} are written.")
        raise


def _check_how(how: str) -> str:
    from longwrite.bench.making import HOW
    from longwrite.errors import UsageError

    if how not in HOW:
        raise UsageError(f"There is no way '{how}' to write", mend="Use reply or agent.")
    return how


def _make_way(how: Any, samples: int, max_new_tokens: int | None, settings: Any) -> Way:
    from longwrite.train.replies import Way

    return Way(how, samples, settings, max_new_tokens)


def _find_card(tuned: str) -> Path:
    from longwrite.errors import UsageError

    folder = Path(tuned).expanduser()
    if not (folder / "README.md").is_file():
        raise UsageError(
            "--card has no card to put the table into",
            f"{tuned} is no folder with a README.md",
            "Leave out --card; the table is in the output folder, as compare.md.",
        )
    return folder / "README.md"


def _choose(
    name: str,
    url: str | None,
    key_file: Path | None,
    vllm_python: str | None,
    window: int | None,
    concurrency: int,
) -> dict[Role, Choice]:
    """Return the engine of one model; a server's address is for those that need one."""
    from dataclasses import replace

    from longwrite.engines.choice import is_folder, is_kind

    made = o.make_choices(name, url, None, None, key_file, vllm_python, window, concurrency)
    own = name == "nano" or is_folder(name) or is_kind(name, "scripted") or is_kind(name, "vllm")
    return {"write": replace(made["write"], base_url="")} if own else made


def _write(
    name: str,
    choices: dict[Role, Choice],
    held_out: tuple[HeldOut, ...],
    way: Way,
    work: Path,
    output: Path,
    quiet: bool,
) -> Side:
    """Return one model's replies, measured; those that the log holds are not asked for again."""
    from longwrite.agent.budget import Budget
    from longwrite.cli.output import say
    from longwrite.cli.running import run_with_press
    from longwrite.errors import LongwriteError
    from longwrite.train.compare import measure_side
    from longwrite.train.replies import write_answers

    meter = Meter(name, quiet)

    async def ask(press: Press) -> tuple[str, list[Answer]]:
        answers = await write_answers(held_out, press, way, work, meter.tell("replies"))
        return press.engines["write"].identity, answers

    try:
        identity, answers = run_with_press(choices, Budget(), ask, quiet=quiet)
    except LongwriteError:
        say(f"{output} keeps what is done.")
        raise
    return measure_side(name, identity, held_out, answers, meter.tell("measured"))


class Meter:
    """Tells a person how far a model has come, every few seconds."""

    def __init__(self, name: str, quiet: bool) -> None:
        """Start now."""
        import time

        self._name, self._quiet, self._clock = name, quiet, time.monotonic
        self._last = 0.0

    def tell(self, what: str) -> Any:
        """Return what is to be told how many of how many are done."""
        from longwrite.cli.output import say

        def step(done: int, total: int) -> None:
            now = self._clock()
            if not self._quiet and (now - self._last > 5.0 or done == total):
                self._last = now
                say(f"{self._name}: {what}: {done:,} of {total:,}")

        return step
