"""Several calls at once, heard by a thread that an interrupt can reach at any moment.

Not an executor of the standard library: an interrupt that comes while it is handed a call leaves one of its locks held,
and whoever then waits for its threads waits for ever. Here nothing is waited for after an interrupt.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from typing import TypeVar

Asked = TypeVar("Asked")
Said = TypeVar("Said")


def answered(
    call: Callable[[Asked], Said], items: Sequence[Asked], at_once: int, interrupt: Callable[[], None]
) -> Iterator[tuple[int, Said]]:
    """What ``call`` gives for each item, with its place, as it comes.

    What it raises is raised here. Then, and where whoever listens goes away or is interrupted, no further call is
    made, and ``interrupt`` is to end those that run.
    """
    told: SimpleQueue[tuple[int, Said | None, BaseException | None]] = SimpleQueue()
    waiting, stopped = iter(range(len(items))), [False]

    def work() -> None:
        for place in waiting:
            if stopped[0]:
                return
            try:
                told.put((place, call(items[place]), None))
            except BaseException as error:
                told.put((place, None, error))
                return

    heard = 0
    try:
        for _ in range(min(at_once, len(items))):
            threading.Thread(target=work, daemon=True).start()
        while heard < len(items):
            place, said, error = told.get()
            if error is not None:
                raise error
            heard += 1
            yield place, said  # type: ignore[misc]
    finally:
        stopped[0] = True
        if heard < len(items):
            interrupt()
