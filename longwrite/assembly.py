"""From a plan and its texts to Markdown, and what of it belongs to which section.

The block of a leaf is its text under every heading that begins with it. Blocks joined by blank
lines are the document, so the words of the document are the sum of the words of its blocks, and a
leaf's budget covers its block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from longwrite.types import Plan, Section


def walk(sections: Sequence[Section], depth: int = 1) -> Iterator[tuple[Section, int]]:
    """Yield every node with its depth, parents before children, in reading order."""
    for section in sections:
        yield section, depth
        yield from walk(section.sections, depth + 1)


def leaves(sections: Sequence[Section]) -> list[Section]:
    """Return the nodes that are written, in reading order."""
    return [section for section, _ in walk(sections) if not section.sections]


def openings(plan: Plan) -> dict[str, str]:
    """Return, for each leaf, the heading lines that stand above its text (may be empty)."""
    found: dict[str, str] = {}
    above = [f"# {plan.title}"] if plan.title else []
    shift = 1 if plan.title else 0
    for section, depth in walk(plan.sections):
        if section.title:
            above.append(f"{'#' * min(6, depth + shift)} {section.title}")
        if not section.sections:
            found[section.id] = "\n\n".join(above)
            above = []
    return found


def block(opening: str, text: str) -> str:
    """Return a leaf's headings and text as they stand in the document."""
    return "\n\n".join(part for part in (opening, text.strip("\n")) if part.strip())


def assemble(plan: Plan, texts: Mapping[str, str]) -> str:
    """Return the document as Markdown; a leaf without text keeps its headings."""
    heads = openings(plan)
    parts = (block(heads[leaf.id], texts.get(leaf.id, "")) for leaf in leaves(plan.sections))
    body = "\n\n".join(part for part in parts if part)
    return f"{body}\n" if body else ""
