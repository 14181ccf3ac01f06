"""A key that a client sends is in no file, no log line and no metric."""

from __future__ import annotations

import contextlib
import http.client
import json
from pathlib import Path

from .scripted_upstream import ScriptedUpstream
from .whole_server import chat, serving

SECRETS = {
    "Authorization": "Bearer sk-secret-authorization", "x-api-key": "sk-secret-anthropic", "api-key": "sk-secret-azure",
    "Cookie": "session=sk-secret-cookie", "x-goog-api-key": "sk-secret-google", "Proxy-Authorization": "sk-secret-proxy",
    "Idempotency-Key": "sk-secret-idempotency", "x-sizewise-key": "sk-secret-own-0123456789", "OpenAI-Organization": "sk-secret-org",
}  # fmt: skip
PATHS = [
    "/v1/chat/completions",
    "/v1/messages",
    "/v1/embeddings",
    "/v1/files/x",
    "/healthz",
    "/no/such/page",
    "/metrics",
]


def test_no_key_stays(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    environment = {"OWN": "sk-secret-own-0123456789", "UPSTREAM": "sk-secret-upstream"}
    for folder, more in (("plain", []), ("keys", ["--key-env", "OWN", "--upstream-key-env", "UPSTREAM"])):
        work = tmp_path / folder
        work.mkdir()
        with serving(work, *more, upstream=f"{upstream.url}/v1", environment=environment) as served:
            for fault in (None, "reset", "cut", "500", "invalid-json"):
                for path in PATHS:
                    for body in (json.dumps(chat("hi", stream=True)), "no json", ""):
                        upstream.always = fault
                        connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=30)
                        with contextlib.suppress(http.client.HTTPException, ConnectionError):
                            head = {
                                **SECRETS,
                                "Idempotency-Key": f"sk-secret-idempotency-{fault}{path}{body}".replace("\n", ""),
                            }
                            connection.request("POST", f"{path}?key=sk-secret-query", body, head)
                            connection.getresponse().read()
                        connection.close()
            upstream.always = None
            connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=30)
            connection.putrequest("POST", "/v1/chat/completions", skip_host=True)
            connection.putheader("Authorization", "Bearer sk-secret-authorization")
            connection.putheader("Content-Length", "no number")
            connection.endheaders()
            connection.getresponse().read()
            connection.close()
            status, metrics = served.get("/metrics", **{"x-sizewise-key": "sk-secret-own-0123456789"})
            assert status == 200
            assert (served.get("/metrics")[0] == 401) == bool(more)
            assert b"sk-secret" not in metrics
            served.stop()
        assert len(served.exchanges()) > 30
        written = [path for path in work.rglob("*") if path.is_file()]
        assert {"traffic.db", "serve.log"} <= {path.name for path in written}
        assert not [path for path in written if b"sk-secret" in path.read_bytes()]
    assert any("sk-secret-authorization" in seen.headers.get("authorization", "") for seen in upstream.seen)
    assert any("sk-secret-upstream" in seen.headers.get("authorization", "") for seen in upstream.seen)
    assert not any("sk-secret-own-0123456789" in str(seen.headers) for seen in upstream.seen)
