"""The ready files for several GPUs are files that accelerate takes."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

FILES = sorted((Path(__file__).parents[2] / "longwrite" / "train" / "accelerate").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.name))
def test_accelerate_reads_it(path: Path) -> None:
    load: Any = import_module("accelerate.commands.config.config_args").load_config_from_file
    config = load(str(path))
    kind = "FSDP" if path.name.startswith("fsdp") else "DEEPSPEED"
    assert config.distributed_type == kind and config.mixed_precision == "bf16"
    launch: Any = import_module("accelerate.commands.launch")
    known = {action.dest for action in launch.launch_command_parser()._actions}
    assert set(config.parallelism_config) | set(config.fsdp_config) <= known | {"fsdp_version"}


def test_all_are_there() -> None:
    assert len(FILES) == 4
