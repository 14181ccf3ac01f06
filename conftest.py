"""Where the extra `train` is missing, the files that stand on torch are not read for doctests."""

from __future__ import annotations

from importlib.util import find_spec

ON_TORCH = ("dropout", "packed_bert", *(f"decoder/{name}" for name in ("decoder", "ends", "learner", "lesson", "lora")))
collect_ignore = [] if find_spec("torch") else [f"src/sizewise/specialists/train/{name}.py" for name in ON_TORCH]
