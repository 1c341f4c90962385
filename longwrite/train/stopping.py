"""How a run ends: Ctrl-C finishes and saves the step, and several processes leave as one."""

from __future__ import annotations

import gc
import signal
from types import FrameType
from typing import Any

from torch import distributed
from transformers import TrainerCallback


def leave_group() -> None:
    """End this process's part in its group, if it is in one; the last thing that it does.

    Trainers hold the group's threads, and a process that ends while those run is aborted.
    """
    if distributed.is_available() and distributed.is_initialized():
        gc.collect()
        distributed.destroy_process_group()


class StopOnSignal(TrainerCallback):
    """Ends a run after the step at hand when a person or the system asks to.

    Attributes:
        asked: Whether anybody did.
    """

    def __init__(self) -> None:
        """Wait."""
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopOnSignal:
        """Listen to SIGINT and SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Save and stop, if asked."""
        if self.asked:
            control.should_save = control.should_training_stop = True
        return control
