"""Every error that Sizewise raises on purpose.

::

    SizewiseError            exit status 1: a fault of ours
    ├── InputError           2: the call or the data is wrong; the message says what, where, what to do
    │   ├── DataError        2: a data file, with file, line or column
    │   ├── TaskError        2: a task file or an option
    │   ├── RunError         2: a run folder that is missing, unfinished, tampered with, or in the way
    │   ├── StoreError       2: a traffic store that is none, of a newer version, damaged, or cannot hold a value
    │   ├── ModelReferenceError 2: a model reference that cannot be resolved or whose hash is wrong
    │   └── ContextOverflow   2: a prompt is longer than the model's context; in a batch, a row with an error
    ├── EngineError           1: a local model's engine failed or ended
    └── LimitReached         3: a limit of the person's or the machine's (disk full); work is kept
        └── OutOfTime         3: a rung was not fitted in the time that it was given; the contest goes on without it

An interrupt (Ctrl-C) stays a ``KeyboardInterrupt`` and ends with status 130.
"""

from __future__ import annotations

from typing import ClassVar


class SizewiseError(Exception):
    """Something Sizewise can explain. ``exit_status`` is what the command line ends with."""

    exit_status: ClassVar[int] = 1


class InputError(SizewiseError):
    """The call or the data is wrong, and the person can put it right."""

    exit_status: ClassVar[int] = 2


class DataError(InputError):
    """A data file cannot be used as it is."""


class TaskError(InputError):
    """A task file or an option cannot be used as it is."""


class RunError(InputError):
    """A run folder is missing, unfinished, tampered with, or in the way."""


class StoreError(InputError):
    """A traffic store is none, is of a newer version, is damaged, or cannot hold what was given to it."""


class ModelReferenceError(InputError):
    """A model reference cannot be resolved, or its files are not the ones that were promised."""


class EngineError(SizewiseError):
    """The engine of a local model failed, or its process ended."""


class ContextOverflow(InputError):
    """A prompt and its answer do not fit into the model's context."""


class LimitReached(SizewiseError):
    """A limit was reached (disk, budget); what was done so far is kept and can be resumed."""

    exit_status: ClassVar[int] = 3


class OutOfTime(LimitReached):
    """A rung could not be fitted in the seconds that it was given; the contest goes on without it, and says so."""
