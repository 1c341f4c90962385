"""YAML for files that people write and strangers send.

Plain safe YAML still lets ten lines of aliases grow to gigabytes, overflows the parser's stack when
it is nested deeply enough, takes minutes for a long number in base 60, keeps the last of two equal
keys in silence, and turns titles like 2024-01-01 and 12:30 into a date and a number. None of that
happens here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable
from typing import TYPE_CHECKING, Any

import yaml

from longwrite.errors import UsageError

if TYPE_CHECKING:
    _Base = yaml.SafeLoader
else:
    _Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

LARGEST = 2_000_000
"""Characters of a file that is read."""

_DEEPEST = 100
_NEEDS_ESCAPES = re.compile("[\x85\u2028\u2029\ufeff]")


class _Loader(_Base):
    """Builds what JSON has; a mapping has each key once."""

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, object]:
        seen: set[object] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise yaml.YAMLError(f"it has the key {key.value!r:.80} again at line {line}")
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def construct_finite(self, node: yaml.ScalarNode) -> float:
        value = float(super().construct_yaml_float(node))
        if not math.isfinite(value):
            line = node.start_mark.line + 1
            raise yaml.YAMLError(f"{node.value!r:.80} at line {line} is too large")
        return value


class _Dumper(yaml.SafeDumper):
    """Writes each value in full, and texts of several lines as they read."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text.strip("\n") else None
    if _NEEDS_ESCAPES.search(text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in resolvers if not pair[0].endswith((":timestamp", ":int", ":float"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_Loader.add_implicit_resolver(
    _INT, re.compile(r"[-+]?(?:0|[1-9][0-9_]{0,300})$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    _FLOAT,
    re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+][0-9]{1,9})?$"),
    list("-+0123456789."),
)
_Loader.add_constructor(_FLOAT, _Loader.construct_finite)


def load(text: str, name: str) -> Any:
    """Return the value of a YAML text.

    Args:
        text: The text.
        name: What to call it in an error, such as its path.

    Raises:
        UsageError: It is no YAML, too large or too deep, or has an alias, a tag, an equal key twice
            or a value JSON lacks.
    """
    try:
        _check(text)
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}" if mark else ""
        why = f"{error.problem or error.context}{where}"
    except (yaml.YAMLError, ValueError) as error:
        why = str(error).split("\n", 1)[0]
    raise UsageError(f"{name} can't be read as YAML", why, "Mend the file.")


def _check(text: str) -> None:
    """Refuse what is dangerous to build, from the parser's events alone."""
    if len(text) > LARGEST:
        raise yaml.YAMLError(f"it is larger than {LARGEST:,} characters")
    depth = 0
    for event in yaml.parse(text, Loader=_Base):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError(f"it has an alias (*) at line {_line(event)}")
        if getattr(event, "tag", None) is not None:
            raise yaml.YAMLError(f"it has a tag (!) at line {_line(event)}")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            raise yaml.YAMLError("it is nested too deeply")


def _line(event: yaml.Event) -> str:
    return str(event.start_mark.line + 1) if event.start_mark else "?"


def dump(value: object) -> str:
    """Return the YAML of a value that JSON has; `load` gives the same value back."""
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)
