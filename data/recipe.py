"""What a recipe is, and where the known ones are.

A recipe names its units and makes rows of one of them at a time; durability, filters, labels,
quotas and files are the builder's. So a recipe has no state: what `make` returns depends on the
unit, the recipe's options, and the replies that the workbench brings, which are logged.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields
from importlib import import_module
from math import inf
from types import UnionType
from typing import Any, ClassVar, Protocol, get_args, get_origin, get_type_hints, runtime_checkable

from longwrite.data.rows import Drop, Row, Shape, Unit
from longwrite.data.workbench import Workbench
from longwrite.errors import UsageError

RECIPES: Mapping[str, str] = {
    "agentwrite": "longwrite.data.agentwrite:AgentWrite",
    "backtranslate": "longwrite.data.backtranslate:BackTranslate",
    "lengthen": "longwrite.data.lengthen:Lengthen",
    "curate": "longwrite.data.curate:Curate",
    "best_vs_rest": "longwrite.data.best_vs_rest:BestVsRest",
    "stepwise": "longwrite.data.stepwise:Stepwise",
    "iterdpo": "longwrite.data.iterdpo:IterDpo",
    "violate": "longwrite.data.violate:Violate",
    "edits": "longwrite.data.edits:Edits",
    "prompts": "longwrite.data.prompt_rows:PromptRows",
}
"""Name to ``module:class``."""


@runtime_checkable
class Recipe(Protocol):
    """A frozen dataclass whose fields are the options that a YAML file may set.

    Fields are of `str`, `int`, `float`, `bool`, or tuples of those; one without a default has to be
    given. `__post_init__` raises UsageError for a value that makes no sense.
    """

    name: ClassVar[str]
    shapes: ClassVar[tuple[Shape, ...]]
    """The shapes of its rows."""
    version: ClassVar[int]
    """Raised whenever the same replies would give other rows."""

    def units(self) -> Iterator[Unit | Drop]:
        """Yield the source in a fixed order, without a call; a Drop for what can't be used.

        Raises:
            UsageError: The source isn't there.
        """
        ...

    async def make(self, unit: Unit, workbench: Workbench) -> list[Row | Drop]:
        """Return the rows of one unit, and why others did not come about.

        Raises:
            LongwriteError: No call can succeed; the unit is made again by the next run.
        """
        ...


def load_recipe(name: str, options: Mapping[str, Any], where: str = "the recipe") -> Recipe:
    """Return a recipe with its options.

    Args:
        name: One of `RECIPES`.
        options: As read from YAML or the command line.
        where: What they were read from, for errors.

    Raises:
        UsageError: No such recipe or option, or a value of the wrong type.
    """
    if name not in RECIPES:
        raise UsageError(
            f"{where} names an unknown recipe, '{name}'", *_suggest(name, list(RECIPES), "recipes")
        )
    module, _, attribute = RECIPES[name].partition(":")
    kind = getattr(import_module(module), attribute)
    known = {field.name: field for field in fields(kind)}
    hints = get_type_hints(kind)
    given = {}
    for key, value in options.items():
        if key not in known:
            why, mend = _suggest(str(key), list(known), "options")
            raise UsageError(f"{where} has an unknown option, '{key}'", why, mend)
        given[key] = convert(value, hints[key], f"{where}: '{key}'")
    missing = [
        name
        for name, field in known.items()
        if name not in given and field.default is MISSING and field.default_factory is MISSING
    ]
    if missing:
        raise UsageError(
            f"{where} lacks '{missing[0]}'",
            f"the recipe '{name}' can't work without it",
            f"Add it: {missing[0]}: …",
        )
    recipe: Recipe = kind(**given)
    return recipe


def check_choices(recipe: object, **known: Sequence[str]) -> None:
    """Refuse values of a recipe's options, or entries of them, that aren't among the known ones.

    Raises:
        UsageError: Naming the option.
    """
    for name, choices in known.items():
        value = getattr(recipe, name)
        given = (value,) if isinstance(value, str) else value
        wrong = next((one for one in given or ("",) if one not in choices), None)
        if wrong is not None:
            mend = f"Use {', '.join(choices)}."
            raise UsageError(f"'{name}: {wrong}' is unknown", "", mend)


def check_bounds(recipe: object, **bounds: tuple[float, float]) -> None:
    """Refuse numbers of a recipe's options that are outside their bounds.

    Raises:
        UsageError: Naming the option.
    """
    for name, (low, high) in bounds.items():
        value = getattr(recipe, name)
        if not low <= value <= high:
            mend = f"Use {low:g} or more." if high == inf else f"Use {low:g} to {high:g}."
            raise UsageError(f"'{name}: {value}' can't be", "", mend)


def _suggest(name: str, known: list[str], what: str) -> tuple[str, str]:
    close = difflib.get_close_matches(name, known, 1)
    meant = f"Did you mean '{close[0]}'?" if close else f"Use one of them: {', '.join(known)}."
    return f"the {what} are {', '.join(known)}", meant


def convert(value: Any, hint: Any, where: str) -> Any:
    """Return a value of an option as its type hint wants it.

    Raises:
        UsageError: It is of another type; `where` says which one.
    """
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        items = value if isinstance(value, (list, tuple)) else [value]
        return tuple(convert(item, inner, where) for item in items)
    if hint in (float, float | None) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is str and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    one_of = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    kinds = tuple(get_origin(kind) or kind for kind in one_of)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise UsageError(
            f"{where} has the wrong type",
            f"it is {value!r:.60}, where a value of type {getattr(hint, '__name__', hint)} belongs",
            "Mend the line.",
        )
    return value
