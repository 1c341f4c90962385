"""What is found out about an address before anything is generated."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from longwrite.engines.openai import OpenAIEngine, read_key
from longwrite.errors import EngineError, LongwriteError, UsageError
from tests.engines.faulty_server import FaultyServer, Response, refusal

KEY = "sk-canary-0123456789abcdef"


def open_on(models: Response, model: str = "tiny", **options: Any) -> tuple[str, int]:
    """Open an engine on a server with this list; return identity and window."""

    async def main() -> tuple[str, int]:
        async with FaultyServer(
            refusal(400, {"error": "messages missing"}), models=models
        ) as server:
            engine = await OpenAIEngine.open(model, server.url, api_key=KEY, **options)
            await engine.close()
            return engine.identity, engine.abilities.window

    return asyncio.run(main())


def listing(*entries: dict[str, Any]) -> Response:
    return refusal(200, {"object": "list", "data": list(entries)})


@pytest.mark.parametrize(
    ("entry", "given", "window"),
    [
        ({"max_model_len": 4096}, None, 4096),
        ({"context_length": 32768}, None, 32768),
        ({"context_window": 131072}, None, 131072),
        ({"meta": {"n_ctx_train": 40960}}, None, 40960),
        ({"meta": {"n_ctx": 2048, "n_ctx_train": 40960}}, None, 2048),
        ({"max_model_len": 4096}, 2000, 2000),
        ({"max_model_len": 4096}, 9000, 4096),
        ({"max_model_len": "many", "context_length": -1}, 9000, 9000),
        ({}, None, 8192),
    ],
)
def test_the_window_is_the_servers_or_the_given_one_or_a_small_one(
    entry: dict[str, Any], given: int | None, window: int
) -> None:
    assert open_on(listing({"id": "tiny", **entry}), window=given)[1] == window


def test_the_identity_says_which_model_and_not_where() -> None:
    assert open_on(listing({"id": "tiny"}))[0] == "openai:tiny"
    entry = {"id": "tiny", "root": "org/Tiny-1B", "revision": "abc123", "created": 17}
    assert open_on(listing(entry))[0] == "openai:tiny root=org/Tiny-1B revision=abc123"
    elsewhere = {"id": "tiny", "root": "http://10.0.0.1:80/tiny"}
    assert open_on(listing(elsewhere))[0] == "openai:tiny"


@pytest.mark.parametrize(
    ("models", "name"),
    [
        (listing({"id": "tiny:latest"}), "tiny"),
        (listing({"id": "models/tiny"}), "tiny"),
        (listing({"id": "/w/tiny.gguf", "aliases": ["tiny"]}), "tiny"),
        (listing({"id": "other"}), "/weights/tiny"),
        (listing(), "tiny"),
        (refusal(404, {"error": "no such path"}), "tiny"),
        (refusal(405, {"detail": "Method Not Allowed"}), "tiny"),
    ],
)
def test_a_model_is_accepted_where_the_list_may_not_know_it(models: Response, name: str) -> None:
    assert open_on(models, name)[0] == f"openai:{name}"


def test_an_unknown_model_names_its_near_misses() -> None:
    models = listing({"id": "Qwen3-8B"}, {"id": "llama"})
    with pytest.raises(EngineError, match=r"no model 'Qwen3-7B'.*'Qwen3-8B'.*--model 'Qwen3-8B'"):
        open_on(models, "Qwen3-7B")
    with pytest.raises(EngineError, match=r"it has: 'Qwen3-8B', 'llama'"):
        open_on(models, "zzz")


HTML = b"<!doctype html><html><body>Welcome</body></html>"


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (Response([HTML], content_type="text/html"), "web page"),
        (Response([HTML], 403, "text/html"), "an HTML page"),
        (refusal(200, {"hello": "world"}), "something else"),
        (Response([b"\xff\x00"]), "something else"),
        (Response([b"{}"], cut=1, chunked=True), "broke"),
        (
            refusal(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}),
            "--api-key-file",
        ),
        (refusal(503, {"error": {"message": "Loading model"}}), "Wait until the server is ready"),
    ],
)
def test_what_is_no_api_is_said_before_anything_is_generated(models: Response, said: str) -> None:
    with pytest.raises(EngineError, match=said) as caught:
        open_on(models)
    assert caught.value.exit_code == 5
    assert caught.value.what and caught.value.why and caught.value.mend
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "page", [Response([HTML], 404, "text/html"), refusal(404, {"detail": "x"})]
)
def test_a_site_without_a_chat_path_is_no_api(page: Response) -> None:
    async def main() -> None:
        async with FaultyServer(page, models=page) as server:
            await OpenAIEngine.open("tiny", server.url)

    with pytest.raises(EngineError, match="up to /v1"):
        asyncio.run(main())


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://127.0.0.1:9/v1", "Start the server"),
        ("http://user:secret@127.0.0.1:9/v1?token=secret", "Start the server"),
        ("127.0.0.1:8000", "isn't an address"),
        ("ftp://127.0.0.1/v1", "isn't an address"),
        ("http://127.0.0.1:port/v1", "isn't an address"),
        ("https://api.openai.com/v1", "no API key"),
    ],
)
def test_a_wrong_address_is_a_sentence(address: str, said: str) -> None:
    with pytest.raises(EngineError, match=said) as caught:
        asyncio.run(OpenAIEngine.open("tiny", address))
    assert "secret" not in str(caught.value)


# --- the key ---------------------------------------------------------------------------------


def test_a_key_comes_from_the_file_named_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("LONGWRITE_API_KEY", raising=False)
    assert read_key() is None
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one")
    assert read_key() == "sk-one"
    monkeypatch.setenv("LONGWRITE_API_KEY", " sk-two\n")
    assert read_key() == "sk-two"
    (tmp_path / "key").write_text("sk-three\n")
    assert read_key(tmp_path / "key") == "sk-three"


@pytest.mark.parametrize("content", [b"", b"sk-one\nsk-two", b"\xff\xfe", "sk-é".encode(), None])
def test_a_key_file_that_holds_no_key_is_a_usage_error(
    content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_key(path)
    assert "sk-" not in str(caught.value) and "file" in str(caught.value)
    with pytest.raises(UsageError):
        read_key(tmp_path)


def test_a_key_with_a_line_break_is_refused_unseen() -> None:
    with pytest.raises(LongwriteError) as caught:
        asyncio.run(OpenAIEngine.open("tiny", "http://127.0.0.1:9/v1", api_key="sk-one\nx: y"))
    assert "sk-one" not in str(caught.value)


def test_a_proxy_never_sees_what_goes_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert open_on(listing({"id": "tiny", "max_model_len": 4096}))[1] == 4096
