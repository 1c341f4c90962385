"""Preference optimisation on pairs whose ids are made already, so that a part never learns to stop.

TRL ends plain texts with the end token and opens a new turn after a partial one; step-level pairs
(LongDPO) and segment pairs (IterDPO) would then teach a model to stop after one section.
"""

from __future__ import annotations

from typing import Any

from trl import DPOTrainer


class LongDPOTrainer(DPOTrainer):
    """TRL's, for rows with ``prompt_ids``, ``chosen_ids`` and ``rejected_ids``."""

    def _prepare_dataset(self, dataset: Any, *arguments: Any, **options: Any) -> Any:
        if "chosen_ids" in dataset.column_names:
            return dataset
        return super()._prepare_dataset(dataset, *arguments, **options)
