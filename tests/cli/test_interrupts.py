"""An interrupt that something else turned into an error of its own is an interrupt all the same."""

from __future__ import annotations

import subprocess
import sys

#: what a compiled module does whose import was interrupted
PROGRAM = """
import os, signal
from sizewise.cli.interrupts import interruptible
try:
    with interruptible():
        try:
            {signalled}
            int("x")
        except BaseException as error:
            raise ImportError("initialization failed") from error
except KeyboardInterrupt:
    print("interrupted")
except ImportError:
    print("failed")
"""


def said(signalled: str) -> str:
    program = [sys.executable, "-c", PROGRAM.format(signalled=signalled)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_an_interrupt_that_became_another_error_ends_as_an_interrupt() -> None:
    assert said("os.kill(os.getpid(), signal.SIGTERM)") == "interrupted"


def test_a_second_signal_at_once_says_nothing_of_its_own() -> None:
    twice = "os.kill(os.getpid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGTERM)"
    program = [sys.executable, "-c", PROGRAM.format(signalled=f"[{twice.replace('; ', ', ')}]")]
    for _ in range(5):
        done = subprocess.run(program, capture_output=True, text=True, check=True)
        assert (done.stdout.strip(), done.stderr) == ("interrupted", "")


def test_an_error_of_its_own_stays_one() -> None:
    assert said("pass") == "failed"
