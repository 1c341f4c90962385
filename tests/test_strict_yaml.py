"""YAML of strangers: plain data, or a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite import strict_yaml
from longwrite.errors import UsageError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), PLAIN, max_size=4))
def test_what_is_dumped_is_loaded(value: dict[str, object]) -> None:
    assert strict_yaml.load(strict_yaml.dump(value), "it") == value


def test_plain_data_is_loaded_as_such() -> None:
    value = strict_yaml.load("a: [1, 0.5, true, null, text, 2024-01-01]", "it")
    assert value == {"a": [1, 0.5, True, None, "text", "2024-01-01"]}
    assert strict_yaml.load("[12:30, 0x1f, 017, .nan, 10_000]", "it") == [
        "12:30", "0x1f", "017", ".nan", 10_000,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: &x [1]\nb: *x\n", "alias"),
        ("a: 1\na: 2\n", "again"),
        ("[" * 100_000, "nested"),
        ("a: !!python/object/apply:os.system [ls]", "tag"),
        ("a: !!int", "tag"),
        ("a: 1.0e+999", "too large"),
        ("a: [1\nb: 2", "line"),
        ("x" * 2_100_000, "larger"),
        ("a: \x00", ""),
    ],
)
def test_the_rest_is_a_sentence(text: str, why: str) -> None:
    with pytest.raises(UsageError, match="can't be read") as error:
        strict_yaml.load(text, "brief.yaml")
    assert why in str(error.value)
