"""Ctrl-C, SIGTERM and SIGHUP end a command within two seconds, also inside a calculation that hears nothing."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

INTERRUPTED = 130
KEPT = "interrupted. What was done is kept: the same command goes on from there."
PATIENCE = 1.5  # seconds
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SHOW_CURSOR = "\x1b[?25h"


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` on each of the signals; end the process where nobody hears that in time.

    Python acts on a signal between two of its own instructions, and a product of large matrices is one. A
    thread then ends the process from beside: nothing is lost, because every file is written whole or not at all.
    """
    received: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    ended = threading.Event()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    outer = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    # What the caller ignores (nohup, a job in the background) stays ignored.
    before = {n: h for n in _STOPPING if (h := signal.getsignal(n)) in (signal.SIG_DFL, signal.default_int_handler)}
    for number in before:
        signal.signal(number, interrupt)
    watching = threading.Thread(target=_watch, args=(reader, ended), daemon=True)
    watching.start()
    try:
        yield
    except SystemExit:
        if received:  # typer ends with status 1 where it is interrupted itself
            raise KeyboardInterrupt from None
        raise
    except Exception as error:
        if received and _came_of_an_interrupt(error):
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if received else handler)  # a second Ctrl-C finds nothing to stop
        signal.set_wakeup_fd(outer)
        ended.set()
        os.close(writer)
        watching.join(0 if received else None)
        if not watching.is_alive():
            os.close(reader)


def _came_of_an_interrupt(error: BaseException | None) -> bool:
    """Whether an interrupt was turned into ``error``, as a compiled module does that was just being imported."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, KeyboardInterrupt):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def forget_interrupt() -> None:
    """Take back that this process is to end itself by SIGINT.

    Python notes that down where an interrupt passes through code that a compiled module runs, while it is imported for
    instance, and obeys after everything, though the interrupt was heard: the exit status would be a signal's. Running
    code in that way once more clears the note.
    """
    import ctypes

    with suppress(AttributeError, OSError):
        ctypes.pythonapi.PyRun_SimpleString(b"pass")


def ignore_signals() -> None:
    """For a process that has done its work and is ending: a signal must not turn its exit status into another."""
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)


def _watch(reader: int, ended: threading.Event) -> None:
    heard = os.read(reader, 1)  # the pipe stays open: a second signal may be written to it at any moment
    if heard and not ended.wait(PATIENCE):
        cursor = _SHOW_CURSOR if sys.stderr.isatty() else ""  # a progress bar hides it
        os.write(2, f"{cursor}sizewise: {KEPT}\n".encode())
        os._exit(INTERRUPTED)
