"""JSON for files that strangers send.

Python's own takes NaN and numbers that become infinite, which no JSON holds, half characters, which
no file can be written with, and a depth at which whatever walks through the value next overflows
its stack. None of that comes out of here.
"""

from __future__ import annotations

import json
import math

from longwrite.types import Json

_DEEPEST = 100


def parse_json(data: bytes) -> Json:
    """Return the value of a text that anybody may have written.

    Half characters become question marks.

    Raises:
        ValueError: It is no JSON, or one too deep.
    """
    text = data.decode("utf-8-sig")
    try:
        value: Json = json.loads(text, parse_constant=_refuse, parse_float=_read_finite)
    except RecursionError:
        raise ValueError("it is too deep") from None
    if data.count(b"[") + data.count(b"{") > _DEEPEST and _is_deep(value):
        raise ValueError("it is too deep")
    if rb"\ud" in data.lower():
        whole = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
        value = json.loads(whole)
    return value


def _refuse(name: str) -> Json:
    raise ValueError(f"{name} is no JSON")


def _read_finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text:.40} is too large")
    return value


def _is_deep(value: Json) -> bool:
    layer = [value]
    for _ in range(_DEEPEST):
        parts = (one.values() if isinstance(one, dict) else one for one in layer
                 if isinstance(one, (dict, list)))  # fmt: skip
        layer = [inner for part in parts for inner in part]
    return bool(layer)
