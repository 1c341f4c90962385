"""Commands by the hundred in processes of their own, each on a disk that may fail.

A host imports the program once and forks for every command, so that a command costs what it does
and no start. Where a C compiler is there, the host is loaded with a layer over the disk (`disk.c`)
that lets any chosen write fail.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import asdict, dataclass
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOREVER = 1_000_000_000

_MODULES = (
    "longwrite.api", "longwrite.cli.batch", "longwrite.cli.data_files", "longwrite.cli.ordering",
    "longwrite.cli.output", "longwrite.cli.progress", "longwrite.cli.resume",
    "longwrite.cli.running", "longwrite.cli.score", "longwrite.cli.status", "longwrite.cli.write",
    "longwrite.data.merge", "longwrite.data.orders", "longwrite.data.sets",
    "longwrite.engines.scripted", "longwrite.page", "longwrite.planners.outline",
    "longwrite.score_page", "longwrite.verdicts", "pyarrow.parquet",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """Which changes below a folder fail, counted from 1, and with which error number.

    Attributes:
        removals: Whether removals are meant, in the place of writes.
    """

    folder: str
    first: int
    last: int
    error: int
    removals: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """What a command printed, its exit code, and how often it changed the watched folder."""

    code: int
    out: str
    err: str
    changes: int


class Host:
    """Runs commands, one at a time.

    Attributes:
        layered: Whether its disk can be made to fail; else no fault happens and none is counted.
    """

    def __init__(self, process: subprocess.Popen[str], layered: bool) -> None:
        """Take the process that forks."""
        self._process, self.layered = process, layered

    def run(
        self,
        arguments: Sequence[str],
        folder: Path,
        fault: Fault | None = None,
        limits: Mapping[str, int] | None = None,
        before: str = "",
        environment: Mapping[str, str | None] | None = None,
    ) -> Ended:
        """Run a command in a folder and wait for its end.

        Args:
            arguments: Behind ``longwrite``.
            folder: To run in; what the program remembers for the user is kept there too.
            fault: Of the disk.
            limits: Names of the module `resource`, such as ``RLIMIT_FSIZE``, and their values.
            before: ``module:function`` called with no argument before the command.
            environment: Variables to set, or to take away where None.
        """
        order = {
            "arguments": list(arguments),
            "folder": str(folder),
            "fault": asdict(fault) if fault and self.layered else None,
            "limits": dict(limits or {}),
            "before": before,
            "environment": dict(environment or {}),
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Ended(**json.loads(self._process.stdout.readline()))


@contextmanager
def hosting(layer: Path | None = None) -> Iterator[Host]:
    """Give a host until the end of the block, behind a layer over the disk if there is one."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("LONGWRITE_")
    }
    environment |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if layer is not None:
        environment["LD_PRELOAD"] = str(layer)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.hosting"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
    )  # fmt: skip
    with process:
        yield Host(process, layer is not None)
        assert process.stdin is not None
        process.stdin.close()


def build_layer(folder: Path) -> Path | None:
    """Compile the layer over the disk; None where there is no compiler for it."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        return None
    layer = folder / "disk.so"
    source = Path(__file__).with_name("disk.c")
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(layer), str(source), "-ldl"]
    done = subprocess.run(command, capture_output=True, check=False)
    return layer if done.returncode == 0 else None


# --- inside of the host --------------------------------------------------------------------------


def _serve() -> None:
    for name in _MODULES:
        import_module(name)
    _warm_up()
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        pipes = [os.pipe() for _ in range(3)]
        child = os.fork()
        if child == 0:
            for end, _ in pipes:
                os.close(end)
            # A whole interpreter takes long to end.
            os._exit(_become(order, [entrance for _, entrance in pipes]))
        for _, entrance in pipes:
            os.close(entrance)
        _, status = os.waitpid(child, 0)  # what a pipe holds is more than a command prints
        said = [os.fdopen(end, encoding="utf-8", errors="replace").read() for end, _ in pipes]
        code = os.waitstatus_to_exitcode(status)
        told = Ended(code, said[0], said[1], int(said[2] or 0))
        sys.stdout.write(json.dumps(asdict(told)) + "\n")
        sys.stdout.flush()


def _warm_up() -> None:
    """Load what is loaded late, by doing something of each kind."""
    from longwrite.cli.main import run

    with tempfile.TemporaryDirectory() as folder, redirect_stdout(StringIO()):
        os.environ["XDG_STATE_HOME"] = os.environ["XDG_CONFIG_HOME"] = folder
        prompt, engine = "Write 300 words on salt", ("--model", "scripted", "--quiet")
        Path(folder, "prompts.txt").write_text(prompt)
        given = ("--prompts", f"{folder}/prompts.txt")
        for arguments in (
            ("write", prompt, *engine, "--run", f"{folder}/run", "-o", f"{folder}/salt.html"),
            ("data", "build", "agentwrite", *given, *engine, "-o", f"{folder}/set"),
        ):
            sys.argv = ["longwrite", *arguments]
            with suppress(SystemExit):
                run()


def _become(order: dict[str, Any], pipes: Sequence[int]) -> int:
    """Run one command and return its exit code; what it prints goes to the first two pipes."""
    import resource

    os.chdir(order["folder"])
    os.environ["XDG_STATE_HOME"] = os.environ["XDG_CONFIG_HOME"] = str(Path("disk", "home"))
    for name, value in order["environment"].items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    for number, pipe in enumerate(pipes[:2], 1):
        os.dup2(pipe, number)
        os.close(pipe)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
    layer: Any = ctypes.CDLL(None)
    if order["fault"]:
        fault = Fault(**order["fault"])
        layer.disk_fail(fault.folder.encode(), fault.first, fault.last, fault.error, fault.removals)
    for name, value in order["limits"].items():
        number = getattr(resource, name)
        resource.setrlimit(number, (value, resource.getrlimit(number)[1]))
    if order["before"]:
        module, _, function = order["before"].partition(":")
        call: Callable[[], None] = getattr(import_module(module), function)
        call()
    sys.argv = ["longwrite", *order["arguments"]]
    from longwrite.cli.main import run

    code = 0
    try:
        run()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    gc.collect()  # what complains when it goes, does so now
    if order["fault"]:
        os.write(pipes[2], str(layer.disk_changes()).encode())
    return code


if __name__ == "__main__":
    _serve()
