"""Numbers in digits and in words, English and Chinese."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.rewards.numbers import find_numbers, narrow, parse_number

ONES = "零一二三四五六七八九"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("10000 10,000 10k 10.000", [10_000, 10_000, 10_000, 10_000]),
        ("ten thousand, twenty-five hundred, one hundred and twenty", [10_000, 2_500, 120]),
        ("a thousand and a dozen", [1_000, 12]),
        ("two to three thousand", [2, 3_000]),
        ("1.5万 一万 五千 两千 八百", [15_000, 10_000, 5_000, 2_000, 800]),
        ("万字 千字 二十 一千零五十", [10_000, 1_000, 20, 1_050]),
        ("两千五 1万5千 3w字 2.5k", [2_500, 15_000, 30_000, 2_500]),
        (narrow("３０００"), [3_000]),
        ("2.5 and three four", [3, 4]),
        ("三四千 $500 v3 someone often", []),
    ],
)
def test_numbers_are_found_however_they_are_written(text: str, values: list[int]) -> None:
    assert [number.value for number in find_numbers(text)] == values


def test_a_number_knows_its_place_and_its_scale() -> None:
    (number,) = find_numbers("about 10k words")
    assert (number.start, number.end, number.scale) == (6, 9, 1000)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3rd", 3),
        ("third", 3),
        ("XIV", 14),
        ("十二", 12),
        ("twenty", 20),
        ("chapter", None),
        ("", None),
    ],
)
def test_one_number_is_read_as_a_whole(text: str, value: int | None) -> None:
    assert parse_number(text) == value


@given(st.integers(1, 99_999_999))
def test_every_number_written_in_chinese_is_read_back(value: int) -> None:
    assert parse_number(in_chinese(value)) == value


@given(st.integers(0, 10**9), st.sampled_from(["{}", "{:,}"]))
def test_every_number_written_in_digits_is_read_back(value: int, form: str) -> None:
    assert [number.value for number in find_numbers(form.format(value))] == [value]


@given(st.text(alphabet="一二两十百千万亿零 0123456789.,kKwaonetythurd-", max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    for number in find_numbers(text):
        assert 0 <= number.start < number.end <= len(text)
        assert number.value >= 0


def in_chinese(value: int) -> str:
    """Write a number below 10**8 in Chinese."""
    if value >= 10_000:
        rest = value % 10_000
        zero = "零" if 0 < rest < 1_000 else ""
        return in_chinese(value // 10_000) + "万" + zero + (in_chinese(rest) if rest else "")
    text, gap = "", False
    for unit, sign in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = value // unit % 10
        if digit:
            text += ("零" if gap and text else "") + ONES[digit] + sign
        gap = not digit
    return text
