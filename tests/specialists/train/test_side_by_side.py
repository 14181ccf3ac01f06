"""Tasks in threads: told of in the caller's thread, stopped together, with one error."""

from __future__ import annotations

import threading
import time

import pytest

from sizewise.specialists.train.side_by_side import Tell, side_by_side


def test_results_come_in_the_order_of_the_tasks() -> None:
    def task(number: int) -> int:
        time.sleep(0.01 * (3 - number))
        return number

    assert side_by_side([lambda _, n=n: task(n) for n in range(3)], 2) == [0, 1, 2]  # type: ignore[misc]


def test_it_is_told_in_the_thread_of_the_caller() -> None:
    heard: list[tuple[int, int]] = []

    def task(tell: Tell) -> int:
        tell(threading.get_ident())
        return threading.get_ident()

    found = side_by_side([task, task], 2, lambda who: heard.append((who, threading.get_ident())))
    assert sorted(who for who, _ in heard) == sorted(found)
    assert {where for _, where in heard} == {threading.get_ident()}
    assert threading.get_ident() not in found


def test_tasks_work_at_the_same_time_but_no_more_than_were_allowed() -> None:
    met = threading.Barrier(2, timeout=30)
    at_once, most, lock = 0, 0, threading.Lock()

    def task(_: Tell) -> None:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        met.wait()
        with lock:
            at_once -= 1

    side_by_side([task] * 4, 2)
    assert most == 2


@pytest.mark.parametrize("error", [ValueError("no number"), KeyboardInterrupt()])
def test_what_one_raises_ends_the_others(error: BaseException) -> None:
    told = 0

    def fails(_: Tell) -> None:
        time.sleep(0.05)
        raise error

    def goes_on(tell: Tell) -> None:
        nonlocal told
        while True:
            tell()
            told += 1
            time.sleep(0.001)

    waits_for_ever = goes_on
    with pytest.raises(type(error)):
        side_by_side([goes_on, fails, waits_for_ever], 2)
    seen = told
    time.sleep(0.05)
    assert told == seen > 0


def test_what_is_raised_on_being_told_ends_all() -> None:
    def told() -> None:
        raise KeyboardInterrupt

    def goes_on(tell: Tell) -> None:
        while True:
            tell()
            time.sleep(0.001)

    with pytest.raises(KeyboardInterrupt):
        side_by_side([goes_on, goes_on], 2, told)
