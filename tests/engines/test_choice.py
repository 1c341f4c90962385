"""Which engine writes: an option, then the environment, then a config file, and never a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from longwrite.engines.choice import (
    Choice,
    choose_model,
    config_path,
    describe,
    is_folder,
    is_kind,
    open_engine,
    read_config,
)
from longwrite.engines.scripted import ScriptedEngine
from longwrite.errors import EngineError, UsageError

Configure = Callable[[str | bytes], Path]


@pytest.fixture(autouse=True)
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Begin without environment and config; return what writes a config file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("LONGWRITE_MODEL", "LONGWRITE_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "LONGWRITE_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/secret")

    def write(content: str | bytes) -> Path:
        path = config_path()
        path.parent.mkdir(parents=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_a_key_in_the_environment_chooses_nothing_and_the_embedded_model_writes() -> None:
    assert choose_model(None, None) == ("nano", "")


def test_a_server_without_a_model_is_asked_about() -> None:
    with pytest.raises(
        UsageError, match="No model of the server http://here/v1 is chosen"
    ) as caught:
        choose_model(None, "http://here/v1")
    assert "http://here/v1/models" in caught.value.mend


def test_option_then_environment_then_config(
    configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("model: from-config\nbase_url: http://config\n")
    assert choose_model(None, None) == ("from-config", "http://config")
    assert choose_model(None, "http://option") == ("from-config", "http://option")
    monkeypatch.setenv("LONGWRITE_MODEL", "from-environment")
    assert choose_model(None, None) == ("from-environment", "")
    monkeypatch.setenv("LONGWRITE_BASE_URL", "http://environment")
    assert choose_model(None, None) == ("from-environment", "http://environment")
    assert choose_model("from-option", None) == ("from-option", "http://environment")
    assert choose_model("from-option", "http://option") == ("from-option", "http://option")


@pytest.mark.parametrize("content", ["", "# nothing\n", "other: 1\n", "model:\n"])
def test_a_config_without_a_model_names_none(configure: Configure, content: str) -> None:
    configure(content)
    assert choose_model(None, None) == ("nano", "")


@pytest.mark.parametrize("content", ["- a\n", "text", "a: b: c", b"\xff\xfe\x00", "!!python/x y"])
def test_a_config_that_is_none_is_a_usage_error(configure: Configure, content: str | bytes) -> None:
    configure(content)
    with pytest.raises(UsageError, match=r"config\.yaml"):
        choose_model(None, None)


def test_a_config_folder_is_a_usage_error() -> None:
    config_path().mkdir(parents=True)
    with pytest.raises(UsageError, match="can't be read"):
        read_config()


def test_kinds_and_folders_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "models" / "tiny").mkdir(parents=True)
    assert is_kind("scripted", "scripted") and is_kind("scripted:spread=1", "scripted")
    assert not is_kind("scripted-v2", "scripted")
    assert all(map(is_folder, ("./tiny", "../tiny", "/tiny", "~/tiny", "models/tiny")))
    assert not any(map(is_folder, ("Qwen/Qwen3-8B", "gpt-5", "tiny")))


def test_the_scripted_engine_is_opened_with_its_options() -> None:
    engine = asyncio.run(open_engine(Choice("scripted:spread=0.3,window=5000")))
    assert isinstance(engine, ScriptedEngine)
    assert (engine.rule.spread, engine.abilities.window) == (0.3, 5_000)
    with pytest.raises(UsageError, match="no option"):
        asyncio.run(open_engine(Choice("scripted:sprd=1")))


def test_a_name_without_a_server_is_an_engine_error() -> None:
    with pytest.raises(EngineError, match="can't be reached") as caught:
        asyncio.run(open_engine(Choice("Qwen/Qwen3-8B")))
    assert "--base-url" in caught.value.mend


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises((EngineError, UsageError), match="nothing-here"):
        asyncio.run(open_engine(Choice(str(tmp_path / "nothing-here"))))


def test_readers_of_scripted_prose_are_told_what_it_is() -> None:
    assert "scripted engine" in describe("scripted:seed=1")
    assert describe("Qwen/Qwen3-8B") == ""
