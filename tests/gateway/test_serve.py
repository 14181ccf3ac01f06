"""`sizewise serve`: what it refuses to do, what it says, who is let in, and how it ends."""

from __future__ import annotations

import http.server
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openai
import pytest

from sizewise.gateway.memory import Memory, Share

from .scripted_upstream import ScriptedUpstream
from .whole_server import Served, chat, serving

KEY, UPSTREAM_KEY = "sw-0123456789abcdef", "sk-of-the-gateway"


@pytest.fixture(scope="module")
def played() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "0.0.0.0"], "others could reach the gateway there"),
        (["--host", "0.0.0.0", "--key-env", "SHORT"], "can be guessed"),
        (["--key-env", "NOT_SET"], "empty or not set"),
        (["--upstream", "ftp://x"], "begins with http:// or https://"),
        (["--upstream", "api.openai.com"], "begins with http:// or https://"),
        (["--upstream", "http://a", "--upstream", "http://b"], "write PREFIX=URL"),
        (["--upstream", "http://a", "--upstream-key-env", "gpt=KEY"], "no --upstream has that prefix"),
        (["--upstream-key-env", "KEY"], "needs an --upstream"),
        (["--ca", "/not/there.pem"], "no such file"),
        (["not-a-run"], "not-a-run"),
        (["--store", "sqlite:////proc/nothing/x.db"], "x.db"),
        (["--store", "mysql://x"], "mysql"),
    ],
)
def test_what_cannot_be_is_said_in_one_message(options: list[str], says: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "sizewise.cli.main", "serve", "--port", "0", *options],
        capture_output=True, text=True, timeout=60, cwd=tmp_path, env={**os.environ, "SHORT": "x", "KEY": KEY},
    )  # fmt: skip
    assert ended.returncode == 2, ended.stderr
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = subprocess.run(
            [sys.executable, "-m", "sizewise.cli.main", "serve", "--port", str(taken.getsockname()[1])],
            capture_output=True, text=True, timeout=60, cwd=tmp_path,
        )  # fmt: skip
    assert ended.returncode == 2
    assert "cannot listen on" in ended.stderr


@pytest.fixture(scope="module")
def guarded(played: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway with a key of its own and one for upstream."""
    with serving(
        tmp_path_factory.mktemp("guarded"), "--key-env", "OWN", "--upstream-key-env", "UP", "--max-body-mb", "0.01",
        "--upstream", f"other={played.url}/v1/elsewhere", upstream=played.url,
        environment={"OWN": KEY, "UP": UPSTREAM_KEY},
    ) as served:  # fmt: skip
        yield served


def test_the_own_key_lets_in_and_upstream_gets_its_own(guarded: Served, played: ScriptedUpstream) -> None:
    with openai.OpenAI(base_url=guarded.url + "/v1", api_key=KEY, max_retries=0) as client:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
    assert played.seen[-1].headers["authorization"] == f"Bearer {UPSTREAM_KEY}"
    assert guarded.post(chat("x"), x_sizewise_key=KEY)[0] == 200
    assert KEY not in str(played.seen[-1].headers)
    assert guarded.post(chat("x"), "/v1/messages", authorization="", x_api_key=KEY)[0] == 200
    assert played.seen[-1].headers["x-api-key"] == UPSTREAM_KEY
    assert "authorization" not in played.seen[-1].headers


@pytest.mark.parametrize("shown", ["", "Bearer ", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", f"Basic {KEY}"])
def test_a_wrong_key_is_refused(guarded: Served, played: ScriptedUpstream, shown: str) -> None:
    asked = len(played.seen)
    status, _, body = guarded.post(chat("x"), authorization=shown)
    assert status == 401
    assert b'"authentication_error"' in body
    assert guarded.post(chat("x"), "/v1/messages", authorization=shown)[2].startswith(b'{"type":"error"')
    assert guarded.get("/metrics")[0] == 401
    assert guarded.get("/v1/models")[0] == 401
    assert len(played.seen) == asked


def test_whoever_watches_needs_no_key(guarded: Served) -> None:
    assert guarded.get("/healthz")[0] == guarded.get("/readyz")[0] == 200


def test_models_by_prefix_go_to_their_upstream(guarded: Served, played: ScriptedUpstream) -> None:
    guarded.post(chat("x") | {"model": "other-model"}, x_sizewise_key=KEY)
    assert played.seen[-1].path == "/v1/elsewhere/chat/completions"
    guarded.post(chat("x"), x_sizewise_key=KEY)
    assert played.seen[-1].path == "/v1/chat/completions"


def test_a_body_that_is_too_long(guarded: Served, played: ScriptedUpstream) -> None:
    asked = len(played.seen)
    status, _, body = guarded.post(chat("x" * 20_000), x_sizewise_key=KEY)
    assert (status, b"body_too_large" in body) == (413, True)
    pieces = iter([b"{" + b" " * 9_000, b" " * 9_000])
    answer = httpx.post(
        f"{guarded.url}/v1/chat/completions", content=pieces,
        headers={"x-sizewise-key": KEY, "content-type": "application/json"},
    )  # fmt: skip
    assert answer.status_code == 413
    assert len(played.seen) == asked
    kind = {"x-sizewise-key": KEY, "content-type": "multipart/form-data; boundary=x"}
    pieces = iter([b"x" * 9_000, b"y" * 9_000])
    assert httpx.post(f"{guarded.url}/v1/files", content=pieces, headers=kind).status_code == 413


def test_it_says_what_it_does_and_tells_no_key(guarded: Served) -> None:
    for said in ("listening on http://127.0.0.1:", "for models named other", "with a key of its own", "kept 90 days",
                 "0.01 MB a request", "no run is served"):  # fmt: skip
        assert said in guarded.log
    assert KEY not in guarded.log
    assert UPSTREAM_KEY not in guarded.log


def test_a_page_of_another_site_is_not_served(played: ScriptedUpstream, tmp_path: Path) -> None:
    with serving(tmp_path, upstream=played.url) as gateway:
        assert gateway.post(chat("x"), origin="https://evil.example")[0] == 403
        assert gateway.post(chat("x"), origin="null")[0] == 403
        assert gateway.post(chat("x"), origin="http://localhost:3000")[0] == 200


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGHUP, 0)])
def test_it_ends_as_it_is_told(played: ScriptedUpstream, tmp_path: Path, number: int, status: int) -> None:
    with serving(tmp_path, upstream=played.url) as gateway:
        assert gateway.post(chat("x"))[0] == 200
        assert gateway.stop(number) == status
        assert "Traceback" not in gateway.log


def test_a_dead_worker_is_started_again(played: ScriptedUpstream, tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", upstream=played.url) as gateway:
        children = workers(gateway)
        assert len(children) == 2
        os.kill(children[0], signal.SIGKILL)
        gateway.until(lambda: len(set(workers(gateway)) - set(children)) == 1, 30)
        for number in range(20):
            assert gateway.post(chat(f"after {number}"))[0] == 200
        assert "another one starts" in gateway.log
        assert gateway.stop() == 0
        assert len(gateway.exchanges()) == 20


def test_workers_end_with_the_one_who_started_them(played: ScriptedUpstream, tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", upstream=played.url) as gateway:
        children = workers(gateway)
        gateway.process.kill()
        gateway.process.wait()
        ends = time.monotonic() + 20
        while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < ends:
            time.sleep(0.05)
        assert not [child for child in children if Path(f"/proc/{child}").exists()]


def workers(gateway: Served) -> list[int]:
    """The processes that answer."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                command = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if parent == gateway.process.pid and b"spawn_main" in command:
                found.append(int(folder.name))
    return sorted(found)


def test_what_takes_longer_than_the_drain_is_told_so(played: ScriptedUpstream, tmp_path: Path) -> None:
    with serving(tmp_path, "--drain", "1", upstream=played.url) as gateway, ThreadPoolExecutor(1) as threads:
        played.next("hang")
        answer = threads.submit(gateway.post, chat("too long"))
        gateway.until(lambda: any(b"too long" in seen.body for seen in played.seen))
        assert gateway.stop() == 0
        status, _, body = answer.result()
        assert (status, b'"stopping"' in body) == (503, True)
        assert [(one.status, one.failure) for one in gateway.exchanges()] == [(503, "ours")]


def test_a_proxy_of_the_environment_is_used(played: ScriptedUpstream, tmp_path: Path) -> None:
    proxy = {
        "HTTP_PROXY": played.url,
        "http_proxy": played.url,
        "NO_PROXY": "other.example",
        "no_proxy": "other.example",
    }
    with serving(tmp_path, upstream="http://api.example", environment=proxy) as gateway:
        assert gateway.post(chat("by proxy"))[0] == 200
    assert played.seen[-1].headers["host"] == "api.example"
    assert played.seen[-1].target == "http://api.example/v1/chat/completions"


def test_a_certificate_of_ones_own(tmp_path: Path) -> None:
    certificate, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    made = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate),
    ]  # fmt: skip
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    subprocess.run(made, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = http.server.HTTPServer(("127.0.0.1", 0), _Hello)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://127.0.0.1:{server.server_port}"
    try:
        with serving(tmp_path, "--ca", str(certificate), upstream=url) as gateway:
            assert gateway.post(chat("x"))[2] == b'{"hello": 1}'
        with serving(tmp_path, upstream=url, environment={"SSL_CERT_FILE": str(certificate)}) as gateway:
            assert gateway.post(chat("x"))[2] == b'{"hello": 1}'
        with serving(tmp_path, upstream=url) as gateway:
            status, _, body = gateway.post(chat("x"))
            assert (status, b"upstream_unreachable" in body) == (502, True)
    finally:
        server.shutdown()
        server.server_close()


class _Hello(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b'{"hello": 1}')

    def log_message(self, *said: object) -> None:
        """Nothing."""


def test_memory_is_shared_out_and_given_back() -> None:
    memory = Memory(100)
    one, other = Share(memory), Share(memory)
    assert one.take(60)
    assert not other.take(50)
    assert other.take(40)
    one.give(10)
    assert other.take(10)
    one.close()
    other.close()
    assert memory.held == 0


def test_the_application_loads_neither_torch_nor_an_api_client() -> None:
    heavy = [
        "torch",
        "transformers",
        "openai",
        "anthropic",
        "any_llm",
        "httpx",
        "numpy",
        "sklearn",
        "sqlalchemy",
        "alembic",
    ]
    program = f"import sys, sizewise.gateway.app; print([name for name in {heavy} if name in sys.modules])"
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
