"""Recipe files: what a set is made of and what its rows have to pass, as YAML or from options.

recipe: agentwrite
options: {prompts: prompts.jsonl}
filters: {repetition: {}, language: off}
rows: 300
seed: 0
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from longwrite import strict_yaml
from longwrite.agent.settings import Settings
from longwrite.data.build import Order
from longwrite.data.contamination import Contamination, build_index, join_indexes, load_index
from longwrite.data.duplicates import Duplicates
from longwrite.data.filters import ROW_FILTERS
from longwrite.data.quota import Quota
from longwrite.data.recipe import RECIPES, Recipe, convert, load_recipe
from longwrite.data.rows import Row, Verdict
from longwrite.data.selection import Selection, SetFilter
from longwrite.errors import UsageError

_KEYS: Mapping[str, type | tuple[type, ...]] = {
    "recipe": str, "options": dict, "filters": dict, "duplicates": (dict, bool),
    "contamination": (list, str), "quota": dict, "rows": int, "seed": int,
}  # fmt: skip

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a recipe file or the command line says, not yet turned into functions.

    Attributes:
        recipe: Name.
        options: Of the recipe.
        filters: Options of each row filter by name; False leaves one out.
        duplicates: Options of the search for near-duplicates; False leaves it out.
        contamination: Files of benchmark prompts, or an index of them.
        quota: Options of the grid; empty for none.
        rows: Rows wanted.
        seed: Of the build.
    """

    recipe: str
    options: Mapping[str, Any] = field(default_factory=dict)
    filters: Mapping[str, Any] = field(default_factory=dict)
    duplicates: Any = field(default_factory=dict)
    contamination: tuple[str, ...] = ()
    quota: Mapping[str, Any] = field(default_factory=dict)
    rows: int | None = None
    seed: int = 0


def read_blueprint(name: str, options: Mapping[str, Any]) -> Blueprint:
    """Return the blueprint of a recipe's name or a recipe file; options given here go before.

    Raises:
        UsageError: The file can't be read or says something that nothing here knows.
    """
    path = Path(name)
    if name in RECIPES:
        return Blueprint(name, dict(options))
    if path.suffix not in {".yaml", ".yml"} and not path.is_file():
        close = difflib.get_close_matches(name, RECIPES, 1)
        mend = f"Did you mean '{close[0]}'?" if close else "Name one, or a recipe file (.yaml)."
        raise UsageError(f"There is no recipe '{name}'", f"known are {', '.join(RECIPES)}", mend)
    try:
        data = strict_yaml.load(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise UsageError(f"{path} can't be read", why, "See the name.") from error
    if not isinstance(data, dict) or "recipe" not in data:
        raise UsageError(f"{path} is no recipe file", "it names no recipe", "Begin: recipe: NAME")
    for key, value in data.items():
        if key not in _KEYS:
            close = difflib.get_close_matches(str(key), _KEYS, 1)
            mend = f"Did you mean '{close[0]}'?" if close else f"Use {', '.join(_KEYS)}."
            raise UsageError(f"{path} has an unknown key, '{key}'", "nothing reads it", mend)
        wanted = _KEYS[key]
        if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
            raise UsageError(f"{path}: '{key}' has the wrong type", f"it is {value!r:.60}", "")
    files = data.get("contamination", ())
    given = {**data, "options": {**data.get("options", {}), **options}}
    given["contamination"] = (files,) if isinstance(files, str) else tuple(files)
    return Blueprint(**given)


def place_order(
    blueprint: Blueprint, folder: Path, settings: Settings, shard: tuple[int, int] = (1, 1)
) -> Order:
    """Return the build that a blueprint describes.

    Raises:
        UsageError: An unknown recipe, filter or option, or one with an unusable value.
    """
    recipe = load_recipe(blueprint.recipe, blueprint.options, f"the recipe {blueprint.recipe}")
    return Order(
        recipe,
        folder,
        settings,
        _row_filters(blueprint, recipe),
        lambda: make_selection(blueprint),
        describe(blueprint),
        blueprint.rows,
        shard,
    )


def describe(blueprint: Blueprint) -> dict[str, Any]:
    """Return what a blueprint decides about each single row, as JSON values."""
    return {
        "recipe": blueprint.recipe,
        "options": {key: _plain(value) for key, value in sorted(blueprint.options.items())},
        "filters": {key: _plain(value) for key, value in sorted(blueprint.filters.items())},
        "contamination": [Path(name).name for name in blueprint.contamination],
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _row_filters(blueprint: Blueprint, recipe: Recipe) -> dict[str, Callable[[Row], Verdict]]:
    found: dict[str, Callable[[Row], Verdict]] = {}
    for name in blueprint.filters:
        if name not in ROW_FILTERS:
            close = difflib.get_close_matches(str(name), ROW_FILTERS, 1)
            mend = f"Did you mean '{close[0]}'?" if close else f"Use {', '.join(ROW_FILTERS)}."
            raise UsageError(f"There is no filter '{name}'", "nothing is called so", mend)
    for name, make in ROW_FILTERS.items():
        options = blueprint.filters.get(name, {})
        if options is False:
            continue
        found[name] = _make(make, options, f"The filter '{name}'")
    if blueprint.contamination:
        found["contamination"] = _contamination(blueprint.contamination)
    return found


def _contamination(names: tuple[str, ...]) -> Contamination:
    indexes = [load_index(name) for name in names if name.endswith((".npz", ".npy"))]
    texts = [name for name in names if not name.endswith((".npz", ".npy"))]
    if texts:
        indexes.append(build_index(texts))
    return Contamination(join_indexes(indexes))


def make_selection(blueprint: Blueprint) -> Selection:
    """Return what chooses among all rows, with an empty memory."""
    filters: dict[str, SetFilter] = {}
    if blueprint.duplicates is not False:
        filters["duplicates"] = _make(Duplicates, blueprint.duplicates, "'duplicates'")
    if blueprint.quota:
        filters["quota"] = _make(Quota, blueprint.quota, "'quota'")
    return Selection(filters, blueprint.rows)


def _make(make: Callable[..., T], options: Any, where: str) -> T:
    """Call with options as YAML has them; true and nothing mean none of them.

    Raises:
        UsageError: One is unknown, lacking or of the wrong type.
    """
    options = {} if options in (True, None) else options
    known = inspect.signature(make, eval_str=True).parameters
    if not isinstance(options, Mapping) or not set(options) <= set(known):
        mend = f"Its options are {', '.join(known) or 'none'}."
        raise UsageError(f"{where} can't be made", f"it is given {options!r:.80}", mend)
    given = {
        key: convert(one, known[key].annotation, f"{where}: '{key}'")
        for key, one in options.items()
    }
    lacking = [key for key, one in known.items() if key not in given and one.default is one.empty]
    if lacking:
        raise UsageError(f"{where} can't be made", f"it lacks '{lacking[0]}'", "Add it.")
    return make(**given)
