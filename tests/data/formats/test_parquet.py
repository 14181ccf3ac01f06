from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from sizewise.core.errors import DataError
from sizewise.data.read import Reading, read

Write = Callable[..., Path]


@pytest.fixture
def frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "input": ["где заказ? 📦", "refund", None],
            "answer": [["delivery", "refund"], ["refund"], ["delivery"]],
            "gold": pl.Series(["delivery", None, "delivery"], dtype=pl.Categorical),
            "at": [datetime(2026, 1, 2, 3, tzinfo=UTC), None, None],
            "latency_ms": [12.5, float("nan"), None],
            "prompt_tokens": pl.Series([10, 20, None], dtype=pl.UInt16),
            "cost_usd": [Decimal("0.001"), None, None],
            "nested": [{"a": [1]}, None, None],
            "blob": [b"text", b"\xff", None],
        }
    )


def test_every_type_comes_out_as_in_json(frame: pl.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    frame.write_parquet(path)
    log = read([path])
    one, two = log.examples
    assert (one.input, one.answer, one.further_answers, one.gold) == (
        "где заказ? 📦",
        "delivery",
        ("refund",),
        "delivery",
    )
    assert (one.at, one.latency_ms, one.prompt_tokens, one.cost_usd) == ("2026-01-02T03:00:00+00:00", 12.5, 10, 0.001)
    assert (two.answer, two.gold, two.latency_ms, two.id) == ("refund", None, None, "log.parquet:2")
    assert [(r.line, r.reason) for r in log.rejects] == [(3, "no input")]
    assert log.unreadable == {"latency_ms": 1}


def test_it_is_known_by_its_content(frame: pl.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    frame.write_parquet(path)
    assert len(read([path]).examples) == 2


def test_rows_come_in_batches_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    pl.DataFrame({"input": [f"text {i}" for i in range(12_000)], "gold": ["a"] * 12_000}).write_parquet(
        path, row_group_size=1_000
    )
    rows = Reading([path]).rows()
    assert next(rows).input == "text 0"
    assert [e.input for e in rows] == [f"text {i}" for i in range(1, 12_000)]


@pytest.mark.parametrize("kept", [8, 100, -1, -9])
def test_a_file_cut_short_is_refused(frame: pl.DataFrame, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "log.parquet"
    frame.write_parquet(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match="no Parquet file that can be read"):
        read([path])


def test_a_changed_byte_is_refused_or_read_but_no_row_is_lost(
    frame: pl.DataFrame, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "log.parquet"
    frame.write_parquet(path)
    sound, draw = path.read_bytes(), random.Random(0)
    for _ in range(12):
        changed = bytearray(sound)
        for _ in range(draw.randint(1, 6)):
            changed[draw.randrange(4, len(changed))] = draw.randrange(256)
        path.write_bytes(changed)
        try:
            log = read([path])
        except DataError:
            continue
        assert len(log.examples) + len(log.rejects) == 3
    assert not capfd.readouterr().err  # what the library says of its own panics stays in the child
