"""A model folder gives vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from longwrite.embedding import Embedder
from longwrite.errors import EngineError


def test_passages_become_vectors_whatever_stands_beside_them(tiny_model: Path) -> None:
    embed = Embedder(tiny_model)
    passages = ["The sea was calm.", "", "Boats lay in the harbour until noon, and nobody spoke."]
    found = embed(passages)
    assert found.shape == (3, 64)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[2], embed(passages[2:])[0], atol=1e-5)


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no such folder"):
        Embedder(tmp_path / "none")
    with pytest.raises(EngineError, match="no safetensors weights"):
        Embedder(tmp_path)
