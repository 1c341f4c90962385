"""Whether a text stops short, and how much of it is complete.

A reply that ran into its token cap, or a stream that was cut, looks like any other text until its
last line is read. What counts as complete depends on what that line is: prose ends its sentences,
but verse, a signature, a stage direction and a list of short items need no full stop.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence

from longwrite.text import CJK, Block, blocks, paragraph_spans, sentences, words

NUMBERING = re.compile(
    r"\A(?:(?=[abcdelmpsuw][acehnopt][acdeioprsty])"  # how the next words begin: saves time
    r"(?:chapter|section|part|lesson|act|scene|unit|module|step|appendix|episode|book|day|week)"
    r"[ \t]+(?:\d++(?:\.\d++)*|[ivxlc]++|one|two|three|four|five|six|seven|eight|nine|ten|[a-z])\b"
    r"|第[ \t]?[\d一二三四五六七八九十百千零〇两]+[ \t]?"
    r"(?:章|节|節|回|部分|部|篇|卷|幕|场|場|课|講|讲|集|单元)"
    r"|[(（]?(?:\d++(?:\.\d++)*|[ivxlc]++|[一二三四五六七八九十]+)[)）.、．:：]"
    r"|\d++(?:\.\d++)*(?=[ \t])"
    r"|(?:title|section title|heading|标题|題目|题目|章节标题)[ \t]*(?=[:：]))[\s.:：,，、—–-]*",
    re.IGNORECASE,
)
"""The number that a heading begins with, its word included ("Chapter 3:", "第三章", "2.1")."""

_TERMINAL = frozenset(".!?…。！？｡؟۔।॥։።‽⁇⁈⁉~～")
_END = re.compile(f"[{''.join(sorted(_TERMINAL))}]")
_CONTINUING = frozenset(",;:，；：、—–-‐‑(（[【{“‘「『《/&+=<")
_DASHES = frozenset("—–-‐‑")
_CLOSERS = "\"'”’»›“)\\]}）】」』》〉*_`"
_CLOSING = re.compile(
    rf"(?:\[\^?[\w, -]{{1,20}}\]|</?[a-zA-Z][^<>]{{0,80}}>|[{_CLOSERS}⁰¹²³⁴-⁹\s])\Z"
)
_DANGLING = re.compile(
    "an?|the|of|and|or|but|nor|with|from|to|is|are|was|were|my|your|their|our|its|than|because|"
    "that|which|who|into"
)
_SMALL = re.compile("an?|the|of|and|for|in|on|to|at|by|de|von|van|la|le|der")
_END_MARK = re.compile(
    r"(?:the end|end|fin|fade (?:out|to black)|cut to black|blackout|curtain|to be continued|"
    r"(?:全文|全书|全剧|本章|剧)?[完终終]结?|未完待续|待续|敬礼)",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?:https?://|www\.|#)\S+|[^\s@]+@\S+\.\w+")
_FIGURE = re.compile(r"[^:：]{1,40}[:：][ \t*_]*[~约]?\d[\d.,/%$€£¥ -]{0,30}\w{0,12}")
_DATE = re.compile(r"\d{1,4}[年/.-]\d{1,2}|\d{1,2}月|[A-Z][a-z]{2,8} \d{1,2},? \d{4}")
_FAREWELL = re.compile(
    r"\w+(?: \w+){0,4}[,，]|(?:此致|敬礼|祝|顺祝|顺颂|谨上|敬上|谨启|您的|你的|爱你的|署名).{0,12}"
)
_ITEM = re.compile(r"^[ \t]*(?:[-*+]|\d{1,9}[.)、])(?=[ \t]|$)", re.MULTILINE)
_UNSPACED = re.compile("[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff]")
_MARK = re.compile(r"`[^`\n]*`|\*\*|[“”„\"「」『』《》（）()]")
_OPENER = {"”": "“", "」": "「", "』": "『", "》": "《", "）": "（", ")": "("}
_SPEECH = {"“": "”", "„": "“", "「": "」", "『": "』", '"': '"'}
_WRAPPED = {"(": ")", "（": "）", "[": "]", "【": "】", "*": "*", "_": "_"}
_CJK_CHAR = re.compile(f"[{CJK}]")
_SHORT = 60  # columns up to which a line may be verse, a signature or a heading
_LENIENT = 50  # blocks or items cut away after which nothing short counts as complete by custom
_MID_SENTENCE = "it stops in the middle of a sentence"
_HEADING_LAST = "it ends with a heading"


def is_truncated(text: str) -> str:
    """Return why a text is not complete, an empty string when it is.

    The last block decides: an open fence, a heading with nothing under it, a table row or a list
    item cut short, a quote or bracket left open, a sentence without its end.
    """
    found = _trimmed(blocks(text))
    return _fault(found) if found else "it is empty"


def complete_part(text: str) -> str:
    """Cut a text back to its last complete sentence, list item, table row or closed fence.

    An open fence is cut away, or closed when it holds most of the text; a speech that is cut is
    closed after its last whole sentence. The result is empty where nothing is complete, and the
    text itself when it is not truncated.
    """
    found = _trimmed(blocks(text))
    if found and not _fault(found):
        return text
    taken = 0
    while found:
        last = found[-1]
        if taken >= _LENIENT and last.kind not in ("code", "table") and not _END.search(last.text):
            found.pop()
            continue
        kept = last.text if not _fault(found, lenient=taken < _LENIENT) else _kept(last, len(text))
        if kept:
            found[-1] = Block(last.kind, kept, last.start)
            alike = [block.kind for block in blocks(kept)] == [last.kind]
            if alike and not _fault(found, lenient=taken < _LENIENT):
                return text[: last.start] + kept
        found.pop()
        taken += 1
        _trimmed(found)
    return ""


def _trimmed(found: list[Block]) -> list[Block]:
    """Take the rules off the end."""
    while found and found[-1].kind == "rule":
        found.pop()
    return found


def _fault(found: Sequence[Block], *, lenient: bool = True) -> str:
    """Return what is wrong with the end of the last block; lenient asks what is customary there."""
    last = found[-1]
    if last.kind == "heading":
        return _HEADING_LAST
    if last.kind == "code":
        return "" if _closed(last.text) else "a code fence is not closed"
    if last.kind == "table" and "|" in last.text.rpartition("\n")[2]:
        return _table_fault(last.text.split("\n"))
    if last.kind == "list":
        items = _items(last.text)
        before = items[-7:-1]
        if not before and found[-2:-1] and found[-2].kind == "list":
            before = _items(found[-2].text)[-6:]
        return _item_fault(items[-1], before)
    start, end = paragraph_spans(last.text)[-1]
    return _prose_fault(last.text[start:end], lambda: _lines_before(found) if lenient else [])


def _kept(block: Block, size: int) -> str:
    """Return the complete beginning of a block whose end is at fault, in a text of some size."""
    if block.kind == "code":
        return _with_fence(block.text) if 2 * len(block.text) > size else ""
    if block.kind == "table":
        lines = block.text.split("\n")
        while lines and _table_fault(lines):
            lines.pop()
        return "\n".join(lines)
    if block.kind == "list":
        items = _items(block.text)
        for count in range(len(items), 0, -1):
            lenient = len(items) - count < _LENIENT
            if not lenient and not _END.search(items[count - 1]):
                continue
            before = items[max(0, count - 7) : count - 1] if lenient else []
            for kept in (items[count - 1], _whole_sentences(items[count - 1])):
                if kept and not _item_fault(kept, before):
                    return ("".join(items[: count - 1]) + kept).rstrip("\n")
        return ""
    for start, end in reversed(paragraph_spans(block.text)):
        if _END.search(block.text, start, end) and (
            kept := _whole_sentences(block.text[start:end])
        ):
            return block.text[:start] + kept
    return ""


def _closed(code: str) -> bool:
    mark = _fence_mark(code)
    last = code.partition("\n")[2].rpartition("\n")[2].strip()
    return last.startswith(mark) and not last.strip(mark[0])


def _with_fence(code: str) -> str:
    """Close an open fence after its last whole line; empty where it holds none."""
    lines = code.split("\n")
    return "\n".join([*lines[:-1], _fence_mark(code)]) if len(lines) > 2 else ""


def _fence_mark(code: str) -> str:
    first = code.lstrip()
    return first[: len(first) - len(first.lstrip(first[0]))]


def _table_fault(lines: Sequence[str]) -> str:
    if len(lines) < 3:
        return "a table has no rows"
    head, last = lines[0].strip(), lines[-1].strip()
    cells = min(head.count("|"), lines[-2].count("|"))
    if last.count("|") < cells or (head.endswith("|") and not last.endswith("|")):
        return "a table row is cut"
    return ""


def _items(body: str) -> list[str]:
    """Cut a list into its items, nested ones too; joined again they are the list."""
    starts = [match.start() for match in _ITEM.finditer(body)] or [0]
    starts[0] = 0
    return [body[a:b] for a, b in zip(starts, [*starts[1:], len(body)], strict=True)]


def _item_fault(item: str, before: Sequence[str]) -> str:
    content = _ITEM.sub("", item, count=1).strip()
    if not content:
        return "a list item is empty"

    def customs() -> list[str]:
        others = [_ITEM.sub("", each, count=1).strip() for each in before]
        alone = not others and len(words(content)) <= 8  # a short item sets its own custom
        return [content] * 2 if alone else others * 2

    start, end = paragraph_spans(content)[-1]
    return _prose_fault(content[start:end], customs)


def _lines_before(found: Sequence[Block]) -> list[str]:
    """Return up to six short lines that stand right above the last line."""
    lines: list[str] = []
    for block in reversed(found[-7:]):
        body = block.text[-1000:]
        for start, end in reversed(paragraph_spans(body)):
            if block.kind not in ("paragraph", "quote") or _width(body[start:end]) > _SHORT:
                return lines[1:]
            lines.append(body[start:end].strip())
    return lines[1:7]


def _width(line: str) -> int:
    """Return the columns of a line; a CJK character takes two."""
    return len(line) + len(_CJK_CHAR.findall(line))


def _prose_fault(paragraph: str, customs: Callable[[], list[str]]) -> str:
    """Return what is wrong with the end of a paragraph or item; customs tells what stands above."""
    line = paragraph.replace("\n", " ").strip().lstrip("> ")
    core, closing = _core(line)
    if core and not _ends_itself(line, core, closing):
        if core[-1] in _CONTINUING:
            return f"it ends with {core[-1]}"
        if _DANGLING.fullmatch(core.rpartition(" ")[2]):
            return _MID_SENTENCE
        before = customs()
        if not _stands_alone(line, core, before):
            bold = line.startswith("**") and closing == "**"
            if _width(line) <= _SHORT and (bold or NUMBERING.match(line)):
                return _HEADING_LAST
            if not _is_customary(line, before):
                return _MID_SENTENCE
    mark = _unclosed(paragraph, [len(paragraph)])[0]
    return f"{mark} is not closed" if mark else ""


def _ends_itself(line: str, core: str, closing: str) -> bool:
    last = core[-1]
    return (
        last in _TERMINAL
        or unicodedata.category(last) == "So"
        or line.endswith(("$$", "\\]", "-->"))
        or (last in _DASHES and bool(closing.strip()))
        or bool(_UNSPACED.match(last))
    )


def _core(line: str) -> tuple[str, str]:
    """Part a line from the quotes, brackets, emphasis, notes and tags after its last character."""
    tail = line[-300:]
    while match := _CLOSING.search(tail):
        tail = tail[: match.start()]
    core = line[:-300] + tail
    return core, line[len(core) :]


def _unclosed(paragraph: str, cuts: Sequence[int]) -> list[str]:
    """Return, for each rising offset, a mark that is open there; empty when none is."""
    depth: dict[str, int] = {}
    marks = [(*match.span(), match.group()) for match in _MARK.finditer(paragraph)]
    found: list[str] = []
    at = 0
    for cut in cuts:
        while at < len(marks) and marks[at][0] < cut:
            start, end, mark = marks[at]
            at += 1
            before, after = paragraph[start - 1 : start], paragraph[end : end + 1]
            if mark in ('"', "**"):
                stray = not after.strip() or (mark == '"' and before.isdigit())
                if depth.get(mark) or not stray:  # 2 ** 3 and 5'10" open nothing
                    depth[mark] = 1 - depth.get(mark, 0)
            elif mark in "“”" and depth.get("„"):
                depth["„"] -= 1
            elif mark in _OPENER:
                depth[_OPENER[mark]] = max(0, depth.get(_OPENER[mark], 0) - 1)
            elif mark[0] != "`" and not (mark == "(" and before in (":", ";")):
                depth[mark] = depth.get(mark, 0) + 1
        found.append(next((mark for mark, count in depth.items() if count), ""))
    return found


def _stands_alone(line: str, core: str, before: Sequence[str]) -> bool:
    """Tell whether a line needs no full stop: an end mark, an address, a signature, a direction."""
    if _WRAPPED.get(line[0]) == line[-1] and not line.startswith(("**", "__")) and len(line) > 2:
        return True
    bare = core.lstrip("*_ [(（【—")
    if _END_MARK.fullmatch(bare) or _ADDRESS.fullmatch(core.rpartition(" ")[2]):
        return True
    if _width(line) > _SHORT:
        return False
    if _FIGURE.fullmatch(bare) or _DATE.search(bare) or line.startswith(("—", "--", "– ")):
        return True
    if any(_FAREWELL.fullmatch(each) for each in before):
        return True
    tokens = [token for token in bare.split() if not _SMALL.fullmatch(token)]
    return (
        len(tokens) > 1
        and tokens[-1] == bare.split()[-1]
        and not (bare.isupper() or NUMBERING.match(bare))
        and all(token[0].isupper() or token[0].isdigit() for token in tokens)
    )


def _is_customary(line: str, before: Sequence[str]) -> bool:
    """Tell whether the lines above, headings, speakers and directions aside, have no end either."""
    if len(sentences(line)) > 1:
        return False
    plain = [
        each
        for each in before
        if each and not (each.isupper() or each[0] in _WRAPPED or NUMBERING.match(each))
    ]
    ends = [(_core(each)[0] or ".")[-1] in _TERMINAL for each in plain]
    return len(plain) > 1 and 2 * sum(ends) < len(ends)


def _whole_sentences(paragraph: str) -> str:
    """Return the longest beginning of a paragraph that ends a sentence; its speech is closed."""
    cuts: list[int] = []
    offset = 0
    for piece in sentences(paragraph):
        core = _core(piece.rstrip())[0]
        if core and core[-1] in _TERMINAL:
            cuts.append(offset + len(piece.rstrip()))
        offset += len(piece)
    for cut, mark in zip(reversed(cuts), reversed(_unclosed(paragraph, cuts)), strict=True):
        if not mark or mark in _SPEECH:
            return paragraph[:cut] + _SPEECH.get(mark, "")
    return ""
