"""From what a person typed, or a file says, to a `Brief`.

Compiled once, at the start of a run: the words to plan for, the language, the form, and the
constraints that plan, checks and rewards then share. A brief is data: nothing in it is an option.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from longwrite import strict_yaml
from longwrite.errors import UsageError
from longwrite.language import detect_language
from longwrite.rewards.constraints import validate
from longwrite.rewards.targets import settle_length
from longwrite.rewards.wording import find_constraints
from longwrite.rewards.wording_sections import TOP_LEVEL
from longwrite.types import Brief, Constraint

MOST_CHARACTERS = 200_000
"""The longest prompt that is taken."""
MOST_WORDS = 1_000_000
PROSE_WORDS = 800
"""A text of up to so many words gets no headings unless it asks for them."""

DEFAULT_WORDS = {"letter": 600, "poem": 300, "script": 3_000, "speech": 3_000}
"""Words of a text whose brief states no length, by form; others get `DOCUMENT_WORDS`."""
DOCUMENT_WORDS = 10_000

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_ADDS_UP = frozenset({"mention", "avoid", "judged"})


def compile_brief(
    prompt: str,
    *,
    words: int | None = None,
    length: int | None = None,
    language: str = "",
    audience: str = "",
    style: str = "",
    style_sample: str = "",
    constraints: Iterable[Constraint] = (),
) -> Brief:
    """Compile a request and its options to a Brief.

    The words to plan for are `length`, else `words`, else what the prompt states (the middle of a
    range; a length of each section times their number), else a default for the form. A number
    given as an option keeps the direction that the prompt states: "at least 800 words" with
    ``words=2000`` becomes at least 2,000. So a Brief has exactly one document-scoped ``length``
    constraint, or none where nobody stated a length.

    Args:
        prompt: The request as typed.
        words: The length asked for by option, in words.
        length: The length that a data set's column gives; wins over `words`.
        language: Code of the language to write in; empty to take the prompt's wish or language.
        audience: For whom.
        style: How it should read.
        style_sample: A passage whose manner is to be followed.
        constraints: More requirements; one replaces what the prompt says for its kind and scope.

    Raises:
        UsageError: The prompt is empty, too long or binary, it contradicts itself, or a number or
            constraint is unusable.
    """
    _check_prompt(prompt)
    for name, text in (("language", language), ("audience", audience), ("style", style)):
        _check_unicode(f"The {name}", text)
    for name, value in (("length", length), ("--words", words)):
        if value is not None:
            _check_words(name, value)
    asked = words if length is None else length
    merged = _merge(find_constraints(prompt), tuple(constraints))
    _check_consistent(merged)
    if language:
        merged = [
            c for c in merged if c.kind != "language" or str(c.params["code"])[:2] == language[:2]
        ]
    planned, merged = settle_length(merged, asked)
    if planned is None:
        planned = DEFAULT_WORDS.get(_named_form(merged), DOCUMENT_WORDS)
    _check_words("the length in the prompt,", planned)
    return Brief(
        prompt=prompt,
        words=planned,
        constraints=tuple(merged),
        language=language or _language(merged) or detect_language(prompt),
        audience=audience,
        style=style,
        style_sample=style_sample,
        form=_form(merged, planned),
    )


def _check_prompt(prompt: str) -> None:
    if not prompt.strip():
        raise UsageError("The prompt is empty", mend='Say what to write: longwrite write "A …"')
    if len(prompt) > MOST_CHARACTERS:
        raise UsageError(
            f"The prompt has {len(prompt):,} characters",
            f"at most {MOST_CHARACTERS:,} are taken",
            "Give long material in parts, or continue a manuscript with `longwrite continue`",
        )
    if "\x00" in prompt or 100 * len(_CONTROL.findall(prompt)) > len(prompt):
        raise UsageError(
            "The prompt is not text", "it holds control characters", "Give it as UTF-8 text"
        )
    _check_unicode("The prompt", prompt)


def _check_unicode(name: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"{name} is not text", "it is not valid Unicode", "Give it as UTF-8 text"
        ) from None


def _check_consistent(constraints: list[Constraint]) -> None:
    """Refuse a range that nothing lies in, and words that must stand and must not.

    Raises:
        UsageError: The brief contradicts itself.
    """
    avoided = {
        (str(c.params["text"]).casefold(), c.scope): c
        for c in constraints
        if c.kind == "avoid" and c.hard
    }
    for constraint in constraints:
        low, high = constraint.params.get("min"), constraint.params.get("max")
        if isinstance(low, int) and isinstance(high, int) and low > high:
            raise UsageError(
                "The brief contradicts itself",
                f"it asks for at least {low:,} and at most {high:,}: “{constraint.quote[:120]}”",
                "Say the smaller number first, or one of the two",
            )
        if constraint.kind == "mention" and constraint.hard:
            other = avoided.get((str(constraint.params["text"]).casefold(), constraint.scope))
            if other is not None:
                raise UsageError(
                    "The brief contradicts itself",
                    f"“{constraint.quote[:120]}”, but “{other.quote[:120]}”",
                    "Take one of the two out",
                )


def _check_words(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_WORDS:
        raise UsageError(
            f"Can't plan for {name} {value}",
            f"a document has 1 to {MOST_WORDS:,} words",
            "Give a length in that range, such as --words 10000",
        )


def _merge(found: tuple[Constraint, ...], given: tuple[Constraint, ...]) -> list[Constraint]:
    """Join constraints; a given one replaces those of its kind and scope that stood before it."""
    merged: list[Constraint] = []
    for constraint in (*found, *given):
        if constraint in given:
            validate(constraint)
            if constraint.kind not in _ADDS_UP:
                place = (constraint.kind, constraint.scope)
                merged = [old for old in merged if (old.kind, old.scope) != place]
        if constraint not in merged:
            merged.append(constraint)
    return merged


# --- form and language ---------------------------------------------------------------------------


def _language(constraints: list[Constraint]) -> str:
    wanted = [c for c in constraints if c.kind == "language" and c.scope == "document"]
    return str(wanted[-1].params["code"]) if wanted else ""


def _named_form(constraints: list[Constraint]) -> str:
    return next((str(c.params["name"]) for c in constraints if c.kind == "form"), "")


def _form(constraints: list[Constraint], words: int) -> str:
    headings = None
    divided = False
    for constraint in constraints:
        if constraint.scope == "document" and constraint.kind == "headings":
            headings = bool(constraint.params["wanted"])
        if constraint.scope == "document" and constraint.kind == "sections":
            divided = divided or constraint.params["unit"] in TOP_LEVEL
    name = _named_form(constraints)
    if name == "script" or (name in {"letter", "poem"} and not divided):
        return name
    if headings is None:
        headings = divided or words > PROSE_WORDS
    return "document" if headings else "prose"


# --- files ---------------------------------------------------------------------------------------

_KEYS = {
    "prompt": str,
    "words": int,
    "language": str,
    "audience": str,
    "style": str,
    "style_sample": str,
    "constraints": list,
}
_STORED_KEYS = _KEYS | {"form": str}
_CONSTRAINT_KEYS = {"kind": str, "params": dict, "scope": str, "hard": bool, "quote": str}
_TYPE_NAMES = {
    str: "text",
    int: "a whole number",
    bool: "yes or no",
    list: "a list",
    dict: "a mapping",
}
_FORMS = ("document", "prose", "letter", "script", "poem")


def read_brief(
    path: Path,
    *,
    words: int | None = None,
    language: str = "",
    audience: str = "",
    style: str = "",
    style_sample: str = "",
) -> Brief:
    """Read a brief that a person wrote, and compile it.

    A ``.yaml`` or ``.yml`` file is a mapping with ``prompt`` and, as wished, ``words``,
    ``language``, ``audience``, ``style``, ``style_sample`` and ``constraints``: a list of mappings
    (``kind``, ``params``, ``scope``, ``hard``) or of sentences, which are compiled. Of a ``.txt``
    or ``.md`` file the text is the prompt. Options given here win over the file.

    Raises:
        UsageError: The file can't be read, is not text, or says something that can't be used.
    """
    text = _read_text(path)
    name = f"the brief {path}"
    given: dict[str, Any] = {
        key: value
        for key, value in (
            ("words", words),
            ("language", language),
            ("audience", audience),
            ("style", style),
            ("style_sample", style_sample),
        )
        if value not in (None, "")
    }
    if path.suffix.lower() in {".txt", ".md"}:
        return compile_brief(text.strip(), **given)
    values = _mapping(strict_yaml.load(text, name), _KEYS, name)
    if "prompt" not in values:
        raise UsageError(f"Can't use {name}", "it has no prompt", "Add a line `prompt: …`")
    entries = values.pop("constraints", None) or []
    constraints = [
        constraint
        for entry in entries
        for constraint in (
            _sentence(entry, name) if isinstance(entry, str) else [_constraint(entry, name)]
        )
    ]
    return compile_brief(constraints=constraints, **{**values, **given})


def brief_to_yaml(brief: Brief) -> str:
    """Return a compiled brief as YAML; `brief_from_yaml` gives an equal one back."""
    constraints = [_shallow(constraint) for constraint in brief.constraints]
    return strict_yaml.dump(_plain(_shallow(brief) | {"constraints": constraints}))


def brief_from_yaml(text: str, name: str = "the stored brief") -> Brief:
    """Return the brief that `brief_to_yaml` wrote, edits of a person included.

    Raises:
        UsageError: A key is missing, unknown or of the wrong type.
    """
    values = _mapping(strict_yaml.load(text, name), _STORED_KEYS, name)
    for key in ("prompt", "words"):
        if key not in values:
            raise UsageError(f"Can't use {name}", f"it has no {key}", f"Add a line `{key}: …`")
    _check_prompt(values["prompt"])
    _check_words("words", values["words"])
    constraints = tuple(_constraint(entry, name) for entry in values.pop("constraints", None) or ())
    if values.get("form", "document") not in _FORMS:
        raise UsageError(
            f"Can't use {name}",
            f"its form is {values['form']!r}",
            f"Use one of {', '.join(_FORMS)}",
        )
    return Brief(constraints=constraints, **values)


def _read_text(path: Path) -> str:
    name = f"the brief {path}"
    if path.suffix.lower() not in {".yaml", ".yml", ".txt", ".md"}:
        why = "it is a folder" if path.is_dir() else "its name says nothing about what it holds"
        raise UsageError(f"Can't read {name}", why, "Give a .yaml, .yml, .txt or .md file")
    try:
        if not path.is_file():
            why = "it is no file" if path.exists() else "it does not exist"
            raise UsageError(f"Can't read {name}", why, "Give the path of a brief")
        if path.stat().st_size > strict_yaml.LARGEST:
            why = f"it is larger than {strict_yaml.LARGEST // 1_000_000} MB"
            raise UsageError(f"Can't read {name}", why, "Give a shorter brief")
        data = path.read_bytes()
    except OSError as error:
        why = error.strerror or "it can't be opened"
        raise UsageError(f"Can't read {name}", why, "Check its path and rights") from error
    if not data.strip():
        raise UsageError(f"Can't use {name}", "it is empty", "Write into it what to write")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(
            f"Can't read {name}", "it is not UTF-8 text", "Save it with the encoding UTF-8"
        ) from None


def _mapping(value: object, keys: Mapping[str, type], name: str) -> dict[str, Any]:
    """Return a mapping whose keys are known and whose values have the types given for them."""
    if not isinstance(value, dict):
        raise UsageError(f"Can't use {name}", "it is no mapping", f"Use keys: {', '.join(keys)}")
    value = {key: entry for key, entry in value.items() if entry is not None}
    for key, entry in value.items():
        if key not in keys:
            near = difflib.get_close_matches(str(key), keys, n=1)
            mend = f"Did you mean {near[0]}?" if near else f"Use {', '.join(keys)}"
            raise UsageError(f"Can't use {name}", f"it has an unknown key {key!r:.80}", mend)
        form = keys[key]
        if not isinstance(entry, form) or (form is int and isinstance(entry, bool)):
            raise UsageError(
                f"Can't use {name}",
                f"its {key} is {entry!r:.80}, not {_TYPE_NAMES[form]}",
                "Put a text that looks like a number, yes or no into quotation marks",
            )
    return value


def _constraint(entry: object, name: str) -> Constraint:
    values = _mapping(entry, _CONSTRAINT_KEYS, f"a constraint of {name}")
    if "kind" not in values:
        raise UsageError(f"Can't use a constraint of {name}", "it has no kind", "Add `kind: …`")
    constraint = Constraint(**values)
    validate(constraint)
    return constraint


def _sentence(text: str, name: str) -> tuple[Constraint, ...]:
    found = find_constraints(text)
    if not found:
        raise UsageError(
            f"Can't use a constraint of {name}",
            f"{text!r:.80} says nothing that can be checked",
            "Write it as a mapping with a kind, or put it into the prompt or the style",
        )
    return found


def _shallow(value: Brief | Constraint) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _plain(value: Any) -> Any:
    """Return a value with tuples and mappings made lists and dicts, as YAML and JSON have them."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value
