"""What the pool of segments keeps to, over texts whose lengths are scripted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.errors import UsageError
from longwrite.train.segments import (
    Group,
    Place,
    SegmentPool,
    decode_batch,
    restore_pool,
    save_pool,
)

STOP = 0


class Script:
    """Decodes texts that are known beforehand, and says of a group by its prompt which it is."""

    def __init__(self, size: int, limit: int, segment: int, lengths: Sequence[int]) -> None:
        self.pool = SegmentPool(size, limit, [STOP])
        self.segment, self.lengths = segment, lengths
        self.widths: list[int] = []

    def text(self, place: Place) -> tuple[int, ...]:
        """Return a place's whole text, as if there were no limit."""
        number = place.group * self.pool.size + place.completion
        length = self.lengths[number % len(self.lengths)]
        return (*range(number + 1, number + length), STOP)

    def enter(self) -> None:
        self.pool.enter(self.pool.entered % 5, [self.pool.entered])

    def draw(self, running: Sequence[Place], room: int) -> list[Sequence[int]]:
        self.widths.append(len(running))
        starts = [len(self.pool[place].tokens) for place in running]
        pairs = zip(running, starts, strict=True)
        return [self.text(place)[start : start + room] for place, start in pairs]

    def step(self, count: int) -> tuple[int, list[Group]]:
        calls = decode_batch(self.pool, count, self.segment, self.enter, self.draw)
        return calls, self.pool.take(count)


@st.composite
def scripts(draw: Any) -> Callable[[], Script]:
    """Return what makes the same script again and again."""
    size, limit = draw(st.integers(1, 4)), draw(st.integers(1, 20))
    segment = draw(st.integers(1, 24))
    lengths = draw(st.lists(st.integers(1, 30), min_size=1, max_size=40))
    return lambda: Script(size, limit, segment, lengths)


@given(scripts(), st.integers(1, 3), st.integers(1, 6))
def test_each_step_gets_whole_groups_and_no_token_is_lost(
    make: Callable[[], Script], count: int, steps: int
) -> None:
    script = make()
    pool, left = script.pool, list[Group]()
    for _ in range(steps):
        calls, taken = script.step(count)
        assert len(taken) == count
        assert calls <= -(-pool.limit // script.segment)  # no more than a batch in one piece
        left += taken
    assert set(script.widths) <= {count * pool.size}
    numbers = [group.prompt[0] for group in left]
    assert sorted([*numbers, *pool.groups]) == list(range(pool.entered))
    for number, group in zip(numbers, left, strict=True):
        for which, whole in enumerate(group.completions):
            assert whole.finished
            assert whole.tokens == script.text(Place(number, which))[: pool.limit]
    for place in pool.find(lambda one: True):
        text, one = script.text(place)[: pool.limit], pool[place]
        assert one.tokens == text[: len(one.tokens)]
        assert one.finished == (len(one.tokens) == len(text))


@given(scripts(), st.integers(1, 3), st.integers(0, 3), st.integers(1, 3))
def test_a_pool_that_was_saved_goes_on_in_the_same_order(
    tmp_path_factory: pytest.TempPathFactory,
    make: Callable[[], Script],
    count: int,
    before: int,
    after: int,
) -> None:
    path = tmp_path_factory.mktemp("pool") / "segments.json"
    script, again = make(), make()
    for _ in range(before):
        script.step(count)
    for number, place in enumerate(script.pool.find(lambda one: True)):
        some = [-1 / (number + 3)] * len(script.pool[place].tokens)
        script.pool.keep_logprobs(place, some)
    save_pool(script.pool, path)
    restore_pool(again.pool, path, rows=5)
    assert again.pool.groups == script.pool.groups
    for _ in range(after):
        assert again.step(count) == script.step(count)


def test_with_one_segment_each_batch_leaves_as_it_entered() -> None:
    script = Script(size=2, limit=6, segment=6, lengths=[3, 9, 1, 4])
    for step in range(3):
        calls, taken = script.step(2)
        assert calls == 1
        assert [group.prompt[0] for group in taken] == [2 * step, 2 * step + 1]
        assert not script.pool.groups


def test_short_groups_leave_while_a_long_one_goes_on() -> None:
    script = Script(size=1, limit=40, segment=10, lengths=[35, 8, 8, 8, 8])
    steps = [script.step(2) for _ in range(3)]
    assert [[group.prompt[0] for group in taken] for _, taken in steps] == [[1, 2], [0, 3], [4, 6]]
    assert [calls for calls, _ in steps] == [2, 2, 1]  # 50 positions; in one piece 35 + 8 + 35


def test_processes_decode_equally_often_and_none_runs_ahead() -> None:
    slow, fast = Script(2, 40, 10, [40]), Script(2, 40, 10, [5])
    flags: dict[int, bool] = {}
    barrier = threading.Barrier(2, timeout=20)

    def run(process: int, script: Script) -> list[int]:
        def agree(flag: bool) -> bool:
            flags[process] = flag
            barrier.wait()
            both = all(flags.values())
            barrier.wait()
            return both

        calls = []
        for _ in range(5):
            call = decode_batch(script.pool, 1, 10, script.enter, script.draw, agree)
            calls.append(call)
            assert len(script.pool.take(1)) == 1
        return calls

    with ThreadPoolExecutor(2) as both:
        jobs = [both.submit(run, *one) for one in enumerate((slow, fast))]
        assert jobs[0].result() == jobs[1].result() == [4] * 5
    assert fast.widths == [2, 0, 0, 0] * 5  # it keeps company, with nothing under way
    assert fast.pool.entered == 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda saved: None, "has no segments"),
        (lambda saved: "{", "damaged"),
        (lambda saved: "[]", "damaged"),
        (lambda saved: saved.replace('"tokens": [1,', '"tokens": ["x",'), "damaged"),
        (lambda saved: saved.replace('"logprobs": []', '"logprobs": [0, 0, 0, 0, 0]'), "damaged"),
        (lambda saved: saved.replace('"limit": 6', '"limit": 7'), "other settings"),
        (lambda saved: saved.replace('"row": 1', '"row": 9'), "another set"),
    ],
)
def test_a_pool_that_cannot_be_used_is_told(
    tmp_path: Path, change: Callable[[str], str | None], said: str
) -> None:
    script = Script(size=2, limit=6, segment=2, lengths=[5])
    for _ in range(2):
        script.enter()
    script.pool.extend(Place(0, 0), [1, 2])
    path = tmp_path / "segments-0-of-1.json"
    save_pool(script.pool, path)
    restore_pool(script.pool, path, rows=5)
    changed = change(path.read_text("utf-8"))
    path.unlink() if changed is None else path.write_text(changed, "utf-8")
    with pytest.raises(UsageError, match=said):
        restore_pool(script.pool, path, rows=5)


def test_a_finished_completion_takes_no_more() -> None:
    pool = SegmentPool(1, 9, [STOP])
    pool.enter(0, [1])
    with pytest.raises(ValueError, match="0 tokens"):
        pool.extend(Place(0, 0), [])  # or decoding would never end
    pool.extend(Place(0, 0), [5, STOP])
    with pytest.raises(ValueError, match="1 tokens"):
        pool.extend(Place(0, 0), [5])
