"""The fastest upstream that a few lines make: it speaks enough HTTP to answer chat completions, and nothing else.

``python gateway_stub.py PORT``. A request whose body holds ``"stream":true`` gets twenty events, the first at once, the rest
after 20 ms, so that the first byte and the last are told apart.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import uvloop

ANSWER = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1767225600,"model":"gpt-4o","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"card_arrival","refusal":null},"logprobs":null,"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":212,"completion_tokens":4,"total_tokens":216,"prompt_tokens_details":{"cached_tokens":0}},'
    b'"system_fingerprint":"fp_stub"}'
)
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(ANSWER), ANSWER)
EVENT = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"gpt-4o","choices":'
    b'[{"index":0,"delta":{"role":"assistant","content":"card_arrival"},"logprobs":null,"finish_reason":null}]}\n\n'
)
LAST = b"data: [DONE]\n\n"
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


class Stub(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                if b"expect: 100-continue" in head:
                    self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return
            body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
            if b'"stream":true' in body or b'"stream": true' in body:
                self.transport.write(STREAM + chunk(EVENT))
                asyncio.get_running_loop().call_later(0.02, self.finish)
            else:
                self.transport.write(PLAIN)

    def finish(self) -> None:
        self.transport.write(chunk(EVENT) * 19 + chunk(LAST) + b"0\r\n\r\n")


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
