"""Runs to be exported, and empty environments in which what was exported has to answer."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sizewise import decide

Done = subprocess.CompletedProcess[bytes]

#: rows as nobody should send them, and the beginning of the error that each must get, or none
HOSTILE: list[tuple[bytes, str | None]] = [
    ('{"id": "я", "input": "где мой заказ 5, курьер не приехал"}'.encode(), None),
    (b"{broken", "line 2: not JSON"),
    (b'{"id": [1, {"a": null}], "input": "I want a refund"}', None),
    (b"[]", "line 4: not an object but list"),
    (b'{"id": 5}', "line 5: no input"),
    (b'{"id": null, "input": 7}', "line 6: input is not text but int"),
    (b'{"input": ""}', None),
    ('{"id": "", "input": "👩‍👩‍👧 👍 ﷺ"}'.encode(), None),
    (b'{"id": "\\ud800", "input": "\\udfff log in"}', None),
    (b'{"id": "long", "input": "' + b"refund " * 15_000 + b'"}', None),
    (b"\xff\xfe", "line 11: not JSON"),
    (b"[" * 5_000, "line 12: not JSON"),
    (b'\xef\xbb\xbf{"id": "last", "input": "\\u0000"}', None),
]


class Empty:
    """A virtual environment with nothing of ours in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder)
        self.python = folder / "bin" / "python"

    def install(self, *what: str | Path) -> None:
        self._pip("install", "--quiet", "--only-binary=:all:", "--no-compile", *map(str, what))

    def _pip(self, *arguments: str) -> str:
        """Our own pip, at work there: it need not be installed first."""
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(self.python), *arguments]
        done = subprocess.run(command, capture_output=True, env=self.environment, check=False, timeout=300)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    @property
    def environment(self) -> dict[str, str]:
        """Ours without what would let Sizewise be found."""
        return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SIZEWISE"))}

    def run(self, *arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None) -> Done:
        done = subprocess.run(
            [str(self.python), *map(str, arguments)],
            input=stdin, capture_output=True, env=self.environment, cwd=cwd or self.folder, check=False, timeout=300,
        )  # fmt: skip
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done

    def libraries(self) -> set[str]:
        return {line.partition("==")[0].lower() for line in self._pip("list", "--format=freeze").split()}


@pytest.fixture(scope="session")
def served_run(log_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose verdict lets the small model answer a part: every route is taken."""
    made = decide(
        log_file, out=tmp_path_factory.mktemp("served") / "run", rungs=["keywords"], reference="llm", target=0.8
    )
    assert made.verdict.decision in ("small", "cascade")
    return made.folder


@pytest.fixture(scope="session")
def encoder_run(log_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose specialist is the encoder."""
    out = tmp_path_factory.mktemp("encoded") / "run"
    made = decide(log_file, out=out, rungs=["encoder"], reference="llm", target=0.8)
    assert made.verdict.small is not None
    return made.folder


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Empty:
    """An environment for the exports that need numpy alone."""
    return Empty(tmp_path_factory.mktemp("empty") / "env")


@pytest.fixture(scope="session")
def with_onnx(tmp_path_factory: pytest.TempPathFactory) -> Empty:
    """An environment for the exports that need onnxruntime and tokenizers too."""
    return Empty(tmp_path_factory.mktemp("onnx") / "env")


@pytest.fixture
def sizewise(tmp_path: Path) -> Callable[..., Done]:
    """Run our own command line."""

    def run(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> Done:
        command = [sys.executable, "-m", "sizewise.cli.main", *map(str, arguments)]
        done = subprocess.run(
            command, input=stdin, capture_output=True, cwd=tmp_path, env=os.environ | environment, check=False
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        return done

    return run


def same(one: list[dict[str, Any]], other: list[dict[str, Any]], within: float = 1e-4) -> None:
    """Lines are the same, confidence to within ``within``."""
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert a.keys() == b.keys()
        assert a | {"confidence": None} == b | {"confidence": None}
        assert abs(a.get("confidence", 0.0) - b.get("confidence", 0.0)) <= within
