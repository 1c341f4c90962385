"""What is known to make training by reward fail, found on the real model, data and rewards.

Each reward is tried on rows of the set with a text that stands for a completion, ended and cut, so
that what raises, hangs or pays for being cut shows before a model is generated from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from longwrite.errors import LongwriteError
from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.composition import Composition
from longwrite.rewards.judgement import JudgedReward
from longwrite.rewards.trl import TrlReward
from longwrite.train.preflight import (
    Problem,
    check_rate,
    check_stop_token,
    check_template,
    check_window,
    find_longest,
    measure_tokens_per_word,
)
from longwrite.train.rewarding import Paid, RewardFunction, RewardPool, list_functions
from longwrite.types import Document

EXAMPLE = (
    "The harbour wakes before the town does. At five the first boats come back, low in the water, "
    "and two men walk along the wall to take the ropes. Nobody hurries. The ice is carried down in "
    "baskets, the gulls are chased away, and the crates are weighed under a lamp.\n\n"
    "By seven the market has begun. A woman writes the prices on a slate, and whoever is late pays "
    "more. What isn't sold goes to the smokehouse, where a fire of alder burns through the day. In "
    "the evening the wall is empty again, and only the nets are left to dry."
)
"""Stands for a completion where a row has none."""

TARGETS = ("words", "length")
"""Columns that say how many words are asked for."""

_TRIED = 4
_COMPILED = 10_000
_ROOM = 1.1


def check_grpo(
    *,
    model: Any,
    tokenizer: Any,
    args: Any,
    rewards: Composition | Sequence[RewardFunction],
    rows: Sequence[Mapping[str, Any]],
    eos_gate: bool = True,
    reward_deadline: float = 60.0,
    adapter: bool = False,
) -> list[Problem]:
    """Return the known ways to fail that a run is on.

    Args:
        model: The policy, loaded.
        tokenizer: Its tokenizer.
        args: TRL's ``GRPOConfig``.
        rewards: As the trainer is given them.
        rows: The set, any sequence of mappings.
        eos_gate: Whether a completion that didn't end is paid the minimum.
        reward_deadline: Seconds that a reward has.
        adapter: Whether an adapter is trained and not the model itself.
    """
    problems = check_columns(rows)
    if problems:
        return problems
    conversational = not isinstance(rows[0]["prompt"], str)
    problems += check_template(tokenizer, conversational=conversational)
    problems += check_stop_token(model, tokenizer)
    problems += check_rate(model, args.learning_rate, adapter=adapter)
    problems += check_groups(args, eos_gate=eos_gate)
    targets, faults = find_targets(rows)
    problems += faults
    if not any(one.fatal for one in problems):
        problems += check_lengths(model, tokenizer, args.max_completion_length, rows, targets)
    listed = list_functions(rewards, args.max_completion_length)
    functions = [one for one in listed if callable(one) and not hasattr(one, "forward")]
    problems += check_rewards(
        functions, rows, args, tokenizer, eos_gate=eos_gate, reward_deadline=reward_deadline
    )
    return problems


def check_columns(rows: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """Find a set that has nothing to ask for."""
    if not len(rows):
        return [Problem("The set is empty", "it has no rows", "Give one with rows.")]
    missing = next((n for n in range(len(rows)) if not rows[n].get("prompt")), None)
    if missing is None:
        return []
    known = ", ".join(rows[missing]) or "none"
    mend = "Rename the column that holds the request, or build a set: longwrite data build …"
    return [Problem(f"Row {missing + 1} has no prompt", f"its columns are {known}", mend)]


def check_groups(args: Any, *, eos_gate: bool) -> list[Problem]:
    """Find groups that can't teach anything, and masks that undo the gate."""
    problems = []
    if args.num_generations < 2:
        why = "an advantage is the difference to the others of a group"
        mend = "Set num_generations to 4 or more."
        problems.append(Problem(f"A group has {args.num_generations} completion", why, mend))
    if eos_gate and args.mask_truncated_completions:
        problems.append(
            Problem(
                "Completions that are cut teach nothing",
                "mask_truncated_completions leaves them out, and the gate pays them the minimum",
                "Set mask_truncated_completions: false, so that being cut is unlearned.",
                fatal=False,
            )
        )
    return problems


def find_targets(rows: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[Problem]]:
    """Return the words that rows ask for, by column or in their prompt, and what is wrong there."""
    targets: list[int] = []
    refused = ""
    checkable = compiled = unstated = 0
    for number in range(len(rows)):
        row = rows[number]
        given = next((row[name] for name in TARGETS if row.get(name)), None)
        if given is None and compiled < _COMPILED:
            compiled += 1
            try:
                brief = compile_brief(read_request(row))
            except LongwriteError as error:
                refused = refused or str(error)
                continue
            checkable += bool(brief.constraints)
            given = next((brief.words for c in brief.constraints if c.kind == "length"), None)
            unstated += given is None
        if given is not None:
            targets.append(int(given))
    problems = []
    if refused:
        mend = "Drop such rows."
        problems.append(Problem("Some prompts can't be read as briefs", refused, mend, fatal=False))
    columns = f"there is no column {' or '.join(TARGETS)}"
    if not targets and not checkable:
        why = f"{columns}, and no prompt states a length or a constraint"
        mend = "Add a column 'words', or build prompts with constraints: longwrite data build …"
        problems.append(Problem("No row asks for anything that can be checked", why, mend))
    elif unstated:
        why = "a reward for length then aims at what is usual for the form, 10,000 words for most"
        mend = "Add a column 'words', or leave the reward 'length' out."
        what = f"{unstated:,} of {compiled:,} prompts state no length"
        problems.append(Problem(what, why, mend, fatal=False))
    return targets, problems


def check_lengths(
    model: Any,
    tokenizer: Any,
    limit: int | None,
    rows: Sequence[Mapping[str, Any]],
    targets: Sequence[int],
) -> list[Problem]:
    """Find a limit of completions under the longest target, or over the model's window."""
    if not limit:
        mend = "Set it above the longest target."
        return [Problem("max_completion_length isn't set", "completions need a limit", mend)]
    prompts = [row["prompt"] for row in _take(rows, _COMPILED)]
    per_word = measure_tokens_per_word(tokenizer, list_texts(_take(rows, 64)))
    longest = max((_count_tokens(tokenizer, one) for one in find_longest(prompts)), default=0)
    problems = check_window(model, {"prompt": longest, "max_completion_length": limit})
    if not targets:
        return problems
    words = max(targets)
    needed = round(words * per_word)
    if limit < _ROOM * needed:
        problems.append(
            Problem(
                f"The limit of {limit:,} tokens is {'under' if limit < needed else 'close to'} the "
                "longest target",
                f"{words:,} words take about {needed:,} tokens, {per_word:.2f} a word",
                f"Set max_completion_length to {round(1.25 * needed):,} or more, or drop rows over "
                f"{round(limit / per_word / 1.25):,} words.",
                fatal=limit < needed,
            )
        )
    return problems


def check_rewards(
    functions: Sequence[RewardFunction],
    rows: Sequence[Mapping[str, Any]],
    args: Any,
    tokenizer: Any,
    *,
    eos_gate: bool,
    reward_deadline: float,
) -> list[Problem]:
    """Find rewards that raise, hang, pay for being cut, or don't always apply where they have to.

    Each is called as the trainer will, with the first rows; a judge is asked as well.
    """
    if not functions:
        return [Problem("There is no reward", "none is named", "Set for example: rewards: default")]
    pool = RewardPool(functions, deadline=reward_deadline)
    tried = _take(rows, _TRIED)
    end = [0 if tokenizer.eos_token_id is None else tokenizer.eos_token_id]
    ended = pool.pay(_make_batch(tried, [_find_example(row) for row in tried], end))
    problems = _find_faults(pool, ended, tried)
    if not eos_gate:
        # As long as a completion can be, so that what reads the limit sees that it was cut.
        filler = [1 if end[0] == 0 else 0] * (args.max_completion_length or 1)
        texts = [_find_example(row).rstrip(".")[:-20] for row in tried]
        problems += _find_ungated(pool, ended, pool.pay(_make_batch(tried, texts, filler)))
    if args.multi_objective_aggregation == "sum_then_normalize":
        problems += _find_conditional(pool, ended, tried)
    return problems


def _find_faults(pool: RewardPool, paid: Paid, rows: Sequence[Mapping[str, Any]]) -> list[Problem]:
    problems = []
    for name, function, values, tally in zip(
        pool.names, pool.functions, paid.values, paid.tallies, strict=True
    ):
        why = tally.stop or (tally.why if tally.late or tally.failed else "")
        # A composition keeps a few failures to itself, and a judge's silence.
        silent = [any(paid.metrics.get(f"{name}/{kind}", ())) for kind in ("failed", "unjudged")]
        if not why and isinstance(function, TrlReward) and set(values) == {None} and any(silent):
            why = _ask_why(function, rows[0])
        if why:
            mend = "Mend it or take it out; it was tried on the first rows of the set."
            problems.append(Problem(f"The reward '{name}' doesn't work on this data", why, mend))
    return problems


def _ask_why(function: TrlReward, row: Mapping[str, Any]) -> str:
    """Return why a component has no value for a row."""
    try:
        brief = compile_brief(read_request(row))
        verdict = function.composition.judge(brief, Document.from_text(brief, _find_example(row)))
    except Exception as error:  # a reward may be anybody's
        return " ".join(f"{type(error).__name__}: {error}".split())
    return verdict.components[function.component].note.rstrip(".") or "it has no value"


def _find_ungated(pool: RewardPool, ended: Paid, cut: Paid) -> list[Problem]:
    """Find rewards that pay a text that was cut more than the minimum."""
    ungated = [
        name
        for name, function, whole, part in zip(
            pool.names, pool.functions, ended.values, cut.values, strict=True
        )
        if not _is_gated(getattr(function, "minimum", 0.0), whole, part)
    ]
    if not ungated:
        return []
    return [
        Problem(
            f"Nothing keeps {', '.join(map(repr, ungated))} from paying completions that are cut",
            "eos_gate is off; a model that is paid for never ending learns just that",
            "Set eos_gate: true.",
        )
    ]


def _is_gated(minimum: float, whole: Sequence[float | None], part: Sequence[float | None]) -> bool:
    """Tell whether what is cut gets the minimum, where what ends gets more."""
    pairs = [(a, b) for a, b in zip(whole, part, strict=True) if b is not None]
    return all(b <= minimum for _, b in pairs) and any(a is not None and a > b for a, b in pairs)


def _find_conditional(
    pool: RewardPool, paid: Paid, rows: Sequence[Mapping[str, Any]]
) -> list[Problem]:
    """Find components that may be None, which a sum takes for 0."""
    conditional = [
        name
        for name, function, values in zip(pool.names, pool.functions, paid.values, strict=True)
        if None in values or _may_be_none(function, rows)
    ]
    if not conditional:
        return []
    return [
        Problem(
            f"{', '.join(map(repr, conditional))} may not apply to a completion",
            "sum_then_normalize takes what doesn't apply for 0, the worst there is",
            "Set multi_objective_aggregation: normalize_then_sum.",
        )
    ]


def _may_be_none(function: RewardFunction, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a component of a composition may not apply, whatever its gates say."""
    if not isinstance(function, TrlReward):
        return False
    reward = next(
        (one.reward for one in function.composition.components
         if one.reward.name == function.component),
        None,
    )  # fmt: skip
    if reward is None or isinstance(reward, JudgedReward):
        return True
    for row in rows:
        try:
            brief = compile_brief(read_request(row))
            if reward(brief, Document.from_text(brief, _find_example(row))).value is None:
                return True
        except Exception:  # a reward may be anybody's; that it fails is told elsewhere
            return True
    return False


def _make_batch(
    rows: Sequence[Mapping[str, Any]], texts: Sequence[str], end: Sequence[int]
) -> dict[str, Any]:
    """Return the keyword arguments of a reward function for rows and what stands for replies."""
    from transformers import TrainerState

    kept = ("prompt", "completion", "completion_ids")
    plain = isinstance(rows[0]["prompt"], str)
    return {
        "prompts": [row["prompt"] for row in rows],
        "completions": [
            text if plain else [{"role": "assistant", "content": text}] for text in texts
        ],
        "completion_ids": [list(end) for _ in rows],
        **{name: [row[name] for row in rows] for name in rows[0] if name not in kept},
        "trainer_state": TrainerState(),
    }


def read_request(row: Mapping[str, Any]) -> str:
    """Return what a row asks for: its ``brief``, or the last message of its prompt."""
    given = row.get("brief") or row["prompt"]
    return given if isinstance(given, str) else str(given[-1].get("content") or "")


def _find_example(row: Mapping[str, Any]) -> str:
    return next((text for text in _read_answers(row)), EXAMPLE)


def list_texts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the texts of a set: its answers where it has some, else its requests."""
    answers = [text for row in rows for text in _read_answers(row)]
    return answers or [read_request(row) for row in rows]


def _read_answers(row: Mapping[str, Any]) -> list[str]:
    given = [row.get(name) for name in ("completion", "reference", "answer", "solution")]
    texts = [
        one if isinstance(one, str) else str(one[-1].get("content") or "")
        for one in given
        if one and isinstance(one, str | list)
    ]
    return [text for text in texts if text.strip()]


def _count_tokens(tokenizer: Any, prompt: Any) -> int:
    if isinstance(prompt, str):
        return len(tokenizer(prompt)["input_ids"])
    encoded = tokenizer.apply_chat_template(
        list(prompt), add_generation_prompt=True, tokenize=True, return_dict=True
    )
    return len(encoded["input_ids"])


def _take(rows: Sequence[Mapping[str, Any]], count: int) -> list[Mapping[str, Any]]:
    return [rows[number] for number in range(min(count, len(rows)))]
