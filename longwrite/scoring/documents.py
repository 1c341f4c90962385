"""A `Document` of any text, so that what others wrote is measured like what longwrite writes."""

from __future__ import annotations

from longwrite.scoring.sections import cut_sections
from longwrite.scoring.structure import headings
from longwrite.text import count_words
from longwrite.types import Brief, Defect, Document, Plan, Section


def read_document(brief: Brief, text: str, *, ended: bool = True) -> Document:
    """Return a text as a document: one section for each of its own, and what stands before them.

    Sections are the headings at the shallowest level that repeats, ``#*#`` blocks, or one.
    Assembled again, the document is the text, blank lines between blocks aside.

    Args:
        brief: What was asked for.
        text: Markdown or plain text.
        ended: Whether its author ended it; False for a reply that ran into its token cap.
    """
    found = cut_sections(text)
    start = found[0][1].start if found else len(text)
    before = text[:start].strip("\n")
    heads = headings(before)
    title = ""
    if found and len(heads) == 1 and heads[0].offset == 0 and heads[0].level == 1:
        first = before.partition("\n")
        title, before = heads[0].words, first[2].strip("\n")
    sections: list[Section] = []
    texts: dict[str, str] = {}
    if before or not found:
        _add(sections, texts, "", before)
    for name, span in found:
        body = text[span.start : span.end].strip("\n")
        if body.lstrip().startswith("#") and not body.lstrip().startswith("#*#"):
            _add(sections, texts, name, body.partition("\n")[2].strip("\n"))
        else:
            _add(sections, texts, "", body)
    defects = (
        () if ended else (Defect("truncated", "The reply ran into its token cap.", hard=True),)
    )
    return Document(brief, Plan(title, tuple(sections)), texts, defects)


def _add(sections: list[Section], texts: dict[str, str], title: str, body: str) -> None:
    number = str(len(sections) + 1)
    sections.append(Section(number, title, words=count_words(body)))
    texts[number] = body
