"""Plan, write, score and train ultra-long text.

The public interface: `plan`, `write`, `resume` and `score`, and the types that flow through them.
Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from longwrite.simple import plan, resume, score, write
    from longwrite.types import Brief, Constraint, Defect, Document, Plan, Score, Section

__all__ = [
    "Brief",
    "Constraint",
    "Defect",
    "Document",
    "Plan",
    "Score",
    "Section",
    "plan",
    "resume",
    "score",
    "write",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load a public name."""
    if name not in __all__:
        raise AttributeError(f"module 'longwrite' has no attribute {name!r}")
    import importlib

    home = "longwrite.simple" if name in {"plan", "resume", "score", "write"} else "longwrite.types"
    return getattr(importlib.import_module(home), name)
