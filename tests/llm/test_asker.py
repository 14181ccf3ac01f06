"""Many calls at once: order, pace, budget, journal, interrupts."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sizewise.core.errors import LimitReached, RunError
from sizewise.llm.asker import NOT_ASKED, Asker, is_same_model
from sizewise.llm.budget import Budget
from sizewise.llm.journal import Journal
from sizewise.llm.pace import Limits
from sizewise.llm.prompt import Prompt
from sizewise.llm.request import Reply, Request
from sizewise.llm.scripted import wire
from sizewise.llm.scripted.upstream import Step, Upstream

from .conftest import PRICE, Make

PROMPT = Prompt("Route.", ("refund", "delivery", "account"))
ONE = (120 * 2.5 + 6 * 10) / 1e6
BUSY = wire.openai_error(429, "slow down", "rate_limit_exceeded")


def requests(n: int) -> list[Request]:
    return [PROMPT.request(f"{'parcel' if i % 2 else 'refund'} {i}") for i in range(n)]


def test_order_is_kept_whatever_comes_first(make: Make, upstream: Upstream) -> None:
    upstream.script.extend(Step(delay=0.3 - 0.01 * i) for i in range(30))
    replies = make().ask(requests(30))
    assert [r.text for r in replies] == ['{"label": "delivery"}' if i % 2 else '{"label": "refund"}' for i in range(30)]


def test_calls_at_once_are_limited(make: Make, upstream: Upstream) -> None:
    upstream.delay = 0.02
    make(limits=Limits(concurrency=5)).ask(requests(60))
    assert upstream.most_at_once == 5


def test_calls_a_minute_are_limited(make: Make, upstream: Upstream) -> None:
    make(limits=Limits(per_minute=600)).ask(requests(12))
    times = sorted(seen.at for seen in upstream.seen)
    assert times[-1] - times[0] >= 1.0


def test_many_refusals_in_a_row_make_everybody_wait(make: Make, upstream: Upstream) -> None:
    upstream.script.extend(Step(429, BUSY, {"retry-after": "1"}) for _ in range(8))
    make(limits=Limits(concurrency=8, timeout=10)).ask(requests(40))
    times = sorted(seen.at for seen in upstream.seen)
    assert sum(t - times[0] < 0.9 for t in times) <= 20, "not all 48 before the second that was asked for"


@pytest.mark.parametrize("budget", [0.0, 0.001, 0.004, 0.0101, 0.02])
def test_the_budget_is_never_exceeded(budget: float, make: Make, upstream: Upstream) -> None:
    upstream.errors = 0.3
    upstream.script.extend(Step(breaks=True) for _ in range(3))
    asker = make(budget=budget, limits=Limits(concurrency=16, timeout=10, attempts=4))
    try:
        replies = asker.ask(requests(60))
    except LimitReached:
        replies = []
    billed = ONE * (len(upstream.seen))  # more than can have been billed: failed calls are in it
    assert asker.budget.spent <= budget + 1e-12
    assert asker.budget.reserved == pytest.approx(0, abs=1e-12)
    answered = [r for r in replies if r.text]
    assert ONE * len(answered) <= min(budget, billed) + 1e-12
    assert all(r.error == NOT_ASKED for r in replies if not r.text and not r.error.startswith("the provider"))  # type: ignore[union-attr]


def test_until_refused_gives_a_beginning(make: Make, upstream: Upstream) -> None:
    long = PROMPT.request("x" * 100_000)
    replies = make(budget=0.05).ask([*requests(5), long, *requests(20)[5:]], until_refused=True)
    assert [r.error is None for r in replies] == [True] * 5 + [False] * 16
    replies = make(budget=0.05).ask([*requests(5), long, *requests(20)[5:]])
    assert [r.error is None for r in replies] == [True] * 5 + [False] + [True] * 15


def test_what_is_known_is_not_asked(make: Make, upstream: Upstream, tmp_path: Path) -> None:
    for expected in (20, 20, 30):
        journal = Journal(tmp_path / "j")
        asker = make(journal=journal)
        replies = asker.ask(requests(expected))
        asker.close()
        journal.close()
        assert all(r.error is None and r.usage.cost_usd for r in replies)
        assert len(upstream.seen) == expected
        assert asker.budget.spent == pytest.approx(expected * ONE)


def test_another_take_is_asked_anew(make: Make, upstream: Upstream, tmp_path: Path) -> None:
    asker = make(journal=Journal(tmp_path / "j"))
    (request,) = requests(1)
    asker.ask([request, request.again(1), request])
    assert len(upstream.seen) == 2
    assert asker.journal is not None
    asker.journal.close()


def test_failures_that_pass_are_asked_again_by_the_next_run(make: Make, upstream: Upstream, tmp_path: Path) -> None:
    upstream.script.extend(Step(500, wire.openai_error(500, "oh no")) for _ in range(3))
    journal = Journal(tmp_path / "j")
    asker = make(journal=journal, limits=Limits(concurrency=1, attempts=3, timeout=10))
    (reply,) = asker.ask(requests(1))
    assert reply.error == "the provider failed: oh no"
    asker.close()
    journal.close()
    again = Journal(tmp_path / "j")
    (reply,) = make(journal=again).ask(requests(1))
    again.close()
    assert reply.error is None
    assert len(upstream.seen) == 4


def test_one_call_after_another_that_fails_ends_the_work(make: Make, upstream: Upstream) -> None:
    upstream.script.extend(Step(400, wire.openai_error(400, "we do not like it")) for _ in range(400))
    with pytest.raises(LimitReached, match="one call after another fails"):
        make(limits=Limits(concurrency=4)).ask(requests(200))
    assert len(upstream.seen) < 40


def test_a_wait_that_is_too_long_ends_the_work(make: Make, upstream: Upstream) -> None:
    upstream.script.append(Step(429, BUSY, {"retry-after": "7200"}))
    with pytest.raises(LimitReached, match="wait 120 minutes"):
        make().ask(requests(1))


def test_a_call_that_takes_too_long(make: Make, upstream: Upstream) -> None:
    upstream.script.append(Step(delay=5))
    asker = make(limits=Limits(timeout=0.3, attempts=2))
    (reply,) = asker.ask(requests(1))
    assert reply.error is None
    assert asker.budget.spent > ONE, "the call that was given up may have been billed"


def test_a_parameter_that_the_model_does_not_take_is_left_out(make: Make, upstream: Upstream) -> None:
    said = "Unsupported value: 'temperature' does not support 0 with this model."
    upstream.script.append(Step(400, wire.openai_error(400, said, "unsupported_value", param="temperature")))
    replies = make(limits=Limits(concurrency=1)).ask(requests(3))
    assert [r.error for r in replies] == [None] * 3
    assert ["temperature" in seen.body for seen in upstream.seen] == [True, False, False, False]


def test_from_several_threads(make: Make, upstream: Upstream) -> None:
    asker = make(limits=Limits(concurrency=4))
    upstream.delay = 0.01
    alone = [r.text for r in asker.ask(requests(20))]
    with ThreadPoolExecutor(6) as threads:
        for told in threads.map(lambda _: [r.text for r in asker.ask(requests(20))], range(12)):
            assert told == alone
    assert upstream.most_at_once <= 4


@pytest.mark.usefixtures("interrupts_heard")
def test_an_interrupt_ends_a_call_within_a_second(make: Make, upstream: Upstream, tmp_path: Path) -> None:
    upstream.delay = 30.0
    journal = Journal(tmp_path / "j")
    asker = make(journal=journal, limits=Limits(concurrency=4, timeout=60))
    asker.client.prepare()
    main = threading.main_thread().ident
    assert main is not None
    sent: list[float] = []
    threading.Timer(1.5, lambda: _interrupt(main, sent)).start()
    with pytest.raises(KeyboardInterrupt):
        asker.ask(requests(10))
    assert time.perf_counter() - sent[0] < 1.0
    asker.close()
    journal.close()
    told = Journal(tmp_path / "j")
    assert told.spent == pytest.approx(sum(sorted(PRICE.most(r) for r in requests(4))), rel=0.01), (
        "four were on their way"
    )
    told.close()


def _interrupt(thread: int, sent: list[float]) -> None:
    sent.append(time.perf_counter())
    signal.pthread_kill(thread, signal.SIGINT)


def test_one_process_at_a_time_writes_a_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    with pytest.raises(RunError, match="another process"):
        Journal(tmp_path / "j")
    journal.close()


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_journal_whose_end_was_cut(cut: int, make: Make, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    asker = make(journal=journal)
    asker.ask(requests(5))
    asker.close()
    journal.close()
    whole = (tmp_path / "j").read_bytes()
    (tmp_path / "j").write_bytes(whole[:-cut])
    again = Journal(tmp_path / "j")
    assert len(again.replies) == 4
    assert again.doubtful == 1
    assert again.spent > 5 * ONE, "what was cut off counts as spent in full"
    again.close()


@pytest.mark.parametrize("content", [b"hello\n", b'{"input": "x"}\n', b"\x00\xff\n", b"[]\n"])
def test_a_file_that_is_no_journal_is_left_alone(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(content)
    with pytest.raises(RunError, match="no journal"):
        Journal(tmp_path / "j")
    assert (tmp_path / "j").read_bytes() == content


def test_a_budget_is_a_budget() -> None:
    budget = Budget(1.0, 0.5)
    assert budget.reserve(0.5)
    assert not budget.reserve(0.01)
    budget.settle(0.5, 0.1)
    assert budget.left == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("asked", "answered", "same"),
    [
        ("gpt-4o", "gpt-4o", True), ("gpt-4o", "gpt-4o-2024-08-06", True), ("openai/gpt-4o", "gpt-4o", True),
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", True), ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022", True),
        ("gpt-4o", "gpt-4o-mini", False), ("gpt-4", "gpt-4o", False), ("gpt-4.1", "gpt-4.1-nano", False), ("a", "b", False),
    ],
)  # fmt: skip
def test_names_of_models(asked: str, answered: str, same: bool) -> None:
    assert is_same_model(asked, answered) is same


def test_no_secret_is_in_what_can_be_shown(make: Make) -> None:
    asker = make()
    key = "sk-proj-0123456789abcdef"
    for shown in (repr(asker), repr(asker.client), repr(asker.endpoint), str(vars(asker))):
        assert key not in shown
    assert isinstance(asker, Asker)
    assert Reply().final
