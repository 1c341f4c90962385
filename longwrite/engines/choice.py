"""Which engine writes: one option decides, then the environment, then a config file, else nano.

``nano``, ``scripted[:options]``, a folder of weights, ``vllm:NAME``, or any name together with a
base URL. A key that lies in the environment chooses nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from longwrite import strict_yaml
from longwrite.engines.engine import Engine
from longwrite.errors import EngineError, UsageError


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine as chosen, not yet opened.

    Attributes:
        model: What stands in ``--model``.
        base_url: Of an OpenAI-compatible server; empty for the other kinds.
        key_file: File that holds the key; the key itself is never kept.
        window: Tokens, where the engine's own figure is not to be used.
        vllm_python: Interpreter that has vLLM.
        in_flight: Calls at the same time.
    """

    model: str
    base_url: str = ""
    key_file: str = ""
    window: int | None = None
    vllm_python: str = ""
    in_flight: int = 16


def config_path() -> Path:
    """Return where the config file is looked for; nowhere, where the user has no home."""
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(base) / "longwrite" / "config.yaml"


def read_config() -> dict[str, object]:
    """Return the config file's values; empty when there is none.

    Raises:
        UsageError: It is no YAML mapping.
    """
    path = config_path()
    try:
        data = strict_yaml.load(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read", " ".join(str(error).split())) from error
    if data is not None and not isinstance(data, dict):
        raise UsageError(f"{path} is no config", "it is no YAML mapping", "Write 'model: NAME'.")
    return data or {}


def choose_model(model: str | None, base_url: str | None) -> tuple[str, str]:
    """Return model and base URL from the options, else the environment, else the config file.

    Where nothing names a model, the embedded one writes.

    Raises:
        UsageError: A server is named, and no model of it.
    """
    address = base_url or os.environ.get("LONGWRITE_BASE_URL", "")
    if model:
        return model, address
    if named := os.environ.get("LONGWRITE_MODEL"):
        return named, address
    config = read_config()
    if config.get("model"):
        return str(config["model"]), base_url or str(config.get("base_url") or "")
    if address:
        raise UsageError(
            f"No model of the server {address} is chosen",
            f"neither --model nor LONGWRITE_MODEL nor {config_path()} names one",
            f"Add --model NAME; {address.rstrip('/')}/models lists them.",
        )
    return "nano", ""


def is_kind(model: str, kind: str) -> bool:
    """Tell whether a model option names an engine of that kind."""
    return model == kind or model.startswith(f"{kind}:")


def is_folder(model: str) -> bool:
    """Tell whether a model option names a folder of weights."""
    return model.startswith((".", "/", "~")) or (os.sep in model and Path(model).is_dir())


async def open_engine(choice: Choice, tell: Callable[[str], None] = lambda message: None) -> Engine:
    """Open the engine of a choice.

    Args:
        choice: What to open.
        tell: Told warnings and progress, one sentence each.

    Raises:
        EngineError: It can't be opened; the sentence says what to do.
        UsageError: The choice is no choice.
    """
    if is_kind(choice.model, "scripted"):
        from longwrite.engines.scripted import ScriptedEngine, parse_rule

        return ScriptedEngine(parse_rule(choice.model.partition(":")[2]))
    if choice.model == "nano" and not choice.base_url:
        from longwrite.engines.nano import NanoEngine

        return await NanoEngine.open(window=choice.window)
    if is_kind(choice.model, "vllm"):
        from longwrite.engines.vllm import VllmEngine

        return await VllmEngine.open(
            choice.model.partition(":")[2],
            python=choice.vllm_python or None,
            window=choice.window,
            in_flight=choice.in_flight,
            on_progress=tell,
            on_warning=tell,
        )
    if is_folder(choice.model) and not choice.base_url:
        from longwrite.engines.local import LocalEngine

        folder = Path(choice.model).expanduser()
        return await LocalEngine.open(folder, window=choice.window, batch=choice.in_flight)
    if not choice.base_url:
        raise EngineError(
            f"Model '{choice.model}' can't be reached",
            "it is no folder here, and a name needs a server",
            "Add --base-url http://HOST:PORT/v1, or use ./FOLDER, vllm:NAME or nano.",
        )
    from longwrite.engines.openai import OpenAIEngine, read_key

    return await OpenAIEngine.open(
        choice.model,
        choice.base_url,
        api_key=read_key(choice.key_file or None),
        window=choice.window,
        in_flight=choice.in_flight,
        on_warning=tell,
    )


def describe(model: str) -> str:
    """Return what a person has to know about an engine before reading its prose, or nothing."""
    if model == "nano":
        return (
            "nano writes, the tiny model in this package: it shows that everything works. For real "
            "prose choose a real model, with --model NAME --base-url http://HOST:PORT/v1."
        )
    if is_kind(model, "scripted"):
        return (
            "The scripted engine writes: grammatical sentences about nothing, to show that all "
            "works. Choose a real model with --model for real prose."
        )
    return ""
