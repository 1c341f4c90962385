"""The run's database: what was paid for is kept, what was damaged is as if it were not there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.errors import RunError
from longwrite.runs.store import Pin, Store, digest, make_key
from longwrite.types import (
    Ask,
    CallError,
    Defect,
    Message,
    Reply,
    Request,
    Sampling,
    Usage,
    Written,
)

REQUEST = Request(
    (Message("system", "You write."), Message("user", "Write 1.")),
    Sampling(100, 0.8, 0.95, 7, {"top_k": 40}),
    ask=Ask("section", "1"),
)
REPLY = Reply("Text 海.", "stop", Usage(10, 5, 2), "thoughts", dropped=("seed",), model="m-1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a database may be made."""
    return tmp_path / "calls.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """Return a new database."""
    with closing(Store(path)) as opened:
        yield opened


def change(path: Path, sql: str, *values: object) -> None:
    """Change a database behind the store's back."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(sql, values)


# --- calls ---------------------------------------------------------------------------------------


def test_a_reply_survives_reopening(path: Path) -> None:
    with closing(Store(path)) as store:
        store.put_reply("key", "model", REQUEST, REPLY)
    with closing(Store(path)) as store:
        assert store.get_reply("key") == REPLY
        assert store.get_reply("other") is None


@pytest.mark.parametrize(
    "damage",
    [
        "substr(reply, 1, 5) || 'X' || substr(reply, 7)",
        "cast(x'ff' || cast(substr(reply, 2) as blob) as text)",
        "x'00ff'",
        "NULL",
        "''",
        "7",
    ],
)
def test_a_damaged_reply_is_as_if_absent(path: Path, store: Store, damage: str) -> None:
    store.put_reply("bad", "model", REQUEST, REPLY)
    store.put_reply("good", "model", REQUEST, REPLY)
    change(path, f"UPDATE calls SET reply = {damage} WHERE key = 'bad'")
    assert store.get_reply("bad") is None
    assert [call.key for call in store.list_calls()] == ["good"]
    assert store.get_reply("good") == REPLY


def test_a_reply_moved_to_another_key_is_as_if_absent(path: Path, store: Store) -> None:
    store.put_reply("key", "model", REQUEST, REPLY)
    change(path, "UPDATE calls SET key = 'other'")
    assert store.get_reply("other") is None


def test_an_error_answers_nothing_and_is_counted(store: Store) -> None:
    for kind in ("server", "server", "timeout"):
        store.put_error("key", REQUEST, CallError(kind, "it failed"))
    assert store.get_reply("key") is None
    assert list(store.list_calls()) == []
    assert store.count_errors() == {"server": 2, "timeout": 1}


def test_messages_of_a_growing_thread_are_stored_once(path: Path, store: Store) -> None:
    messages: tuple[Message, ...] = (Message("system", "s"), Message("user", "head"))
    for turn in range(20):
        store.put_reply(f"key{turn}", "model", replace(REQUEST, messages=messages), REPLY)
        messages += (Message("assistant", f"text {turn}"), Message("user", f"step {turn}"))
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT COUNT(*) FROM messages").fetchone() == (40,)
    asked = [(message.role, message.content) for message in messages[:-2]]
    assert store.list_messages("key19") == asked
    assert store.list_messages("nowhere") == []


def test_a_damaged_message_ends_the_conversation(path: Path, store: Store) -> None:
    store.put_reply("key", "model", REQUEST, REPLY)
    change(path, "UPDATE messages SET parent = hash, content = 'loop' WHERE role = 'system'")
    assert store.list_messages("key") == [("user", "Write 1.")]


def test_calls_are_listed_in_the_order_of_their_completion(store: Store) -> None:
    for number, section in enumerate(("2", "1", "2")):
        request = replace(REQUEST, ask=Ask("section", section))
        store.put_reply(f"key{number}", "model", request, REPLY)
    assert [call.key for call in store.list_calls()] == ["key0", "key1", "key2"]
    assert [call.key for call in store.list_calls("2")] == ["key0", "key2"]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_to_the_character(text: str) -> None:
    with closing(Store(Path(":memory:"))) as store:
        request = replace(REQUEST, messages=(Message("user", text),))
        store.put_reply("key", text, request, replace(REPLY, text=text))
        reply = store.get_reply("key")
        assert reply is not None and reply.text == text
        assert store.list_messages("key") == [("user", text)]


# --- keys ----------------------------------------------------------------------------------------

CHANGES: dict[str, Callable[[Request], Request]] = {
    "a message": lambda r: replace(r, messages=(*r.messages, Message("user", ""))),
    "a role": lambda r: replace(r, messages=(Message("user", "You write."), r.messages[1])),
    "a border": lambda r: replace(
        r, messages=(Message("system", "You write.W"), Message("user", "rite 1."))
    ),
    "max_tokens": lambda r: replace(r, sampling=replace(r.sampling, max_tokens=101)),
    "temperature": lambda r: replace(r, sampling=replace(r.sampling, temperature=0.7)),
    "top_p": lambda r: replace(r, sampling=replace(r.sampling, top_p=1.0)),
    "seed": lambda r: replace(r, sampling=replace(r.sampling, seed=8)),
    "extra": lambda r: replace(r, sampling=replace(r.sampling, extra={})),
    "schema": lambda r: replace(r, schema={"type": "object"}),
    "attempt": lambda r: replace(r, attempt=1),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_key_changes_with_all_that_is_asked(name: str) -> None:
    assert make_key("model", CHANGES[name](REQUEST)) != make_key("model", REQUEST)


def test_a_key_changes_with_the_model() -> None:
    assert make_key("model", REQUEST) != make_key("model 2", REQUEST)


def test_a_key_changes_with_nothing_else() -> None:
    told = replace(REQUEST, ask=Ask("other", "9", "Title", 5, 6, "zh", "quote"), role="check")
    assert make_key("model", told) == make_key("model", REQUEST)
    extra = replace(REQUEST.sampling, extra={"a": 1, "b": {"c": [1], "d": None}})
    turned = replace(REQUEST.sampling, extra={"b": {"d": None, "c": [1]}, "a": 1})
    assert make_key("m", replace(REQUEST, sampling=extra)) == make_key(
        "m", replace(REQUEST, sampling=turned)
    )


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_a_digest_keeps_the_borders_of_its_parts(first: list[str], second: list[str]) -> None:
    assert (digest(*first) == digest(*second)) == (first == second)


# --- pins and files ------------------------------------------------------------------------------

PIN = Pin("draft", Written("Text.", 10, 9, 2, (Defect("length", "Short.", "1"),)), "inputs")


def test_a_pin_holds_for_its_node_and_stage(store: Store) -> None:
    store.put_pin("1", "node", PIN)
    assert store.get_pin("1", "node", "draft") == PIN
    assert store.get_pin("1", "node", "final") is None
    assert store.get_pin("1", "changed", "draft") is None


@pytest.mark.parametrize("column", ["written", "inputs", "hash"])
@pytest.mark.parametrize("value", [None, "", b"\xff\x00", 5, "{}"])
def test_a_damaged_pin_is_as_if_absent(
    path: Path, store: Store, column: str, value: object
) -> None:
    store.put_pin("1", "node", PIN)
    change(path, f"UPDATE pins SET {column} = ?", value)
    assert store.get_pin("1", "node", "draft") is None


def test_several_pins_are_put_all_or_none(store: Store) -> None:
    no_json: Any = object()
    broken = replace(PIN, written=replace(PIN.written, defects=(no_json,)))
    with pytest.raises(TypeError):
        store.put_pins([("1", "node", PIN), ("2", "node", broken)])
    assert store.get_pin("1", "node", "draft") is None
    store.put_pins([("1", "node", PIN), ("2", "node", PIN)])
    assert store.get_pin("1", "node", "draft") == store.get_pin("2", "node", "draft") == PIN


def test_every_content_that_was_written_is_known(store: Store) -> None:
    store.note_file("a.md", "one")
    store.announce_file("a.md", "two")
    assert store.is_own("a.md", "one") and store.is_own("a.md", "two"), "killed while writing"
    store.note_file("a.md", "two")
    assert not store.is_own("a.md", "one"), "a person brought an older text back"
    assert store.is_own("a.md", "two") and not store.is_own("a.md", "three")
    assert not store.is_own("b.md", "one")


def test_a_reader_sees_the_last_rows_and_leaves_nothing(path: Path) -> None:
    with closing(Store(path)) as writer:
        writer.set_meta("place", "Kiel")
        with closing(Store(path, reading=True)) as reader:
            assert reader.get_meta("place") == "Kiel", "which still stands in the log beside it"
    with closing(Store(path, reading=True)) as reader:
        assert reader.get_meta("place") == "Kiel"
        with pytest.raises(RunError, match="can't be written"):
            reader.set_meta("place", "Bari")
    assert list(path.parent.iterdir()) == [path]


def test_nothing_is_made_where_there_is_nothing_to_read(path: Path) -> None:
    with pytest.raises(RunError):
        Store(path, reading=True)
    assert not path.exists()


# --- files that can't be used --------------------------------------------------------------------


def test_another_version_is_refused(path: Path) -> None:
    with closing(Store(path)) as store:
        store.set_meta("version", "99")
    with pytest.raises(RunError, match="version") as caught:
        Store(path)
    assert "--fresh" in caught.value.mend


@pytest.mark.parametrize("content", [b"this is no database, but long enough" * 99, b"\x00" * 5000])
def test_a_file_that_is_no_database_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(RunError, match="damaged") as caught:
        Store(path)
    assert "sections" in caught.value.mend
    assert path.read_bytes() == content


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(RunError):
        Store(tmp_path)


def test_a_database_with_torn_pages_is_told_or_read(path: Path) -> None:
    with closing(Store(path)) as store:
        for number in range(200):
            store.put_reply(f"key{number}", "model", REQUEST, replace(REPLY, text="x" * 2000))
    whole = bytearray(path.read_bytes())
    whole[8192:-4096] = b"\xa5" * (len(whole) - 12288)
    path.write_bytes(whole)
    with pytest.raises(RunError, match="damaged"), closing(Store(path)) as store:
        store.count_errors()
        for number in range(200):
            assert store.get_reply(f"key{number}") is None
        list(store.list_calls())


def test_a_full_disk_says_that_nothing_is_lost(store: Store) -> None:
    store._execute("PRAGMA max_page_count = 20")
    with pytest.raises(RunError, match="full") as caught:
        store.put_reply("key", "model", REQUEST, replace(REPLY, text="x" * 1_000_000))
    assert "nothing is lost" in caught.value.mend
    store.put_reply("small", "model", REQUEST, REPLY)
    assert store.get_reply("small") == REPLY
