"""Batches across requests: nothing waits on purpose, everybody gets their own answer, and a failure is one row's."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Sequence

import pytest

from sizewise.core.answer import Answer
from sizewise.gateway.batching import Batcher, Overloaded


class Echo:
    """Answers with the input; takes ``seconds`` a batch, fails on some inputs, and remembers its batches."""

    def __init__(self, seconds: float = 0.0, *, short: bool = False, name: str = "echo") -> None:
        self.name = name
        self.seconds, self.short = seconds, short
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self.gate = threading.Event()
        self.gate.set()

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        self.gate.wait(10)
        self.batches.append(list(inputs))
        self.threads.add(threading.get_ident())
        time.sleep(self.seconds)
        if "poison" in inputs:
            raise ValueError("not that one")
        answers = [Answer(value=text, confidence=0.9, route="small") for text in inputs]
        return answers[:-1] if self.short and len(answers) > 1 else answers


async def gathered(batcher: Batcher, texts: Sequence[str]) -> list[Answer]:
    return list(await asyncio.gather(*(batcher.answer(text) for text in texts)))


def test_everybody_gets_their_own_answer() -> None:
    model = Echo(0.001)
    draw = random.Random(0)

    async def one(batcher: Batcher, number: int) -> None:
        await asyncio.sleep(draw.random() / 50)
        assert (await batcher.answer(f"text {number}")).value == f"text {number}"

    async def run() -> None:
        batcher = Batcher(model, most=16)
        await asyncio.gather(*(one(batcher, number) for number in range(500)))
        assert batcher.depth == 0
        batcher.close()

    asyncio.run(run())
    assert sum(map(len, model.batches)) == 500
    assert max(map(len, model.batches)) <= 16
    assert threading.get_ident() not in model.threads


def test_a_single_request_does_not_wait_for_others() -> None:
    async def run() -> float:
        batcher = Batcher(Echo())
        await batcher.answer("warm up")
        began = time.perf_counter()
        for _ in range(20):
            await batcher.answer("x")
        return time.perf_counter() - began

    assert asyncio.run(run()) < 1


def test_what_waits_meanwhile_is_one_batch() -> None:
    model = Echo()

    async def run() -> None:
        batcher = Batcher(model, most=64)
        model.gate.clear()
        first = asyncio.create_task(batcher.answer("first"))
        await asyncio.sleep(0.05)
        rest = [asyncio.create_task(batcher.answer(f"{n}")) for n in range(100)]
        await asyncio.sleep(0.05)
        model.gate.set()
        await asyncio.gather(first, *rest)

    asyncio.run(run())
    assert [len(batch) for batch in model.batches] == [1, 64, 36]


def test_one_bad_input_costs_nobody_else_an_answer() -> None:
    model = Echo()

    async def run() -> list[Answer]:
        batcher = Batcher(model)
        model.gate.clear()
        asked = asyncio.create_task(gathered(batcher, ["a", "b", "poison", "c"]))
        await asyncio.sleep(0.05)
        model.gate.set()
        return [*(await asked), *(await gathered(batcher, ["after"]))]

    answers = asyncio.run(run())
    assert [answer.value for answer in answers] == ["a", "b", None, "c", "after"]
    assert answers[2].error == "ValueError: not that one"


def test_a_model_that_loses_rows_answers_none_of_them_wrongly() -> None:
    model = Echo(short=True)

    async def run() -> list[Answer]:
        batcher = Batcher(model)
        model.gate.clear()
        first = asyncio.create_task(batcher.answer("alone"))
        await asyncio.sleep(0.05)
        asked = asyncio.create_task(gathered(batcher, ["a", "b", "c"]))
        await asyncio.sleep(0.05)
        model.gate.set()
        return [await first, *(await asked)]

    answers = asyncio.run(run())
    assert answers[0].value == "alone"
    assert all(answer.error == "the model gave 2 answers to 3 inputs" for answer in answers[1:])


def test_a_cancelled_request_is_not_answered() -> None:
    model = Echo()

    async def run() -> None:
        batcher = Batcher(model)
        model.gate.clear()
        first = asyncio.create_task(batcher.answer("first"))
        await asyncio.sleep(0.05)
        gone, stays = (asyncio.create_task(batcher.answer(text)) for text in ("gone", "stays"))
        await asyncio.sleep(0.05)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert batcher.depth == 2
        model.gate.set()
        assert [(await first).value, (await stays).value] == ["first", "stays"]
        assert batcher.depth == 0

    asyncio.run(run())
    assert model.batches == [["first"], ["stays"]]


def test_too_many_waiting_are_refused_and_the_rest_answered() -> None:
    model = Echo()

    async def run() -> list[Answer | BaseException]:
        batcher = Batcher(model, capacity=10)
        model.gate.clear()
        asked = [asyncio.create_task(batcher.answer(f"{n}")) for n in range(15)]
        await asyncio.sleep(0.05)
        model.gate.set()
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert (await batcher.answer("later")).value == "later"
        return found

    found = asyncio.run(run())
    assert [isinstance(one, Overloaded) for one in found] == [False] * 10 + [True] * 5


def test_closing_answers_what_waits_and_ends_the_threads() -> None:
    model = Echo(0.01, name="closing")

    async def run() -> list[Answer]:
        batcher = Batcher(model, most=2, threads=2)
        asked = [asyncio.create_task(batcher.answer(f"{n}")) for n in range(10)]
        await asyncio.sleep(0)
        batcher.close()
        answers = list(await asyncio.gather(*asked))
        assert (await batcher.answer("late")).value == "late"
        return answers

    assert [answer.value for answer in asyncio.run(run())] == [f"{n}" for n in range(10)]
    deadline = time.monotonic() + 5
    while any(thread.name.startswith("closing-") for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(thread.name.startswith("closing-") for thread in threading.enumerate())


def test_a_loop_that_ended_leaves_no_thread_that_fails() -> None:
    model = Echo(0.05)

    async def run() -> None:
        batcher = Batcher(model)
        asyncio.get_running_loop().create_task(batcher.answer("abandoned")).add_done_callback(lambda _: None)
        await asyncio.sleep(0.01)
        batcher.close()

    asyncio.run(run())
    time.sleep(0.2)
