"""`longwrite score`: an honest verdict on texts from any source."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from longwrite.cli import options as o

if TYPE_CHECKING:
    from collections.abc import Iterable

    from longwrite.embedding import Embedder
    from longwrite.reading import Reading, UnreadableError
    from longwrite.rewards.judge import Judge
    from longwrite.rewards.replay import Replay
    from longwrite.types import Brief, Plan
    from longwrite.verdicts import Scored

_SHOWN = ("loop", "ending", "repeats", "types", "cohesion", "headings", "leaks")


def score(
    texts: Annotated[
        list[str],
        typer.Argument(metavar="FILE…", help="md, txt, html, docx, epub, pdf, jsonl, parquet or -"),
    ],
    brief: Annotated[str, typer.Option(help="What was asked for: words, or a file of them.")] = "",
    words: Annotated[int | None, typer.Option(min=1, help="Length asked for.")] = None,
    plan: Annotated[Path | None, typer.Option(help="The plan it was written by.")] = None,
    counter: Annotated[
        str, typer.Option(help="words, longbench_write, split, nltk or self_lengthen.")
    ] = "words",
    html: Annotated[Path | None, typer.Option(help="Also write one HTML page.")] = None,
    fail_under: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Exit with 6 when a text is less sound.")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="An older text, or --json of it, to compare with.")
    ] = None,
    rewards: Annotated[
        str, typer.Option(help='What pays them: default, "length=1, repetition=0.5", module:name.')
    ] = "",
    embedding: Annotated[
        Path | None, typer.Option(help="A model folder: also measure coherence by its embeddings.")
    ] = None,
    cores: Annotated[int | None, typer.Option(min=1, help="Processes; else all cores.")] = None,
    judge: o.JudgeModel = None,
    judge_base_url: o.JudgeUrl = None,
    judge_cache: o.JudgeCache = None,
    judge_tokens: o.JudgeTokens = 2_048,
    deadline: o.Deadline = 120.0,
    key_file: o.KeyFile = None,
    concurrency: o.Concurrency = 16,
    force: o.Force = False,
    as_json: o.AsJson = False,
    quiet: o.Quiet = False,
) -> None:
    """Score texts: length, repetition, coherence, shape, and what a brief requires.

    With --judge a model marks six respects from 1 to 5. It is shown all of a text, a long one in
    windows that overlap. With --rewards the texts are also paid, and groups of completions, such as
    those that TRL logs, are told by what a trainer can learn from them.

    Example: longwrite score novel.md --brief "A 10000-word novel about a ferry" --html report.html
    """
    from contextlib import ExitStack

    from longwrite.cli.judging import reaching
    from longwrite.cli.output import check_output, print_json, say, write_output
    from longwrite.reading import UnreadableError, read_texts
    from longwrite.verdicts import score_many, tell_scored

    check_output(html, force, (".html",))
    before = _read_older(against) if against else None
    asked, planned = _read_wish(brief, words), _read_plan(plan)
    source = list(read_texts(texts)) if rewards else read_texts(texts)
    paid = _pay(source, rewards, asked) if rewards else None
    chosen = (
        o.make_judge(
            judge, judge_base_url, key_file, judge_cache, deadline, judge_tokens, concurrency
        )
        if judge
        else None
    )
    scored: list[Scored] = []
    failed: list[UnreadableError] = []
    progress = _Progress(quiet or as_json)
    with ExitStack() as stack:
        if chosen:
            stack.enter_context(reaching(chosen))
        for one in score_many(
            source, brief=asked, words=words, plan=planned, counter=counter,
            cores=cores or _count_cores(), embed=_load_embedder(embedding),
        ):  # fmt: skip
            if isinstance(one, UnreadableError):
                failed.append(one)
                say(f"longwrite: {one}")
            else:
                scored.append(one)
            progress.step()
        progress.end()
        if chosen:
            scored = _judge(scored, chosen, progress)
    if html and scored:
        from longwrite.score_page import render_scores

        write_output(html, render_scores(scored, [str(error) for error in failed]))
    changes = compare(before, tell_scored(scored[0])) if before and scored else None
    if as_json:
        body: dict[str, Any] = {
            "texts": [tell_scored(one) for one in scored],
            "unreadable": [str(error) for error in failed],
        }
        more = {"changes": changes, "rewards": asdict(paid) if paid else None}
        print_json(body | {key: value for key, value in more.items() if value is not None})
    else:
        _tell(scored, changes, html)
        if paid:
            _tell_paid(paid)
    low = [one for one in scored if fail_under is not None and _is_under(one, fail_under)]
    raise typer.Exit(2 if failed else 6 if low else 0)


def _pay(
    readings: Iterable[Reading | UnreadableError], rewards: str, brief: Brief | None
) -> Replay:
    from longwrite.reading import Reading
    from longwrite.rewards.catalogue import read_composition
    from longwrite.rewards.replay import replay

    texts = [one for one in readings if isinstance(one, Reading)]
    return replay(texts, read_composition(rewards), brief)


def _tell_paid(paid: Replay) -> None:
    from longwrite.cli.output import print_line

    groups = f", {paid.groups:,} groups" if paid.groups < paid.completions else ""
    print_line(f"Rewards of {paid.completions:,} texts{groups}")
    if groups:
        print_line(f"  {paid.silent:.0%} of the groups are paid alike: nothing to learn from them")
    for name, count in paid.closed.items():
        print_line(f"  gate {name}: closed for {count:,}")
    print_line(f"  {'':<14}{'mean':>8}{'spread':>8}{'alike':>8}{'length':>8}{'none':>8}")
    for name, one in paid.components.items():
        row = [_number(one.mean), f"{one.spread:.3f}", f"{one.silent:.0%}"]
        row += [_number(one.with_length), f"{one.missing:,}"]
        print_line(f"  {name:<14}" + "".join(f"{cell:>8}" for cell in row))


def _load_embedder(folder: Path | None) -> Embedder | None:
    if folder is None:
        return None
    from longwrite.embedding import Embedder

    return Embedder(folder)


def _judge(scored: list[Scored], judge: Judge, progress: _Progress) -> list[Scored]:
    from longwrite.rewards.judge import run_apart
    from longwrite.rewards.quality import QualityReward
    from longwrite.verdicts import judge_texts

    def tell(count: int) -> None:
        progress.show(f"judged {count:,} of {len(scored):,}")

    try:
        return run_apart(judge_texts(scored, QualityReward(judge), tell))
    finally:
        progress.end()


def _count_cores() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _is_under(one: Scored, limit: float) -> bool:
    return one.report.soundness is not None and one.report.soundness < limit


def _read_wish(given: str, words: int | None) -> Brief | None:
    from longwrite.cli.briefing import read_input

    if not given:
        return None
    return read_input(given, words, None, {"language": "", "audience": "", "style": ""})[0]


def _read_plan(path: Path | None) -> Plan | None:
    from longwrite.cli.briefing import read_text
    from longwrite.runs.planfile import plan_from_yaml

    return None if path is None else plan_from_yaml(read_text(path), str(path))


def _read_older(path: Path) -> dict[str, Any]:
    """Return the scores of an older text, from its file or from what --json printed of it."""
    from longwrite.errors import UsageError
    from longwrite.reading import read_file
    from longwrite.strict_json import parse_json
    from longwrite.verdicts import score_text, tell_scored

    if path.suffix == ".json":
        try:
            found: Any = parse_json(path.read_bytes())
            found = found["texts"][0]
            if isinstance(found, dict) and isinstance(found.get("scores"), dict):
                return found
        except (OSError, ValueError, LookupError, TypeError):
            pass
        raise UsageError(
            f"{path} can't be compared with", "it isn't what longwrite score --json prints"
        )
    return dict(tell_scored(score_text(read_file(path), name=str(path))))


def compare(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return, by measure, the value before, the value now and their difference."""
    changes: dict[str, Any] = {
        "words": [before.get("words"), after["words"]],
        "soundness": [before.get("soundness"), after["soundness"]],
    }
    for name, score in after["scores"].items():
        older = before["scores"].get(name, {}).get("value")
        if older != score["value"]:
            changes[name] = [older, score["value"]]
    return changes


class _Progress:
    """Counts texts on standard error, where many take long."""

    def __init__(self, silent: bool) -> None:
        import sys

        self._silent = silent or not sys.stderr.isatty()
        self._count = 0
        self._shown = False

    def step(self) -> None:
        self._count += 1
        if self._count % 10 == 0:
            self.show(f"{self._count:,} texts")

    def show(self, text: str) -> None:
        import sys

        if not self._silent:
            self._shown = True
            sys.stderr.write(f"\r{text}")
            sys.stderr.flush()

    def end(self) -> None:
        import sys

        if self._shown:
            self._shown = False
            sys.stderr.write("\r" + " " * 32 + "\r")


def _tell(scored: list[Scored], changes: dict[str, Any] | None, html: Path | None) -> None:
    from longwrite.cli.output import print_line

    if len(scored) == 1:
        _tell_one(scored[0])
    elif scored:
        _tell_many(scored)
    for name, (older, now) in (changes or {}).items():
        print_line(f"{name:<12} {_number(older)} -> {_number(now)}")
    if html and scored:
        print_line(f"{html}: the whole report")


def _tell_one(one: Scored) -> None:
    from longwrite.cli.output import print_line

    asked = f" of {one.asked:,} asked for" if one.asked else ""
    print_line(f"{one.report.name}: {one.delivered:,} words ({one.counter}){asked}")
    if one.length is not None and one.length.value is not None:
        print_line(f"  {'S_l':<12} {100 * one.length.value:5.1f}")
    print_line(f"  {'soundness':<12} {_number(one.report.soundness)}")
    for name, score in one.report.scores.items():
        print_line(f"  {name:<12} {_number(score.value)}  {score.note}")
    for constraint, score in one.constraints:
        state = "   – " if score.value is None else " yes " if score.value >= 1 else "  NO "
        quote = f" “{constraint.quote[:50]}”" if constraint.quote else ""
        print_line(f"  {constraint.kind:<12} {state}  {score.note}{quote}")
    if one.judged is not None:
        from longwrite.cli.judging import tell_judged

        tell_judged(one.judged)


def _tell_many(scored: list[Scored]) -> None:
    from longwrite.cli.output import print_line

    width = min(48, max(len(one.report.name) for one in scored))
    judged = any(one.judged for one in scored)
    last = ("quality",) if judged else ()
    head = "".join(f"{name:>10}" for name in ("words", "S_l", "soundness", *_SHOWN, *last))
    print_line(f"{'':<{width}}{head}")
    for one in scored:
        values = [one.report.soundness, *(one.report.scores[name].value for name in _SHOWN)]
        if judged:
            values.append(one.judged.score.value if one.judged else None)
        length = 100 * one.length.value if one.length and one.length.value is not None else None
        shown = "".join(f"{_number(value):>10}" for value in values)
        length_shown = "–" if length is None else f"{length:.1f}"
        name = one.report.name[-width:]
        print_line(f"{name:<{width}}{one.delivered:>10,}{length_shown:>10}{shown}")
    if judged:
        _tell_judge(scored)


def _tell_judge(scored: list[Scored]) -> None:
    from longwrite.cli.output import print_line
    from longwrite.rewards.judge import describe_tally
    from longwrite.rewards.judgement import describe_judge, tally_verdicts

    verdicts = [one for each in scored if each.judged for one in each.judged.verdicts]
    if verdicts:
        by = describe_judge(verdicts[0].model, verdicts[0].sampling)
        print_line(f"quality: {by}. {describe_tally(tally_verdicts(verdicts))}")


def _number(value: float | None) -> str:
    if value is None:
        return "   –"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"
