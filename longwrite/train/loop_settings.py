"""What a self-lengthening run is asked for, and what that comes to: trainings, builds, prompts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from longwrite.agent.settings import Settings
from longwrite.data.orders import Blueprint
from longwrite.engines.choice import Choice
from longwrite.errors import UsageError
from longwrite.prompts import derive_seed
from longwrite.runs.store import digest
from longwrite.train.round_rows import deal_prompts
from longwrite.train.rounds import MODELS, Model

if TYPE_CHECKING:
    from longwrite.train.settings import Order

ENGINES = ("local", "vllm")
"""What may run a folder that was trained: this process, or a vLLM that is started for it."""

DEFAULTS = (
    "--allow_drop=true", "--save_total_limit=1", "--num_train_epochs=4", "--warmup_steps=0.1",
    "--lr_scheduler_type=cosine",
)  # fmt: skip
"""Arguments of both trainings, before those given. No row is ever cut; after hours of generating
one that does not fit is dropped and counted, where it would stop a training begun by hand."""

_OURS = ("model_name_or_path", "dataset_name", "output_dir")
_ROOM = 2
"""Times the longest text of the round before that a first answer may have."""


@dataclass(frozen=True)
class LoopSettings:
    """What is asked for.

    Attributes:
        model: Folder that generator and extender begin with.
        prompts: Files of requests that state no length.
        folder: Of the run.
        rounds: How many.
        recipe: Options of the recipe `lengthen` besides prompts.
        held_out: File of prompts for measuring; None to set some of `prompts` apart.
        samples: Replies to each of them.
        reply_tokens: Cap of such a reply; None for what the window holds.
        from_base: Whether each round trains `model` anew, and not what the last one made of it.
        config: YAML of TRL's arguments, for both trainings.
        arguments: More of them, as on a command line; ``--extender.learning_rate`` and
            ``--generator.learning_rate`` are of one training alone.
        engine: One of `ENGINES`.
        writer: An engine that generates and extends in all rounds in the place of what is trained.
        vllm_python: Interpreter that has vLLM.
        settings: Sampling, seed, calls in flight.
    """

    model: Path
    prompts: tuple[str, ...]
    folder: Path
    rounds: int = 3
    recipe: Mapping[str, Any] = field(default_factory=dict)
    held_out: Path | None = None
    samples: int = 1
    reply_tokens: int | None = None
    from_base: bool = False
    config: Path | None = None
    arguments: tuple[str, ...] = ()
    engine: str = "local"
    writer: Choice | None = None
    vllm_python: str = ""
    settings: Settings = field(default_factory=Settings)

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises:
            UsageError: Naming the option.
        """
        if not (self.model / "config.json").is_file():
            why = "there is no config.json"
            raise UsageError(f"{self.model} holds no model", why, "Give a folder of weights.")
        if self.rounds < 1 or self.samples < 1:
            raise UsageError("Rounds and samples begin at 1")
        if self.engine not in ENGINES:
            raise UsageError(f"'{self.engine}' runs no folder", mend=f"Use {', '.join(ENGINES)}.")
        if taken := {"prompts", "extender_rows", "trained"} & self.recipe.keys():
            raise UsageError(f"'{min(taken)}' is set by the loop itself", mend="Leave it out.")
        for one in self.arguments:
            name = one.partition("=")[0].removeprefix("--").rpartition(".")[2].replace("-", "_")
            if name in _OURS:
                raise UsageError(f"'{name}' is set by the loop itself", mend="Leave it out.")
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            why = "generating and training take turns in one process"
            raise UsageError("self-lengthen runs in one process", why, "Start it without launch.")


def pick_arguments(arguments: Sequence[str], model: Model) -> list[str]:
    """Return the arguments of one model's training: those of both, and those under its name.

    >>> pick_arguments(["--seed", "1", "--extender.seed", "2", "--max_steps=3"], "extender")
    ['--seed', '1', '--max_steps=3', '--seed', '2']
    """
    found: dict[str, list[str]] = {"": [], **{one: [] for one in MODELS}}
    owner = ""
    for one in arguments:
        if one.startswith("--"):
            before, _, name = one.removeprefix("--").partition(".")
            owner = before if before in MODELS else ""
            one = f"--{name}" if owner else one
        found[owner].append(one)
    return found[""] + found[model]


def read_training(
    settings: LoopSettings, model: Model, start: Path, rows: Path, folder: Path
) -> Order:
    """Return a training of the loop.

    Args:
        settings: What is asked for.
        model: Which is trained.
        start: Its folder.
        rows: Set that it is trained on.
        folder: Of what comes of it.

    Raises:
        UsageError: An argument can't be used.
    """
    from longwrite.train.settings import read_order

    own = pick_arguments(settings.arguments, model)
    given = [*DEFAULTS, f"--seed={settings.settings.seed}", *own]
    places = zip(_OURS, (start, rows, folder), strict=True)
    order = read_order(
        "sft", settings.config, [*given, *(f"--{name}={value}" for name, value in places)]
    )
    if order.training.eval_strategy != "no" or order.options.eval_data is not None:
        why = "each round measures its generator on prompts held out"
        raise UsageError(
            "self-lengthen takes no eval_strategy", why, "Leave it out; see --held-out."
        )
    if order.training.push_to_hub:
        why = "it would upload the models of each round"
        mend = "Leave it out, and push the last: longwrite train compare … --push OWNER/NAME"
        raise UsageError("self-lengthen takes no push_to_hub", why, mend)
    return order


def deal(settings: LoopSettings, lines: list[str]) -> tuple[list[list[str]], list[str]]:
    """Return each round's prompts, and those held out.

    Raises:
        UsageError: They are too few.
    """
    return deal_prompts(
        lines, settings.rounds, settings.settings.seed,
        held_out=settings.held_out is None, shared=bool(settings.recipe.get("invented")),
    )  # fmt: skip


def make_blueprint(
    settings: LoopSettings, number: int, prompts: Path, longest: int = 0
) -> Blueprint:
    """Return the build of a round.

    Args:
        settings: What is asked for.
        number: Of the round, from 1 on.
        prompts: File of its prompts.
        longest: Words of the longest text of the round before.
    """
    recipe = {"stated": 0.5, **settings.recipe}
    recipe["first_words"] = max(int(recipe.get("first_words", 1_200)), _ROOM * longest)
    return Blueprint(
        "lengthen",
        {
            **recipe, "prompts": [str(prompts)], "extender_rows": True,
            "trained": number > 1 and settings.writer is None,
            "seed": derive_seed(settings.settings.seed, "round", number),
        },
        duplicates=False,  # an extension is the answer's own text: looked for in each set
    )  # fmt: skip


def describe(settings: LoopSettings, lines: list[str]) -> dict[str, Any]:
    """Return what decides which stages belong to a run, as JSON values."""
    files = {"model": settings.model / "config.json", "config": settings.config}
    files["held_out"] = settings.held_out
    held = {name: digest(path.read_text("utf-8")) for name, path in files.items() if path}
    writing = asdict(replace(settings.settings, concurrency=0))
    return {
        **held,
        "model_folder": str(settings.model.expanduser().resolve()),
        "prompts": digest(*lines),
        "rounds": settings.rounds,
        "recipe": dict(settings.recipe),
        "replies": [settings.samples, settings.reply_tokens],
        "from_base": settings.from_base,
        "arguments": list(settings.arguments),
        "writer": settings.writer and [settings.writer.model, settings.writer.base_url],
        "settings": writing,
    }
