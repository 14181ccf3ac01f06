"""The clients that applications have, unchanged but for the base address: the official libraries for Python and JavaScript, curl."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from .scripted_upstream import ScriptedUpstream
from .whole_server import KEY, Served, chat, serving

ASK: Any = [{"role": "user", "content": "Привет 🙂"}]
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
IMAGE: Any = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def script() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as served:
        yield served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, script: ScriptedUpstream) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("clients"), upstream=f"{script.url}/v1") as running:
        yield running


@pytest.fixture
def client(served: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def test_python_chat(client: openai.OpenAI) -> None:
    answer = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=ASK)
    assert answer.parse().choices[0].message.content == "Эхо 🦜: Привет 🙂"
    assert answer.headers["x-sizewise-route"] == "large"
    stream = client.chat.completions.create(
        model="gpt-4o", messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Эхо 🦜: Привет 🙂"
    assert chunks[-1].usage is not None


def test_python_tools_and_images(client: openai.OpenAI) -> None:
    called: Any = client.chat.completions.create(model="gpt-4o", messages=ASK, tools=TOOLS)
    assert json.loads(called.choices[0].message.tool_calls[0].function.arguments)["city"] == "Москва"
    with client.chat.completions.stream(model="gpt-4o", messages=ASK, tools=TOOLS) as stream:
        final: Any = stream.get_final_completion()
    assert json.loads(final.choices[0].message.tool_calls[0].function.arguments)["city"] == "Москва"
    seen = [{"role": "user", "content": [{"type": "text", "text": "что это?"}, IMAGE]}]
    answer = client.chat.completions.create(model="gpt-4o", messages=seen)  # type: ignore[arg-type]
    assert answer.choices[0].message.content == "Эхо 🦜: что это? <image_url>"


def test_python_everything_else(client: openai.OpenAI, script: ScriptedUpstream) -> None:
    assert client.responses.create(model="gpt-4o", input="два").output_text == "Эхо 🦜: два"
    with client.responses.stream(model="gpt-4o", input="три") as stream:
        assert stream.get_final_response().output_text == "Эхо 🦜: три"
    assert client.completions.create(model="gpt-4o", prompt="раз").choices[0].text == "Эхо 🦜: раз"
    assert client.embeddings.create(model="e", input="a").data[0].embedding
    assert (
        client.files.create(file=("строки.jsonl", io.BytesIO(bytes(range(256)))), purpose="batch").status == "processed"
    )
    assert bytes(range(256)) in script.seen[-1].body
    assert {model.id for model in client.models.list()} >= {"gpt-4o", "gpt-4o-mini"}
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model="script-429", messages=ASK)
    assert caught.value.response.headers["retry-after"] == "7"


def test_python_async(served: Served) -> None:
    import asyncio

    async def ask() -> list[str | None]:
        async with openai.AsyncOpenAI(base_url=f"{served.url}/v1", api_key=KEY) as client:
            asking = (client.chat.completions.create(model="gpt-4o", messages=ASK) for _ in range(20))
            return [answer.choices[0].message.content for answer in await asyncio.gather(*asking)]

    assert asyncio.run(ask()) == ["Эхо 🦜: Привет 🙂"] * 20


def test_anthropic(served: Served) -> None:
    with anthropic.Anthropic(base_url=served.url, api_key=KEY, max_retries=0) as client:
        answer: Any = client.messages.create(model="claude", max_tokens=9, messages=ASK)
        assert answer.content[0].text == "Эхо 🦜: Привет 🙂"
        with client.messages.stream(model="claude", max_tokens=9, messages=ASK) as stream:
            assert stream.get_final_text() == "Эхо 🦜: Привет 🙂"


@pytest.fixture(scope="module")
def node_application(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the official npm client, as locked in ``npm/package-lock.json``."""
    if shutil.which("npm") is None:
        pytest.skip("the npm client is tried where npm is installed")
    folder = tmp_path_factory.mktemp("npm") / "application"
    shutil.copytree(HERE / "npm", folder)
    done = subprocess.run(["npm", "ci"], cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip(f"the npm client could not be installed: {done.stderr[-300:]}")
    return folder


def test_javascript(served: Served, node_application: Path) -> None:
    done = subprocess.run(
        ["node", "client.js", f"{served.url}/v1", KEY], cwd=node_application, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    arguments = '{"city": "Москва", "unit": "°C"}'
    assert got == {
        "plain": "Эхо 🦜: Привет 🙂", "streamed": "Эхо 🦜: Привет 🙂",
        "called": {"name": "weather", "arguments": arguments}, "final": arguments,
        "seen": "Эхо 🦜: what is it? <image_url>", "response": "Эхо 🦜: два", "embedding": [0.25, -0.5, 1],
        "uploaded": "processed", "refused": {"kind": "RateLimitError", "status": 429, "code": "rate_limit_exceeded"},
        "models": ["gpt-4o", "gpt-4o-mini"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "more", [[], ["--http1.0"], ["--compressed"], ["-H", "Expect: 100-continue"], ["-H", "Transfer-Encoding: chunked"]]
)
def test_curl(served: Served, more: list[str]) -> None:
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail-with-body", "--max-time", "20", f"{served.url}/v1/chat/completions", *more,
         "-H", f"Authorization: Bearer {KEY}", "-H", "Content-Type: application/json", "-d", json.dumps(chat("Привет 🙂"))],
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["choices"][0]["message"]["content"] == "Эхо 🦜: Привет 🙂"


def test_curl_sees_a_stream_as_it_comes(served: Served, script: ScriptedUpstream) -> None:
    script.pause_seconds = 0.2
    try:
        with subprocess.Popen(
            ["curl", "-sN", f"{served.url}/v1/chat/completions", "-H", "Content-Type: application/json", "-d",
             json.dumps(chat("много слов подряд", stream=True))], stdout=subprocess.PIPE,
        ) as curl:  # fmt: skip
            assert curl.stdout is not None
            assert curl.stdout.readline().startswith(b"data: ")
            assert script.seen[-1].outcome == "open"  # upstream is far from its end
            assert curl.stdout.read().endswith(b"data: [DONE]\n\n")
    finally:
        script.pause_seconds = 0.0
