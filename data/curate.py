"""The few rows of a large set that are worth training on, each with its reason.

Minimum-Tuning keeps the prompts that state exactly one length, and of those the answers whose
LongBench-Write length score is 80 or more: 666 of LongWriter's 6,000 rows teach nearly as much as
all. What is broken (loops, leaks, refusals, no end) goes too, and gates of the reader's choice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, cast

from longwrite.data.faults import find_fault
from longwrite.data.importers import import_rows
from longwrite.data.labels import find_held
from longwrite.data.rows import Drop, Row, Shape, Unit, read_turns
from longwrite.data.workbench import Workbench
from longwrite.errors import UsageError
from longwrite.language import detect_language
from longwrite.rewards.briefs import compile_brief
from longwrite.rewards.catalogue import read_composition
from longwrite.rewards.composition import Gate
from longwrite.rewards.constraints import check, holds
from longwrite.rewards.judgement import JudgedReward
from longwrite.rewards.wording import find_constraints
from longwrite.runs.store import digest
from longwrite.scoring.counters import find_counter
from longwrite.scoring.documents import read_document
from longwrite.scoring.length import score_length
from longwrite.text import count_words
from longwrite.types import Json


@dataclass(frozen=True)
class Curate:
    """Rows of any set, chosen by length and gates.

    Attributes:
        sources: Files, globs and folders of rows, in any shape that the importers know.
        least: The least length score S_l that a row may have, of 100.
        counter: How words are counted for it (`longwrite.scoring.counters`).
        one_length: Whether a prompt has to state exactly one length. Without it, prompts that
            state none are kept too, and have no length score.
        gates: Measures that a row has to reach, as in ``repetition>=0.9, format>=1``.
        strict: Whether a row that misses any stated requirement that can be checked is dropped;
            else only what it meets is claimed of it, and what it misses is told in its provenance.
        min_words: Rows with shorter texts are dropped.
        licence: Of the source, where its rows don't name one.
    """

    sources: tuple[str, ...]
    least: float = 80.0
    counter: str = "words"
    one_length: bool = True
    gates: str = ""
    strict: bool = False
    min_words: int = 0
    licence: str = "unknown"

    name: ClassVar[str] = "curate"
    shapes: ClassVar[tuple[Shape, ...]] = ("completion",)
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        """Refuse options that make no sense.

        Raises:
            UsageError: One of them doesn't.
        """
        if not self.sources:
            raise UsageError("curate has no source", mend="Add sources: [set.jsonl]")
        if not 0 <= self.least <= 100:
            raise UsageError(f"least can't be {self.least:g}", "S_l lies between 0 and 100")
        find_counter(self.counter)
        for gate in self._gates():
            if isinstance(gate.reward, JudgedReward):
                raise UsageError(
                    f"curate can't gate by {gate.reward.name!r}",
                    "it asks a judge, and a gate has to be told by rule",
                    "Use measures, such as repetition, format, language or coherence.",
                )

    def _gates(self) -> tuple[Gate, ...]:
        if not self.gates.strip():
            return ()
        found = read_composition(f"length=1, {self.gates}")
        if len(found.components) > 1 or not found.gates:
            raise UsageError(
                f"Can't read the gates {self.gates!r}",
                "one of them has no least value",
                "Write for example: repetition>=0.9, format>=1",
            )
        return found.gates

    def units(self) -> Iterator[Unit | Drop]:
        """Yield the rows of the sources that have a text; a Drop for the others.

        Raises:
            UsageError: A source isn't there.
        """
        seen: set[str] = set()
        for number, row in enumerate(import_rows(self.sources)):
            if isinstance(row, Drop):
                yield row
                continue
            turns = [[message.role, message.content] for message in row.prompt]
            identity = digest("curate", repr(turns), row.completion)[:16]
            place = digest(identity, str(number))[:16]
            if not row.completion.strip():
                yield Drop(place, "recipe", "row without a completion", row.id[:120])
            elif identity in seen:
                yield Drop(place, "recipe", "row given twice", row.id[:120])
            else:
                seen.add(identity)
                data: dict[str, Json] = {
                    "row": row.id,
                    "turns": cast(Json, turns),
                    "completion": row.completion,
                    "language": row.language,
                    "genre": row.genre,
                    "provenance": dict(row.provenance),
                }
                yield Unit(identity, data)

    async def make(self, unit: Unit, workbench: Workbench) -> list[Row | Drop]:
        """Return the row, with why it is kept, or why it isn't; no call is made."""
        return [self._judge(unit)]

    def _judge(self, unit: Unit) -> Row | Drop:
        prompt, text = read_turns(unit.data["turns"]), str(unit.data["completion"]).strip()
        asked = [message for message in prompt if message.role == "user"]
        if len(asked) != 1 or prompt[-1] is not asked[0]:
            return _drop(unit, "not one request and one answer", f"{len(prompt)} turns")
        try:
            brief = compile_brief(asked[0].content)
        except UsageError as error:
            return _drop(unit, "prompt can't be compiled", str(error))
        language = brief.language or str(unit.data["language"]) or detect_language(text)
        count = count_lengths(asked[0].content)
        if self.one_length and count != 1:
            reason = "prompt states several lengths" if count else "prompt states no length"
            return _drop(unit, reason, asked[0].content)
        delivered = find_counter(self.counter)(text)
        score = 100 * score_length(delivered, brief.words) if count == 1 else None
        told = f"{delivered:,} words, {brief.words:,} asked for"
        if delivered < self.min_words:
            return _drop(unit, "text too short", f"{delivered:,} words")
        if score is not None and score < self.least:
            return _drop(unit, f"S_l under {self.least:g}", f"{score:.1f}: {told}")
        if fault := find_fault(text, language):
            return _drop(unit, *fault)
        values: dict[str, Json] = {}
        document = read_document(brief, text)
        for gate in self._gates():
            found = gate.reward(brief, document)
            values[gate.reward.name] = found.value
            if not gate.passes(found):
                return _drop(unit, f"{gate.reward.name} under {gate.least:g}", found.note)
        missed = [
            one for one in brief.constraints if not holds(check(one, text, language=language))
        ]
        if missed and self.strict:
            detail = f"{missed[0].kind}: {missed[0].quote}"
            return _drop(unit, "text misses what its prompt asks", detail)
        given = unit.data["provenance"]
        provenance: dict[str, Json] = {
            "licence": self.licence,
            **(given if isinstance(given, dict) else {}),
            "recipe": self.name,
            "row": unit.data["row"],
            "kept": {
                "asked": brief.words if count == 1 else None,
                "delivered": delivered,
                "counter": self.counter,
                "s_l": None if score is None else round(score, 1),
                "gates": values,
                "why": f"states one length; S_l {score:.1f} ({told}); clean"
                if score is not None
                else "states no length; clean",
            },
            "missed": [f"{one.kind}: {one.quote}" for one in missed],
        }
        return Row(
            id=f"{unit.id}-0",
            shape="completion",
            prompt=prompt,
            completion=text,
            constraints=find_held(brief.constraints, text, brief.language),
            target=count_words(text),
            language=language,
            genre=str(unit.data["genre"]),
            provenance=provenance,
        )


def count_lengths(prompt: str) -> int:
    """Return how many lengths of the whole text a prompt states: 0, 1, or 2 for several.

    A range is one length. A length of a part or of each part is a length too, and makes several
    with that of the whole.
    """
    lengths = [one for one in find_constraints(prompt) if one.kind == "length"]
    if not lengths:
        return 0
    if len(lengths) > 1 or lengths[0].scope != "document":
        return 2
    rest = prompt.replace(lengths[0].quote, " … ", 1)
    return 1 + any(one.kind == "length" for one in find_constraints(rest))


def _drop(unit: Unit, reason: str, detail: str) -> Drop:
    return Drop(f"{unit.id}-0", "recipe", reason, " ".join(detail.split())[:160])
