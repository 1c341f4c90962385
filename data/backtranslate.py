"""The request that a real document answers, and the constraints that it really satisfies.

A person's text is the best answer there is; what is missing is the question (LongForm, Köksal et
al. 2023; Suri, Pham et al. 2024). A model writes the request, code measures the constraints on the
text, and the finished prompt is compiled: what it says has to be true of the text, or the request
is written again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import ClassVar

from longwrite.agent.job import CallFailed
from longwrite.data.documents import (
    Excerpt,
    cut_document,
    excerpt,
    read_dataset,
    read_documents,
)
from longwrite.data.faults import TRUNCATED, Fault, find_fault
from longwrite.data.labels import find_held
from longwrite.data.phrasing import LANGUAGES, Statement, find_false, name_form, state
from longwrite.data.properties import propose, propose_length
from longwrite.data.recipe import check_bounds, check_choices
from longwrite.data.rows import Drop, Row, Shape, Unit
from longwrite.data.workbench import RETRIED, Workbench, describe_failure
from longwrite.errors import UsageError
from longwrite.language import NAMES, detect_language, is_small_word
from longwrite.prompts import derive_seed, fill, name_language
from longwrite.reading import Reading, UnreadableError
from longwrite.rewards.answers import read_object
from longwrite.rewards.quoting import make_mark, quote
from longwrite.runs.store import digest
from longwrite.scoring.repetition import overlap
from longwrite.scoring.subject import find_terms, keeps_subject
from longwrite.text import count_words, visible, words
from longwrite.types import Constraint, Json, Message

STYLES = ("instruction", "chatbot", "query")
"""How a request may be written: as an order, as talk to an assistant, as a search."""

_PACKAGE = "longwrite.data"
_REPLY_WORDS = 250
_MOST_WORDS = {"instruction": 160, "chatbot": 200, "query": 40}
_SCHEMA: dict[str, Json] = {
    "type": "object",
    "properties": {"request": {"type": "string"}},
    "required": ["request"],
    "additionalProperties": False,
}
_LENGTH_TOLD = re.compile(
    r"\b(?:\d[\d,.]*|hundred|thousand|[a-z]+ty|ten|twelve|fifteen|few|two|three|four|five)[- ]?"
    r"(?:word|page|paragraph|sentence|minute read)s?\b|\d ?characters?\b|\bword count\b"
    r"|(?:\d|[十百千万])[多余来]?\s?(?:个?字|词|页)(?![母体典库])"
    r"|[\d一二三四五六七八九十两几]个?(?:段落|自然段|句话)"
    r"|\b(?:brief|briefly|concise|concisely|succinct|succinctly|summari[sz]e|tl;?dr)\b"
    r"|\bshort\s+(?:essay|article|text|piece|summary|overview|answer|report|paragraph)\b"
    r"|简短|简要|简单介绍|短文|概括",
    re.IGNORECASE,
)
_OF_THE_TEXT = re.compile(
    r"\b(?:the|this)\s+(?:text|passage|excerpt|document\s+above|given\s+text)\b"
    r"|(?:这篇|该|上述|以上|本)(?:文章|文本|文|段落|文档)",
    re.IGNORECASE,
)
_OWN_SCRIPT = frozenset({"ja", "ko", "ru", "ar"})
_SMALL_SHARE = 0.15
"""Small words among those of any prose in Latin letters; lists of names have fewer."""

_COPIED = {"en": 12, "zh": 20}
"""Words in a row that a request may not share with its text, by the request's language."""


@dataclass(frozen=True)
class BackTranslate:
    """Documents to requests and constraints.

    Attributes:
        sources: Files, globs and folders.
        dataset: Name of a data set of the Hub, or of a folder that `datasets` reads.
        config: Its configuration.
        split: Its split.
        column: Its column that holds the text.
        styles: Of `STYLES`, those that each document gets a request in.
        styles_each: So many of them, taken in turn from document to document; 0 for all.
        wishes: Constraints that a request states at most, its length among them.
        min_words: Shorter documents and pieces are dropped.
        max_words: Longer documents are cut where their sections begin; 0 for no limit.
        attempts: Requests that a model may write for one row.
        licence: Of the documents, where their own rows don't name one.
        seed: Of the draws.
    """

    sources: tuple[str, ...] = ()
    dataset: str = ""
    config: str = ""
    split: str = "train"
    column: str = "text"
    styles: tuple[str, ...] = STYLES
    styles_each: int = 1
    wishes: int = 4
    min_words: int = 300
    max_words: int = 0
    attempts: int = 3
    licence: str = "unknown"
    seed: int = 0

    name: ClassVar[str] = "backtranslate"
    shapes: ClassVar[tuple[Shape, ...]] = ("completion",)
    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        """Refuse options that make no sense.

        Raises:
            UsageError: One of them doesn't.
        """
        if not self.sources and not self.dataset:
            raise UsageError(
                "backtranslate has no documents",
                "neither sources nor dataset is set",
                "Add sources: [folder/with/texts]",
            )
        check_choices(self, styles=STYLES)
        check_bounds(
            self, wishes=(0, inf), attempts=(1, inf), min_words=(1, inf), max_words=(0, inf),
            styles_each=(0, inf),
        )  # fmt: skip
        if 0 < self.max_words < self.min_words:
            raise UsageError(
                "max_words is below min_words", mend="Raise max_words, or lower min_words."
            )

    def units(self) -> Iterator[Unit | Drop]:
        """Yield the documents, cut where they are too long; a Drop for what can't be used.

        Raises:
            UsageError: A source isn't there.
        """
        seen: set[str] = set()
        for reading in self._readings():
            if isinstance(reading, UnreadableError):
                place = digest("unreadable", str(reading))[:16]
                yield Drop(place, "recipe", "unreadable document", str(reading)[:200])
                continue
            text = reading.text.replace("\r\n", "\n").replace("\x00", "").strip()
            pieces = cut_document(text, self.max_words)
            for number, piece in enumerate(pieces, 1):
                identity = digest("document", piece)[:16]
                place = f"{reading.name} ({number} of {len(pieces)})"
                if reason := self._unfit(piece):
                    again = digest(identity, place)[:16]
                    yield Drop(again, "recipe", reason, f"{place}: {count_words(piece):,} words")
                elif identity in seen:
                    again = digest(identity, place)[:16]
                    yield Drop(again, "recipe", "document given twice", place)
                else:
                    seen.add(identity)
                    yield Unit(identity, self._describe(reading, piece, number, len(pieces)))

    def _readings(self) -> Iterator[Reading | UnreadableError]:
        if self.sources:
            yield from read_documents(self.sources)
        if self.dataset:
            yield from read_dataset(self.dataset, self.config, self.split, self.column)

    def _unfit(self, text: str) -> str:
        words = count_words(text)
        if words < self.min_words:
            return "document too short"
        if self.max_words and words > self.max_words:
            return "document too long, and no section to cut it at"
        if not _is_told_apart(text):
            return "language can't be told"
        return ""

    def _describe(self, reading: Reading, piece: str, number: int, count: int) -> dict[str, Json]:
        said = {
            key.lower(): value.strip()
            for key, value in reading.columns.items()
            if isinstance(key, str) and isinstance(value, str) and value.strip()
        }
        return {
            "text": piece,
            "source": said.get("url") or said.get("source") or reading.name,
            "licence": said.get("licence") or said.get("license") or self.licence,
            "piece": [number, count],
        }

    async def make(self, unit: Unit, workbench: Workbench) -> list[Row | Drop]:
        """Return a row, or why there is none, for each style.

        Raises:
            LongwriteError: No call can succeed.
        """
        styles = self.styles
        if self.styles_each:
            first = derive_seed(self.seed, "style", unit.id) % len(styles)
            styles = (*styles[first:], *styles[:first])[: self.styles_each]
        return [await self._ask_back(unit, style, workbench) for style in styles]

    async def _ask_back(self, unit: Unit, style: str, workbench: Workbench) -> Row | Drop:
        text = str(unit.data["text"])
        name = f"{unit.id}-{style}"
        written = detect_language(text)
        language = written if written in LANGUAGES else "en"
        shown = _show(text, workbench.window)
        messages = _make_messages(text, shown, style, language)
        fault: Fault = ("no request", "")
        for attempt in range(self.attempts):
            try:
                reply = await workbench.ask(
                    unit, f"backtranslate.{style}", messages, words=_REPLY_WORDS,
                    language=language, attempt=attempt, schema=_SCHEMA,
                )  # fmt: skip
            except CallFailed as error:
                fault = describe_failure(error)
                if error.kind in RETRIED:
                    continue
                break
            request = read_request(reply, text, style, language)
            if isinstance(request, tuple):
                fault = request
                continue
            seed = derive_seed(self.seed, "wishes", unit.id, style)
            statement = state(request, self._draw(text, written, seed), language, seed)
            if statement is None:
                fault = ("request can't be compiled", request[:120])
            elif wrong := find_false(statement.brief, text):
                fault = ("request says what the text does not meet", _tell(wrong))
            else:
                return self._make_row(unit, name, style, statement, written, shown, workbench)
        return Drop(name, "recipe", *fault)

    def _draw(self, text: str, language: str, seed: int) -> list[Constraint]:
        """Return constraints that the text meets: its length more often than not, and others."""
        found = propose(text, language, seed)
        foreign = language not in LANGUAGES
        needed = [one for one in found if foreign and one.kind == "language"]
        free = [one for one in found if one not in needed]
        length = propose_length(text, language, seed)
        if length is not None and derive_seed(seed, "length stated") % 4:
            free.insert(0, length)
        most = self.wishes and 1 + derive_seed(seed, "how many") % self.wishes
        return [*needed, *free[:most]]

    def _make_row(
        self,
        unit: Unit,
        name: str,
        style: str,
        statement: Statement,
        language: str,
        shown: Excerpt,
        workbench: Workbench,
    ) -> Row:
        text = str(unit.data["text"])
        provenance: dict[str, Json] = {
            "recipe": self.name,
            "source": unit.data["source"],
            "licence": unit.data["licence"],
            "piece": unit.data["piece"],
            "document": unit.id,
            "style": style,
            "model": workbench.model,
            "shown": {"words": shown.words, "of": shown.of, "whole": shown.whole},
            "not_phrased": [one.kind for one in statement.left_out],
        }
        return Row(
            id=name,
            shape="completion",
            prompt=(Message("user", statement.prompt),),
            completion=text,
            constraints=find_held(statement.brief.constraints, text, statement.brief.language),
            target=count_words(text),
            language=language,
            genre=name_form(statement.brief),
            provenance=provenance,
        )


def _is_told_apart(text: str) -> bool:
    """Tell whether a text's language is certain: of one without wordings here, by its prose too."""
    language = detect_language(text)
    if not language or language in {*LANGUAGES, *_OWN_SCRIPT}:
        return bool(language)
    tokens = words(visible(text[:20_000]))
    return sum(map(is_small_word, tokens)) >= _SMALL_SHARE * len(tokens)


def _show(text: str, window: int) -> Excerpt:
    """Return what of a text fits a window beside the question and its reply."""
    reply = min(window // 2, 600)
    return excerpt(text, max(200, window - reply - 700))


def _make_messages(text: str, shown: Excerpt, style: str, language: str) -> tuple[Message, Message]:
    mark = make_mark(text)
    told = "" if shown.whole else (
        f"You are shown {shown.words:,} of its {shown.of:,} words: its beginning, its outline "
        "where it has one, and its end."
    )  # fmt: skip
    content = fill(
        _PACKAGE,
        "backtranslate_common",
        document="$document",
        shown=told,
        style=fill(_PACKAGE, f"backtranslate_{style}"),
        language=name_language(language),
    ).replace("$document", quote("document", mark, shown.text), 1)
    return Message("system", fill(_PACKAGE, "backtranslate_system")), Message("user", content)


def read_request(reply: str, text: str, style: str, language: str) -> str | Fault:
    """Return the request of a reply, or why it is none that could stand before this text."""
    found = read_object(reply)
    if found is None or set(found) != {"request"} or not isinstance(found["request"], str):
        return "reply can't be read", reply.strip()[:120]
    request = "\n".join(line.strip() for line in found["request"].strip().splitlines() if line)
    size = count_words(request)
    if not 3 <= size <= _MOST_WORDS[style] * (2 if language == "zh" else 1):
        return "request too short or too long", f"{size} words"
    if (fault := find_fault(request, language)) and fault[0] != TRUNCATED:
        return f"{fault[0]} in the request", fault[1]
    if detect_language(request) not in {"", language}:
        return "request in another language", request[:80]
    if told := _LENGTH_TOLD.search(request):
        return "request speaks of its length", told.group()
    if spoken := _OF_THE_TEXT.search(request):
        return "request speaks of the text", spoken.group()
    if (new := overlap(request, text, _COPIED[language]).value) is not None and new < 1:
        return "request copies the text", request[:80]
    if not _shares_subject(request, text, language):
        return "request is about something else", request[:80]
    return request


def _shares_subject(request: str, text: str, language: str) -> bool:
    """Tell whether a request speaks of what its text speaks of."""
    if language != detect_language(text):
        return True  # asked for in another language than its own, by other words
    if language != "zh":
        terms = find_terms(request)
        return bool(terms) and keeps_subject(terms, text)
    pairs = {
        run[at : at + 2]
        for run in re.findall("[\u4e00-\u9fff]+", request)
        for at in range(len(run) - 1)
    }
    return bool(pairs) and 4 * sum(pair in text for pair in pairs) >= len(pairs)


def _tell(constraint: Constraint) -> str:
    language = constraint.params.get("code")
    named = f" ({NAMES[language]})" if isinstance(language, str) and language in NAMES else ""
    return f"{constraint.kind}: {constraint.quote[:100]}{named}"
