"""A small real model for the engine that needs no torch."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines.nano_folder import make_folder


@pytest.fixture(scope="session")
def nano_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model folder as `NanoEngine` opens it, its weights random."""
    pytest.importorskip("tokenizers")
    return make_folder(tmp_path_factory.mktemp("nano") / "small")
