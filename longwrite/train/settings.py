"""What a training run is asked to do: TRL's own arguments, read by TRL, and a few beside them.

One YAML file, or the same names on the command line, which go before it:

    model_name_or_path: Qwen/Qwen3-4B
    dataset_name: set
    learning_rate: 1e-5
    use_peft: true
    allow_drop: true
"""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args

from longwrite import strict_yaml
from longwrite.errors import UsageError

Method = Literal["sft", "dpo", "grpo"]
METHODS: tuple[Method, ...] = get_args(Method)


def _option(text: str, default: Any) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass
class LongOptions:
    """What all methods understand beside TRL's arguments."""

    allow_drop: bool = _option("Drop and count rows that don't fit, instead of stopping.", False)
    alarms: str = _option("What an alarm does: warn, stop, or off.", "warn")
    bench_briefs: str | None = _option("Briefs that are answered and scored at each save.", None)
    bench_samples: int = _option("Briefs of those that are answered.", 20)
    bench_tokens: int | None = _option("Most tokens of such an answer; else by its length.", None)
    eval_data: str | None = _option(
        "Set that eval_strategy looks at; else the split dataset_test_split of the set.", None
    )

    def __post_init__(self) -> None:
        """Refuse values that make no sense.

        Raises:
            UsageError: Naming the option.
        """
        check_choice("alarms", self.alarms, ("warn", "stop", "off"))


@dataclass
class TextOptions(LongOptions):
    """What methods understand that learn from written texts."""

    learn_ends: str = _option(
        "Where to stop is learned: where a 'document' ends, or at the end of each 'turn', for a "
        "model that is asked for a document section by section.",
        "document",
    )

    def __post_init__(self) -> None:
        """Refuse values that make no sense.

        Raises:
            UsageError: Naming the option.
        """
        super().__post_init__()
        check_choice("learn_ends", self.learn_ends, ("document", "turn"))


@dataclass
class SFTOptions(TextOptions):
    """Beside `trl.SFTConfig`."""

    weighting: str = _option(
        "What counts the same: 'token', each token; 'sequence', each row (LongAlign), so that long "
        "rows of a mixture don't drown the short ones.",
        "token",
    )
    learn_answers: str = _option(
        "What is learned of a conversation: its 'last' answer, or 'all', such as the plan and each "
        "section of a thread.",
        "last",
    )
    count_down: bool = _option("Tell the model at each token how many are left (LDPE).", False)
    count_down_blank: float = _option(
        "Share of the replies that are seen without a count, so that the model also ends by itself "
        "where it isn't asked for a length.",
        0.0,
    )
    stop_weight: float = _option(
        "Times that the decision to end a reply or to go on counts at each token; 1 for the plain "
        "loss. More where lengths are to be learned faster than words, or where a model that is "
        "told how many tokens are left now and then ends far too early.",
        1.0,
    )

    def __post_init__(self) -> None:
        """Refuse values that make no sense.

        Raises:
            UsageError: Naming the option.
        """
        super().__post_init__()
        check_choice("weighting", self.weighting, ("token", "sequence"))
        check_choice("learn_answers", self.learn_answers, ("last", "all"))
        if self.count_down_blank and not self.count_down:
            raise UsageError("'count_down_blank' needs a count-down", mend="Set count_down: true.")


@dataclass
class DPOOptions(TextOptions):
    """Beside `trl.DPOConfig`."""


@dataclass
class GRPOOptions(LongOptions):
    """Beside `trl.GRPOConfig`."""

    rewards: str = _option(
        "Rewards with weights and gates: 'default', or 'length=1, repetition=0.5, language>=0.5'.",
        "default",
    )
    eos_gate: bool = _option("Pay the least for a completion that the model didn't end.", True)
    overlong: int = _option(
        "Tokens before the completion limit in which the pay falls to the least; 0 for none.", 0
    )
    resample_rounds: int = _option("Times that groups without a signal are drawn again.", 0)
    reward_deadline: float = _option("Seconds after which a reward counts as not known.", 60.0)
    rollouts: str = _option(
        "What a completion is: 'reply', one reply; 'thread', a plan and then section by section.",
        "reply",
    )
    section_weight: float = _option("How much a section's own reward counts in a thread.", 0.5)
    plan_tokens: int = _option("Most tokens of the plan of a thread.", 512)
    segment_tokens: int = _option(
        "Tokens of a completion that are decoded at a time; what isn't whole goes on at the next "
        "step (UloRL); 0 to decode all at once.",
        0,
    )
    segment_on_policy: bool = _option(
        "Count tokens of earlier segments as sampled with the weights of the step.", False
    )
    rollout_server: str | None = _option(
        "Address of a vLLM server that writes the completions; it gets the adapter (LoRA) after "
        "each step.",
        None,
    )
    rollout_model: str | None = _option("Name of the base model there, if it has several.", None)

    def __post_init__(self) -> None:
        """Refuse values that make no sense.

        Raises:
            UsageError: Naming the option.
        """
        super().__post_init__()
        check_choice("rollouts", self.rollouts, ("reply", "thread"))
        self._check_segments()
        if self.rollout_server is not None and self.rollouts == "thread":
            why = "a server writes whole replies of one call"
            mend = "Leave out one of the two."
            raise UsageError("'rollout_server' and 'rollouts: thread' don't go together", why, mend)
        if self.rollout_model is not None and self.rollout_server is None:
            raise UsageError(
                "'rollout_model' names a model of no server", "", "Set rollout_server."
            )

    def _check_segments(self) -> None:
        """Refuse segments that can't be, or beside what draws completions otherwise.

        Raises:
            UsageError: They are asked for.
        """
        if self.segment_on_policy and not self.segment_tokens:
            why = "completions aren't decoded in segments"
            raise UsageError("'segment_on_policy' can't be used", why, "Set segment_tokens too.")
        if not self.segment_tokens:
            return
        what = f"'segment_tokens: {self.segment_tokens}' can't be used"
        if self.segment_tokens < 0:
            mend = "Set it to some thousand, or to 0 to decode all at once."
            raise UsageError(what, "a segment has at least one token", mend)
        drawn = [name for name in _DRAWN_OTHERWISE if getattr(self, name, None)]
        drawn += ["rollouts: thread"] if self.rollouts == "thread" else []
        if drawn:
            why = f"segments don't go with {', '.join(drawn)}"
            raise UsageError(what, why, "Leave one of them out.")


_DRAWN_OTHERWISE = ("resample_rounds", "rollout_server")
"""Options of GRPO with which a completion isn't decoded by the trainer in one piece, once."""

_OPTIONS: Mapping[Method, type[LongOptions]] = {
    "sft": SFTOptions, "dpo": DPOOptions, "grpo": GRPOOptions,
}  # fmt: skip
_CONFIGS: Mapping[Method, str] = {"sft": "SFTConfig", "dpo": "DPOConfig", "grpo": "GRPOConfig"}

DEFAULTS: Mapping[Method, Mapping[str, Any]] = {
    "sft": {
        "max_length": None,
        "learning_rate": 1e-5,
        "warmup_steps": 0.03,
        "shuffle_dataset": True,
    },
    "dpo": {"max_length": None, "learning_rate": 1e-6, "precompute_ref_log_probs": True},
    "grpo": {
        "max_completion_length": None,
        "epsilon_high": 0.28,
        "multi_objective_aggregation": "normalize_then_sum",
        "mask_truncated_completions": False,
    },
}
"""Where TRL's own defaults would cut long rows or make a length reward noise. A length left open
is set from the data."""


@dataclass(frozen=True)
class Order:
    """A training run as it was asked for.

    Attributes:
        method: Which.
        script: TRL's ScriptArguments: the set.
        training: TRL's config of the method.
        model: TRL's ModelConfig: the model, LoRA and quantisation.
        options: Ours.
        config: The file that it was read from.
        arguments: Of the command line that it was read from.
    """

    method: Method
    script: Any
    training: Any
    model: Any
    options: Any
    config: Path | None = None
    arguments: tuple[str, ...] = ()


def check_choice(name: str, value: str, known: Sequence[str]) -> None:
    """Refuse a value that isn't one of those known.

    Raises:
        UsageError: Naming option and value.
    """
    if value not in known:
        close = difflib.get_close_matches(value, known, 1)
        mend = f"Did you mean '{close[0]}'?" if close else f"Use {', '.join(known)}."
        raise UsageError(f"'{name}: {value}' is unknown", "", mend)


def read_order(method: Method, config: Path | None, arguments: Sequence[str] = ()) -> Order:
    """Return the run that a file and a command line ask for.

    Args:
        method: Which trainer.
        config: YAML file of arguments; None for none.
        arguments: Of the command line, as TRL spells them: ``--learning_rate 1e-4``; they go before
            the file's.

    Raises:
        UsageError: An unknown argument, or one with a value that can't be used.
    """
    parser = _make_parser(method)
    known = {action.dest for action in parser._actions}
    given = _read_file(config) if config else {}
    _check_names(given, known, f"{config}")
    environment = given.pop("env", None) or {}
    if not isinstance(environment, dict):
        raise UsageError(f"{config}: 'env' has the wrong type", "it is no mapping", "")
    os.environ.update({str(name): str(value) for name, value in environment.items()})
    _check_lists(given, parser, f"{config}")
    parser.set_defaults_with_config(**{**DEFAULTS[method], **_find_device(), **given})
    _check_names(_names(arguments), known | {"help"}, "the command line")
    try:
        script, training, model, own = parser.parse_args_into_dataclasses(list(arguments))
    except (ValueError, TypeError, ImportError) as error:
        raise UsageError(f"These arguments of {method} can't be used", _one_line(error)) from error
    if not model.model_name_or_path:
        raise UsageError("There is no model to train", "none is named", "Add --model FOLDER.")
    if not script.dataset_name:
        raise UsageError("There is no set to train on", "none is named", "Add --data FOLDER.")
    _check_unread(script, training)
    if getattr(training, "activation_offloading", False) and training.device.type == "cpu":
        why = "it takes activations away from an accelerator, and there is none"
        raise UsageError("'activation_offloading' can't be used", why, "Leave it out.")
    if method == "sft":
        check_stop_weight(own.stop_weight, training)
    return Order(method, script, training, model, own, config, tuple(arguments))


_UNREAD: Mapping[str, str] = {
    "dataset_streaming": "Leave it out: all lengths are known before the first step.",
    "dataset_text_field": "Give columns prompt and completion, or messages.",
    "dataset_kwargs": "Leave it out.",
    "assistant_only_loss": "Set learn_answers: all.",
    "truncation_mode": "Leave it out: no row is ever cut.",
    "packing_strategy": "Leave it out: 'bfd' cuts no row.",
    "resume_from_checkpoint": "Leave it out: it goes on from the last checkpoint of its --output.",
}
"""Arguments that TRL's own scripts read and nothing here does, each with what is to be done."""


def _check_unread(script: Any, training: Any) -> None:
    """Refuse arguments that TRL's scripts would read and nothing here does.

    Raises:
        UsageError: One of them is set.
    """
    for source in (script, training):
        for one in fields(source):
            if one.name not in _UNREAD:
                continue
            value = getattr(source, one.name)
            resumed = one.name == "resume_from_checkpoint" and str(value).lower() == "true"
            if value != one.default and not resumed:  # which every run is, where it can be
                what = f"'{one.name}: {value}' can't be used"
                raise UsageError(what, "it has no effect here", _UNREAD[one.name])


def check_stop_weight(weight: float, training: Any) -> None:
    """Refuse to weigh decisions to end where the loss can't.

    Args:
        weight: Times that a decision counts; 1 for the plain loss, which goes with everything.
        training: TRL's SFTConfig.

    Raises:
        UsageError: It is no number from 1 on, or doesn't go with another argument.
    """
    what, mend = "'stop_weight' can't be used", "Set stop_weight: 1, or leave the other out"
    if not (weight >= 1 and math.isfinite(weight)):
        raise UsageError(what, f"the weight is {weight}", "Give a number from 1 on")
    if weight != 1 and training.loss_type != "nll":
        raise UsageError(what, f"the loss is '{training.loss_type}'", mend)
    if weight != 1 and training.label_smoothing_factor:
        raise UsageError(what, "labels are smoothed", mend)


def import_trl() -> Any:
    """Return TRL.

    Raises:
        UsageError: It isn't installed.
    """
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    try:
        return import_module("trl")
    except ImportError as error:
        mend = "Install it: pip install 'longwrite[train]'"
        raise UsageError("Training needs trl", _one_line(error), mend) from error


def _find_device() -> dict[str, Any]:
    """Return what a machine without an accelerator needs."""
    if import_module("torch").accelerator.is_available():
        return {}
    return {"use_cpu": True, "bf16": False, "dataloader_pin_memory": False}


def list_arguments(method: Method) -> str:
    """Return every argument that a method takes, with what it means."""
    return str(_make_parser(method).format_help())


def _make_parser(method: Method) -> Any:
    trl = import_trl()
    kinds = [trl.ScriptArguments, getattr(trl, _CONFIGS[method]), trl.ModelConfig, _OPTIONS[method]]
    base: Any = trl.TrlParser

    class Parser(base):
        """TRL's, with errors as sentences."""

        def error(self, message: str) -> NoReturn:
            raise UsageError("The arguments can't be used", message, "See --help.")

    return Parser(kinds, prog=f"longwrite train {method}", add_help=False, allow_abbrev=False)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        data = strict_yaml.load(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"{path} can't be read", why, "See the name.") from error
    if not isinstance(data, dict):
        raise UsageError(f"{path} holds no settings", "it is no mapping", "Write NAME: VALUE.")
    return {str(name): value for name, value in data.items()}


def _names(arguments: Sequence[str]) -> list[str]:
    found = [one[2:].partition("=")[0] for one in arguments if one.startswith("--")]
    return [one.removeprefix("no-").removeprefix("no_").replace("-", "_") for one in found]


def _check_names(given: Any, known: set[str], where: str) -> None:
    for name in given:
        if name in known or name == "env":
            continue
        close = difflib.get_close_matches(name, known, 1)
        mend = f"Did you mean '{close[0]}'?" if close else ""
        raise UsageError(f"{where} has an unknown argument, '{name}'", "nothing reads it", mend)


def _check_lists(given: Mapping[str, Any], parser: Any, where: str) -> None:
    """Refuse lists where one value is wanted: a parser checks words only."""
    single = {action.dest for action in parser._actions if action.nargs in (None, "?")}
    for name, value in given.items():
        if isinstance(value, list) and name in single:
            raise UsageError(f"{where}: '{name}' has the wrong type", "it is a list", "Give one.")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
