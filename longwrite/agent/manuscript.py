"""The texts of a run as they stand, pinned in the database and laid out as files.

A section passes stages: its accepted draft, the draft with its seam smoothed, and the final text
that nothing changes any more. Each is pinned under the hash of the section's own node, so that an
edit of the plan touches just the sections it names, and going back to an earlier version of a node
brings its text back. A text that a person wrote into the section's file outranks all of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from longwrite.assembly import assemble, block, leaves, openings, walk
from longwrite.errors import RunError
from longwrite.runs.folder import RunFolder, is_section_remnant
from longwrite.runs.planfile import hash_node
from longwrite.runs.store import Pin
from longwrite.text import count_words
from longwrite.types import Plan, Section, Written

_ASSEMBLE_EVERY = 1.0
"""Seconds between two versions of document.md while sections come in."""

STAGES = ("draft", "seam", "final", "hand")
_SETTLED = ("final", "hand")


class Manuscript:
    """The plan's leaves with their texts.

    Args:
        folder: Where they are kept.
        plan: What they belong to.
        note: Told, as a sentence, of each edit found.
    """

    def __init__(
        self, folder: RunFolder, plan: Plan, note: Callable[[str], None] = lambda message: None
    ) -> None:
        """Take up what is pinned and what a person edited."""
        self.folder, self.plan, self._note = folder, plan, note
        self.leaves = leaves(plan.sections)
        self.openings = openings(plan)
        shift = 1 if plan.title else 0
        self.depths = {node.id: depth + shift for node, depth in walk(plan.sections)}
        self.nodes = {leaf.id: hash_node(leaf) for leaf in self.leaves}
        self.pins: dict[str, Pin] = {}
        self.stages: dict[str, dict[str, Pin]] = {}
        self._assembled_at = -_ASSEMBLE_EVERY
        for leaf in self.leaves:
            self._take_up(leaf)
        if self.pins:
            self.lay_out()

    def _take_up(self, leaf: Section) -> None:
        self._take_up_pins(leaf)
        self._drop_remnant(leaf)
        name = file_name(leaf.id)
        content = self.folder.read(name) or ""
        text = content.strip()
        if not text or text == self.text(leaf.id).strip() or not self.folder.is_edited(name):
            return
        if "\0" in text:
            raise RunError(
                f"{self.folder.path / name} can't be read",
                "there are zeros in it, as a bad disk leaves them",
                "Mend it or move it away.",
            )
        words = count_words(block(self.openings[leaf.id], content))
        pin = Pin("hand", Written(text, leaf.words, words))
        self.folder.store.put_pin(leaf.id, self.nodes[leaf.id], pin)
        self.folder.store.note_file(name, content)
        self._note(f"Section {leaf.id} was edited by hand; its text stands.")
        self._take_up_pins(leaf)

    def _take_up_pins(self, leaf: Section) -> None:
        store, node = self.folder.store, self.nodes[leaf.id]
        found = {stage: store.get_pin(leaf.id, node, stage) for stage in STAGES}
        for stage in _SETTLED:
            if found[stage] is None and store.has_pin(leaf.id, node, stage):
                # An earlier text would take its place.
                raise store.damaged(f"the text of section {leaf.id} is not what was stored")
        self.stages[leaf.id] = {stage: pin for stage, pin in found.items() if pin is not None}
        for pin in self.stages[leaf.id].values():
            self.pins[leaf.id] = pin

    def _drop_remnant(self, leaf: Section) -> None:
        path = self.folder.path / file_name(leaf.id)
        known = self.folder.store.list_texts(leaf.id)
        if path.exists() and any(is_section_remnant(path, text) for text in known):
            path.unlink()
            self._note(f"{file_name(leaf.id)} breaks off; what was written is put back.")

    def is_written(self, section: str) -> bool:
        """Tell whether a leaf has a text."""
        return section in self.pins

    def is_settled(self, section: str) -> bool:
        """Tell whether nothing may change a leaf's text any more."""
        return section in self.pins and self.pins[section].stage in _SETTLED

    def is_by_hand(self, section: str) -> bool:
        """Tell whether a person wrote the leaf's text."""
        return section in self.pins and self.pins[section].stage == "hand"

    def text(self, section: str) -> str:
        """Return a leaf's text; empty when it has none."""
        return self.pins[section].written.text if section in self.pins else ""

    def basis(self, section: str) -> Written:
        """Return a written leaf as its thread goes on from it.

        While a document is being written that is the draft, whatever its neighbours did to it
        since, so that a resumed thread asks what the first one asked.
        """
        pin = self.pins[section]
        if pin.stage in _SETTLED:
            return pin.written
        return self.stages[section].get("draft", pin).written

    def words(self, section: str) -> int:
        """Return the words of a leaf's block, headings included."""
        return self.pins[section].written.delivered if section in self.pins else 0

    def heading_words(self, section: str) -> int:
        """Return the words of the headings that stand above a leaf's text."""
        return count_words(self.openings[section])

    def total(self) -> int:
        """Return the words of the whole document."""
        return sum(self.words(leaf.id) or self.heading_words(leaf.id) for leaf in self.leaves)

    def revise(self, leaf: Section, written: Written) -> None:
        """Change a leaf's text for the time being; `settle` pins it."""
        delivered = count_words(block(self.openings[leaf.id], written.text))
        self.pins[leaf.id] = Pin("revised", replace(written, delivered=delivered))

    def accept(self, leaf: Section, stage: str, written: Written, inputs: str = "") -> None:
        """Pin a leaf's text at a stage and lay it out."""
        delivered = count_words(block(self.openings[leaf.id], written.text))
        pin = Pin(stage, replace(written, delivered=delivered), inputs)
        self.folder.store.put_pin(leaf.id, self.nodes[leaf.id], pin)
        self.stages[leaf.id][stage] = pin
        self.pins[leaf.id] = pin
        self._write(file_name(leaf.id), f"{written.text}\n")
        # Assembling is linear in the document, so a long one is not assembled for every section.
        if time.monotonic() - self._assembled_at > _ASSEMBLE_EVERY:
            self._write("document.md", self.document())
            self._assembled_at = time.monotonic()

    def settle(self) -> None:
        """Make every text final, all or none."""
        open_leaves = [leaf for leaf in self.leaves if not self.is_settled(leaf.id)]
        pins = {leaf.id: replace(self.pins[leaf.id], stage="final") for leaf in open_leaves}
        self.folder.store.put_pins([(name, self.nodes[name], pin) for name, pin in pins.items()])
        for name, pin in pins.items():
            self.stages[name]["final"] = self.pins[name] = pin
        self.lay_out()

    def lay_out(self) -> None:
        """Write every file that differs from what is pinned."""
        for leaf in self.leaves:
            if leaf.id in self.pins:
                self._write(file_name(leaf.id), f"{self.text(leaf.id)}\n")
        self._write("document.md", self.document())

    def document(self) -> str:
        """Return the document as Markdown, as far as it is written."""
        return assemble(self.plan, {name: pin.written.text for name, pin in self.pins.items()})

    def _write(self, name: str, content: str) -> None:
        if self.folder.is_edited(name) and self.folder.read(name) != content:
            kept = self.folder.put_aside(name)
            self._note(f"{name} was edited by hand; that version is kept as {kept.name}.")
        self.folder.write(name, content)


def file_name(section: str) -> str:
    """Return the name of a section's file in the run folder."""
    return f"sections/{section}.md"
