"""``predict`` on what a broken or hostile caller sends, and streams that are closed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ASK = b'{"id": "good", "input": "where is my parcel"}\n'


def predicted(run: Path, sent: bytes, shell: str = "") -> subprocess.CompletedProcess[bytes]:
    command = f'"{sys.executable}" -W error -m sizewise.cli.main predict "{run}" {shell}'
    done = subprocess.run(["bash", "-c", command], input=sent, capture_output=True, check=False, timeout=120)
    assert b"Traceback" not in done.stderr, done.stderr.decode()
    return done


def strict(line: bytes) -> Any:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(line, parse_constant=refuse)


def test_every_line_is_answered_with_valid_json(finished_run: Path) -> None:
    sent = [
        b'{"id": NaN, "input": "x"}', b'{"id": 1e999, "input": "x"}', b'{"id": -Infinity, "input": "x"}',
        b'{"id": ' + b"1" * 5_000 + b', "input": "x"}', b'{"id": ' + b"[" * 900 + b"]" * 900 + b', "input": "x"}',
        b'{"id": "\x1b[31m\xc2\x9b", "input": "x"}', '{"id": "\u202e", "input": "\u202e"}'.encode(),
        b'{"id": "\\u001b[31m\\u009b", "input": "x"}', b'{"id": {"\\ud800": "\\udc00"}, "input": "x"}',
        b'{"input": "a", "input": 5}', b'{"id": "' + b"i" * 300_000 + b'", "input": "x"}', b'{"id": "partial", "inp',
    ]  # fmt: skip
    done = predicted(finished_run, b"\n".join(sent))
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.split(b"\n")[:-1]
    assert len(lines) == len(sent)
    for line in lines:
        assert strict(line).keys() >= {"id"}
        assert line.decode().isprintable()


@pytest.mark.faults
def test_a_line_of_a_hundred_megabytes_is_refused_in_bounded_memory(finished_run: Path) -> None:
    done = predicted(finished_run, b'{"input": "' + b"x" * 100_000_000 + b'"}\n' + ASK)
    first, second = map(strict, done.stdout.splitlines())
    assert "longer than" in first["error"]
    assert second["id"] == "good"


def test_closed_streams(finished_run: Path) -> None:
    assert predicted(finished_run, b"", "<&-").returncode == 0
    assert predicted(finished_run, ASK, ">&-").returncode == 0
    silent = predicted(finished_run, ASK, "2>&-")
    assert strict(silent.stdout)["id"] == "good"
    refused = predicted(finished_run / "none", ASK, "2>&-")
    assert (refused.returncode, refused.stdout) == (2, b"")
