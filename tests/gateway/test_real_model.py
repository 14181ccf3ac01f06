"""A real language model behind the gateway: record it, decide from the record, serve the run, see both routes answer.

The model is Gemma 3 270M on this machine, behind llama.cpp's own OpenAI-compatible server; nothing is scripted.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from .whole_server import Served, serving

LABELS = ["refund", "delivery", "account"]
SAID = {
    "refund": ["I want my money back for order {}", "please refund the {} dollars", "the refund {} has not arrived"],
    "delivery": ["when will parcel {} arrive", "the courier did not bring box {}", "track the delivery {}"],
    "account": ["I cannot log in as user {}", "reset the password of {}", "my account {} is locked"],
}
SYSTEM = "Sort the customer's message. Is it about refund, delivery or account?"
#: llama.cpp's own way to say which answers there may be
GRAMMAR = "root ::= " + " | ".join(f'"{label}"' for label in LABELS)
REQUESTS = 240


@pytest.fixture(scope="module")
def engine() -> Iterator[Any]:
    from sizewise.slm.engine import Engine, EngineSettings

    with Engine.open(settings=EngineSettings(threads=1)) as opened:
        yield opened


def messages(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    around = ["please", "today", "again", "now", "still", "really", "hello", "thanks", "urgent", "since Monday"]
    return [
        f"{draw.choice(draw.choice(list(SAID.values()))).format(draw.randrange(1000))} {' '.join(draw.sample(around, 2))}"
        for _ in range(count)
    ]


def ask(client: openai.OpenAI, text: str) -> tuple[str, str]:
    """The label and the route."""
    asked: Any = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
    raw = client.chat.completions.with_raw_response.create(
        model="gemma", messages=asked, temperature=0, max_tokens=8, extra_body={"grammar": GRAMMAR}
    )
    return raw.parse().choices[0].message.content or "", raw.headers["x-sizewise-route"]


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "sizewise.cli.main", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def drive(served: Served, texts: list[str], clients: int = 4) -> Counter[str]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0, timeout=300) as client, \
            ThreadPoolExecutor(clients) as pool:  # fmt: skip
        said = list(pool.map(lambda text: ask(client, text), texts))
    assert all(label in LABELS for label, _ in said)
    return Counter(route for _, route in said)


@pytest.mark.faults
def test_from_capture_to_live(engine: Any, tmp_path: Path) -> None:
    known = {"environment": {"GEMMA_KEY": engine.key}, "upstream": engine.base_url}
    keyed = ("--upstream-key-env", "GEMMA_KEY")
    with serving(tmp_path, *keyed, **known) as served:
        assert drive(served, messages(REQUESTS, 0)) == {"large": REQUESTS}
        served.stop()
        assert engine.key not in served.log
    exchanges = served.exchanges()
    assert len(exchanges) == REQUESTS
    assert all(exchange.prompt_tokens and exchange.completion_tokens for exchange in exchanges)

    run(tmp_path, "decide", "traffic.db", "--out", "run", "--rungs", "majority,keywords", "--target", "0.9")
    verdict = json.loads((tmp_path / "run" / "verdict.json").read_text())
    assert verdict["decision"] in ("small", "cascade")

    with serving(tmp_path, "run", *keyed, **known) as served:
        assert drive(served, messages(20, 1)) == {"large": 20}  # shadow: both answer, the LLM's counts
        counted = served.counted()
        shadow = sum(value for key, value in counted.items() if key[0] == "sizewise_shadow_answers_total")
        assert shadow == 20
        run(tmp_path, "promote", "run", "--server", served.url)
        strange = [
            "Qwertz uiop asdf",
            "¿Dónde está mi dinero, paquete y cuenta?",
            "hello",
            "?",
            "12",
            "refund delivery account",
        ]
        routes = drive(served, [*messages(60, 2), *strange * 2])
        assert routes["small"] > 10
        assert verdict["decision"] == "small" or routes["large"] > 0  # a cascade passes on what is strange to it
        assert sum(routes.values()) == 60 + 2 * len(strange)
        counted = served.counted()
        by_route: Counter[str] = Counter()
        for key, value in counted.items():
            if key[0] == "sizewise_requests_total":
                by_route[key[1]] += int(value)
        assert by_route == {"small": routes["small"], "large": routes["large"] + 20}
        served.until(lambda: len(served.exchanges()) == REQUESTS + 20 + sum(routes.values()))
        recorded = Counter(exchange.route for exchange in served.exchanges() if exchange.mode == "live")
        assert recorded == routes
        print(verdict["decision"], verdict["cascade"], routes)
