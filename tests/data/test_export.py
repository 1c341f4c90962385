"""The finished set: Parquet that TRL and datasets load, the same bytes for the same rows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from longwrite.data import export as module
from longwrite.data.card import write_card
from longwrite.data.export import export
from longwrite.data.labels import verify
from longwrite.data.ledger import Ledger, Made, decode_row, encode_row
from longwrite.data.rows import Drop, Row
from longwrite.data.selection import Selection
from longwrite.errors import UsageError
from longwrite.types import Constraint, Message

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

PROMPT = (Message("user", 'Write at least 5 words about salt. Mention "brine".'),)
MENTION = Constraint("mention", {"text": "brine"})


def make_rows() -> list[Row]:
    """Return one row of each shape."""
    known: dict[str, Any] = {"language": "en", "genre": "essay", "provenance": {"source": "a:1"}}
    rows = [
        Row("a", "completion", PROMPT, "Salt is won from brine.", constraints=(MENTION,), **known),
        Row(
            "b", "pair", (*PROMPT, Message("assistant", "One."), Message("user", "Go on.")),
            chosen="Brine is boiled.", rejected="Water is boiled.", ends=False, broken=MENTION,
            **known,
        ),
        Row("c", "prompt", PROMPT, constraints=(), target=5, **known),
        Row("d", "steps", PROMPT, steps=(("Salt.", True), ("Pepper.", False)), **known),
    ]  # fmt: skip
    verified = [verify(row) for row in rows]
    assert not any(isinstance(row, Drop) for row in verified), verified
    return [row for row in verified if isinstance(row, Row)]


def write(folder: Path, rows: list[Row]) -> dict[str, int]:
    """Export rows, each a unit of its own."""
    made = [Made(row.id, place, (row,)) for place, row in enumerate(rows)]
    return export(made, folder, Selection({}))


def hash_files(folder: Path) -> dict[str, str]:
    """Return the hash of each file of the set's data."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted((folder / "data").rglob("*.parquet"))
    }


def test_each_shape_is_a_config_with_trl_s_columns(tmp_path: Path) -> None:
    import pyarrow.parquet as parquet

    assert write(tmp_path, make_rows()) == {"sft": 1, "dpo": 1, "grpo": 1, "stepwise": 1}
    rows = {
        name: parquet.read_table(tmp_path / "data" / name).to_pylist()[0]
        for name in ("sft", "dpo", "grpo", "stepwise")
    }
    assert rows["sft"]["prompt"] == [{"role": "user", "content": PROMPT[0].content}]
    assert rows["sft"]["completion"] == [
        {"role": "assistant", "content": "Salt is won from brine."}
    ]
    (label,) = json.loads(rows["sft"]["constraints"])
    assert label["kind"] == "mention" and label["holds"] is True and label["checker"]
    assert rows["sft"]["words"] == 5
    assert [turn["role"] for turn in rows["dpo"]["prompt"]] == ["user", "assistant", "user"]
    assert rows["dpo"]["ends"] is False
    assert json.loads(rows["dpo"]["broken"])["params"] == {"text": "brine"}
    assert rows["stepwise"]["completions"] == ["Salt.", "Pepper."]
    assert rows["stepwise"]["labels"] == [True, False]
    assert all("messages" not in row for row in rows.values())


def test_the_same_rows_are_the_same_bytes_and_old_ones_are_replaced(tmp_path: Path) -> None:
    write(tmp_path / "one", make_rows())
    write(tmp_path / "two", make_rows()[:1])
    write(tmp_path / "two", make_rows())
    assert hash_files(tmp_path / "one") == hash_files(tmp_path / "two")


def test_large_sets_are_several_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARD_BYTES", 500)
    row = make_rows()[0]
    write(tmp_path, [replace(row, id=str(number)) for number in range(30)])
    names = [path.name for path in sorted((tmp_path / "data" / "sft").iterdir())]
    assert len(names) > 2
    assert names[0] == f"train-00000-of-{len(names):05d}.parquet"


def test_datasets_loads_each_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "set"
    write(folder, make_rows())
    write_card(folder)
    for name in ("sft", "dpo", "grpo", "stepwise"):
        loaded = datasets.load_dataset(
            str(folder), name, split="train", cache_dir=str(tmp_path / "cache")
        )
        assert len(loaded) == 1
    streamed = datasets.load_dataset(str(folder), "sft", split="train", streaming=True)
    assert next(iter(streamed))["language"] == "en"


def test_datasets_tells_two_sets_of_one_name_apart(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")

    def load(place: str, text: str) -> str:
        folder = tmp_path / place / "set"
        write(folder, [replace(make_rows()[0], completion=text)])
        write_card(folder)
        loaded = datasets.load_dataset(
            str(folder), "sft", split="train", cache_dir=str(tmp_path / "cache")
        )
        return str(loaded[0]["completion"])

    assert "salt" in load("one", "Tell of salt.")
    assert "wool" in load("other", "Tell of wool.")
    assert "silk" in load("one", "Tell of silk.")


def test_the_card_tells_lengths_labels_and_origin_and_takes_no_markup(tmp_path: Path) -> None:
    row = replace(make_rows()[0], genre="<b>|x|</b>")
    write(tmp_path, [row])
    text = write_card(tmp_path).read_text(encoding="utf-8")
    assert "config_name: sft" in text and "data/sft/train-*.parquet" in text
    assert "| mention | 1 | 0 |" in text
    assert "<b>" not in text
    before = text
    assert write_card(tmp_path).read_text(encoding="utf-8") == before


def test_a_folder_without_a_set_has_no_card(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no finished set"):
        write_card(tmp_path)


def test_rows_survive_the_ledger_and_damage_is_as_if_absent(tmp_path: Path) -> None:
    rows = make_rows()
    assert [decode_row(json.loads(json.dumps(encode_row(row)))) for row in rows] == rows
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put("f", [Made("u", 0, tuple(rows), (Drop("x", "label", "false"),))])
    assert ledger.find("u", "f", 3) and not ledger.find("u", "g", 3)
    (made,) = ledger.list_made()
    assert made.rows == tuple(rows) and made.place == 3
    ledger._db.execute("UPDATE units SET body=replace(body, 'brine', 'wine')")
    assert list(ledger.list_made()) == [] and ledger.get("u") is None
    ledger.close()
