"""Sizewise finds the smallest language model that does a task as well as the large one, and proves it.

``decide`` runs the whole contest on a log, ``load`` opens a finished run's model. Nothing heavy is
imported before one of them is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sizewise.api import decide, load
    from sizewise.core.answer import Answer
    from sizewise.core.model import Model
    from sizewise.run import Run

__version__ = "0.1.0"
__all__ = ["Answer", "Model", "Run", "decide", "load"]

_HOMES = {
    "Answer": "sizewise.core.answer",
    "Model": "sizewise.core.model",
    "Run": "sizewise.run",
    "decide": "sizewise.api",
    "load": "sizewise.api",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sizewise' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
