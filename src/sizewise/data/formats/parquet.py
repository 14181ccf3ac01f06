"""Parquet, in batches of rows, read by a process of its own: ``python -m sizewise.data.formats.parquet FILE``.

A damaged or hostile file can end the library that reads it (an allocation of what its metadata claims, a panic on
another thread): here that ends the child, and we say that the file is damaged. Rows come over a pipe as JSON lines.
"""

from __future__ import annotations

import decimal
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

from sizewise.core.errors import DataError
from sizewise.data.formats.json_lines import json_lines
from sizewise.data.formats.source import Record

MAGIC = b"PAR1"
BATCH = 5_000


def parquet_rows(path: Path) -> Iterator[Record]:
    """Every row with its number. Raises ``DataError`` where the file is damaged, however far it was read by then."""
    command = [sys.executable, "-m", "sizewise.data.formats.parquet", str(path.absolute())]
    with tempfile.TemporaryFile() as said, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said) as child:
        try:
            assert child.stdout is not None
            yield from json_lines(child.stdout)  # type: ignore[arg-type]
            if child.wait() != 0:
                said.seek(0)
                why = said.read(1_000_000).decode("utf-8", "replace").strip().splitlines()
                known = [line.removeprefix("sizewise: ") for line in why if line.startswith("sizewise: ")]
                raise DataError(
                    f"{path} is no Parquet file that can be read: {(known or ['it is damaged'])[-1][:300]}. Export it again."
                )
        finally:
            child.kill()


def _print_rows(path: str) -> None:
    """Print each row as a JSON line; the number of rows must be what the file's own metadata says."""
    import polars

    promised = polars.scan_parquet(path, glob=False).select(polars.len()).collect().item()
    found = 0
    for batch in polars.scan_parquet(path, glob=False).collect_batches(chunk_size=BATCH, maintain_order=True):
        for row in batch.iter_rows(named=True):
            sys.stdout.write(json.dumps(row, default=_plain, ensure_ascii=True) + "\n")
            found += 1
    sys.stdout.flush()
    if found != promised:
        raise ValueError(f"it promises {promised:,} rows and gives {found:,}")


def _plain(value: Any) -> Any:
    """What JSON has no word for: times in ISO 8601, durations in seconds, bytes as text where they are text."""
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return {"bytes": value.hex()}
    if hasattr(value, "to_list"):
        return value.to_list()
    return str(value)


if __name__ == "__main__":
    try:
        _print_rows(sys.argv[1])
    except (KeyboardInterrupt, BrokenPipeError):
        sys.exit(130)
    except BaseException as error:  # a panic of the library's is no Exception
        print(f"sizewise: {' '.join(str(error).split())[:300] or type(error).__name__}", file=sys.stderr)
        sys.exit(2)
