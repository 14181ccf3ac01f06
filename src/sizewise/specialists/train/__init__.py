"""Training: an encoder or a local language model is fine-tuned on the task. An extra opens this door.

Nothing that answers imports from here, and no file here imports torch at its top: what needs it imports it where it is
used, so that each file can be read, and its doctests run, without the extra.
"""

from __future__ import annotations

from importlib.util import find_spec

from sizewise.core.errors import InputError

INSTALL = 'pip install "sizewise[train]"'
NEEDED = ("torch", "transformers", "peft", "onnx")


def require(rung: str) -> None:
    """Raise ``InputError`` with the line that installs the extra, where some of it is missing."""
    missing = [package for package in NEEDED if find_spec(package) is None]
    if missing:
        raise InputError(
            f"to train, the rung {rung} needs the extra `train` ({', '.join(missing)} is missing): {INSTALL}"
        )
