"""Text into tokens and back by byte-level BPE, as a tokenizer.json tells, without its library.

One shape of tokenizer is understood: a regular expression cuts the text into pieces, the bytes of
a piece are joined pair by pair in the order in which the pairs were learned (Sennrich et al. 2016,
arXiv:1508.07909, on bytes), and special tokens stand beside it. A tokenizer of another shape would
give other tokens than the model was trained on, and is refused.
"""

from __future__ import annotations

import codecs
import heapq
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from longwrite.errors import EngineError

_MEMORY = 65_536
_MEMORABLE = 40

# Alternatives of classes and signs: what every engine of regular expressions reads alike.
_CLASS = r"\[\^?(?:\\[nrt]|(?!--)[^\[\]\\&^|~])+\]"
_PLAIN_PATTERN = re.compile(rf"(?:{_CLASS}|\\[nrt]|[^\[\]\\(){{}}.^$])+")
_BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
_UNUSED = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback")


class BytePair:
    """A tokenizer.

    Attributes:
        specials: Ids of the special tokens, by their text. `encode` never gives one.
        size: One more than the largest id.
    """

    def __init__(
        self,
        pattern: re.Pattern[str],
        vocabulary: Mapping[bytes, int],
        merges: Sequence[tuple[bytes, bytes]],
        specials: Mapping[str, int],
    ) -> None:
        """Take the parts of a tokenizer.

        Raises:
            KeyError: A byte or the outcome of a merge isn't in the vocabulary.
        """
        self.specials = dict(specials)
        self.size = 1 + max([*vocabulary.values(), *specials.values()], default=-1)
        self._pattern = pattern
        self._letters = [vocabulary[bytes([byte])] for byte in range(256)]
        self._merges = {
            (vocabulary[left], vocabulary[right]): (rank, vocabulary[left + right])
            for rank, (left, right) in enumerate(merges)
        }
        self._bytes = {token: spelled for spelled, token in vocabulary.items()}
        self._bytes.update(dict.fromkeys(specials.values(), b""))
        self._recall = lru_cache(_MEMORY)(self._join)

    @classmethod
    def load(cls, path: Path) -> BytePair:
        """Read a tokenizer.json.

        Raises:
            EngineError: It can't be read, or is a tokenizer of another shape.
        """
        try:
            return cls(*_read_parts(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, RecursionError) as error:
            why = str(error)
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            why = f"it isn't the tokenizer it should be: {type(error).__name__} {error}"
        what, why = f"can't use the tokenizer {path}", " ".join(why[:300].split())
        mend = "Restore the file, or run the folder with transformers: --model ./FOLDER"
        raise EngineError(what, why, mend) from None

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text; what looks like a special token is text like any other."""
        tokens: list[int] = []
        for piece in self._cut(text):
            tokens += self._recall(piece) if len(piece) < _MEMORABLE else self._join(piece)
        return tokens

    def spell(self, token: int) -> bytes:
        """Return the bytes of a token: none of a special one or of one that nobody knows."""
        return self._bytes.get(token, b"")

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, without the special ones."""
        return b"".join(map(self.spell, tokens)).decode("utf-8", "replace")

    def _cut(self, text: str) -> Iterator[str]:
        """Yield the matches of the pattern and what stands between them."""
        end = 0
        for match in self._pattern.finditer(text):
            if match.start() > end:
                yield text[end : match.start()]
            yield match.group()
            end = match.end()
        if end < len(text):
            yield text[end:]

    def _join(self, piece: str) -> tuple[int, ...]:
        """Join the bytes of a piece: always the pair learned first, of equals the leftmost.

        A queue of pairs over a linked list, so that a word of a million letters takes no
        quadratic time.
        """
        tokens = [self._letters[byte] for byte in piece.encode("utf-8", "replace")]
        before = list(range(-1, len(tokens) - 1))
        after = list(range(1, len(tokens) + 1))
        queue: list[tuple[int, int, tuple[int, int], int]] = []

        def offer(place: int) -> None:
            if place >= 0 and after[place] < len(tokens):
                pair = tokens[place], tokens[after[place]]
                if pair in self._merges:
                    rank, joined = self._merges[pair]
                    heapq.heappush(queue, (rank, place, pair, joined))

        for place in range(len(tokens)):
            offer(place)
        while queue:
            _, place, pair, joined = heapq.heappop(queue)
            follower = after[place]
            if follower >= len(tokens) or (tokens[place], tokens[follower]) != pair:
                continue
            tokens[place], tokens[follower] = joined, -1
            after[place] = after[follower]
            if after[place] < len(tokens):
                before[after[place]] = place
            offer(before[place])
            offer(place)
        return tuple(token for token in tokens if token >= 0)


class Spelling:
    """The text of tokens that come one by one; bytes that are no whole character wait.

    Attributes:
        text: All characters that are complete.
    """

    def __init__(self, tokenizer: BytePair) -> None:
        """Begin with no text."""
        self.text = ""
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def add(self, token: int) -> None:
        """Read the next token."""
        self.text += self._decoder.decode(self._tokenizer.spell(token))

    def end(self) -> None:
        """Take bytes that still wait for what they are: no character."""
        self.text += self._decoder.decode(b"", final=True)


# --- tokenizer.json ------------------------------------------------------------------------------


def _read_parts(
    told: Any,
) -> tuple[re.Pattern[str], dict[bytes, int], list[tuple[bytes, bytes]], dict[str, int]]:
    """Return pattern, vocabulary, merges and special tokens.

    Raises:
        ValueError: Something in it isn't understood; KeyError or TypeError where it lacks.
    """
    model, specials = told["model"], _read_specials(told["added_tokens"])
    for name in ("normalizer", "truncation", "padding"):
        if told.get(name) is not None:
            raise ValueError(f"it has a {name}, which isn't understood")
    if told["decoder"]["type"] != "ByteLevel":
        raise ValueError("its decoder isn't ByteLevel")
    if told.get("post_processor") and told["post_processor"]["type"] != "ByteLevel":
        raise ValueError("its post_processor isn't ByteLevel")
    if model.get("type") != "BPE" or model.get("ignore_merges") or any(map(model.get, _UNUSED)):
        raise ValueError("its model isn't plain BPE")
    alphabet = {sign: byte for byte, sign in enumerate(_byte_signs())}

    def spell(text: str) -> bytes:
        return bytes(alphabet[sign] for sign in text)

    vocabulary = {
        spell(text): _checked_id(token)
        for text, token in model["vocab"].items()
        if text not in specials
    }
    if any(model["vocab"].get(text, token) != token for text, token in specials.items()):
        raise ValueError("one of its special tokens has two ids")
    if len({*vocabulary.values(), *specials.values()}) != len(vocabulary) + len(specials):
        raise ValueError("two of its tokens have one id")
    pairs = [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]
    merges = [(spell(left), spell(right)) for left, right in pairs]
    return _read_pattern(told["pre_tokenizer"]), vocabulary, merges, specials


def _read_specials(told: Any) -> dict[str, int]:
    for token in told:
        strips = any(token.get(name) for name in ("single_word", "lstrip", "rstrip"))
        if strips or not token["special"] or not token["content"]:
            raise ValueError(f"its added token {token['content'][:40]!r} isn't a plain special one")
    return {str(token["content"]): _checked_id(token["id"]) for token in told}


def _checked_id(token: Any) -> int:
    if type(token) is not int or not 0 <= token < 2**24:
        raise ValueError(f"{str(token)[:40]!r} is no id of a token")
    return token


def _read_pattern(told: Any) -> re.Pattern[str]:
    split, level = told["pretokenizers"] if told["type"] == "Sequence" else ({}, {})
    form = split.get("type"), str(split.get("behavior")).lower(), split.get("invert")
    if form != ("Split", "isolated", False) or not level.items() >= _BYTE_LEVEL.items():
        raise ValueError("its pre_tokenizer isn't a Split, isolated, and a ByteLevel without regex")
    pattern = split["pattern"]["Regex"]
    if not _PLAIN_PATTERN.fullmatch(pattern):
        raise ValueError(f"its pattern {pattern[:100]!r} isn't one of plain classes")
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"its pattern {pattern[:100]!r} can't be used: {error}") from None
    if compiled.match(""):
        raise ValueError(f"its pattern {pattern[:100]!r} matches nothing at all")
    return compiled


def _byte_signs() -> list[str]:
    """Return the sign that stands for each byte in a vocabulary.

    Printable bytes of Latin-1 stand for themselves, the others are counted up from U+0100, as in
    GPT-2 (Radford et al. 2019).
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]
