"""Counting and cutting text, with no downloaded data.

One default counter serves the whole project, so that what is planned, asked for, measured and
rewarded is the same number: what a reader sees, headings included, markup excluded; Chinese,
Japanese and Korean by character, other scripts by word. Thai, Lao, Khmer and Burmese write no
spaces, so a run of theirs counts as one word: a known weakness.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from html import unescape
from typing import Literal, NamedTuple

CJK = (
    "\u1100-\u11ff\u3005\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3105-\u318e\u31a0-\u31bf\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc"
    "\U00020000-\U000323af"
)
"""Characters that count one by one, as the inside of a regex class."""

# Vowel signs and other marks are not \w, and would split the words of many scripts.
_MARKS = (
    "\u00ad\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u0900-\u0963\u0966-\u0dff"
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecd\u0f18-\u0fbc\u1000-\u1049\u1050-\u109f"
    "\u135d-\u135f\u1712-\u1734\u1780-\u17d3\u1ab0-\u1aff\u1b00-\u1b44\u1dc0-\u1dff"
    "\u200c\u200d\ua8e0-\ua8f1\ufe20-\ufe2f"
)
_FIRST = rf"[^\W_{CJK}]"
_LETTERS = rf"(?:[A-Za-z0-9]++|{_FIRST}|[{_MARKS}])"
_WORD = re.compile(
    rf"[{CJK}]|(?:[A-Za-z0-9]|{_FIRST}){_LETTERS}*"
    rf"(?:(?:['’‐‑-]|_+|(?<=\d)[.,:](?=\d)){_LETTERS}+)*"
)
_ASCII_WORD = re.compile(r"[A-Za-z0-9]++(?:(?:['-]|_++|(?<=[0-9])[.,:](?=[0-9]))[A-Za-z0-9]++)*+")
"""What `_WORD` finds in ASCII, in two thirds of the time."""
_CJK_CHAR = re.compile(f"[{CJK}]")

_FRONT_MATTER = re.compile(
    r"\A---[ \t]*+\n(?=[^\s:#>*|-][^\n:]{0,60}:\s)"  # a key, or it is a rule
    r"(?:[ \t]*+\S[^\n]*+\n){0,100}?(?:---|\.\.\.)[ \t]*+(?:\n|\Z)"
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_TAG = re.compile(r"</?[a-zA-Z][a-zA-Z0-9-]*+(?:\s[^<>\n]{0,300})?/?>")
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,31}|#\d{1,7}|#[xX][0-9a-fA-F]{1,6});")
_FENCE_LINE = re.compile(r"[ \t]{0,3}(?:`{3,}[^`\n]*|~{3,}[^\n]*)")
# Possessive where two runs of blanks meet: giving back blanks one by one takes quadratic time.
_LINE_MARKUP = re.compile(
    r"^[ \t]*+(?:"
    r"\[(?!\^)[^\]\n]+\]:[ \t]*+\S++(?:[ \t]++[\"'(][^\n]*|[ \t]*+$)"  # a link's definition
    r"|\|?[ \t]*+:?-{2,}:?[ \t]*+(?:\|[ \t]*+:?-+:?[ \t]*+)*\|?[ \t]*+$"  # a rule, a table's too
    r"|(?:>[ \t]?)*(?:\#{1,6}(?=\s|$)|[-*+][ \t]++(?:\[[ xX]\][ \t]++)?|\d{1,9}[.)][ \t]++)"
    r")",
    re.MULTILINE,
)
_TARGET = r"(?:\((?:[^()\n]|\([^()\n]*+\))*\)|\[[^\[\]\n]*+\])"
_IMAGE = re.compile(rf"!\[[^\[\]\n]*+\]{_TARGET}")
_LINK = re.compile(rf"(?<!!)\[([^\[\]\n]*+)\]{_TARGET}")

_LONG = 4_000
"""Characters from which on counting takes longer than remembering."""

BlockKind = Literal["heading", "paragraph", "list", "table", "code", "quote", "rule"]


class Block(NamedTuple):
    """A run of lines between blank lines, or a fenced block; `start` is its offset."""

    kind: BlockKind
    text: str
    start: int


def visible(text: str) -> str:
    """Return what a reader sees of a Markdown text: no marks, addresses, comments or tags.

    Words inside code fences are seen and stay; the fence lines go.
    """
    text = text.replace("\r\n", "\n").replace("\x00", " ")
    if text.startswith("---"):
        text = _FRONT_MATTER.sub("", text, count=1)
    if "<!--" in text:
        text = _COMMENT.sub(" ", text)
    if "```" in text or "~~~" in text:
        text = "\n".join(line for line in text.split("\n") if not _FENCE_LINE.fullmatch(line))
    text = _LINE_MARKUP.sub("", text)
    if "](" in text or "][" in text:
        text = _LINK.sub(r"\1", _IMAGE.sub(" ", text))
    if "<" in text:
        text = _TAG.sub(" ", text)
    if "&" in text:
        text = _ENTITY.sub(lambda match: unescape(match.group()), text)
    return text.replace("*", "").replace("`", "")


def front_matter_end(text: str) -> int:
    """Return where a YAML front matter ends, 0 without one."""
    found = _FRONT_MATTER.match(text) if text.startswith("---") else None
    return found.end() if found else 0


def count_words(text: str) -> int:
    r"""Count the words that a reader sees; linear in the length of the text.

    >>> count_words("# A title\n\nDon't count **marks** or [links](http://x.y).")
    7
    >>> count_words("人工智能 AI 2024")
    6
    """
    return _count_long(text) if len(text) > _LONG else len(_find_words(visible(text)))


@lru_cache(maxsize=8)
def _count_long(text: str) -> int:
    """Count once what several measures of a text count one after the other."""
    return len(_find_words(visible(text)))


def words(text: str) -> list[str]:
    """Return the counted words of plain text in lower case; markup is not looked for."""
    return [word.lower() for word in _find_words(text)]


def _find_words(text: str) -> list[str]:
    return (_ASCII_WORD if text.isascii() else _WORD).findall(text)


def join_halves(text: str) -> str:
    """Return a text with its surrogate pairs joined and a lone one replaced.

    JSON may escape any half of a character, and neither a file nor a request can hold one.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def estimate_tokens(text: str) -> int:
    """Estimate the tokens of a text, the same on every machine and a little too high.

    English measures 0.20 to 0.25 tokens a character with current vocabularies and Chinese 0.6 to
    1.1; this takes 0.28 for ASCII, 1.1 for CJK and 0.6 for the rest, so that what is said to fit
    a window does fit.
    """
    if text.isascii():
        return math.ceil(0.28 * len(text))
    wide = len(_CJK_CHAR.findall(text))
    ascii_count = len(text.encode("ascii", "ignore"))
    return math.ceil(0.28 * ascii_count + 1.1 * wide + 0.6 * max(0, len(text) - ascii_count - wide))


def clip(text: str, tokens: int) -> str:
    r"""Return a text of at most about so many estimated tokens, cut in its middle, the cut marked.

    >>> clip("one two three four five six seven eight nine ten", 8)
    'one two three \n[…]\nine ten'
    """
    room = len(text)
    short = text
    while room and (estimate := estimate_tokens(short)) > tokens:
        room = min(room - 1, int(room * tokens / estimate))
        short = f"{text[: room * 2 // 3]}\n[…]\n{text[len(text) - room // 3 :]}"
    return short


def tokens_for_words(count: int, language: str) -> int:
    """Return the tokens that a text of so many words usually needs."""
    return math.ceil(count * (1.1 if language[:2] in {"zh", "ja", "ko"} else 1.4))


# --- sentences -----------------------------------------------------------------------------------

_ABBREVIATION_LIST = """
    mr mrs ms dr prof st jr sr vs etc e.g i.e cf fig figs no nos vol vols p pp ch sec eq al gen col
    lt sgt capt rev hon jan feb mar apr jun jul aug sep sept oct nov dec inc ltd co corp approx ca
    u.s u.k u.n ph.d a.m p.m"""
_ABBREVIATIONS = frozenset(_ABBREVIATION_LIST.split())
_CLOSERS = "\"'”’»)\\]）】」』*_"
# A run of marks is tried from its first one only, for else a long one takes quadratic time.
_END = re.compile(rf"(?<![.!?…])[.!?…]++[{_CLOSERS}]*+(?=\s|$|[{CJK}])|[。！？!?…]++[{_CLOSERS}]*+")
_LAST_WORD = re.compile(r"([^\s(\[\"“‘']+)$")


def sentences(text: str) -> list[str]:
    """Cut a paragraph into sentences; joined again they are the paragraph, to the character.

    >>> sentences("Dr. Who came. He left! 他来了。她走了。")
    ['Dr. Who came. ', 'He left! ', '他来了。', '她走了。']
    """
    pieces: list[str] = []
    start = 0
    for match in _END.finditer(text):
        end = match.end()
        if end <= start or _goes_on(text, match, start):
            continue
        while end < len(text) and text[end].isspace():
            end += 1
        pieces.append(text[start:end])
        start = end
    if start < len(text):
        pieces.append(text[start:])
    return pieces


def _goes_on(text: str, match: re.Match[str], start: int) -> bool:
    """Tell whether the sentence goes on after a mark that could end it."""
    mark, rest = match.group()[0], text[match.end() : match.end() + 3].lstrip()
    if mark in ".!?…" and rest[:1].islower():
        return True
    if mark != ".":
        return False
    before = _LAST_WORD.search(text, max(start, match.start() - 24), match.start())
    if before is None:
        return False
    word = before.group(1).lower()
    if word == "no":
        return rest[:1].isdigit()
    if word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i"):
        return True
    # The number of a list item.
    opens = before.start() - start < 24 and not text[start : before.start()].strip()
    return word.isdigit() and len(word) < 3 and opens


# --- blocks --------------------------------------------------------------------------------------

# What ends a run of lines: blank lines, a heading, or a fence with its code up to the line that
# closes it. Each begins with the line break before it, for a fixed character is searched fastest.
_EDGE = re.compile(
    r"""\n(?:
      \s*$
    | [ \t]{0,3}(?P<heading>\#{1,6})(?:[ \t]|\r*$)[^\n]*
    | [ \t]{0,3}(?P<code>`{3,}+(?![^\n]*`)|~{3,}+)[^\n]*
      (?:\n(?![ \t]{0,3}(?P=code)(?:(?<=`)`*|(?<=~)~*)[^\S\n]*$)[^\n]*+)*+  # does not close it
      (?:\n[^\n]*)?                                                         # does
    )""",
    re.MULTILINE | re.VERBOSE,
)
_LIST_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)、])[ \t]+\S")
_TABLE_RULE = re.compile(r"\n[ \t]*+\|?[ \t]*+:?-{2,}")
_RULE = re.compile(r"[ \t]{0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})")


def blocks(text: str) -> list[Block]:
    """Cut a Markdown text into blocks at blank lines; a fence is one block, a heading too."""
    return list(_cut_blocks(text))


@lru_cache(maxsize=4)  # the measures of one text all ask for its blocks
def _cut_blocks(text: str) -> tuple[Block, ...]:
    found: list[Block] = []
    end = 0
    for edge in _EDGE.finditer(f"\n{text}\n"):
        start = edge.start()
        if start > end:
            lines = text[end : start - 1].rstrip("\r")
            found.append(Block(_kind(lines), lines, end))
        end = edge.end()
        if edge.lastgroup:
            lines = text[start : end - 1].rstrip("\r\n")
            # Block(…) in half the time.
            found.append(tuple.__new__(Block, (edge.lastgroup, lines, start)))
    return tuple(found)


def _kind(body: str) -> BlockKind:
    first = body.split("\n", 1)[0]
    if _RULE.fullmatch(first):
        return "rule"
    if first.lstrip().startswith("|") or ("|" in first and _TABLE_RULE.search(body)):
        return "table"
    if _LIST_ITEM.match(first):
        return "list"
    if first.lstrip().startswith(">"):
        return "quote"
    return "paragraph"


_ITEM_START = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)、])(?=[ \t]|$)")


def paragraph_spans(block: str, offset: int = 0) -> list[tuple[int, int]]:
    """Return start and end of the paragraphs of a block: its lines, but lines wrapped by hand join.

    A line was wrapped when the next one's first word would have made it too long. Places count
    from `offset`, that of the block.
    """
    lines = block.split("\n")
    width = max(map(len, lines))
    by_hand = 50 <= width <= 120
    found: list[tuple[int, int]] = []
    above = 0
    for line in lines:
        end = offset + len(line)
        wrapped = (
            by_hand
            and found
            and not _ITEM_START.match(line)
            and above + 1 + len(line.lstrip().partition(" ")[0]) > width
        )
        if wrapped:
            found[-1] = (found[-1][0], end)
        else:
            found.append((offset, end))
        above, offset = len(line), end + 1
    return found


_MARKED = re.compile(r"[*`<&\[\]\x00]")


def heading_text(block: str) -> str:
    """Return the words of a Markdown heading line.

    >>> heading_text("## **Deep** water ##")
    'Deep water'
    """
    if _MARKED.search(block):
        block = visible(block)
    return block.strip().strip("#").strip()
