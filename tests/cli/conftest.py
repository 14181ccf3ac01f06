from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Done = subprocess.CompletedProcess[bytes]


@pytest.fixture
def sizewise(tmp_path: Path) -> Callable[..., Done]:
    """Run the command line in a process of its own; no answer of its may ever hold a traceback."""

    def run(*arguments: str | Path, stdin: bytes | None = None, **environment: str) -> Done:
        command = [sys.executable, "-W", "error", "-m", "sizewise.cli.main", *map(str, arguments)]
        done = subprocess.run(
            command, input=stdin or b"", capture_output=True, cwd=tmp_path, env=os.environ | environment, check=False
        )
        assert b"Traceback" not in done.stderr, done.stderr.decode()
        assert b"Exception ignored" not in done.stderr, done.stderr.decode()
        return done

    return run


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to be damaged."""
    return Path(shutil.copytree(finished_run, tmp_path / "run"))
