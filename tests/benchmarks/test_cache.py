"""Blocks of keys and values: what is found again, what is thrown out, what does not fit."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.engine.cache import BLOCK, Cache, Chains


def tokens(*runs: tuple[int, int]) -> array[int]:
    """Return tokens from runs of (token, times)."""
    return array("i", [token for token, times in runs for _ in range(times)])


def pass_through(cache: Cache, prompt: array[int], answer: array[int]) -> int:
    """Let a request take its lease and end; returns the tokens it found in the cache."""
    lease = cache.take(prompt, len(prompt) + len(answer))
    assert lease is not None
    cache.give(lease, prompt + answer)
    return lease.cached


def test_a_block_is_known_by_its_tokens_and_all_before_it() -> None:
    chains = Chains()
    first, second = chains.name(tokens((1, 16), (2, 16))), chains.name(tokens((1, 16), (3, 16)))
    assert first[0] == second[0] and first[1] != second[1]
    assert chains.name(tokens((9, 16), (2, 16)))[1] not in first
    assert chains.name(tokens((1, 16), (2, 15))) == first[:1]


def test_a_prompt_finds_its_full_blocks_again_but_computes_its_last_token() -> None:
    cache = Cache(100)
    prompt = tokens((1, 40))
    assert pass_through(cache, prompt, tokens((2, 8))) == 0
    assert pass_through(cache, prompt, tokens((2, 8))) == 32
    assert pass_through(cache, tokens((1, 32)), tokens((3, 1))) == 16


def test_what_was_written_is_known_to_the_next_turn() -> None:
    cache = Cache(100)
    prompt, answer = tokens((1, 20)), tokens((2, 30))
    pass_through(cache, prompt, answer)
    assert pass_through(cache, prompt + answer + tokens((3, 5)), tokens((4, 1))) == 48


def test_running_requests_share_a_prefix_once() -> None:
    cache = Cache(10)
    shared = tokens((1, 64))
    first = cache.take(shared, 80)
    second = cache.take(shared, 80)
    assert first is not None and second is not None
    assert second.cached == 48
    assert cache.used == 4 + 1 + 1


def test_a_request_without_room_waits_until_one_ends() -> None:
    cache = Cache(4)
    first = cache.take(tokens((1, 32)), 48)
    assert first is not None
    assert cache.take(tokens((2, 32)), 48) is None
    cache.give(first, tokens((1, 32), (5, 16)))
    assert cache.take(tokens((2, 32)), 48) is not None


@pytest.mark.parametrize(("token", "found"), [(2, 16), (1, 32), (3, 16)])
def test_the_oldest_goes_first_and_of_one_request_its_end(token: int, found: int) -> None:
    cache = Cache(5)
    pass_through(cache, tokens((1, 32)), tokens((9, 1)))
    pass_through(cache, tokens((2, 32)), tokens((9, 1)))
    pass_through(cache, tokens((1, 33)), tokens((9, 1)))  # used again: now the younger one
    pass_through(cache, tokens((3, 16)), tokens((9, 16)))
    assert pass_through(cache, tokens((token, 33)), tokens((9, 1))) == found


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 70)), min_size=1, max_size=30))
def test_nothing_is_held_when_nothing_runs(requests: list[tuple[int, int]]) -> None:
    cache = Cache(12)
    for token, length in requests:
        cached = pass_through(cache, tokens((token, length)), tokens((7, 9)))
        assert cached < length and cached % BLOCK == 0
        assert cache.used == 0


@pytest.mark.parametrize("block", [16, 128])
def test_the_block_is_the_engines(block: int) -> None:
    cache = Cache(100, block)
    pass_through(cache, tokens((1, 300)), tokens((2, 1)))
    assert pass_through(cache, tokens((1, 300)), tokens((2, 1))) == 300 // block * block
