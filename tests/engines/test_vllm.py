"""The care of a vLLM server: start, watch, death, stop; with a stand-in for vLLM itself."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from longwrite.engines import child, vllm
from longwrite.engines.vllm import VllmEngine
from longwrite.errors import EngineError
from longwrite.types import Message, Reply, Request, Sampling


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make `import vllm` find the stand-in; return the file that it tells its start in."""
    package = tmp_path / "site" / "vllm" / "entrypoints" / "openai"
    package.mkdir(parents=True)
    for folder in (package, package.parent, package.parent.parent):
        (folder / "__init__.py").touch()
    shutil.copy(Path(__file__).with_name("fake_vllm.py"), package / "api_server.py")
    (tmp_path / "site" / "torch.py").write_text(
        "class cuda:\n    is_available = staticmethod(lambda: False)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("FAKE_VLLM_RECORD", str(tmp_path / "record.json"))
    monkeypatch.setattr(child, "_LOOK_EVERY", 0.02)
    # For the logs that are kept, by this process and by others.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path / "record.json"


def started(record: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(record.read_text())
    return data


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie of somebody else's doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def all_gone(record: Path) -> bool:
    """Wait a little for the server and its own child process to be gone."""
    for _ in range(500):
        if not any(is_alive(pid) for pid in started(record)["pids"]):
            return True
        time.sleep(0.02)
    return False


def ask(text: str) -> Request:
    return Request((Message("user", text),), Sampling(50))


def use(act: Callable[[VllmEngine], Awaitable[None]], model: str = "some/model") -> None:
    async def run() -> None:
        engine = await VllmEngine.open(model)
        try:
            await act(engine)
        finally:
            await engine.close()

    asyncio.run(run())


def test_it_answers_and_leaves_nothing_behind(record: Path) -> None:
    async def act(engine: VllmEngine) -> None:
        replies = await asyncio.gather(*(engine.generate(ask("Go.")) for _ in range(3)))
        assert [reply.text for reply in replies] == ["It rained."] * 3
        assert replies[0].usage.cached == 0
        assert engine.identity == "vllm:some/model"
        assert engine.abilities.window == 1000
        assert all(is_alive(pid) for pid in started(record)["pids"])

    use(act)
    assert all_gone(record)
    assert not list(record.parent.glob("longwrite-server-*.log"))


def test_the_key_is_on_no_command_line(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-my-own")
    monkeypatch.setenv("HF_TOKEN", "needed for a download")

    async def act(engine: VllmEngine) -> None:
        environment = started(record)["environment"]
        key = environment["VLLM_API_KEY"]
        assert len(key) > 30
        for pid in started(record)["pids"]:
            assert key.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert "OPENAI_API_KEY" not in environment
        assert "HF_HUB_OFFLINE" not in environment
        assert environment["HF_TOKEN"]

    use(act)


def test_a_folder_is_named_by_its_digest_and_stays_offline(record: Path, tiny_model: Path) -> None:
    async def act(engine: VllmEngine) -> None:
        assert engine.identity.startswith("vllm:")
        assert len(engine.identity) == len("vllm:") + 64
        assert started(record)["environment"]["HF_HUB_OFFLINE"] == "1"
        assert f"--model={tiny_model.resolve()}" in started(record)["arguments"]
        assert "--no-enable-chunked-prefill" in started(record)["arguments"]

    use(act, str(tiny_model))


def test_progress_tells_what_the_server_printed(
    record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "_TELL_EVERY", 0.0)
    told: list[str] = []

    async def run() -> None:
        with pytest.raises(EngineError, match=r"isn't ready after 2 seconds.*Loading weights"):
            await VllmEngine.open("never", patience=2.0, on_progress=told.append)

    asyncio.run(run())
    assert told[-1].endswith("Loading weights")
    assert all_gone(record)


def test_a_server_that_fails_to_start_is_quoted(record: Path) -> None:
    with pytest.raises(EngineError, match="OSError: crash is not a local folder") as caught:
        asyncio.run(VllmEngine.open("crash"))
    assert "Resolving" in Path(caught.value.mend.split()[-1]).read_text()
    assert all_gone(record)


def test_a_bad_folder_starts_nothing(record: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="there is no such folder"):
        asyncio.run(VllmEngine.open(str(tmp_path / "nowhere")))
    assert not record.exists()


def test_an_environment_without_vllm_gets_the_exact_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(EngineError, match=f"{sys.executable} -m pip install vllm"):
        asyncio.run(VllmEngine.open("some/model"))
    with pytest.raises(EngineError, match="No such file"):
        asyncio.run(VllmEngine.open("some/model", python="/nowhere/python"))


def test_a_broken_environment_is_told_from_a_missing_one(record: Path) -> None:
    (record.parent / "site" / "torch.py").write_text("raise ImportError('libcudart.so.13')")
    with pytest.raises(EngineError, match=r"is broken: ImportError: libcudart\.so\.13"):
        asyncio.run(VllmEngine.open("some/model"))


def test_death_in_the_middle_of_a_reply_is_an_error_that_says_why(record: Path) -> None:
    async def act(engine: VllmEngine) -> None:
        waiting = asyncio.create_task(engine.generate(ask("hang")))
        reply = await engine.generate(ask("die"))
        for one in (reply, await waiting, await engine.generate(ask("Go."))):
            assert_dead(one)
            assert one.error and "MemoryError: no room" in one.error.message

    use(act)
    assert all_gone(record)


def test_a_server_killed_between_calls_is_noticed(record: Path) -> None:
    async def act(engine: VllmEngine) -> None:
        assert (await engine.generate(ask("Go."))).error is None
        os.kill(started(record)["pids"][0], signal.SIGKILL)
        reply = await engine.generate(ask("Go."))
        assert_dead(reply)
        assert reply.error and "lack of memory" in reply.error.message

    use(act)
    assert all_gone(record)


def test_a_stubborn_server_is_killed(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "_GRACE", 0.2)

    async def act(engine: VllmEngine) -> None:
        assert (await engine.generate(ask("Go."))).error is None

    use(act, "stubborn")
    assert all_gone(record)


def test_cancelling_a_call_leaves_the_server_at_work(record: Path) -> None:
    async def act(engine: VllmEngine) -> None:
        begun = asyncio.Event()

        def watch(_: str) -> bool:
            begun.set()
            return False

        call = asyncio.create_task(engine.generate(ask("hang"), watch))
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await engine.generate(ask("Go."))).text == "It rained."

    use(act)


@pytest.mark.parametrize("end", ["kill", "exit"])
def test_the_server_never_outlives_its_owner(record: Path, end: str) -> None:
    code = (
        "import asyncio, sys\n"
        "from longwrite.engines.vllm import VllmEngine\n"
        "async def main():\n"
        "    engine = await VllmEngine.open('some/model')\n"
        "    print('ready', flush=True)\n"
        "    await asyncio.to_thread(sys.stdin.read)\n"
        "asyncio.run(main())\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(vllm.__file__).parents[2],
    )
    with owner:
        assert owner.stdout and owner.stdout.readline() == b"ready\n"
        assert all(is_alive(pid) for pid in started(record)["pids"])
        if end == "kill":
            owner.kill()
    assert all_gone(record)


def assert_dead(reply: Reply) -> None:
    assert reply.text == ""
    assert reply.error is not None
    assert reply.error.kind == "unreachable"
    assert reply.error.fatal
