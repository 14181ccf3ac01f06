"""The engine with the real default model: interrupts, ends, crashes, exactness."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sizewise.core.errors import ContextOverflow, EngineError, SizewiseError
from sizewise.slm.engine import Engine, EngineSettings
from sizewise.slm.local_model import LocalModel


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine.open(settings=EngineSettings(context=4_096, exact=True)) as opened:
        yield opened


def test_what_it_says_and_what_it_used(engine: Engine) -> None:
    said = engine.complete("The capital of France is", 4)
    assert said.text
    assert said.finish == "length"
    assert (said.usage.prompt_tokens, said.usage.completion_tokens) == (6, 4)
    assert engine.format.name == "plain", "a base model"


def test_shares_are_those_of_the_tokens_alone_and_sum_to_one(engine: Engine) -> None:
    prompt = engine.tokens("The capital of France is the city of")
    paris, rome, end = (engine.tokens(text, start=False)[0] for text in (" Paris", " Rome", "\n"))
    found = engine.shares(prompt, [paris, rome, end])
    assert sum(found) == pytest.approx(1)
    assert found[0] > found[1]
    assert engine.shares(prompt, [paris]) == [1.0]


def test_an_interrupt_ends_a_call_within_a_second_and_the_engine_goes_on(engine: Engine) -> None:
    ended: list[tuple[SizewiseError, float]] = []

    def call() -> None:
        try:
            engine.complete("Once upon a time", 3_500, stop=["no such text"])
        except SizewiseError as error:
            ended.append((error, time.perf_counter()))

    caller = threading.Thread(target=call)
    caller.start()
    time.sleep(1.0)
    interrupted = time.perf_counter()
    engine.interrupt()
    caller.join(5)
    assert ended, "the call went on"
    assert ended[0][1] - interrupted < 1.0
    assert engine.complete("1, 2, 3,", 2).text


def test_what_is_too_long_is_said_and_is_a_row_in_a_batch(engine: Engine) -> None:
    with pytest.raises(ContextOverflow, match="has room for 4,096"):
        engine.complete("word " * 5_000)
    answers = LocalModel(engine, labels=("yes", "no"), most_tokens=8).answer(["is it?", "word " * 5_000, "no?"])
    assert [a.error is None for a in answers] == [True, False, True]
    assert {a.value for a in answers} <= {"yes", "no", None}


def test_a_schema_holds_the_answer(engine: Engine) -> None:
    schema = {
        "type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}, "required": ["city"],
        "additionalProperties": False,
    }  # fmt: skip
    said = engine.complete("The capital of France as JSON: ", 32, schema=schema)
    assert json.loads(said.text) in ({"city": "Paris"}, {"city": "Rome"})


def test_native_code_that_dies_is_one_message_and_closing_leaves_no_process() -> None:
    engine = Engine.open(settings=EngineSettings(context=512, slots=1, threads=1))
    assert Path(f"/proc/{engine.process_id}").exists()
    os.kill(engine.process_id, signal.SIGSEGV)
    with pytest.raises(EngineError, match="its process ended with status -11"):
        engine.complete("hello", 4)
    assert not engine.alive
    engine.close()
    assert not Path(f"/proc/{engine.process_id}").exists()


def test_nobody_without_the_key_is_answered(engine: Engine) -> None:
    from http.client import HTTPConnection
    from urllib.parse import urlsplit

    connection = HTTPConnection("127.0.0.1", urlsplit(engine.base_url).port or 0, timeout=10)
    connection.request("POST", "/v1/completions", '{"prompt": "hello", "max_tokens": 1}')
    assert connection.getresponse().status == 401
    connection.close()


def test_answers_name_the_model_by_its_file_and_never_by_its_path(engine: Engine) -> None:
    from urllib.request import Request, urlopen

    asked = Request(f"{engine.base_url}/completions", b'{"prompt": "hello", "max_tokens": 1}')
    asked.add_header("Authorization", f"Bearer {engine.key}")
    asked.add_header("Content-Type", "application/json")
    with urlopen(asked, timeout=60) as response:
        assert json.load(response)["model"] == engine.model.path.name
