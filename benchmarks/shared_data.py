"""Where the benchmarks' data is, and how a result is printed."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def path(name: str) -> Path:
    """The path of a data set; ends the benchmark where it is missing."""
    found = FOLDER / f"{name}.jsonl.gz"
    if not found.exists():
        sys.exit(f"skipped: {found} is not here. The benchmarks need the data sets of ../shared/data.")
    return found


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of a data set."""
    with gzip.open(path(name), "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def write(target: Path, items: list[dict[str, Any]]) -> Path:
    """Write rows as JSON lines."""
    target.write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items), encoding="utf-8")
    return target


def result(what: str, **figures: Any) -> None:
    """Print one result as a line of JSON."""
    print(json.dumps({"what": what, **figures}, ensure_ascii=False), flush=True)
