"""Embeddings from a model folder, for the one measure that wants them.

Any encoder or language model in transformers' format gives a vector for a passage: the mean of what
its last layer says of the passage's tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from longwrite.engines.folder import check_weights
from longwrite.errors import EngineError

_ROWS = 16
"""Passages that are read at once."""


class Embedder:
    """Turns passages into vectors; nothing is downloaded.

    Args:
        folder: A model and its tokenizer, with safetensors weights.
        tokens: Tokens of a passage that are read, at most.

    Raises:
        EngineError: The folder can't be used, or transformers isn't installed.
    """

    def __init__(self, folder: Path, tokens: int = 512) -> None:
        """Load the model."""
        what = f"can't embed with the model in {folder}"
        if not folder.is_dir():
            raise EngineError(what, "there is no such folder", "Give a folder with config.json")
        check_weights(folder, what)
        try:
            transformers: Any = import_module("transformers")
            self._torch: Any = import_module("torch")
        except ImportError as error:
            raise EngineError(what, str(error), "Run: pip install 'longwrite[local]'") from None
        safely = {"local_files_only": True, "trust_remote_code": False}
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **safely)
            self._model = transformers.AutoModel.from_pretrained(
                folder, use_safetensors=True, **safely
            ).eval()
        except Exception as error:  # a broken folder fails in countless ways
            why = " ".join(f"{type(error).__name__}: {error}"[:500].split())
            raise EngineError(what, why, "Check the folder") from None
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        longest = getattr(self._model.config, "max_position_embeddings", tokens)
        self._tokens = min(tokens, int(longest))

    def __call__(self, passages: Sequence[str]) -> NDArray[np.float32]:
        """Return a vector for each passage, shape (passages, hidden size)."""
        found = []
        for start in range(0, len(passages), _ROWS):
            rows = self._tokenizer(
                list(passages[start : start + _ROWS]), return_tensors="pt", padding=True,
                truncation=True, max_length=self._tokens, padding_side="right",
            )  # fmt: skip
            inputs = {name: rows[name] for name in ("input_ids", "attention_mask")}
            with self._torch.inference_mode():
                hidden = self._model(**inputs).last_hidden_state
            mask = inputs["attention_mask"][..., None].to(hidden.dtype)
            mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
            found.append(mean.float().numpy())
        return np.concatenate(found)
