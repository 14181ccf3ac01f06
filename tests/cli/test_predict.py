from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sizewise.run import load

Sizewise = Callable[..., subprocess.CompletedProcess[bytes]]


def lines_of(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def test_a_line_for_each_row_in_order_whatever_it_is(sizewise: Sizewise, finished_run: Path, tmp_path: Path) -> None:
    rows: list[tuple[bytes, Any, str | None]] = [
        ('{"id": "я", "input": "где мой заказ 5"}'.encode(), "я", None),
        (b"{broken", None, "line 2: not JSON"),
        (b'{"id": [1, {"a": null}], "input": "I want a refund"}', [1, {"a": None}], None),
        (b"[]", None, "line 4: not an object but list"),
        (b'{"id": 5}', 5, "line 5: no input"),
        (b'{"id": null, "input": 7}', None, "line 6: input is not text but int"),
        (b'{"input": ""}', 7, None),
        ('{"id": "", "input": "👩‍👩‍👧 👍"}'.encode(), "", None),
        (b'{"id": "\\ud800", "input": "\\udfff log in"}', "\ud800", None),
        (b'{"id": "long", "input": "' + b"refund " * 15_000 + b'"}', "long", None),
        (b"\xff\xfe", None, "line 11: not JSON"),
        (b"[" * 5_000, None, "line 12: not JSON"),
        (b'\xef\xbb\xbf{"id": "last", "input": "\\u0000"}', "last", None),
    ]
    content = b"\n".join(row for row, _, _ in rows)
    (tmp_path / "rows.jsonl").write_bytes(content)
    done = sizewise("predict", finished_run, "rows.jsonl", PYTHONIOENCODING="ascii")
    written = lines_of(done)
    assert len(written) == len(rows)
    for line, (_, identifier, error) in zip(written, rows, strict=True):
        assert line["id"] == identifier
        if error:
            assert set(line) == {"id", "error"}
            assert line["error"].startswith(error)
        else:
            assert set(line) == {"id", "answer", "confidence", "route"}
            assert line["answer"] in {"refund", "delivery", "account"}
            assert 0 <= line["confidence"] <= 1
            assert line["route"] in {"small", "large", "abstain"}
    assert "я" in done.stdout.decode()
    from_stdin = sizewise("predict", finished_run, "-", stdin=content)
    assert from_stdin.stdout == done.stdout
    assert sizewise("predict", finished_run, stdin=content).stdout == done.stdout


def test_it_answers_as_the_run_did_on_its_test_rows(
    sizewise: Sizewise, finished_run: Path, log_rows: list[dict[str, Any]]
) -> None:
    told = [json.loads(line) for line in (finished_run / "predictions.jsonl").read_text().splitlines()]
    inputs = {row["id"]: row["input"] for row in log_rows}
    asked = b"".join(json.dumps({"id": t["id"], "text": inputs[t["id"]]}).encode() + b"\n" for t in told)
    written = lines_of(sizewise("predict", finished_run, "--columns", "input=text", stdin=asked))
    for line, expected in zip(written, told, strict=True):
        assert line | {"confidence": None} == {key: expected[key] for key in line} | {"confidence": None}
        assert line["confidence"] == pytest.approx(expected["confidence"], abs=1e-4)


def test_more_rows_than_a_batch_and_none(sizewise: Sizewise, finished_run: Path) -> None:
    asked = b"".join(b'{"input": "refund %d"}\n\n' % i if i % 3 else b"broken\n" for i in range(600))
    written = lines_of(sizewise("predict", finished_run, stdin=asked))
    assert len(written) == 600
    assert all(("error" in line) == (i % 3 == 0) for i, line in enumerate(written))
    assert lines_of(sizewise("predict", finished_run, stdin=b"")) == []
    assert lines_of(sizewise("predict", finished_run, stdin=b"\n \n")) == []


def test_a_copied_run_gives_the_same(sizewise: Sizewise, run: Path, finished_run: Path) -> None:
    texts = ["где мой заказ", "", "password"]
    here, there = load(finished_run).answer(texts), load(run).answer(texts)
    assert [(a.value, a.confidence, a.route) for a in here] == [(a.value, a.confidence, a.route) for a in there]


def test_a_tampered_specialist_is_not_loaded(sizewise: Sizewise, run: Path) -> None:
    weights = next((run / "specialist").glob("keywords*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    done = sizewise("predict", run, stdin=b'{"input": "x"}')
    assert (done.returncode, done.stdout) == (2, b"")
    assert "is not what was calibrated" in done.stderr.decode()


def piped(run: Path, asked: Path, into: str) -> subprocess.CompletedProcess[str]:
    command = f'"{sys.executable}" -m sizewise.cli.main predict "{run}" "{asked}" {into}'
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)


def test_a_reader_that_leaves_early_and_a_disk_that_is_full(finished_run: Path, tmp_path: Path) -> None:
    asked = tmp_path / "rows.jsonl"
    asked.write_text('{"input": "где мой заказ, курьер не приехал"}\n' * 3_000)
    early = piped(finished_run, asked, '| head -n 1; echo "${PIPESTATUS[0]}"')
    first, status = early.stdout.splitlines()
    assert json.loads(first)["answer"] == "delivery"
    assert (status, early.stderr) == ("0", "")
    full = piped(finished_run, asked, "> /dev/full")
    assert full.returncode == 3
    assert full.stderr.startswith("sizewise: the disk is full. What was done is kept")
    assert len(full.stderr.splitlines()) == 1


def test_a_packed_file_a_cut_one_and_one_that_is_no_json(
    sizewise: Sizewise, finished_run: Path, tmp_path: Path
) -> None:
    asked = b"".join(b'{"id": %d, "input": "track the delivery %d"}\n' % (n, n) for n in range(2_000))
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(asked))
    assert [line["id"] for line in lines_of(sizewise("predict", finished_run, "rows.jsonl.gz"))] == [*range(2_000)]
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(asked)[:-20])
    cut = sizewise("predict", finished_run, "cut.jsonl.gz")
    assert cut.returncode == 2
    assert b"cut.jsonl.gz: Compressed file ended" in cut.stderr
    (tmp_path / "rows.parquet").write_bytes(b"PAR1" + asked)
    other = sizewise("predict", finished_run, "rows.parquet")
    assert (other.returncode, other.stdout) == (2, b"")
    assert b"predict reads JSON lines" in other.stderr


def test_columns_inside_objects_are_found_as_decide_found_them(
    sizewise: Sizewise, finished_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps({"ask": {"text": "track the delivery 7", "n": 3}, "id": 1}) + "\n")
    (line,) = lines_of(sizewise("predict", finished_run, "rows.jsonl", "--columns", "input=ask.text,id=ask.n"))
    assert (line["id"], line["answer"]) == (3, "delivery")
