from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sizewise.data.check import CheckedLog, check
from sizewise.data.read import read

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write rows as JSON lines, or text or bytes as they are, and give the path."""

    def written(content: list[Any] | str | bytes, name: str = "log.jsonl") -> Path:
        path = tmp_path / name
        if isinstance(content, list):
            content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


@pytest.fixture
def looked_at(write: Write) -> Callable[..., CheckedLog]:
    """Write rows, read and check them."""

    def checked(rows: list[Any], **options: Any) -> CheckedLog:
        return check(read([write(rows)]), **options)

    return checked
