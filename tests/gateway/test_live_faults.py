"""A run served live while upstream fails: what the specialist is sure of is answered as ever, and the counts are right."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest

from .scripted_upstream import Fault, ScriptedUpstream
from .test_modes import SURE, UNSURE, messages
from .whole_server import Served, serving


@pytest.fixture(scope="module")
def script() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(says=lambda request: "refund", huge_bytes=2**20) as served:
        yield served


@pytest.fixture(scope="module")
def live(
    script: ScriptedUpstream, run_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    options = [str(run_of("unsure")), "--quiet-timeout", "0.5"]
    with serving(tmp_path_factory.mktemp("live"), *options, upstream=script.url) as served:
        ask(served, SURE)  # in shadow mode: both answer
        status, _, body = served.post({"to": "live", "force": True}, "/sizewise/admin/tasks/unsure")
        assert status == 200, body
        yield served


def ask(served: Served, text: str) -> tuple[int, str, bytes]:
    status, headers, body = served.post({"model": "gpt-4o-mini", "messages": messages(text)})
    return status, headers["x-sizewise-route"], body


@pytest.mark.parametrize("fault", get_args(Fault))
def test_what_is_sure_is_answered_though_upstream_fails(live: Served, script: ScriptedUpstream, fault: Fault) -> None:
    script.always, before = fault, len(script.seen)
    status, route, body = ask(live, SURE)
    assert (status, route) == (200, "small")
    assert json.loads(body)["choices"][0]["message"]["content"] == "refund"
    assert len(script.seen) == before


@pytest.mark.parametrize(
    ("fault", "expected"), [("429", 429), ("500", 500), ("reset", 502), ("hang", 504), (None, 200)]
)
def test_what_is_not_sure_fails_as_upstream_does(
    live: Served, script: ScriptedUpstream, fault: Fault | None, expected: int
) -> None:
    script.always = fault
    status, route, body = ask(live, UNSURE)
    assert (status, route) == (expected, "large")
    assert ("error" in json.loads(body)) == (expected != 200)


def test_the_metrics_say_what_the_store_says(live: Served, script: ScriptedUpstream) -> None:
    script.always = None
    ask(live, SURE)
    ask(live, UNSURE)
    live.until(lambda: live.counted()["sizewise_records_written_total",] == len(live.exchanges()))
    exchanges, counted = live.exchanges(), live.counted()
    small = [one for one in exchanges if one.route == "small"]
    unsure = [one for one in exchanges if one.mode == "live" and one.route == "large"]
    assert len(small) > 0
    assert len(unsure) > 0
    assert counted["sizewise_requests_total", "small", "200", "unsure"] == len(small)
    assert counted["sizewise_escalated_total", "unsure", "unsure"] == len(unsure)
    assert counted["sizewise_confidence_count", "unsure"] == sum(one.confidence is not None for one in exchanges)
    assert counted["sizewise_shadow_answers_total", "yes", "unsure"] == 1
    assert 0 < counted["sizewise_shadow_agreement", "low", "unsure"] <= 1
    (run_id,) = {one.run_id for one in exchanges}
    assert counted["sizewise_serving", "live", run_id or "", "unsure"] == 1
    assert not counted.get(("sizewise_serving", "shadow", run_id or "", "unsure"))
    large = json.loads((live_run(live) / "verdict.json").read_text())["large"]["cost_per_1k_usd"]["value"] / 1000
    assert counted["sizewise_saved_usd_total", "unsure"] == pytest.approx(len(small) * large)


def live_run(served: Served) -> Path:
    (task,) = json.loads(served.get("/sizewise/admin/tasks")[1])["tasks"]
    return Path(task["run"])
