"""The door to the package ``onnx`` (Apache-2.0), which writes graphs; onnxruntime alone runs them."""

from __future__ import annotations

from types import ModuleType

from sizewise.core.errors import InputError

INSTALL = 'pip install "sizewise[export]"'


def onnx() -> ModuleType:
    """The package. Raises ``InputError`` where it is not installed."""
    try:
        import onnx as package
        import onnx.helper
        import onnx.numpy_helper
    except ImportError:
        raise InputError(f"to write ONNX graphs the package onnx is needed: {INSTALL}") from None
    return package
