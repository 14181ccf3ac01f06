"""A small language model on this machine: llama.cpp through ``xllamacpp``, in a process of its own. An extra opens this door.

Nothing here is imported by ``import sizewise``, and the engine itself is loaded by no process but the one that
``sizewise.slm.engine`` starts for it.
"""

from __future__ import annotations

from importlib.util import find_spec

from sizewise.core.errors import ModelReferenceError

INSTALL = 'pip install "sizewise[slm]"'


def require() -> None:
    """Raise ``ModelReferenceError`` with the line that installs the extra, where it is missing."""
    if find_spec("xllamacpp") is None:
        raise ModelReferenceError(f"a local model needs the extra `slm`: {INSTALL}")
