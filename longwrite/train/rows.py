"""A set as a trainer takes it: rows read whatever their custom, encoded, measured, never cut.

TRL truncates in silence, and teaches to stop wherever a template ends a turn. So rows are encoded
here, with the end token exactly where a document ends (`longwrite.data.tokenised`), and what
doesn't fit is an error, or dropped and counted where that was asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from datasets import Dataset, IterableDataset, load_dataset, load_dataset_builder
from datasets import config as library

from longwrite.data.importers import make_row
from longwrite.data.rows import Drop, Row, Shape
from longwrite.data.tokenised import encode_completion, encode_pair, find_earlier_answers
from longwrite.errors import UsageError
from longwrite.runs.store import digest
from longwrite.text import count_words
from longwrite.train.settings import Method

_SHAPES: Mapping[Method, Shape] = {"sft": "completion", "dpo": "pair", "grpo": "prompt"}
_FILES = {".jsonl": "json", ".json": "json", ".parquet": "parquet", ".csv": "csv"}
_COLUMNS: Mapping[Method, str] = {
    "sft": "prompt and completion, or messages",
    "dpo": "prompt, chosen and rejected",
    "grpo": "prompt",
}
IGNORED = -100
"""A label that is not learned."""


@dataclass(frozen=True)
class Encoded:
    """A set's rows as token ids.

    Attributes:
        rows: With the trainer's columns.
        lengths: Tokens of each row; of pairs of the longer text, its prompt included.
        dropped: Rows left out, by reason.
        words_per_token: Over all texts; 0 where there are none.
        partial: Rows that don't teach to stop, for their text ends no document.
    """

    rows: Dataset
    lengths: Sequence[int]
    dropped: Mapping[str, int]
    words_per_token: float
    partial: int = 0

    @property
    def longest(self) -> int:
        """Tokens of the longest row, 0 of none."""
        return max(self.lengths, default=0)


def load_rows(name: str, config: str | None, split: str, method: Method) -> Dataset:
    """Return a set's raw rows.

    Args:
        name: A folder that `load_dataset` reads (such as one that `longwrite data build` made), a
            JSONL, JSON, CSV or Parquet file, or a name on the Hub.
        config: Which of its configs; by default that of the method, where it has one.
        split: Which split.
        method: Which trainer it is for.

    Raises:
        UsageError: It can't be read, or has no rows.
    """
    path = Path(name)
    try:
        if path.is_file():
            if path.suffix not in _FILES:
                mend = f"Give one of {', '.join(_FILES)}, or a folder."
                raise UsageError(f"{name} can't be read", f"'{path.suffix}' is no set", mend)
            found = load_dataset(_FILES[path.suffix], data_files=str(path), split="train")
        elif not path.exists() and (path.suffix in _FILES or path.is_absolute()):
            raise UsageError(
                f"The set {name} can't be read", "there is no such file", "See the name."
            )
        else:
            chosen = config or _find_config(path, method)
            cache = _find_cache(path, chosen) if path.is_dir() else None
            found = load_dataset(name, chosen, split=split, cache_dir=cache)
    except UsageError:
        raise
    except Exception as error:  # the library raises its own, its parsers' and the Hub's
        said = " ".join(str(error).split())[:300]
        raise UsageError(f"The set {name} can't be read", said, "Check name and config.") from error
    if isinstance(found, IterableDataset) or not len(found):
        raise UsageError(f"The set {name} has no rows", "", "Build it again, or name another.")
    return found


def _find_config(path: Path, method: Method) -> str | None:
    return method if (path / method).is_dir() else None


def _find_cache(folder: Path, config: str | None) -> str:
    """Return where the library may keep the rows that a folder holds now.

    By itself it finds the rows of another folder of the same name, or those that stood here before,
    for of a folder with a card it looks at name and card alone.
    """
    files = load_dataset_builder(str(folder.resolve()), config).config.data_files or {}
    known = (
        f"{one} {when}"
        for part in files.values()
        for one, when in zip(part, part.origin_metadata, strict=True)
    )
    return str(library.HF_DATASETS_CACHE / f"longwrite-{digest(*known)[:16]}")


def encode_rows(
    raw: Dataset,
    tokenizer: Any,
    method: Method,
    *,
    most: int | None = None,
    allow_drop: bool = False,
    learn_prompts: bool = False,
    learn_answers: bool = False,
    learn_turn_ends: bool = False,
    processes: int | None = None,
) -> Encoded:
    """Return the rows of a set as token ids.

    Args:
        raw: See `load_rows`.
        tokenizer: Of the model.
        method: Which trainer.
        most: Tokens that a row may have; None for any number.
        allow_drop: Whether rows that can't be used are dropped and counted.
        learn_prompts: Whether the prompt is learned as well (``sft``).
        learn_answers: Whether the earlier answers of a conversation are learned as well.
        learn_turn_ends: Whether an answer ends with its turn where its document goes on.
        processes: That do the work.

    Raises:
        UsageError: A row can't be used, and dropping wasn't allowed.
    """
    encode = _Encoder(tokenizer, method, learn_prompts, learn_answers, learn_turn_ends)
    found = raw.map(
        encode,
        with_indices=True,
        num_proc=processes,
        remove_columns=raw.column_names if method != "grpo" else None,
        desc="Encoding",
    )
    lengths, faults = found["_tokens"], found["_fault"]
    reasons = [
        fault or (f"longer than {most:,} tokens" if most and length > most else "")
        for fault, length in zip(faults, lengths, strict=True)
    ]
    dropped = Counter(reason.partition(":")[0] for reason in reasons if reason)
    if dropped and not allow_drop:
        place = next(place for place, reason in enumerate(reasons) if reason)
        total = sum(dropped.values())
        why = f"row {place}: {reasons[place]}; longest row {max(lengths):,} tokens"
        mend = "Mend the set, or drop such rows with --allow-drop; they are counted."
        if len(dropped) == 1 and "longer than" in reasons[place]:
            mend = "Use a model with a larger window or raise max_length, or --allow-drop."
        raise UsageError(f"{total:,} of {len(raw):,} rows can't be trained on", why, mend)
    kept = [place for place, reason in enumerate(reasons) if not reason]
    if not kept:
        first = next(iter(dropped))
        why = f"{first}; wanted are the columns {_COLUMNS[method]}"
        raise UsageError("No row of the set can be trained on", why, "Give another set.")
    if dropped:
        found = found.select(kept)
    words, tokens = sum(found["_words"]), sum(found["_tokens"])
    lengths, partial = list(found["_tokens"]), sum(found["_partial"])
    found = found.remove_columns(["_tokens", "_fault", "_words", "_partial"])
    return Encoded(found, lengths, dropped, words / tokens if tokens else 0.0, partial)


@dataclass(frozen=True)
class _Encoder:
    """One raw row to a trainer's columns, its fault, its tokens and its words."""

    tokenizer: Any
    method: Method
    learn_prompts: bool
    learn_answers: bool
    learn_turn_ends: bool

    def __call__(self, columns: Mapping[str, Any], place: int) -> dict[str, Any]:
        """Return the columns; of a row at fault they are empty."""
        row = make_row(columns, str(place))
        try:
            if isinstance(row, Drop):
                raise UsageError("", f"{row.reason}: {row.detail}" if row.detail else row.reason)
            if row.shape != _SHAPES[self.method]:
                why = f"its shape is '{row.shape}'"
                raise UsageError("", f"{why}, wanted are {_COLUMNS[self.method]}")
            ends = self.learn_turn_ends or columns.get("ends") is not False
            row = replace(row, ends=ends)
            return {
                **self._encode(row), "_fault": "", "_words": _count(row), "_partial": not ends
            }  # fmt: skip
        except UsageError as error:
            return {
                **self._empty(),
                "_fault": error.why or str(error),
                "_words": 0,
                "_partial": False,
            }

    def _encode(self, row: Row) -> dict[str, Any]:
        if self.method == "sft":
            ids = encode_completion(self.tokenizer, row)
            prompt, completion = ids["prompt_ids"], ids["completion_ids"]
            whole, places = prompt + completion, list[slice]()
            if self.learn_answers:
                whole, places = find_earlier_answers(self.tokenizer, row)
            asked = whole[: len(whole) - len(completion)]
            labels = (asked if self.learn_prompts else [IGNORED] * len(asked)) + completion
            for place in places:
                labels[place] = whole[place]
            return {"input_ids": whole, "labels": labels, "_tokens": len(whole)}
        if self.method == "dpo":
            pair = encode_pair(self.tokenizer, row)
            answer = max(len(pair["chosen_ids"]), len(pair["rejected_ids"]))
            return {**pair, "_tokens": len(pair["prompt_ids"]) + answer}
        turns = [{"role": one.role, "content": one.content} for one in row.prompt]
        shown = self.tokenizer.apply_chat_template(turns, add_generation_prompt=True)
        ids = shown["input_ids"] if isinstance(shown, Mapping) else shown
        return {"prompt": turns, "_tokens": len(ids)}

    def _empty(self) -> dict[str, Any]:
        names = {
            "sft": ("input_ids", "labels"),
            "dpo": ("prompt_ids", "chosen_ids", "rejected_ids"),
            "grpo": ("prompt",),
        }
        return {**{name: [] for name in names[self.method]}, "_tokens": 0}


def _count(row: Row) -> int:
    texts = [message.content for message in row.prompt]
    texts.append(max(row.completion or row.chosen, row.rejected, key=len))
    return sum(count_words(text) for text in texts)
