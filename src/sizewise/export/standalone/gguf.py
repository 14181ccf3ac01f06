"""A tuned local model out of an exported folder: llama.cpp serves base and adapter, numpy reads the answer off.

Where no ``llama-server`` is named, one is opened in this process by the package ``xllamacpp``.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from sizewise.core.answer import Answer
from sizewise.slm.child import opened
from sizewise.slm.prompt_format import Piece
from sizewise.slm.shares import question, read_shares, with_adapter
from sizewise.specialists.tuned.asking import Prompts
from sizewise.specialists.tuned.join import logarithms, normalised
from sizewise.specialists.tuned.reading import Head, Tree

ABOUT, BASE, ADAPTER = "specialist.json", "base.gguf", "adapter.gguf"
KEY = "LLAMA_API_KEY"  # llama-server's own name for the key that it asks for
SHOWN = 5


class Served:
    """llama.cpp's server over its API, with one adapter."""

    def __init__(self, address: str, key: str) -> None:
        parts = urlsplit(address)
        self._host, self._port, self._key = parts.hostname or "127.0.0.1", parts.port or 8080, key

    def call(self, path: str, body: dict[str, Any]) -> Any:
        """What the server says; ``OSError`` where it refuses, or where there is none."""
        connection = HTTPConnection(self._host, self._port, timeout=600)
        try:
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
            connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            said = json.loads(response.read())
        except ConnectionRefusedError as error:
            raise OSError(f"no server answers at {self._host}:{self._port}; start llama-server first.") from error
        finally:
            connection.close()
        if response.status != 200:
            raise OSError(f"the server said {response.status}: {said}")
        return said

    def tokens(self, prompt: str | Sequence[Piece], start: bool = True) -> list[int]:
        """The tokens of a text; ``start`` puts the model's own beginning-of-text before them."""
        text = prompt if isinstance(prompt, str) else "".join(piece.text for piece in prompt)
        made: list[int] = self.call("/tokenize", {"content": text, "add_special": start, "parse_special": False})[
            "tokens"
        ]
        return made


class GgufSpecialist:
    """Answers texts with the base and the adapter in ``folder``; ``server`` is the address of a llama-server with both.

    Raises ``OSError`` where a file is not the one that was exported, or where the server does not answer.
    """

    def __init__(self, folder: Path, server: str | None = None) -> None:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        self.labels, self._power = tuple(about["labels"]), float(about["power"])
        if about["reading"] == "head":
            mix, bias = (np.array(about[name], dtype=np.float32) for name in ("mix", "bias"))
            self._reading: Head | Tree = Head(tuple(about["words"]), mix, bias)
        else:
            self._reading = Tree(tuple(tuple(label) for label in about["label_tokens"]))
        self._held, key = None, os.environ.get(KEY, "")
        if server is None:
            for name, sha256 in ((BASE, about["base_sha256"]), (ADAPTER, about["adapter_sha256"])):
                _require(folder / name, sha256)
            key = secrets.token_hex(32)
            self._held = opened(_settings(folder, about["context"], key))
            server = self._held.listening_address
        self._served = Served(server if "//" in server else f"http://{server}", key)
        self._prompts = Prompts(self._served, about["input_tokens"])  # type: ignore[arg-type]
        self._harmless = [token for text in "\nab" for token in self._served.tokens(text, start=False)[-1:]]

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """The most probable label of each text, with the probabilities of the first five; they are not calibrated."""
        return [self._one(text) for text in inputs]

    def _one(self, text: str) -> Answer:
        scores = self._reading.scores(self._prompts(text), self._shares)
        shares = normalised(self._power * logarithms(normalised(scores[None])))[0]
        order = np.argsort(-shares, kind="stable")[:SHOWN]
        shown = {self.labels[i]: float(shares[i]) for i in order}
        return Answer(self.labels[int(order[0])], probabilities=shown)

    def _shares(self, prompt: Sequence[int], among: Sequence[int]) -> list[float]:
        if len(among) == 1:
            return [1.0]
        body = question(prompt, among, self._harmless) | {"cache_prompt": False} | with_adapter(1, 0)
        return read_shares(self._served.call("/completion", body), among)


def _require(path: Path, sha256: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise OSError(f"{path} is not the file that was exported: export the run again.")


def _settings(folder: Path, context: int, key: str) -> dict[str, Any]:
    return {
        "path": str(folder / BASE), "context": context, "slots": 1, "threads": 1, "exact": True, "key": key,
        "builtin": "chatml", "adapters": [str(folder / ADAPTER)], "alias": "base",
    }  # fmt: skip
