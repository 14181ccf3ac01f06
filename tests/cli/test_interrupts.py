"""An interrupt that something else turned into an error of its own is an interrupt all the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


#: a command that is interrupted in code that a compiled module runs, as pybind11 does in an import
WITHIN = """
import builtins, ctypes, os, signal, sys
from sizewise.cli import main
def interrupted():
    os.kill(os.getpid(), signal.SIGTERM)
    int("x")
builtins.interrupted = interrupted
run = ctypes.pythonapi.PyRun_String
run.restype, run.argtypes = ctypes.py_object, [ctypes.c_char_p, ctypes.c_int, ctypes.py_object, ctypes.py_object]
def obey():
    with main.interruptible():
        run(b"interrupted()", 257, {"__builtins__": builtins}, {})
main._obey = obey
sys.argv = ["sizewise"]
main.main()
"""


def said(signalled: str) -> str:
    program = [sys.executable, "-c", PROGRAM.format(signalled=signalled)]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_an_interrupt_that_became_another_error_ends_as_an_interrupt() -> None:
    assert said("os.kill(os.getpid(), signal.SIGTERM)") == "interrupted"


def test_an_interrupt_in_what_a_compiled_module_runs_ends_with_the_same_status(tmp_path: Path) -> None:
    (tmp_path / "within.py").write_text(WITHIN)
    done = subprocess.run([sys.executable, "-m", "within"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (
        130,
        "sizewise: interrupted. What was done is kept: the same command goes on from there.\n",
    )


def test_a_second_signal_at_once_says_nothing_of_its_own() -> None:
    twice = "os.kill(os.getpid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGTERM)"
    program = [sys.executable, "-c", PROGRAM.format(signalled=f"[{twice.replace('; ', ', ')}]")]
    for _ in range(5):
        done = subprocess.run(program, capture_output=True, text=True, check=True)
        assert (done.stdout.strip(), done.stderr) == ("interrupted", "")


def test_an_error_of_its_own_stays_one() -> None:
    assert said("pass") == "failed"
