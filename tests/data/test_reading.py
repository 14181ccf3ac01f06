"""The streaming form of reading: one pass, rows as they come, memory that does not grow with what is rejected."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from sizewise.core.errors import DataError
from sizewise.data.formats import source
from sizewise.data.read import Reading, Reject, read

Write = Callable[..., Path]
GOOD = {"input": "where is my order", "answer": "delivery"}


def test_a_stream_and_a_log_are_the_same(write: Write) -> None:
    path = write([GOOD, {"input": 5}, GOOD | {"id": "a"}, GOOD | {"id": "a"}, GOOD | {"n": 2}])
    rejects: list[Reject] = []
    reading = Reading([path], only={"n": "2"}, on_reject=rejects.append)
    examples = tuple(reading.rows())
    summary, log = reading.summary(), read([path], only={"n": "2"})
    assert (examples, tuple(rejects)) == (log.examples, log.rejects)
    assert (summary.rows, summary.left_out, summary.sha256, summary.columns) == (1, 3, log.sha256, log.columns)
    assert summary.rejected == {"input is not text but int": 1}


def test_a_row_is_there_before_the_rest_is_read(write: Write) -> None:
    path = write([GOOD] * 3)
    reading = Reading([path])
    rows = reading.rows()
    assert next(rows).input == GOOD["input"]
    rows.close()


def test_rejects_take_no_memory_where_nobody_keeps_them(write: Write) -> None:
    path = write([GOOD] + [{"input": 5, "text": "x" * 100_000}] * 200)
    reading = Reading([path])
    tracemalloc.start()
    assert len(list(reading.rows())) == 1
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000  # 20 MB of text
    assert reading.summary().rejected == {"input is not text but int": 200}


def test_reasons_are_counted_by_kind_and_names_are_bounded(write: Write) -> None:
    rows = [GOOD | {f"column {i}": 1} for i in range(3_000)] + [GOOD | {"split": f"part {i}"} for i in range(50)]
    reading = Reading([write(rows)])
    assert len(list(reading.rows())) == 3_000
    assert reading.summary().rejected == {"split is …, not train, calibrate or test": 50}
    assert len(reading.summary().columns) == 1_000


def test_a_summary_refuses_what_reading_refuses(write: Write) -> None:
    reading = Reading([write([GOOD | {"model": "a"}, GOOD | {"model": "b"}])])
    assert len(list(reading.rows())) == 2
    with pytest.raises(DataError, match="mixes 2 values of `model`"):
        reading.summary()


def test_labels_are_held_once(write: Write) -> None:
    one, two = read([write([GOOD | {"gold": "no way", "model": "m 1", "split": "train"}] * 2)]).examples
    for name in ("answer", "gold", "model", "split"):
        assert getattr(one, name) is getattr(two, name)


@pytest.mark.parametrize("name", ["log.jsonl", "log.csv"])
def test_a_line_that_is_too_long_is_passed_over(write: Write, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for module in ("source", "json_lines", "csv_rows"):
        monkeypatch.setattr(f"sizewise.data.formats.{module}.LONGEST_ROW", 1_000)
    monkeypatch.setattr(source, "KEPT_RAW", 100)
    if name.endswith("csv"):
        text = "input,answer\nx,a\n" + "y" * 5_000 + ",b\nz,c\n"
    else:
        text = "".join(json.dumps({"input": t, "answer": "a"}) + "\n" for t in ("x", "y" * 5_000, "z"))
    log = read([write(text, name)])
    assert [e.input for e in log.examples] == ["x", "z"]
    (reject,) = log.rejects
    assert reject.reason.startswith("longer than 1,000")
    assert len(reject.raw) < 200
    assert reject.line == (3 if name.endswith("csv") else 2)


def test_a_key_named_twice_is_rejected(write: Write) -> None:
    log = read([write('{"input": "x", "answer": "a"}\n{"input": "x", "input": "y", "answer": "a"}\n')])
    assert [(r.line, r.reason) for r in log.rejects] == [(2, "it names the key 'input' twice")]
