"""Whoever wants to know how far a run has come."""

from __future__ import annotations

from typing import Protocol


class Listener(Protocol):
    """Told of each stage as it begins, of steps within it, and of what was found."""

    def stage(self, name: str) -> None: ...

    def progress(self, what: str, done: int, total: int) -> None:
        """``done`` further steps of ``total`` in ``what`` are finished."""
        ...

    def found(self, message: str) -> None: ...


class Silence:
    """Listens and says nothing."""

    def stage(self, name: str) -> None:
        """Ignore the stage."""

    def progress(self, what: str, done: int, total: int) -> None:
        """Ignore the progress."""

    def found(self, message: str) -> None:
        """Ignore the finding."""
