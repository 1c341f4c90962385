"""Sets of every known custom become the builder's rows, and what can't is told with its place."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longwrite.data.importers import BrokenRow, RawRow, import_rows, read_set
from longwrite.data.rows import Drop, Row
from longwrite.errors import UsageError
from longwrite.types import Message

ASKED = Message("user", "Write of the sea.")
TEXT = "The sea was calm, and the boats came home."
USER, ANSWER, WORSE = (
    {"role": "user", "content": ASKED.content},
    {"role": "assistant", "content": TEXT},
    {"role": "assistant", "content": "No."},
)

COMPLETIONS: dict[str, dict[str, Any]] = {
    "LongWriter-6k": {"messages": [USER, ANSWER]},
    "ShareGPT": {
        "conversations": [
            {"from": "human", "value": ASKED.content},
            {"from": "gpt", "value": TEXT},
        ]
    },
    "prompt and response": {"prompt": ASKED.content, "response": TEXT},
    "prompt and completion": {"prompt": ASKED.content, "completion": TEXT},
    "conversational": {"prompt": [USER], "completion": [ANSWER]},
    "Alpaca": {"instruction": ASKED.content, "input": "", "output": TEXT},
    "content in parts": {
        "messages": [{"role": "user", "content": [{"type": "text", "text": ASKED.content}]}, ANSWER]
    },
}
PAIRS: dict[str, dict[str, Any]] = {
    "standard": {"prompt": ASKED.content, "chosen": TEXT, "rejected": "No."},
    "conversational": {"prompt": [USER], "chosen": [ANSWER], "rejected": [WORSE]},
    "implicit prompt": {"chosen": [USER, ANSWER], "rejected": [USER, WORSE]},
    "both": {"prompt": ASKED.content, "chosen": [USER, ANSWER], "rejected": [USER, WORSE]},
}


def load(folder: Path, *rows: object) -> list[Row | Drop]:
    path = folder / "set.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return list(import_rows([str(path)]))


def only(folder: Path, row: object) -> Row:
    (found,) = load(folder, row)
    assert isinstance(found, Row), found
    return found


def dropped(folder: Path, row: object) -> str:
    (found,) = load(folder, row)
    assert isinstance(found, Drop) and found.stage == "recipe", found
    return found.reason


@pytest.mark.parametrize("custom", COMPLETIONS)
def test_an_answer_of_any_custom_is_a_completion(custom: str, tmp_path: Path) -> None:
    row = only(tmp_path, COMPLETIONS[custom])
    assert (row.shape, row.prompt, row.completion) == ("completion", (ASKED,), TEXT)
    assert row.target == 9 and row.language == "en"
    assert row.provenance["source"] == "set.jsonl:1"


def test_the_same_texts_have_the_same_id_wherever_they_stand(tmp_path: Path) -> None:
    ids = {only(tmp_path, row).id for row in COMPLETIONS.values()}
    assert len(ids) == 1
    assert only(tmp_path, COMPLETIONS["Alpaca"] | {"output": "Else."}).id not in ids


@pytest.mark.parametrize("custom", PAIRS)
def test_pairs_with_their_prompt_in_any_place(custom: str, tmp_path: Path) -> None:
    row = only(tmp_path, PAIRS[custom])
    assert (row.shape, row.prompt) == ("pair", (ASKED,))
    assert (row.chosen, row.rejected) == (TEXT, "No.")


@pytest.mark.parametrize(
    "wishes", [["No rain.", "One gull."], '["No rain.", "One gull."]', "1. No rain.\n2. One gull."]
)
def test_suri_states_its_constraints_in_the_prompt(wishes: object, tmp_path: Path) -> None:
    row = only(
        tmp_path, {"instruction": ASKED.content, "constraints": wishes, "response": TEXT, "id": 7}
    )
    assert row.request == "Write of the sea.\n\n- No rain.\n- One gull."
    columns = row.provenance["columns"]
    assert columns == {"id": 7, "constraints": ["No rain.", "One gull."]}


def test_stepwise_and_prompt_only_rows(tmp_path: Path) -> None:
    steps = {"prompt": "Write.", "completions": ["One.", "Two."], "labels": [True, False]}
    assert only(tmp_path, steps).steps == (("One.", True), ("Two.", False))
    assert only(tmp_path, {"prompt": [USER]}).shape == "prompt"


def test_a_conversation_gives_its_last_answer(tmp_path: Path) -> None:
    row = only(tmp_path, {"messages": [USER, WORSE, USER, ANSWER], "system": "Be kind."})
    assert [message.role for message in row.prompt] == ["system", "user", "assistant", "user"]
    assert row.completion == TEXT


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"foo": 1}, "unknown shape"),
        ({"text": TEXT}, "no prompt"),
        ({"messages": [USER]}, "turns out of order"),
        ({"messages": [USER, USER, ANSWER]}, "turns out of order"),
        ({"messages": ["x"]}, "no prompt"),
        ({"prompt": "Write.", "completion": " "}, "no text"),
        ({"prompt": "Write.", "chosen": TEXT, "rejected": TEXT}, "chosen is rejected"),
        ({"prompt": "Write.", "completion": "No.", "label": False}, "marked as a bad answer"),
        ([1], "unreadable"),
    ],
)
def test_what_gives_no_row_says_why(row: object, reason: str, tmp_path: Path) -> None:
    assert dropped(tmp_path, row) == reason


def test_broken_lines_stand_among_the_others(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_bytes(b'{"prompt":"a"}\n{broken\n\n\xff\xfe\n{"prompt":"b"}\n')
    found = list(read_set(path))
    assert [type(one) for one in found] == [RawRow, BrokenRow, BrokenRow, RawRow]
    assert found[1].place == f"{path}:2" and found[3].place == f"{path}:5"


def test_a_json_list_is_streamed_and_one_that_breaks_off_is_told(tmp_path: Path) -> None:
    rows = [{"prompt": f"Write number {n}. ” ]}}"} for n in range(30_000)]
    path = tmp_path / "set.json"
    whole = json.dumps(rows, indent=1)
    path.write_text(whole, "utf-8")
    found = list(read_set(path))
    assert [one.columns for one in found if isinstance(one, RawRow)] == rows
    path.write_text(whole[: len(whole) // 2], "utf-8")
    *good, last = read_set(path)
    assert len(good) > 10_000 and isinstance(last, BrokenRow)


@given(rows=st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=9)), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_a_list_and_lines_hold_the_same_rows(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    (tmp_path / "a.json").write_text(json.dumps(rows), "utf-8")
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    a, b = ([one[1] for one in read_set(tmp_path / name)] for name in ("a.json", "b.jsonl"))
    assert a == b == rows


def test_a_folder_as_on_the_hub(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    for name in ("data/train-0.parquet", "data/train-1.parquet", ".cache/old.parquet"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        table = pyarrow.Table.from_pylist([{"messages": [USER, ANSWER], "name": name}])
        parquet.write_table(table, tmp_path / name)
    (tmp_path / "dataset_info.json").write_text('{"splits": {}}')
    (tmp_path / "README.md").write_text("# A set")
    found = list(read_set(tmp_path))
    assert [one.place for one in found] == [
        f"{tmp_path}/data/train-{shard}.parquet:1" for shard in (0, 1)
    ]
    rows = list(import_rows([f"{tmp_path}/data/*.parquet"]))
    assert all(isinstance(row, Row) and row.completion == TEXT for row in rows)


def test_a_folder_that_datasets_saved(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_list([{"prompt": "Write."}] * 3).save_to_disk(tmp_path / "set")
    assert [one[1] for one in read_set(tmp_path / "set")] == [{"prompt": "Write."}] * 3


def test_a_damaged_shard_stops_nothing(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 no parquet at all")
    (tmp_path / "b.jsonl").write_text('{"prompt": "Write."}\n')
    assert [type(one) for one in read_set(tmp_path)] == [BrokenRow, RawRow]


def test_what_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    for path in (tmp_path / "nowhere", tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(UsageError):
            read_set(path)
    with pytest.raises(UsageError, match="no such file"):
        list(import_rows([str(tmp_path / "*.parquet")]))


def test_parquet_without_its_reader_names_the_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.parquet").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"longwrite\[read\]"):
        read_set(tmp_path)
