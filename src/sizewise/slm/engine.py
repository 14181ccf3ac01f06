"""The engine: one model, open in a child process, asked over loopback by several threads at once.

llama.cpp's own server runs in the child, with a key that only this process knows. Native code that crashes takes the
child with it and nothing else; closing the engine ends the child, so its memory is free at once; closing a request's
connection ends the request.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from sizewise.core.errors import ContextOverflow, EngineError, ModelReferenceError, SizewiseError
from sizewise.models.local_slm import DEFAULT_SLM, LocalSlm, local_slm
from sizewise.slm import child as child_file
from sizewise.slm import require
from sizewise.slm.completion import Completion, completion
from sizewise.slm.header import Header, read_header
from sizewise.slm.prompt_format import Message, Piece, PromptFormat, architectures, format_for
from sizewise.slm.room import require_room
from sizewise.slm.shares import question, read_shares, with_adapter
from sizewise.slm.threads import threads as measured_threads

CONTEXT, SLOTS = 8_192, 4
LONGEST_LOAD = 600.0  # seconds
LONGEST_CALL = 600.0  # seconds


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """``context`` tokens for all requests together, ``slots`` requests at once, ``threads`` (0: measured).

    ``exact`` is for probabilities: one request at a time, by kernels that sum in the same order for a batch of any
    size. Otherwise what else is computed beside a request changes its last digits, and a small quantised model makes
    0.05 of probability out of them.
    """

    context: int = CONTEXT
    slots: int = SLOTS
    threads: int = 0
    exact: bool = False
    #: LoRA adapters (GGUF) that requests can be made with; none is used by a request that does not name it
    adapters: tuple[Path, ...] = ()


class Engine:
    """A local model, ready to be asked. Safe to use from several threads; a context manager."""

    def __init__(self, model: LocalSlm, settings: EngineSettings | None = None) -> None:
        require()
        settings = settings or EngineSettings()
        header = read_header(model.path)
        _require_known(model, header)
        own = header.number("context_length") or settings.context
        self.model, self.header = model, header
        self.context = min(settings.context, own * settings.slots)
        #: tokens that one request may take, its answer included
        self.longest = min(self.context, own)
        self.slots, self.exact = 1 if settings.exact else settings.slots, settings.exact
        self.threads = settings.threads or measured_threads()
        self.adapters = settings.adapters
        require_room(model, header, self.context)
        self.format: PromptFormat = format_for(
            header.architecture, header.carries_template, lambda marker: marker in header.markers
        )
        self._key = secrets.token_hex(32)
        self._room = _Room(self.context)
        #: held while one input's probabilities are worked out: they stand on what the slot has in its cache
        self.alone = threading.RLock()
        #: the tokens that an exact engine has in its cache; empty where that is not known
        self.held: list[int] = []
        self._open: set[HTTPConnection] = set()
        self._lock = threading.Lock()
        self._child, self._port = self._start()
        self._ended = weakref.finalize(self, _end, self._child, self._said)  # whoever forgets to close it
        self._harmless = [token for text in "\nab" for token in self.tokens(text, start=False)[-1:]]

    @classmethod
    def open(cls, reference: str = DEFAULT_SLM, settings: EngineSettings | None = None) -> Engine:
        """The model that ``reference`` names. Raises ``ModelReferenceError``, or ``LimitReached`` where memory lacks."""
        return cls(local_slm(reference), settings)

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def base_url(self) -> str:
        """The OpenAI-compatible endpoint, for this machine alone; every request must bring ``key``."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def key(self) -> str:
        return self._key

    @property
    def alive(self) -> bool:
        """Whether the child still runs."""
        return self._child.poll() is None

    @property
    def process_id(self) -> int:
        """Of the child, so that its memory can be measured."""
        return self._child.pid

    def tokens(self, prompt: str | Sequence[Piece], start: bool = True) -> list[int]:
        """The tokens of a text or of pieces; ``start`` puts the model's own beginning-of-text before them."""
        pieces = [Piece(prompt)] if isinstance(prompt, str) else list(prompt)
        made: list[int] = []
        for number, piece in enumerate(pieces):
            body = {"content": piece.text, "add_special": start and number == 0, "parse_special": piece.ours}
            made += self._call("/tokenize", body)["tokens"]
        return made

    def complete(
        self,
        prompt: str | Sequence[int],
        most_tokens: int = 64,
        *,
        temperature: float = 0.0,
        seed: int = 0,
        stop: Sequence[str] = (),
        schema: Mapping[str, Any] | None = None,
        grammar: str | None = None,
    ) -> Completion:
        """Go on with ``prompt``, a text or tokens; ``schema`` (JSON) or ``grammar`` (GBNF) constrain what may come.

        Raises ``ContextOverflow`` where it does not fit the context, ``EngineError`` where the engine fails.
        """
        tokens = self.tokens(prompt) if isinstance(prompt, str) else list(prompt)
        body = self._body(tokens, most_tokens, temperature, seed, stop)
        body |= {} if schema is None else {"json_schema": dict(schema)}
        body |= {} if grammar is None else {"grammar": grammar}
        self.held = []
        with self._room.take(self._fitting(len(tokens) + most_tokens)):
            return completion(self._call("/completion", body))

    def chat(self, messages: Sequence[Message], most_tokens: int = 256, **settings: Any) -> Completion:
        """Answer a conversation in the family's own format; ``settings`` as in ``complete``."""
        stop = [*settings.pop("stop", ()), *self.format.stop]
        return self.complete(self.tokens(self.format.pieces(messages)), most_tokens, stop=stop, **settings)

    def stream(
        self, messages: Sequence[Message], most_tokens: int = 256, *, temperature: float = 0.0, seed: int = 0
    ) -> Iterator[str | Completion]:
        """The same, as it comes: texts, and at the end the ``Completion`` with counts and times."""
        tokens = self.tokens(self.format.pieces(messages))
        body = self._body(tokens, most_tokens, temperature, seed, self.format.stop) | {"stream": True}
        whole = ""
        with self._room.take(self._fitting(len(tokens) + most_tokens)), self._asked("/completion", body) as response:
            for line in response:
                if not line.startswith(b"data: "):
                    continue
                part = json.loads(line[6:])
                if text := part.get("content", ""):
                    whole += text
                    yield text
                if part.get("stop"):
                    yield completion(part | {"content": whole})

    def shares(
        self, prompt: Sequence[int], among: Sequence[int], adapter: int | None = None, *, anew: bool = False
    ) -> list[float]:
        """How probable each token of ``among`` is after ``prompt``, given that it is one of them; they sum to one.

        ``adapter`` is the place of the one that answers; ``anew`` reads the whole prompt, whatever the cache holds.
        """
        if len(among) == 1:
            return [1.0]
        body = question(prompt, among, self._harmless) | {"cache_prompt": not anew} | self._with(adapter)
        with self._room.take(self._fitting(len(prompt) + 1)):
            told = self._call("/completion", body)
        try:
            return read_shares(told, among)
        except ValueError as error:
            raise EngineError(f"{self.name}: {error}.") from error

    def interrupt(self) -> None:
        """End every request that runs, in whichever thread; the engine can be asked again."""
        with self._lock:
            waiting = list(self._open)
        for connection in waiting:
            _cut(connection)

    def close(self) -> None:
        """End the child and free its memory; requests that run are ended with it."""
        self.interrupt()
        self._ended()

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _body(
        self, tokens: Sequence[int], most: int, temperature: float, seed: int, stop: Sequence[str]
    ) -> dict[str, Any]:
        return {
            "prompt": list(tokens), "n_predict": most, "temperature": temperature, "seed": seed, "stop": list(stop),
            "cache_prompt": True, "return_tokens": True,
        } | self._with(None)  # fmt: skip

    def _with(self, adapter: int | None) -> dict[str, Any]:
        return with_adapter(len(self.adapters), adapter)

    def _fitting(self, size: int) -> int:
        if size > self.longest:
            raise ContextOverflow(
                f"the prompt and its answer take {size:,} tokens, and {self.name} has room for {self.longest:,} here."
            )
        return size

    def _call(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        with self._asked(path, body) as response:
            told: dict[str, Any] = json.loads(response.read())
            return told

    @contextmanager
    def _asked(self, path: str, body: Mapping[str, Any]) -> Iterator[HTTPResponse]:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=LONGEST_CALL)
        with self._lock:
            self._open.add(connection)
        try:
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._key}"}
            connection.request("POST", path, json.dumps(body), headers)
            response = connection.getresponse()
            if response.status != 200:
                raise _refused(self.name, response)
            yield response
        except (OSError, HTTPException, json.JSONDecodeError) as error:
            raise EngineError(f"{self.name} did not answer: {self._why(error)}") from error
        finally:
            with self._lock:
                self._open.discard(connection)
            _cut(connection)

    def _why(self, error: Exception) -> str:
        with suppress(subprocess.TimeoutExpired):
            return f"its process ended with status {self._child.wait(0.2)}. Open it again; a smaller context needs less memory."
        return f"{type(error).__name__} {error}".strip() + "."

    def _start(self) -> tuple[subprocess.Popen[str], int]:
        settings = {
            "path": str(self.model.path.resolve()), "context": self.context, "slots": self.slots,
            "threads": self.threads, "exact": self.exact, "key": self._key, "builtin": self.format.builtin,
            "adapters": [str(path.resolve()) for path in self.adapters], "alias": self.model.path.name,
        }  # fmt: skip
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the child lives
        started = subprocess.Popen(
            [sys.executable, "-P", str(Path(child_file.__file__))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, text=True,
            env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": str(self.threads)},
        )  # fmt: skip
        assert started.stdin
        assert started.stdout
        try:
            with suppress(OSError):
                started.stdin.write(json.dumps(settings) + "\n")
                started.stdin.flush()
            line = started.stdout.readline()
            told = json.loads(line) if line else {"error": f"its process ended with status {started.wait(5)}"}
        except BaseException:
            _end(started, self._said)
            raise
        if "error" in told:
            why = _reason(self._said) or told["error"]
            _end(started, self._said)
            raise ModelReferenceError(
                f"{self.model.reference}: llama.cpp cannot open {self.model.path.name}"
                f"{' with its adapters' if self.adapters else ''} ({why}). "
                "Fetch it again from its source, or name another model."
            )
        return started, int(told["port"])


class _Room:
    """Tokens of the context that requests hold: who asks for more than is left waits."""

    def __init__(self, tokens: int) -> None:
        self._left, self._freed = tokens, threading.Condition()

    @contextmanager
    def take(self, tokens: int) -> Iterator[None]:
        with self._freed:
            self._freed.wait_for(lambda: self._left >= tokens)
            self._left -= tokens
        try:
            yield
        finally:
            with self._freed:
                self._left += tokens
                self._freed.notify_all()


def _require_known(model: LocalSlm, header: Header) -> None:
    if header.architecture not in architectures():
        raise ModelReferenceError(
            f"{model.reference}: {model.path.name} is of the architecture {header.architecture or 'unknown'!r}, which "
            f"Sizewise cannot speak to. It knows: {', '.join(architectures())}."
        )
    if not header.vocabulary or header.number("block_count") is None:
        raise ModelReferenceError(
            f"{model.reference}: {model.path.name} holds no language model (no vocabulary or layers)."
        )
    if int(header.facts.get("split.count", 1) or 1) > 1:
        raise ModelReferenceError(f"{model.reference}: {model.path.name} is one of several parts. Join them first.")


def _refused(name: str, response: HTTPResponse) -> SizewiseError:
    try:
        error = json.loads(response.read())["error"]
        kind, message = str(error.get("type", "")), str(error.get("message", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        kind, message = "", f"status {response.status}"
    return (ContextOverflow if kind == "exceed_context_size_error" else EngineError)(f"{name}: {message}.")


def _reason(said: IO[bytes]) -> str | None:
    """The first error that llama.cpp told of, without its clock and its function's name."""
    said.seek(0)
    lines = said.read(1 << 16).decode("utf-8", "replace").splitlines()
    return next((line.partition("error loading model: ")[2] for line in lines if "error loading model: " in line), None)


def _end(child: subprocess.Popen[str], said: IO[bytes]) -> None:
    """Let the child go, by force where it takes longer than half a second."""
    said.close()
    if child.stdin:
        with suppress(OSError):
            child.stdin.close()
    try:
        child.wait(0.5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdout:
        child.stdout.close()


def _cut(connection: HTTPConnection) -> None:
    """Close it so that whoever waits for it, in whichever thread, stops waiting."""
    if connection.sock is not None:
        with suppress(OSError):
            connection.sock.shutdown(2)
    connection.close()
