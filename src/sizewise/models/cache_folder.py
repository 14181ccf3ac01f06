"""Where Sizewise keeps what it would otherwise compute or put together again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """``SIZEWISE_CACHE``, else ``XDG_CACHE_HOME/sizewise``, else ``~/.cache/sizewise``."""
    if own := os.environ.get("SIZEWISE_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sizewise"
