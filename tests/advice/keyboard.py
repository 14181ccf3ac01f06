"""A browser driven by keys alone, through its own debugging protocol (Chrome DevTools Protocol over a web socket)."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import struct
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CODES = {"Tab": 9, "Enter": 13, " ": 32, "ArrowDown": 40}


class Keyboard:
    """One page of a running browser: press keys, read what it holds."""

    def __init__(self, address: str) -> None:
        host, port, path = re.match(r"ws://([^:/]+):(\d+)(/.*)", address).groups()  # type: ignore[union-attr]
        self._socket = socket.create_connection((host, int(port)), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        asked = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        self._socket.sendall(asked.encode())
        self._file = self._socket.makefile("rb")
        while self._file.readline().strip():
            pass
        self._number = 0

    def press(self, key: str) -> None:
        """One key, down and up; a character is typed."""
        about: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": CODES.get(key, ord(key[0]))}
        about |= {"code": "Space" if key == " " else key}
        typed = {"text": "\r" if key == "Enter" else key} if len(key) == 1 or key == "Enter" else {}
        self._call("Input.dispatchKeyEvent", {"type": "keyDown", **about, **typed})
        self._call("Input.dispatchKeyEvent", {"type": "keyUp", **about})

    def read(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        return self._call("Runtime.evaluate", {"expression": expression, "returnByValue": True})["result"].get("value")

    def close(self) -> None:
        self._file.close()
        self._socket.close()

    def _call(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        self._send(json.dumps({"id": self._number, "method": method, "params": parameters}).encode())
        while True:
            answer: dict[str, Any] = json.loads(self._receive())
            if answer.get("id") == self._number:
                return dict(answer["result"])

    def _send(self, content: bytes) -> None:
        mask = os.urandom(4)
        size = bytes([0x80 | len(content)]) if len(content) < 126 else b"\xfe" + struct.pack(">H", len(content))
        self._socket.sendall(b"\x81" + size + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(content)))

    def _receive(self) -> bytes:
        _, size = self._file.read(2)
        if size == 126:
            (size,) = struct.unpack(">H", self._file.read(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self._file.read(8))
        return self._file.read(size)


@contextmanager
def opened(browser: str, flags: tuple[str, ...], page: Path, profile: Path) -> Iterator[Keyboard]:
    """The page in a browser of its own, which ends with the block."""
    command = [browser, *flags, "--remote-debugging-port=0", f"--user-data-dir={profile}", page.as_uri()]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            port = next(
                m[1] for line in process.stderr if (m := re.search(r"DevTools listening on ws://[^:]+:(\d+)/", line))
            )
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=30) as listed:
                address = next(p["webSocketDebuggerUrl"] for p in json.load(listed) if p["type"] == "page")
            keyboard = Keyboard(address)
            yield keyboard
            keyboard.close()
        finally:
            process.terminate()
            process.stderr.close()  # type: ignore[union-attr]
