"""The tiny random models of ``tests/slm``, and a small lesson for them."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from sizewise.core.example import Train
from sizewise.models.local_slm import LocalSlm, local_slm

_FILE = Path(__file__).parents[2] / "slm" / "tiny_gguf.py"
if "tiny_gguf" not in sys.modules:
    _spec = importlib.util.spec_from_file_location("tiny_gguf", _FILE)
    assert _spec is not None
    assert _spec.loader is not None
    sys.modules["tiny_gguf"] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules["tiny_gguf"])
FAMILIES, WIDTH, write_tiny = (getattr(sys.modules["tiny_gguf"], name) for name in ("FAMILIES", "WIDTH", "write_tiny"))

LABELS = ("delivery", "login", "refund")
TEXTS = {
    "delivery": "where is my parcel number {}",
    "login": "I cannot log in with code {}",
    "refund": "give me my money back for {}",
}
THINGS = ("lamp", "book", "phone", "kettle", "chair", "rug", "shoes")


def tiny(name: str, folder: Path, seed: int = 0) -> LocalSlm:
    """A tiny model of the family ``name``."""
    return local_slm(f"file:{write_tiny(folder / f'{name}.gguf', FAMILIES[name], seed=seed)}")


def lesson(n: int = 90) -> Train:
    """Three labels that differ in their words."""
    targets = tuple(LABELS[i % 3] for i in range(n))
    inputs = tuple(f"{TEXTS[t].format(i)} {THINGS[i % 7]} {THINGS[i // 3 % 7]}" for i, t in enumerate(targets))
    return Train(tuple(map(str, range(n))), inputs, targets, tuple(range(n)), LABELS)
