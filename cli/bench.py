"""`longwrite bench`: a published benchmark on responses that are given, or made here."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from longwrite.cli import options as o

if TYPE_CHECKING:
    from longwrite.bench.benchmark import Benchmark, Item, ItemResult
    from longwrite.bench.making import Making
    from longwrite.bench.matching import Matching
    from longwrite.bench.table import Table
    from longwrite.engines.choice import Choice
    from longwrite.rewards.judge import Judge
    from longwrite.types import Role


def bench(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="longbench_write, longen, hellobench or sgt.")
    ],
    items: Annotated[
        Path | None, typer.Option(help="The benchmark's own file; else the rows of --responses.")
    ] = None,
    responses: Annotated[
        Path | None, typer.Option(help="JSONL of id or prompt, and response.")
    ] = None,
    how: Annotated[
        str, typer.Option(help="Make them: reply (one call each) or agent (longwrite writes).")
    ] = "reply",
    out: Annotated[
        Path | None, typer.Option(help="JSONL of the responses made; else bench-NAME.jsonl.")
    ] = None,
    judge: o.JudgeModel = None,
    judge_base_url: o.JudgeUrl = None,
    judge_cache: o.JudgeCache = None,
    judge_tokens: o.JudgeTokens = 2_048,
    deadline: o.Deadline = 120.0,
    weights: Annotated[
        Path | None, typer.Option(help="JSON of the checklists' weights, for hellobench.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many items.")] = None,
    model: o.Model = None,
    base_url: o.BaseUrl = None,
    key_file: o.KeyFile = None,
    vllm_python: o.VllmPython = None,
    window: o.Window = None,
    temperature: o.Temperature = 0.8,
    top_p: o.TopP = 0.95,
    extra: o.Extra = None,
    mode: o.Mode = "auto",
    planner: o.Planner = "outline",
    concurrency: o.Concurrency = 16,
    seed: o.Seed = 0,
    runs: o.Runs = Path("runs"),
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Score responses on a benchmark; make them first where none are given.

    With --judge a model judges longbench_write, hellobench or sgt; what it says is kept beside the
    responses, in a folder of the same name with .verdicts, and not asked for again.

    Example: longwrite bench longbench_write --items longbench_write.jsonl --model ./my-model

    The same command goes on where it stopped. Exit codes: 0 done, 2 usage, 3 an item has no whole
    response (resumable), 5 engine, 130 stopped.
    """
    from contextlib import ExitStack

    from longwrite.bench import find_benchmark
    from longwrite.bench.judging import find_judging
    from longwrite.bench.making import Making, describe_making
    from longwrite.bench.matching import tell_matching
    from longwrite.cli.judging import reaching

    benchmark = _weigh(find_benchmark(name), weights)
    chosen: Judge | None = None
    if judge:
        find_judging(name)
        kept = responses or out or Path(f"bench-{name}.jsonl")
        chosen = o.make_judge(
            judge, judge_base_url or base_url, key_file,
            judge_cache or kept.with_name(f"{kept.name}.verdicts"), deadline, judge_tokens,
            concurrency,
        )  # fmt: skip
    with ExitStack() as stack:
        if chosen is not None:
            stack.enter_context(reaching(chosen))
        if responses is not None:
            if model is not None or out is not None:
                _refuse_both("--model" if model is not None else "--out")
            matching, told = _read_given(benchmark, items, responses)
        else:
            listed = benchmark.load(_need(items, benchmark))[:limit]
            choices = o.make_choices(
                model, base_url, None, None, key_file, vllm_python, window, concurrency
            )
            settings = o.make_settings(
                mode, planner, seed, temperature, top_p, extra, window, concurrency
            )
            model_name, folder = choices["write"].model, runs / f"bench-{name}"
            making = Making(_check_how(how), model_name, settings, folder)
            told = describe_making(making)
            path = out or Path(f"bench-{name}.jsonl")
            matching = _make(benchmark, listed, choices, making, path, quiet)
        matching = replace(matching, pairs=matching.pairs[:limit])
        judged_by, notes = _name_judge(benchmark, matching), tell_matching(matching)
        if chosen is not None:
            matching, judged_by, told_by = _judge(benchmark, matching, chosen, quiet)
            notes.append(told_by)
    results = [benchmark.score(item, response) for item, response in matching.pairs]
    table = benchmark.summarise(results, how=told, judge=judged_by)
    table = replace(table, notes=(*table.notes, *notes))
    _print(table, results, as_json)
    failed = [one for _, one in matching.pairs if one.failed] if responses is None else []
    raise typer.Exit(3 if failed else 0)


def _weigh(benchmark: Benchmark[Any], weights: Path | None) -> Benchmark[Any]:
    from longwrite.bench.hellobench import HelloBench, read_weights
    from longwrite.errors import UsageError

    if weights is None:
        return benchmark
    if not isinstance(benchmark, HelloBench):
        raise UsageError(f"{benchmark.name} has no weights", mend="Leave out --weights.")
    return HelloBench(read_weights(weights))


def _refuse_both(option: str) -> None:
    from longwrite.errors import UsageError

    raise UsageError(
        f"--responses and {option} can't both be used",
        "responses are given or made",
        f"Leave out {option}, or --responses.",
    )


def _need(items: Path | None, benchmark: Benchmark[Any]) -> Path:
    from longwrite.errors import UsageError

    if items is None:
        raise UsageError(
            f"{benchmark.name} has no items here", "none are shipped", benchmark.source
        )
    return items


def _check_how(how: str) -> Any:
    from longwrite.bench.making import HOW
    from longwrite.errors import UsageError

    if how not in HOW:
        raise UsageError(f"There is no way '{how}' to make responses", mend="Use reply or agent.")
    return how


def _read_given(benchmark: Benchmark[Any], items: Path | None, path: Path) -> tuple[Matching, str]:
    """Return items with the responses of a file, and how these were made where the file says."""
    from longwrite.bench.matching import match_responses, pair_rows, read_responses

    given = read_responses(path)
    if items is None:
        matching = pair_rows(benchmark.load(path), given)
    else:
        matching = match_responses(benchmark.load(items), given)
    said = {text for one in given if isinstance(text := one.columns.get("how"), str)}
    made = f" ({said.pop()})" if len(said) == 1 else ""
    return matching, f"given in {path.name}{made}"


def _make(
    benchmark: Benchmark[Any],
    items: tuple[Item[Any], ...],
    choices: dict[Role, Choice],
    making: Making,
    path: Path,
    quiet: bool,
) -> Matching:
    """Make the responses that the file does not hold yet; return all of them with their items."""
    from longwrite.agent.budget import Budget
    from longwrite.api import Press
    from longwrite.bench.making import describe_making, make_responses
    from longwrite.bench.matching import match_responses, to_response
    from longwrite.bench.responses import ResponseFile
    from longwrite.cli.output import say
    from longwrite.cli.running import run_with_press
    from longwrite.errors import LongwriteError

    def tell(message: str) -> None:
        if not quiet:
            say(_plain(message))

    with ResponseFile(path, benchmark.name, describe_making(making)) as file:

        def match() -> Matching:
            return match_responses(items, [to_response(row) for row in file.rows])

        waiting = [
            item for item, one in match().pairs if one.failed or not one.text.strip()
        ]  # fmt: skip
        kept = len(items) - len(waiting)
        if kept:
            tell(f"{path} holds {kept:,} of {len(items):,} responses.")
        if waiting:

            async def work(press: Press) -> None:
                await make_responses(waiting, press, making, file, tell)

            try:
                run_with_press(choices, Budget(), work, quiet=quiet)
            except LongwriteError:
                say(f"{path} keeps what is done; run the same command to go on.")
                raise
        # Lines of earlier attempts and of items past the limit are no matter of this table.
        return replace(match(), unmatched=0, replaced=0)


def _judge(
    benchmark: Benchmark[Any], matching: Matching, judge: Judge, quiet: bool
) -> tuple[Matching, str, str]:
    """Return the responses with a live judge's verdicts, who judged, and how the judge fared."""
    from longwrite.bench.judging import judge_responses
    from longwrite.cli.output import say
    from longwrite.rewards.judge import describe_tally, run_apart

    def tell(message: str) -> None:
        if not quiet:
            say(message)

    found = run_apart(judge_responses(benchmark, matching.pairs, judge, tell))
    return replace(matching, pairs=found.pairs), found.judge, describe_tally(found.tally)


def _name_judge(benchmark: Benchmark[Any], matching: Matching) -> str:
    """Return whose verdicts came with the responses."""
    wanted = set(benchmark.verdicts)
    columns = [one.columns for _, one in matching.pairs if wanted & one.columns.keys()]
    if not columns:
        return "none"
    named = {str(row["judge"])[:80] for row in columns if isinstance(row.get("judge"), str)}
    return f"given with the responses ({named.pop() if len(named) == 1 else 'not named'})"


def _print(table: Table, results: list[ItemResult], as_json: bool) -> None:
    from longwrite.bench.table import render_table
    from longwrite.cli.output import print_json, print_line

    if as_json:
        listed = [{"id": r.id, "values": dict(r.values), "note": r.note} for r in results]
        print_json({**asdict(table), "results": listed})
    else:
        print_line("\n".join(map(_plain, render_table(table).split("\n"))))


def _plain(text: str) -> str:
    """Return a line without what would drive a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)
