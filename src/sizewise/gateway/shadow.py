"""Shadow mode: how often the specialist says what the LLM says, with an interval that may be looked at at any time."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

from sizewise.evaluate.confidence_sequence import sequence
from sizewise.gateway.state import StateFile, Tallies, Tally

Support = Literal["supported", "contradicted", "undecided", "nothing compared", "not about the LLM"]


@dataclass(frozen=True, slots=True)
class Share:
    """``value`` with its anytime-valid interval, from ``n`` requests; ``None`` where n is 0."""

    value: float | None
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, successes: int, n: int, delta: float) -> Share:
        low, high = sequence(successes, n, delta)
        return cls(successes / n if n else None, low, high, n)


@dataclass(frozen=True, slots=True)
class Agreement:
    """What shadow mode has shown of one run, and whether that supports what the run promised.

    ``overall`` is agreement with the LLM on all requests, ``answered`` on those that the specialist would have answered,
    ``coverage`` the share of those. ``system`` is the share that would have come out as the LLM answers: 1 - risk;
    ``target`` is what the run promised of it, ``None`` where it promised something that only gold can tell.
    """

    overall: Share
    answered: Share
    coverage: Share
    system: Share
    target: float | None
    support: Support


def agreement(tally: Tally, target: float | None, delta: float) -> Agreement:
    """The shares of ``tally``; each interval holds at all times with probability 1 - ``delta``."""
    wrong = tally.answered - tally.answered_agreed
    system = Share.of(tally.compared - wrong, tally.compared, delta)
    return Agreement(
        overall=Share.of(tally.agreed, tally.compared, delta),
        answered=Share.of(tally.answered_agreed, tally.answered, delta),
        coverage=Share.of(tally.answered, tally.compared, delta),
        system=system,
        target=target,
        support=_support(system, target),
    )


def _support(system: Share, target: float | None) -> Support:
    if target is None:
        return "not about the LLM"
    if not system.n:
        return "nothing compared"
    if system.low >= target:
        return "supported"
    return "contradicted" if system.high < target else "undecided"


class Counter:
    """One run's tally in this process, on top of what other processes and earlier ones have written down."""

    def __init__(self, run_id: str, written: Tally) -> None:
        self._run_id = run_id
        self._lock = threading.Lock()
        self._written, self._new = written, Tally()

    @property
    def tally(self) -> Tally:
        """All that is known here."""
        return self._written.plus(self._new)

    def count(self, *, agreed: bool, answered: bool) -> None:
        """Take note of one request that both have answered."""
        with self._lock:
            self._new = self._new.plus(Tally(1, int(agreed), int(answered), int(answered and agreed)))

    def write(self, file: StateFile[Tallies]) -> None:
        """Add what is new to the file, and take over what others have added."""
        with self._lock:
            new = self._new

        def add(held: Tallies) -> Tallies:
            mine = held.runs.get(self._run_id, Tally()).plus(new)
            return Tallies({**held.runs, self._run_id: mine})

        if new.compared:
            written = file.update(add).runs[self._run_id]
        elif file.has_changed():
            written = file.read().runs.get(self._run_id, Tally())
        else:
            return
        with self._lock:
            self._written = written
            self._new = _minus(self._new, new)


def _minus(whole: Tally, part: Tally) -> Tally:
    return Tally(
        whole.compared - part.compared,
        whole.agreed - part.agreed,
        whole.answered - part.answered,
        whole.answered_agreed - part.answered_agreed,
    )
