"""An adapter merged into its base: a whole folder that transformers and vLLM load.

The sum is made in single precision and rounded once, when it is written: in half precision a small
change is mostly lost to the rounding of the weight that it is added to. Nothing stands in the
output folder before it was loaded again and answered as base and adapter do together.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from longwrite.errors import EngineError, UsageError
from longwrite.train.model_card import card_of_merged

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
CARRIED = ("countdown.json",)
"""Files beside an adapter that belong to the model."""

DTYPES = ("float32", "bfloat16", "float16")
EXACT = 1e-3
"""Of the logits' spread: what sums in another order may differ by."""
ROUGH = 0.5
"""Likewise what rounded weights may differ by: no number that is lost or too large passes it."""
_NEW_TOKENS = 12
_PROMPT = "Write a short note about the tide."
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "tokenizer_config.json")


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a merge; differences of logits are the largest, over their spread.

    Attributes:
        folder: The whole model.
        base: What the adapter was merged into.
        dtype: Of the weights.
        effect: How far the adapter moves the base's logits.
        rounding: How far the written weights move them from base and adapter together.
        greedy: Whether the written model continues a prompt with the same tokens.
        notes: What a person has to know, a sentence each.
    """

    folder: Path
    base: str
    dtype: str
    effect: float
    rounding: float
    greedy: bool
    notes: tuple[str, ...] = ()


def merge_adapter(
    adapter: Path,
    output: Path,
    *,
    base: str | None = None,
    dtype: str | None = None,
    low_memory: bool = False,
    force: bool = False,
) -> Merged:
    """Merge an adapter into its base, write the whole model, and check it.

    Args:
        adapter: A folder as peft saves it.
        output: Of the whole model: config, tokenizer, generation config, safetensors.
        base: Folder or name of the base; None for the one that the adapter names.
        dtype: Of the written weights; None for the base's own.
        low_memory: Add in the base's own precision, in half the memory or less.
        force: Replace a model that stands in the output folder.

    Raises:
        UsageError: There is no adapter, its base is missing or another one, or the output folder
            can't be used.
        EngineError: torch, transformers or peft are missing, or the merged model answers otherwise.
    """
    recorded = _read_adapter(adapter)
    name = base or str(recorded.get("base_model_name_or_path") or "")
    _check_output(output, (adapter, Path(name)), force)
    if dtype is not None and dtype not in DTYPES:
        raise UsageError(f"There is no dtype '{dtype}'", mend=f"Use {', '.join(DTYPES)}.")
    torch, transformers, peft = _import()
    part = output.with_name(f".{output.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    with _quietly(transformers):
        model, own = _load_base(name, adapter, low_memory, torch, transformers)
        kept, exact = dtype or own, model.dtype
        tokenizer = _load_tokenizer(adapter, name, transformers)
        _check_room(output, model, kept)
        ids = _make_prompt(tokenizer, model)
        whole = _attach(model, adapter, name, peft)
        with whole.disable_adapter():
            bare = _logits(whole, ids, torch)
        together, said = _logits(whole, ids, torch), _continue(whole, ids, torch)
        merged = whole.merge_and_unload()
        _check(together, _logits(merged, ids, torch), ROUGH if low_memory else EXACT, "the sum")
        _cast(merged, getattr(torch, kept))
        _cast(merged, exact)
        rounded = _logits(merged, ids, torch)
        rounding = _check(together, rounded, ROUGH, f"weights rounded to {kept}")
        _cast(merged, getattr(torch, kept))
        _teach_to_stop(merged, tokenizer)
        try:
            _write(merged, tokenizer, adapter, part)
            again = _load_again(part, exact, transformers)
            _check(rounded, _logits(again, ids, torch), EXACT, "the written folder")
            greedy = _continue(again, ids, torch) == said
            _move(part, output)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    effect = _distance(bare, together)
    notes = tuple(_make_notes(recorded, base, tokenizer, effect, rounding, kept))
    return Merged(output, name, kept, effect, rounding, greedy, notes)


# --- what is there -------------------------------------------------------------------------------


def _read_adapter(folder: Path) -> dict[str, Any]:
    what = f"{folder} can't be merged"
    if not folder.is_dir():
        why = "it is a file" if folder.exists() else "there is no such folder"
        raise UsageError(what, why, "Give the folder that a LoRA training saved.")
    if not (folder / CONFIG).is_file():
        if (folder / "config.json").is_file():
            raise UsageError(what, "it holds a whole model already", "Use it as it is.")
        found = sorted(path.parent.name for path in folder.glob(f"*/{CONFIG}"))
        mend = f"Give one of its folders: {', '.join(found[:5])}." if found else _MEND_ADAPTER
        raise UsageError(what, f"it has no {CONFIG}", mend)
    try:
        recorded = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        recorded = None
    if not isinstance(recorded, dict) or not isinstance(recorded.get("peft_type"), str):
        raise UsageError(what, f"its {CONFIG} says of no adapter", _MEND_ADAPTER)
    if recorded.get("megatron_config"):
        raise UsageError(what, "it is made for Megatron", "Merge it where it was trained.")
    if not (folder / WEIGHTS).is_file():
        if (folder / "adapter_model.bin").is_file():
            why = "its weights are pickles, which can run any code when they are loaded"
            raise UsageError(what, why, "Save it as safetensors.")
        raise UsageError(what, f"it has no {WEIGHTS}", _MEND_ADAPTER)
    return recorded


_MEND_ADAPTER = "Give the folder that a LoRA training saved, such as OUTPUT/checkpoint-100."


def _check_output(output: Path, others: tuple[Path, ...], force: bool) -> None:
    what = f"{output} can't be written"
    if any(output.resolve() == other.expanduser().resolve() for other in others):
        raise UsageError(what, "it is what is merged", "Name another folder with -o.")
    if output.exists() and not output.is_dir():
        raise UsageError(what, "it is a file", "Name a folder with -o.")
    if output.is_dir() and any(output.iterdir()):
        if not force:
            raise UsageError(what, "it isn't empty", "Name another folder, or add --force.")
        if not (output / "config.json").is_file():
            raise UsageError(what, "it holds no model that could be replaced", "Name another.")
    parent = output.resolve().parent
    if not parent.is_dir():
        raise UsageError(what, f"there is no folder {parent}", "Make it, or name another.")


def _import() -> tuple[Any, Any, Any]:
    try:
        return import_module("torch"), import_module("transformers"), import_module("peft")
    except ImportError as error:
        mend = "Run: pip install 'longwrite[local,train]'"
        raise EngineError("Can't merge an adapter", str(error), mend) from None


@contextmanager
def _quietly(transformers: Any) -> Iterator[None]:
    """Keep bars and warnings away: what they warn of is checked here."""
    bars = transformers.utils.logging
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if shown:
            bars.enable_progress_bar()


# --- base, tokenizer, adapter --------------------------------------------------------------------


def _load_base(
    name: str, adapter: Path, low_memory: bool, torch: Any, transformers: Any
) -> tuple[Any, str]:
    """Return the base, ready for the adapter's vocabulary, and the name of its weights' dtype."""
    what = f"The base of {adapter} can't be loaded"
    mend = "Name its folder, or its name on the Hub, with --base."
    if not name:
        raise UsageError(what, "the adapter names none", mend)
    path = Path(name).expanduser()
    if name.startswith((".", "/", "~")) and not path.is_dir():
        raise UsageError(what, f"there is no folder {name}", mend)
    if path.is_dir() and not (path / "config.json").is_file():
        raise UsageError(what, f"{name} holds no model", mend)
    source = path if path.is_dir() else name
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            source, dtype="auto", use_safetensors=True, trust_remote_code=False
        )
    except Exception as error:  # a broken or absent model fails in countless ways
        raise UsageError(what, _said(error), mend) from None
    if getattr(model.config, "quantization_config", None) is not None:
        raise UsageError(
            what,
            "its weights are quantised, and the sum would be too",
            "Name the same model in full precision with --base.",
        )
    own = str(model.dtype).removeprefix("torch.")
    if own not in DTYPES:
        raise UsageError(what, f"its weights are {own}", mend)
    model = (model if low_memory else model.to(torch.float32)).eval()
    rows = _count_rows(adapter)
    if rows is not None and rows != model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(rows)
    return model, own


def _count_rows(adapter: Path) -> int | None:
    """Return how many tokens an adapter has embeddings for; None where it changes none of them."""
    from safetensors import safe_open

    try:
        with safe_open(adapter / WEIGHTS, "pt") as file:
            names = file.keys()
            for name in names:
                if name.endswith("embed_tokens.weight"):
                    return int(file.get_slice(name).get_shape()[0])
    except Exception as error:  # what safetensors raises is its own
        raise UsageError(
            f"{adapter} can't be merged", f"{WEIGHTS}: {_said(error)}", _MEND_ADAPTER
        ) from None
    return None


def _load_tokenizer(adapter: Path, base: str, transformers: Any) -> Any:
    """Return the tokenizer that was trained with, else the base's."""
    own = any((adapter / name).is_file() for name in _TOKENIZER_FILES)
    path = Path(base).expanduser()
    source = adapter if own else path if path.is_dir() else base
    try:
        return transformers.AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except Exception as error:
        mend = "Save the tokenizer that it was trained with to the same folder."
        raise UsageError(f"The tokenizer of {source} can't be loaded", _said(error), mend) from None


def _attach(model: Any, adapter: Path, base: str, peft: Any) -> Any:
    """Return base and adapter together; one that was trained on another base is refused."""
    try:
        whole = peft.PeftModel.from_pretrained(model, adapter).eval()
        loaded = whole.load_adapter(adapter, "default")
    except Exception as error:  # peft raises what torch, safetensors and its own checks do
        said = _said(error)
        if "size mismatch" in said or "not found in the base model" in said:
            raise _misfit(adapter, base, said) from None
        raise UsageError(f"{adapter} can't be merged", said, _MEND_ADAPTER) from None
    if lacking := (*loaded.missing_keys, *loaded.unexpected_keys):
        raise _misfit(adapter, base, f"{len(lacking)} weights have no partner, {lacking[0]} first")
    if not hasattr(whole, "merge_and_unload") or whole.active_peft_config.is_prompt_learning:
        kind = str(whole.active_peft_config.peft_type.value)
        raise UsageError(
            f"{adapter} can't be merged", f"an adapter of the kind {kind} has no weights to add"
        )
    return whole


def _misfit(adapter: Path, base: str, said: str) -> UsageError:
    return UsageError(
        f"{adapter} doesn't fit {base}",
        f"it was trained on another model ({said[:200]})",
        "Name the right one with --base.",
    )


# --- checks --------------------------------------------------------------------------------------


def _make_prompt(tokenizer: Any, model: Any) -> Any:
    """Return token ids of a short prompt, shape (1, tokens)."""
    import torch

    rows = model.get_input_embeddings().weight.shape[0]
    if getattr(tokenizer, "chat_template", None):
        turns = [{"role": "user", "content": _PROMPT}]
        ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False)
    else:
        ids = tokenizer(_PROMPT)["input_ids"]
    if max(len(tokenizer), max(ids) + 1) > rows:
        raise UsageError(
            "The tokenizer doesn't fit the model",
            f"it knows {len(tokenizer):,} tokens, and the model has embeddings for {rows:,}",
            "Name the base that it was trained with by --base.",
        )
    return torch.tensor([ids])


def _cast(model: Any, dtype: Any) -> None:
    """Turn the weights to a dtype, and nothing else: buffers stay as a loaded model has them."""
    for weight in model.parameters():
        weight.data = weight.data.to(dtype)


def _logits(model: Any, ids: Any, torch: Any) -> Any:
    with torch.inference_mode():
        return model(ids).logits[0].float()


def _continue(model: Any, ids: Any, torch: Any) -> list[int]:
    """Return the tokens that a model continues a prompt with, the likeliest each time."""
    with torch.inference_mode():
        for _ in range(_NEW_TOKENS):
            best = model(ids).logits[:, -1].argmax(-1, keepdim=True)
            ids = torch.cat((ids, best), dim=1)
    return [int(token) for token in ids[0, -_NEW_TOKENS:]]


def _distance(one: Any, other: Any) -> float:
    """Return the largest difference of two sets of logits over the spread of the first."""
    return float((one - other).abs().max() / one.std().clamp_min(1e-6))


def _check(wanted: Any, found: Any, limit: float, what: str) -> float:
    distance = _distance(wanted, found)
    # Written so that a NaN fails.
    if not distance <= limit:
        raise EngineError(
            "The merged model answers otherwise than base and adapter do",
            f"the logits of {what} differ by {distance:.3g} of their spread, {limit:g} is allowed",
            "Nothing was written. Try --dtype float32, or use the adapter unmerged.",
        )
    return distance


# --- the folder ----------------------------------------------------------------------------------


def _check_room(output: Path, model: Any, dtype: str) -> None:
    size = 4 if dtype == "float32" else 2
    needed = size * sum(one.numel() for one in model.parameters())
    free = shutil.disk_usage(output.resolve().parent).free
    if free < 1.02 * needed:
        raise UsageError(
            f"{output} can't be written",
            f"it needs {needed / 1e9:,.1f} GB, and {free / 1e9:,.1f} GB are free",
            "Make room, or name a folder on another disk.",
        )


def _teach_to_stop(model: Any, tokenizer: Any) -> None:
    """Add the token that the tokenizer ends a text with to those that end a generation."""
    config = model.generation_config
    told = config.eos_token_id
    known = told if isinstance(told, list) else [] if told is None else [told]
    own = tokenizer.eos_token_id
    if own is not None and own not in known:
        config.eos_token_id = [own, *known]
    if config.pad_token_id is None:
        config.pad_token_id = tokenizer.pad_token_id
    try:
        config.validate(strict=True)
    except ValueError:
        # Many models set a temperature without sampling, which transformers refuses to write.
        config.do_sample = True


def _write(model: Any, tokenizer: Any, adapter: Path, part: Path) -> None:
    try:
        part.mkdir(parents=True)
        model.save_pretrained(part, safe_serialization=True)
        tokenizer.save_pretrained(part)
        for name in CARRIED:
            if (adapter / name).is_file():
                shutil.copyfile(adapter / name, part / name)
        card = adapter / "README.md"
        text = card_of_merged(card.read_text("utf-8", "replace")) if card.is_file() else None
        if text is not None:
            (part / "README.md").write_text(text, encoding="utf-8")
    except Exception as error:  # safetensors tells a full disk by an error of its own
        raise UsageError(
            f"{part.parent} can't be written", _said(error), "Make room, then merge again."
        ) from None


def _load_again(part: Path, dtype: Any, transformers: Any) -> Any:
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(
            part, dtype=dtype, use_safetensors=True, local_files_only=True
        )
        transformers.AutoTokenizer.from_pretrained(part, local_files_only=True)
        return model.eval()
    except Exception as error:
        raise EngineError("The merged model can't be loaded again", _said(error)) from None


def _move(part: Path, output: Path) -> None:
    """Put the new files in their place; of a model that stood there no weight is left."""
    try:
        if not output.is_dir() or not any(output.iterdir()):
            shutil.rmtree(output, ignore_errors=True)
            part.rename(output)
            return
        for stale in (*output.glob("*.safetensors"), *output.glob("*.safetensors.index.json")):
            stale.unlink()
        for path in part.iterdir():
            path.replace(output / path.name)
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(f"{output} can't be written", why, "Name another folder.") from error


def _make_notes(
    recorded: dict[str, Any],
    base: str | None,
    tokenizer: Any,
    effect: float,
    rounding: float,
    dtype: str,
) -> Iterator[str]:
    named = str(recorded.get("base_model_name_or_path") or "")
    if base and named and Path(base).name != Path(named).name:
        yield f"The adapter names another base, {named[:200]}; its shapes fit this one."
    if effect < EXACT:
        yield "The adapter changes nothing: its weights are as they were before training."
    elif rounding > effect / 2:
        yield f"Rounding to {dtype} moves it half as far as the adapter does: see --dtype float32."
    if not getattr(tokenizer, "chat_template", None):
        yield "The tokenizer has no chat template, which most servers ask for."


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:400]
