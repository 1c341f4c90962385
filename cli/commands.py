"""What longwrite can do: where each command is, and the overview that `--help` prints.

Nothing is imported here: `longwrite --help` costs little more than Python itself.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

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

_HELP_OPTION = ("-h, --help", "Show this message and exit.")
_OPTIONS = (
    ("--version", "Show the version and exit."),
    ("--install-completion", "Install completion for the current shell."),
    ("--show-completion", "Show completion for the current shell, to copy it."),
    _HELP_OPTION,
)

GROUPS = {
    "": (
        COMMANDS,
        _OPTIONS,
        "Write ultra-long documents: planned, length-true, resumable.",
        'longwrite write "A 10000-word history of salt"',
    ),
    "data": (
        DATA,
        (_HELP_OPTION,),
        "Build, check and ship long-output training sets.",
        "longwrite data build agentwrite --prompts prompts.jsonl -o set",
    ),
    "train": (
        TRAIN,
        (_HELP_OPTION,),
        "Fine-tune models that write long, over TRL: nothing is cut, everything goes on.",
        "longwrite train sft --model ./base --data ./set -o out",
    ),
}
"""Group to its commands, its options, what it is for and an example; "" is longwrite itself."""


def show_overview(group: str) -> str:
    """Return what `longwrite --help`, or that of a group, prints."""
    table, options, purpose, example = GROUPS[group]
    name = f"longwrite {group}".rstrip()
    return (
        f"Usage: {name} [OPTIONS] COMMAND [ARGS]...\n\n"
        f"  {purpose}\n\n  Example: {example}\n\n  {name} COMMAND --help tells more.\n\n"
        f"Options:\n{_lay_out(options)}\n"
        f"Commands:\n{_lay_out([(name, line) for name, (_, line) in table.items()])}"
    )


def _lay_out(rows: Iterable[tuple[str, str]]) -> str:
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    return "".join(f"  {name:<{width}}  {line}\n" for name, line in rows)
