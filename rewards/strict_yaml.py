"""YAML for files that people write and strangers send.

Plain safe YAML still lets ten lines of aliases grow to gigabytes, keeps the last of two equal keys
in silence, and turns a title like 2024-01-01 into a date. None of that happens here.
"""

from __future__ import annotations

from collections.abc import Hashable

import yaml

from longwrite.errors import UsageError

LARGEST = 1_000_000
"""Bytes of a file that is read."""


class _Loader(yaml.SafeLoader):
    """Builds what JSON has, from nodes that are each written once."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError(f"it has an alias (*) at line {self.line + 1}")
        return super().compose_node(parent, index)

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


class _Dumper(yaml.SafeDumper):
    """Writes each value in full, and texts of several lines as they read."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text.strip("\n") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load(text: str, name: str) -> object:
    """Return the value of a YAML text.

    Args:
        text: The text.
        name: What to call it in an error, such as its path.

    Raises:
        UsageError: It is no YAML, or has an alias, an equal key twice or a value JSON lacks.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}" if mark else ""
        why = f"{error.problem or error.context}{where}"
    except (yaml.YAMLError, ValueError) as error:
        why = str(error).split("\n", 1)[0]
    except RecursionError:
        why = "it is nested too deeply"
    raise UsageError(f"Can't read {name} as YAML", why, "Mend the file; see docs for its keys")


def dump(value: object) -> str:
    """Return the YAML of a value that JSON has; `load` gives the same value back."""
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)
