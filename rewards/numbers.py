"""Numbers as people write them in a request: 10,000, 10k, ten thousand, 1.5万, 两千五, 万.

A brief's length is often the one thing it is exact about, so every way to write it has to lead to
the same integer. Only whole numbers are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LARGEST = 10**12

_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8}
_SUFFIXES = {"k": 1000, "w": 10**4, "thousand": 1000, "million": 10**6} | _SCALES

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: value for value, word in enumerate(_ONES.split())} | {
    word: 10 * value for value, word in enumerate(_TENS.split(), start=2)
}
_LARGE = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 10**6}
_NTH = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)
_ORDINALS = _NTH.split()

_WORD = "|".join(sorted([*_SMALL, *_LARGE], key=len, reverse=True))
_CHINESE = "零〇一二两三四五六七八九十百千万亿"

NUMERAL = (
    rf"(?:[0-9]{{1,3}}(?:,[0-9]{{3}}){{1,3}}|[0-9]{{1,12}}|[{_CHINESE}]{{1,9}}"
    rf"|(?:{_WORD})(?:[\s-]{{1,2}}(?:{_WORD})){{0,3}}\b)"
)
"""A number as the part of a larger regex; `parse_number` reads it."""

_NUMBER = re.compile(
    rf"""
    (?<![0-9A-Za-z_.,$€£¥])(?<![0-9]/)
      (?P<digits>[0-9]{{1,3}}(?:,[0-9]{{3}})+(?![0-9])|[0-9]{{1,15}})(?P<fraction>\.[0-9]{{1,6}})?
      (?:\s?(?P<suffix>万|千|百|亿|(?:k|thousand|million)(?![A-Za-z])|w(?=[\s字]))
         (?:(?P<rest>[0-9]{{1,4}})(?P<rest_suffix>[千百]))?)?
    | (?P<chinese>[{_CHINESE}]{{1,20}})
    | (?<![A-Za-z])
      (?P<words>(?:an?\s)?(?:{_WORD})(?:(?:\sand\s|[\s-]{{1,2}})(?:{_WORD}))*)
      (?![A-Za-z])
    """,
    re.VERBOSE | re.IGNORECASE,
)
_WORDS = re.compile(rf"(?P<a>\ban?\s)?(?P<word>{_WORD})", re.IGNORECASE)
_WIDE = {0xFF10 + digit: str(digit) for digit in range(10)} | {ord("．"): ".", ord("－"): "-"}


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number at ``start:end`` of a text; `scale` is the unit it was counted in (万, k)."""

    value: int
    start: int
    end: int
    scale: int = 1


def narrow(text: str) -> str:
    """Return the text with full-width digits made ASCII, each character in its place."""
    return text.translate(_WIDE)


def find_numbers(text: str) -> Iterator[Number]:
    """Yield the whole numbers of a text in order; linear in its length.

    >>> [number.value for number in find_numbers("10,000 or 10k, ten thousand; 1.5万 到 两千五")]
    [10000, 10000, 10000, 15000, 2500]
    """
    for match in _NUMBER.finditer(text):
        if match["digits"]:
            number = _from_digits(match)
            if number is not None and number.value <= LARGEST:
                yield number
        elif match["chinese"]:
            value = _from_chinese(match["chinese"])
            if value is not None:
                scale = _SCALES.get(match["chinese"][-1], 1)
                yield Number(value, match.start(), match.end(), scale)
        else:
            yield from _from_words(match["words"], match.start())


def parse_number(text: str) -> int | None:
    """Return the value of a text that is one number, an ordinal or a Roman numeral; else None.

    >>> parse_number("twelve"), parse_number("十二"), parse_number("3rd"), parse_number("IV")
    (12, 12, 3, 4)
    """
    text = narrow(text).strip()
    lower = text.lower()
    if lower in _ORDINALS:
        return _ORDINALS.index(lower) + 1
    if re.fullmatch(r"[0-9]{1,6}(?:st|nd|rd|th)", lower):
        return int(lower[:-2])
    found = list(find_numbers(text))
    if len(found) == 1 and found[0].end - found[0].start == len(text):
        return found[0].value
    return _from_roman(text)


def _from_digits(match: re.Match[str]) -> Number | None:
    digits, fraction, suffix = match["digits"].replace(",", ""), match["fraction"], match["suffix"]
    scale = _SUFFIXES[suffix.lower()] if suffix else 1
    if fraction and not suffix and len(fraction) == 4 and len(digits) <= 3:
        return Number(int(digits + fraction[1:]), match.start(), match.end())  # 10.000 words
    numerator = int(digits + (fraction or ".")[1:]) * scale
    value, remainder = divmod(numerator, 10 ** (len(fraction) - 1 if fraction else 0))
    if remainder:
        return None
    if match["rest"]:
        value += int(match["rest"]) * _SCALES[match["rest_suffix"]]
    return Number(value, match.start(), match.end(), scale)


def _from_chinese(text: str) -> int | None:
    if not any(char in _SCALES for char in text):
        return int("".join(str(_DIGITS[char]) for char in text)) if len(text) != 2 else None
    total = group = 0
    digit: int | None = None
    smallest = LARGEST
    for char in text:
        if char in _DIGITS:
            if digit:
                return None  # 三四千 is no exact number
            digit = _DIGITS[char]
            continue
        scale = _SCALES[char]
        if scale >= 10**4:
            group += digit or 0
            total += max(group, 1) * scale
            group, smallest = 0, LARGEST
        elif scale >= smallest:
            return None
        else:
            group += (1 if digit is None else digit) * scale
            smallest = scale
        digit = None
    if digit and text[-2] in "百千万":
        digit *= _SCALES[text[-2]] // 10  # 两千五 is 2500
    return total + group + (digit or 0)


def _from_words(text: str, offset: int) -> Iterator[Number]:
    total = group = 0
    start = end = -1
    last = LARGEST
    for match in _WORDS.finditer(text):
        word = match["word"].lower()
        if word in _LARGE:
            scale, last = _LARGE[word], LARGEST
            if scale >= 1000:
                total, group = total + max(group, 1) * scale, 0
            else:
                group = max(group, 1) * scale
        else:
            value = _SMALL[word]
            if start >= 0 and not (value < 10 <= last < 100 or last == LARGEST):
                yield Number(total + group, offset + start, offset + end)
                total, group, start = 0, 0, -1
            group, last = group + value, value if value % 10 == 0 and value > 10 else 0
        if total > LARGEST:
            return
        start, end = match.start() if start < 0 else start, match.end()
    scale = _LARGE.get(match["word"].lower(), 1)
    yield Number(total + group, offset + start, offset + end, scale if scale >= 1000 else 1)


def _from_roman(text: str) -> int | None:
    if not re.fullmatch(r"[IVX]{1,6}", text):
        return None
    values = [{"I": 1, "V": 5, "X": 10}[char] for char in text]
    ahead = [*values[1:], 0]
    return sum(-now if now < then else now for now, then in zip(values, ahead, strict=True))
