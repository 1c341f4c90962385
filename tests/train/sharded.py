"""A training whose model FSDP or DeepSpeed shares out over processes of a CPU.

    accelerate launch --config_file FILE tests/train/sharded.py METHOD ARGUMENTS…

accelerate shares out over accelerators alone, though torch and DeepSpeed do it on a CPU as well:
here it takes processes of a CPU for some of a GPU.
"""

from __future__ import annotations

import os
import runpy
import sys
from importlib import import_module
from typing import Any

_state: Any = import_module("accelerate.state")


def pretend() -> None:
    """Have accelerate share out over processes of a CPU."""
    begin, settle = _state.PartialState.__init__, _state.AcceleratorState.__init__
    deepspeed = os.environ.get("ACCELERATE_USE_DEEPSPEED") == "true"

    def begin_and_pretend(self: Any, *given: Any, **named: Any) -> None:
        begin(self, *given, **named)
        if deepspeed:
            os.environ.pop("ACCELERATE_USE_CPU", None)  # The processes know each other by now.
        elif self.distributed_type == _state.DistributedType.MULTI_CPU:
            self.distributed_type = _state.DistributedType.MULTI_GPU

    def settle_and_pretend(self: Any, *given: Any, **named: Any) -> None:
        settle(self, *given, **{**named, **({"cpu": False} if deepspeed else {})})

    _state.PartialState.__init__ = begin_and_pretend
    _state.AcceleratorState.__init__ = settle_and_pretend


def tell() -> None:
    """Say after a training how many of its parameters were shared out."""
    from torch.distributed.tensor import DTensor
    from transformers import Trainer

    trainer: Any = Trainer
    train = trainer.train

    def train_and_tell(self: Any, *given: Any, **named: Any) -> Any:
        done = train(self, *given, **named)
        every = list(self.model.parameters())
        shared = sum(isinstance(one, DTensor) or hasattr(one, "ds_id") for one in every)
        if self.is_world_process_zero():
            sys.stderr.write(f"\nshared out: {shared} of {len(every)} parameters\n")
        return done

    trainer.train = train_and_tell


if __name__ == "__main__":
    pretend()
    tell()
    runpy.run_module("longwrite.train", run_name="__main__", alter_sys=True)
