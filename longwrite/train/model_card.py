"""The model card of a checkpoint: what it was made from, how, and what is known of it.

A card tells the options that differ from their defaults and the versions that read them, so that
the run can be made again; and it tells what was not looked at. A comparison is put in later, when
one was made, and takes the place of an earlier one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from longwrite import __version__
from longwrite.data.funnel import plain
from longwrite.errors import UsageError
from longwrite.runs.folder import replace_file
from longwrite.types import Json

BEGIN, END = "<!-- longwrite:comparison -->", "<!-- longwrite:comparison:end -->"
_MARK = "<!-- longwrite:model-card -->"
_NO_COMPARISON = (
    "None was made. Make one with:\n\n"
    "    longwrite train compare BASE TUNED --briefs held-out.jsonl --card\n"
)
_SECRET = ("token", "api_key", "password", "secret")
"""What in an option's name keeps its value out of the card."""
_PLACES = frozenset({"output_dir", "logging_dir"})
"""Options that only say where on a machine something lies."""
_DEVICE = frozenset({"use_cpu", "bf16", "fp16"})
"""Options without which arguments can't be made on some machines."""
_OURS_TO_REPLACE = (_MARK, "generated_from_trainer", "trained using [TRL]")
_PACKAGES = ("torch", "transformers", "trl", "peft", "datasets", "accelerate")

LIMITS = (
    "It was trained for the length and the shape of texts. Nothing was done for facts: what it "
    "writes can be false, and has to be read by a person before it is used.",
    "Lengths beyond the longest rows of its data, other languages and other kinds of text than "
    "theirs were not trained.",
    "The measures here are found without a judge. They tell broken texts from whole ones, and "
    "say nothing of how good a whole one is.",
    "What it could do besides may have suffered; no general benchmark was run.",
)
"""What holds of every model that this trains."""


@dataclass(frozen=True, slots=True)
class DataUsed:
    """A set that a model was trained on.

    Attributes:
        name: As it was given.
        hash: SHA-256 of its data card, or of the one file that it is; empty where neither is here.
        of: What the hash is of.
        rows: How many were used; None where nobody counted.
    """

    name: str
    hash: str = ""
    of: str = ""
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a card says.

    Attributes:
        name: Of the model.
        base: What training began from: a folder or a name on the Hub.
        method: Such as ``SFT`` or ``GRPO``, with LoRA where it was.
        data: The sets.
        options: Options that differ from their defaults, by name.
        versions: Of the packages, by name.
        facts: Further lines of the table at the top, such as steps and seed.
        comparison: The table of a comparison with the base, in Markdown.
        limits: Further sentences on what it can't do.
        adapter: Whether the folder holds an adapter and not a whole model.
        licence: As the Hub names it; empty for that of base and data, which it then refers to.
    """

    name: str
    base: str
    method: str
    data: tuple[DataUsed, ...] = ()
    options: Mapping[str, Json] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    comparison: str = ""
    limits: tuple[str, ...] = ()
    adapter: bool = False
    licence: str = ""


def write_model_card(folder: Path, card: ModelCard) -> Path:
    """Write a card beside a checkpoint and return where.

    A README.md that a person wrote stays; the card is MODEL_CARD.md then.

    Raises:
        UsageError: It can't be written.
    """
    path = folder / "README.md"
    try:
        known = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else _MARK
    except OSError:
        known = ""
    if not any(mark in known for mark in _OURS_TO_REPLACE):
        path = folder / "MODEL_CARD.md"
    replace_file(path, render_model_card(card))
    return path


def render_model_card(card: ModelCard) -> str:
    """Return a card as Markdown with the front matter of the Hub."""
    return "\n".join([*_front_matter(card), *_body(card)]) + "\n"


def put_comparison(path: Path, table: str) -> None:
    """Put the table of a comparison into a card, in the place of an earlier one.

    Raises:
        UsageError: The card can't be read or written.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read", str(error), "Write the card anew.") from error
    section = f"{BEGIN}\n{table.strip()}\n{END}"
    before, begun, rest = text.partition(BEGIN)
    _, ended, after = rest.partition(END)
    if begun and ended:
        replace_file(path, f"{before}{section}{after}")
    else:
        replace_file(path, f"{text.rstrip()}\n\n## Against its base\n\n{section}\n")


def list_changes(options: object) -> dict[str, Json]:
    """Return the fields of an options dataclass that differ from its defaults.

    Works for this project's options and for TRL's and transformers' arguments, whose defaults are
    those that an empty instance ends up with. Whatever may be a secret is left out.

    Raises:
        TypeError: It is no instance of a dataclass.
    """
    if not is_dataclass(options) or isinstance(options, type):
        raise TypeError(f"{options!r:.80} holds no options")
    settled, given = _make_default(options)
    changes: dict[str, Json] = {}
    for one in fields(options):
        value = getattr(options, one.name)
        secret = any(word in one.name for word in _SECRET) and isinstance(value, str)
        if secret or one.name in _PLACES or not one.init:
            continue
        if settled is None or one.name in given:
            default = _default(one)
        else:
            default = getattr(settled, one.name)
        if value != default:
            changes[one.name] = _to_json(value)
    return changes


def _make_default(options: Any) -> tuple[object | None, frozenset[str]]:
    """Return an instance with every default as its class settles them, and what it had to be given.

    Arguments for a GPU can't be made on a machine without one, unless they say so.
    """
    device = {one.name: getattr(options, one.name) for one in fields(options)}
    device = {name: value for name, value in device.items() if name in _DEVICE}
    for given in ({}, device):
        try:
            return type(options)(**given), frozenset(given)
        except (TypeError, ValueError):
            continue
    return None, frozenset()


def _default(one: Any) -> object:
    if one.default is not MISSING:
        return one.default
    return one.default_factory() if one.default_factory is not MISSING else MISSING


def _to_json(value: Any) -> Json:
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(key): _to_json(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_to_json(entry) for entry in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _to_json(getattr(value, one.name)) for one in fields(value)}
    return str(value)


def list_versions() -> dict[str, str]:
    """Return the versions of this project and of what trains, where they are installed."""
    found = {"longwrite": __version__}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def describe_data(source: str | Path, rows: int | None = None) -> DataUsed:
    """Return what a card says of a set: its name, and the hash of its card or of its one file."""
    path = Path(source)
    card = path / "README.md"
    for file, of in ((card, "its card"), (path, "the file")):
        if file.is_file():
            with file.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
            return DataUsed(str(source), found, of, rows)
    return DataUsed(str(source), rows=rows)


def _front_matter(card: ModelCard) -> Iterator[str]:
    yield "---"
    yield f"library_name: {'peft' if card.adapter else 'transformers'}"
    if card.licence:
        yield f"license: {json.dumps(card.licence)}"
    if _is_hub_name(card.base):
        yield f"base_model: {json.dumps(card.base)}"
    hub = [one.name for one in card.data if _is_hub_name(one.name)]
    if hub:
        yield "datasets:"
        yield from (f"- {json.dumps(name)}" for name in hub)
    yield "pipeline_tag: text-generation"
    yield f"tags:\n- long-form\n- longwrite\n- {json.dumps(card.method.split()[0].lower())}"
    yield "---"


def _is_hub_name(name: str) -> bool:
    """Tell whether a name can be one of the Hub and no path of this machine."""
    owner, slash, rest = name.partition("/")
    parts = (owner, rest) if slash else (owner,)
    return not Path(name).exists() and all(
        part and part[0].isalnum() and all(char.isalnum() or char in "._-" for char in part)
        for part in parts
    )


def _body(card: ModelCard) -> Iterator[str]:
    yield f"{_MARK}\n\n# {_cell(card.name)}\n"
    what = "An adapter for" if card.adapter else "A model made from"
    yield f"{what} {_cell(_name(card.base))} that was trained with longwrite to write long texts.\n"
    yield "| | |\n|---|---|"
    yield f"| base | {_cell(_name(card.base))} |"
    yield f"| method | {_cell(card.method)} |"
    for one in card.data:
        rows = "" if one.rows is None else f", {one.rows:,} rows"
        mark = f", SHA-256 of {one.of} `{one.hash[:16]}…`" if one.hash else ", no card here"
        yield f"| data | {_cell(_name(one.name))}{rows}{mark} |"
    for name, told in card.facts.items():
        yield f"| {_cell(name)} | {_cell(told)} |"
    versions = ", ".join(f"{_cell(name)} {_cell(told)}" for name, told in card.versions.items())
    yield f"| versions | {versions or 'not noted'} |"
    yield f"\n## Against its base\n\n{BEGIN}\n{card.comparison.strip() or _NO_COMPARISON}\n{END}"
    yield "\n## What it can't do\n"
    yield from (f"- {_cell(limit, 600)}" for limit in (*LIMITS, *card.limits))
    yield "\n## Options that differ from their defaults\n"
    if not card.options:
        yield "None."
        return
    body = json.dumps(dict(card.options), ensure_ascii=False, indent=1, sort_keys=True)
    yield f"```json\n{body.replace('```', chr(39) * 3)}\n```"


def _name(place: str) -> str:
    """Return a folder's own name, without where it lies on the machine that trained."""
    return place if _is_hub_name(place) else Path(place).name or place


def _cell(text: str, most: int = 200) -> str:
    """Return text for a table's cell: one line, no markup of its own."""
    return plain(text, most).replace("|", "/").replace("<", "‹").replace("`", "'")


def card_of_merged(card: str) -> str | None:
    """Return the card of an adapter as that of the whole model; None for one not of this kind."""
    if _MARK not in card:
        return None
    whole = card.replace("\nlibrary_name: peft\n", "\nlibrary_name: transformers\n", 1)
    return whole.replace("\nAn adapter for ", "\nA model made by merging an adapter into ", 1)
