"""Run the command line many times in forks of one process that has imported everything: a second each, not five.

Reads a JSON list on standard input: ``[at, act, [arguments]]``; prints a JSON object for each: the status (minus the
signal's number where one killed it), the points that were passed, and what was said on standard error.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sizewise
import sizewise.pipeline
import sizewise.profile
import sizewise.report.page
import sizewise.stages.contest
from sizewise.cli import main

from .injection import install


def profile_here(command: list[str], *, input: str, **_: Any) -> subprocess.CompletedProcess[str]:
    """What the process that measures a rung would say, without starting it: it writes nothing to any disk."""
    told = sizewise.profile.profile(command[3], Path(command[4]), json.loads(input))
    return subprocess.CompletedProcess(command, 0, json.dumps(told), "")


def warm_up() -> None:
    """One small run in this process, so that what is imported late is there for every fork."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log.jsonl"
        rows = [{"input": f"{'abc'[i % 3] * (i + 3)} word{'xyz'[i % 3]}", "answer": "abc"[i % 3]} for i in range(90)]
        log.write_text("".join(json.dumps(row) + "\n" for row in rows))
        sizewise.decide(log, out=Path(folder) / "run", rungs=["majority", "keywords"])


def obey(at: int, act: str, arguments: list[str]) -> dict[str, Any]:
    """One call of the command line in a fork."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as counted:
        child = os.fork()
        if child == 0:
            os.dup2(said.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
            sys.argv = ["sizewise", *arguments]
            injection = install(at, act)
            status = 70
            try:
                main.main()
                status = 0
            except SystemExit as end:
                status = int(end.code or 0)
            except BaseException:
                traceback.print_exc()
            finally:
                injection.paused = True
                sys.stderr.flush()
                os.write(counted.fileno(), str(injection.points).encode())
                os._exit(status)
        _, raw = os.waitpid(child, 0)
        said.seek(0)
        counted.seek(0)
        return {
            "status": os.waitstatus_to_exitcode(raw),
            "points": int(counted.read() or at),
            "said": said.read().decode("utf-8", "replace"),
        }


if __name__ == "__main__":
    sizewise.stages.contest.subprocess = SimpleNamespace(run=profile_here)  # type: ignore[assignment, attr-defined]
    warm_up()
    for line in sys.stdin:
        print(json.dumps(obey(*json.loads(line))), flush=True)
