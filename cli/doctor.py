"""`longwrite doctor`: finds the engine and tries what it can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from longwrite.cli import options as o

if TYPE_CHECKING:
    from longwrite.api import Press

_PORTS = {8000: "vLLM or transformers serve", 11434: "Ollama", 8080: "llama.cpp", 1234: "LM Studio"}


def doctor(
    model: o.Model = None,
    base_url: o.BaseUrl = None,
    key_file: o.KeyFile = None,
    vllm_python: o.VllmPython = None,
    window: o.Window = None,
    as_json: o.AsJson = False,
) -> None:
    """Find the engine, and try its window, JSON, usage, prefix cache and speed.

    Without a model it is the embedded one, and the servers of this machine are looked for.

    Example: longwrite doctor --model Qwen/Qwen3-8B --base-url http://127.0.0.1:8000/v1
    """
    from longwrite.agent.budget import Budget
    from longwrite.cli.output import print_json, print_line
    from longwrite.cli.running import run_with_press

    choices = o.make_choices(model, base_url, None, None, key_file, vllm_python, window, 4)
    found = run_with_press(choices, Budget(), examine, quiet=True)
    if choices["write"].model == "nano":
        found["servers"] = find_servers() or "none found on this machine"
    if as_json:
        print_json(found)
    else:
        for name, value in found.items():
            print_line(f"{name:<14} {value}")
    raise typer.Exit(0 if found["answers"] == "yes" else 5)


def find_servers() -> str:
    """Return the model servers that listen on this machine, as a phrase."""
    import socket

    found = []
    for port, name in _PORTS.items():
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                found.append(
                    f"something on port {port} ({name}?): --base-url http://127.0.0.1:{port}/v1"
                )
    return "; ".join(found)


async def examine(press: Press) -> dict[str, Any]:
    """Return what the writing engine says of itself and does."""
    import json
    import time

    from longwrite.types import Ask, Message, Request, Sampling

    engine = press.engines["write"]
    text = "Write a paragraph about the sea and the people who live by it. " * 12
    messages = (Message("user", text),)
    ask = Ask("section", "doctor", words=60, language="en")
    request = Request(messages, Sampling(96, 0.0, 1.0, 1), "write", ask)
    began = time.monotonic()
    first = await engine.generate(request)
    seconds = time.monotonic() - began
    again = await engine.generate(request)
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {"title": {"type": "string"}},
        "required": ["title"],
        "additionalProperties": False,
    }
    planned = await engine.generate(
        Request(
            (Message("user", 'Answer with JSON like {"title": "…"}: a title for a book on salt.'),),
            Sampling(400, 0.0, 1.0, 1),
            "plan",
            Ask("plan.root", "doctor", words=60, items=1, language="en"),
            schema,
        )
    )
    try:
        forced = isinstance(json.loads(planned.text), dict)
    except ValueError:
        forced = False
    completion = first.usage.completion
    abilities = engine.abilities
    return {
        "model": press.models["write"],
        "identity": engine.identity,
        "answers": "yes" if first.error is None else f"no: {first.error.message}",
        "finish": first.finish or "-",
        "window": abilities.window,
        "json": "forced" if forced else "not forced: plans are read from plain text",
        "usage": "told" if first.usage.prompt is not None else "not told: tokens are estimated",
        "cached_tokens": again.usage.cached if again.usage.cached is not None else "not told",
        "tokens_per_s": round((completion or 0) / max(seconds, 1e-3), 1),
        "dropped_fields": ", ".join(sorted({*first.dropped, *planned.dropped})) or "none",
        "checks": "yes" if abilities.checks else "no",
        "deterministic": "yes" if abilities.deterministic else "not promised",
    }
