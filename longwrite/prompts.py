"""Prompts are text files beside the code that uses them; this reads and fills them.

What a person or a file brings in is data: it is fenced, and can't close its own fence.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib.resources import files
from string import Template

from longwrite.language import NAMES

_CODE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}")


@cache
def _load(package: str, name: str) -> Template:
    return Template((files(package) / "prompts" / f"{name}.txt").read_text("utf-8").strip())


def fill(package: str, name: str, **values: object) -> str:
    """Return a prompt file with its ``$names`` replaced; lines left empty in a row are one."""
    text = _load(package, name).substitute({key: str(value) for key, value in values.items()})
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def fence(tag: str, text: str) -> str:
    """Return a text between ``<tag>`` and ``</tag>``, unable to close them itself."""
    safe = re.sub(rf"<(\s*/?\s*{tag})", r"‹\1", text.replace("\x00", " "), flags=re.IGNORECASE)
    return f"<{tag}>\n{safe.strip()}\n</{tag}>"


def name_language(code: str) -> str:
    """Return what to call a language in a prompt; a phrase that always fits when unknown."""
    known = NAMES.get(code[:2].lower(), code if _CODE.fullmatch(code) else "")
    return known or "the language of the brief"


def name_unit(language: str) -> str:
    """Return what a writer in that language counts a text by."""
    return "characters" if language[:2] in {"zh", "ja", "ko"} else "words"


def name_length(words: int, language: str) -> str:
    """Return a length as a writer in that language counts it.

    >>> name_length(1200, "en"), name_length(1200, "zh")
    ('1,200 words', '1,200 characters')
    """
    return f"{words:,} {name_unit(language)}"


def derive_seed(seed: int, *parts: str | int) -> int:
    """Return a 31-bit seed for one call, from the run's seed and what the call is for."""
    name = "\0".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") >> 1
