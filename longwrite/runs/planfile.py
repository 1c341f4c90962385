"""The plan as YAML that a person edits, read back with the suspicion that an edited file deserves.

What holds a document together is checked here, wherever a plan comes from: ids that are safe and
unique, needs that exist and make no circle, budgets that are positive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from longwrite import strict_yaml
from longwrite.assembly import walk
from longwrite.errors import UsageError
from longwrite.runs.folder import SAFE_ID
from longwrite.runs.store import digest
from longwrite.types import Constraint, Plan, Section

_MEND = "Mend plan.yaml, or delete it to plan anew."


def plan_to_yaml(plan: Plan) -> str:
    """Return the plan as YAML; fields that are empty are left out."""
    data: dict[str, Any] = {"title": plan.title, "planner": plan.planner}
    if plan.bible:
        data["bible"] = plan.bible
    if plan.warnings:
        data["warnings"] = list(plan.warnings)
    data["sections"] = [_section_to_data(section) for section in plan.sections]
    return strict_yaml.dump(data)


def plan_from_yaml(text: str, name: str = "plan.yaml") -> Plan:
    """Read a plan and check it.

    Raises:
        UsageError: It is no plan; the sentence names the place and the mend.
    """
    data = _load(text, name)
    plan = Plan(
        title=_text(data, "title", name),
        bible=_text(data, "bible", name),
        planner=_text(data, "planner", name),
        warnings=_texts(data, "warnings", name),
        sections=_sections(data, name, ""),
    )
    check_plan(plan, name)
    return plan


def check_plan(plan: Plan, name: str = "The plan") -> None:
    """Check ids, needs and budgets.

    Raises:
        UsageError: Naming the first thing that is wrong.
    """
    nodes = [section for section, _ in walk(plan.sections)]
    if not nodes:
        raise UsageError(f"{name} has no sections", "there is nothing to write", _MEND)
    if len(nodes) > 20_000:
        raise UsageError(f"{name} has {len(nodes)} sections", "20,000 are the most", _MEND)
    known: set[str] = set()
    for node in nodes:
        if not SAFE_ID.fullmatch(node.id) or node.id in known:
            why = "it stands twice" if node.id in known else "ids are letters, digits, . - _"
            raise UsageError(f"{name}: section id {node.id[:60]!r} can't be used", why, _MEND)
        known.add(node.id)
        if not node.sections and not 1 <= node.words <= 1_000_000:
            raise UsageError(
                f"{name}: section {node.id} asks for {node.words} words",
                "a section needs from 1 to 1,000,000",
                _MEND,
            )
    needs = {node.id: node.needs for node in nodes}
    for node in nodes:
        missing = [need for need in node.needs if need not in known]
        if missing:
            raise UsageError(
                f"{name}: section {node.id} needs {missing[0][:60]!r}",
                "no section has that id",
                _MEND,
            )
    circle = find_circle(needs)
    if circle:
        raise UsageError(f"{name}: sections need each other", " -> ".join(circle[:8]), _MEND)


def find_circle(needs: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the ids of a circle of needs, or an empty list."""
    state: dict[str, int] = {}
    for start in needs:
        if start in state:
            continue
        state[start] = 1
        path, stack = [start], [iter(needs[start])]
        while stack:
            following = next(stack[-1], None)
            if following is None:
                stack.pop()
                state[path.pop()] = 2
            elif state.get(following) == 1:
                return [*path[path.index(following) :], following]
            elif following not in state:
                state[following] = 1
                path.append(following)
                stack.append(iter(needs.get(following, ())))
    return []


def with_totals(sections: tuple[Section, ...]) -> tuple[Section, ...]:
    """Return the tree with each inner node's words set to the sum of its children's."""
    done = []
    for section in sections:
        if section.sections:
            children = with_totals(section.sections)
            section = replace(
                section, sections=children, words=sum(child.words for child in children)
            )
        done.append(section)
    return tuple(done)


def hash_node(section: Section) -> str:
    """Return the hash under which a leaf's text is pinned: its own node, note and needs."""
    return digest(
        section.id,
        section.title,
        section.goal,
        str(section.words),
        section.entry,
        section.exit,
        "\n".join(section.needs),
        "\n".join(section.establishes),
        repr([(c.kind, dict(c.params), c.scope, c.hard) for c in section.constraints]),
        section.note,
        str(section.revision),
    )


# --- YAML -----------------------------------------------------------------------------------------


def _load(text: str, name: str) -> dict[str, Any]:
    data = strict_yaml.load(text, name)
    if not isinstance(data, dict):
        raise UsageError(f"{name} is no plan", "it is no mapping with 'sections'", _MEND)
    return data


def _section_to_data(section: Section) -> dict[str, Any]:
    data: dict[str, Any] = {"id": section.id, "title": section.title, "words": section.words}
    for field in ("goal", "entry", "exit", "note", "revision"):
        if value := getattr(section, field):
            data[field] = value
    for field in ("needs", "establishes"):
        if value := getattr(section, field):
            data[field] = list(value)
    if section.constraints:
        data["constraints"] = [
            {
                "kind": c.kind,
                "params": dict(c.params),
                "scope": c.scope,
                "hard": c.hard,
                "quote": c.quote,
            }
            for c in section.constraints
        ]
    if section.sections:
        data["sections"] = [_section_to_data(child) for child in section.sections]
    return data


def _sections(data: dict[str, Any], name: str, above: str) -> tuple[Section, ...]:
    entries = data.get("sections")
    if entries is None:
        return ()
    if not isinstance(entries, list):
        raise UsageError(f"{name}: 'sections' of {above or 'the plan'} is no list", "", _MEND)
    found = []
    for number, entry in enumerate(entries, 1):
        place = f"{above}.{number}" if above else str(number)
        if not isinstance(entry, dict):
            raise UsageError(f"{name}: section {place} is no mapping", "", _MEND)
        section_id = place if entry.get("id") is None else entry["id"]
        where = f"{name}: section {str(section_id)[:60]}"
        found.append(
            Section(
                id=str(section_id),
                title=_text(entry, "title", where),
                goal=_text(entry, "goal", where),
                words=_whole(entry, "words", where),
                entry=_text(entry, "entry", where),
                exit=_text(entry, "exit", where),
                needs=_texts(entry, "needs", where),
                establishes=_texts(entry, "establishes", where),
                constraints=_constraints(entry, where),
                note=_text(entry, "note", where),
                revision=_whole(entry, "revision", where),
                sections=_sections(entry, name, str(section_id)),
            )
        )
    return with_totals(tuple(found))


def _text(data: dict[str, Any], field: str, where: str) -> str:
    value = data.get(field)
    if value is None:
        return ""
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return " ".join(str(value).replace("\x00", " ").split()) if field == "title" else str(value)
    why = f"YAML reads it as {value!r:.40}"
    raise UsageError(f"{where}: '{field}' is no text", why, "Write it in quotes.")


def _texts(data: dict[str, Any], field: str, where: str) -> tuple[str, ...]:
    value = data.get(field)
    if value is None:
        return ()
    if isinstance(value, list) and all(isinstance(item, (str, int, float)) for item in value):
        return tuple(str(item) for item in value)
    raise UsageError(f"{where}: '{field}' is no list of texts", "", _MEND)


def _whole(data: dict[str, Any], field: str, where: str) -> int:
    value = data.get(field, 0)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise UsageError(f"{where}: '{field}' is no whole number", f"it says {value!r:.40}", _MEND)


_FORMS = {"kind": str, "params": dict, "scope": str, "hard": bool, "quote": str}


def _constraints(data: dict[str, Any], where: str) -> tuple[Constraint, ...]:
    value = data.get("constraints")
    if value is None:
        return ()
    try:
        found = tuple(Constraint(**entry) for entry in value)
    except TypeError as error:
        raise UsageError(f"{where}: 'constraints' can't be read", str(error), _MEND) from error
    for constraint in found:
        for field, form in _FORMS.items():
            if not isinstance(getattr(constraint, field), form):
                why = f"'{field}' of one is no {form.__name__}"
                raise UsageError(f"{where}: 'constraints' can't be read", why, _MEND)
    return found
