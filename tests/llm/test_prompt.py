"""The prompt, how answers are read, and what is never quoted."""

from __future__ import annotations

import json

import pytest

from sizewise.llm.failures import clean, retry_after
from sizewise.llm.price import Price
from sizewise.llm.prompt import NOT_BY_SCHEMA, OUTSIDE, Prompt
from sizewise.llm.request import Reply, Request

LABELS = ("Возврат", "card_arrival", "other")


@pytest.mark.parametrize(
    ("text", "value", "error"),
    [
        ('{"label": "Возврат"}', "Возврат", None),
        ('{"label": "card arrival"}', "card_arrival", None),
        ('```json\n{"label": "other"}\n```', "other", None),
        ("Card-Arrival", "card_arrival", None),
        ('"other"', "other", None),
        ('{"category": "other"}', "other", None),
        ("something else", "something else", OUTSIDE),
        ('{"label": "weather"}', "weather", OUTSIDE),
        ('{"label": ["other"]}', '{"label": ["other"]}', OUTSIDE),
        ('{"label": true}', '{"label": true}', OUTSIDE),
        ("[" * 5_000, "[" * 5_000, OUTSIDE),
    ],
)
def test_labels_are_read_as_they_are_spelled_in_the_task(text: str, value: str, error: str | None) -> None:
    answer = Prompt(labels=LABELS).read(Reply(text))
    assert (answer.value, answer.error) == (value, error)


def test_an_answer_by_a_schema() -> None:
    schema = {"type": "object", "properties": {"sum": {"type": "number"}}, "required": ["sum"]}
    prompt = Prompt("Read the receipt.", schema=schema)
    assert prompt.read(Reply('{"sum": 1.5, "x": "я"}')).value == '{"sum": 1.5, "x": "я"}'
    assert prompt.read(Reply('{"total": 1}')).error == NOT_BY_SCHEMA
    assert prompt.read(Reply("1.5")).error == NOT_BY_SCHEMA
    assert json.loads(prompt.request("x").schema or "") == schema


def test_a_version_is_the_prompt_without_its_input() -> None:
    one = Prompt("Route.", LABELS)
    assert one.version == Prompt("Route.", LABELS).version
    others = [Prompt("Route it.", LABELS), Prompt("Route.", LABELS[::-1]), Prompt("Route.", LABELS, temperature=None)]
    assert len({one.version, *(other.version for other in others)}) == 4


def test_a_frame_holds_the_labels() -> None:
    assert Prompt(labels=("a", "b"), frame="Choose:\n{labels}\n!").system == "Choose:\n- a\n- b\n!"


def test_too_many_labels_are_named_but_not_enumerated() -> None:
    prompt = Prompt(labels=tuple(f"label {i}" for i in range(400)))
    assert prompt.held_to is None
    assert "label 399" in prompt.system


@pytest.mark.parametrize("text", ["hello world", "привет, как дела", "🙂🙃" * 40, "\ud800 lone", "", "a" * 10_000])
def test_the_bound_on_tokens_is_one_of_each_byte(text: str) -> None:
    request = Prompt("Route.", LABELS).request(text)
    size = len(text.encode("utf-8", "surrogatepass"))
    assert request.most_prompt_tokens >= size
    assert request.most_tokens_beside(100) >= 100 + size
    assert Price(1.0, 2.0).most(request) >= size / 1e6
    assert request.chat[-1]["content"].encode()


def test_a_key_tells_requests_apart() -> None:
    request = Request((("user", "x"),), 5)
    keys = {
        request.key("a"), request.key("b"), request.key("a", "http://x"), request.again(1).key("a"),
        Request((("user", "y"),), 5).key("a"), Request((("user", "x"),), 6).key("a"), Request((("user", "x"),), 5, "{}").key("a"),
    }  # fmt: skip
    assert len(keys) == 7


@pytest.mark.parametrize(
    "said",
    [
        "Incorrect API key provided: sk-proj-abcdefghijklmnop", "bad token: eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.x.y",
        "api_key=abcdef0123456789", "Bearer abcdefghijkl0123", "key AIzaSyA0123456789abcdef", "the-secret-itself",
    ],
)  # fmt: skip
def test_no_secret_is_quoted(said: str) -> None:
    shown = clean(f"it said: {said}\n  and more", "the-secret-itself")
    for secret in ("abcdefgh", "eyJhbGci", "0123456789", "the-secret"):
        assert secret not in shown
    assert "and more" in shown
    assert "\n" not in shown


def test_what_is_quoted_is_short() -> None:
    assert len(clean("x " * 1_000, "secret")) <= 240


class _Told(Exception):
    def __init__(self, **headers: str) -> None:
        super().__init__("busy")
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (_Told(Retry_After="2.5"), 2.5), (_Told(retry_after_ms="300"), 0.3), (_Told(retry_after="soon"), None),
        (_Told(retry_after="-1"), None), (_Told(), None), (_Told(retry_after="Wed, 21 Oct 2015 07:28:00 GMT"), 0.0),
        (Exception("{'@type': 'RetryInfo', 'retryDelay': '34s'}"), 34.0),
    ],
)  # fmt: skip
def test_how_long_a_provider_asks_to_wait(error: Exception, seconds: float | None) -> None:
    assert retry_after(error) == seconds
