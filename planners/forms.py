"""What a reply with a plan has to bring: JSON schemas, and the same shown to the model.

Contracts (how an entry begins and ends, what it needs and establishes) are for what is written side
by side: parts and chapters. Sections of one chapter are written in view of each other, and what
nobody reads is not asked for.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from longwrite.types import Json

_TEXT: Json = {"type": "string"}
_SHORT: dict[str, Json] = {"title": _TEXT, "goal": _TEXT, "words": {"type": "integer"}}
_CONTRACT: dict[str, Json] = {
    "entry": _TEXT,
    "exit": _TEXT,
    "needs": {"type": "array", "items": {"type": "integer"}},
    "establishes": {"type": "array", "items": _TEXT},
}


def _make_object(properties: Mapping[str, Json]) -> dict[str, Json]:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _make_plan(shared: Sequence[str], entry: Mapping[str, Json]) -> dict[str, Json]:
    entries: Json = {"type": "array", "items": _make_object(entry)}
    return _make_object({name: _TEXT for name in shared} | {"sections": entries})


ROOT = _make_plan(("title", "bible"), _SHORT | _CONTRACT)
"""The first call of a document: what all parts share, and the parts."""

CHAPTERS = _make_plan((), _SHORT | _CONTRACT)
"""A part divided into parts or chapters."""

SECTIONS = _make_plan((), _SHORT)
"""A chapter divided into sections."""

WHOLE = _make_plan(("title",), _SHORT)
"""A document of one chapter divided into sections."""


def show_form(schema: Mapping[str, Json]) -> str:
    """Return an example of what a schema wants, as a prompt shows it.

    >>> show_form(SECTIONS)
    '{"sections": [{"title": "…", "goal": "…", "words": 0}]}'
    """
    return json.dumps(_show(dict(schema)), ensure_ascii=False)


def _show(schema: Json) -> Json:
    assert isinstance(schema, dict)
    kind, items = schema["type"], schema.get("items")
    if kind == "object":
        properties = schema["properties"]
        assert isinstance(properties, dict)
        return {name: _show(inner) for name, inner in properties.items()}
    if kind == "array":
        # Numbers of entries are mostly none.
        return [] if items == {"type": "integer"} else [_show(items)]
    return 0 if kind == "integer" else "…"
