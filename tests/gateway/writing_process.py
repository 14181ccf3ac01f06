"""A process that records until it is killed, and says on its standard output which exchanges it was told are durable.

``python writing_process.py STORE NAME [WORKERS]``
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from datetime import UTC, datetime

from sizewise.core.exchange import Exchange
from sizewise.gateway.recorder import Recorder
from sizewise.store.traffic import open_traffic


async def write(recorder: Recorder, name: str) -> None:
    draw = random.Random(name)
    number = 0
    while True:
        body = draw.randbytes(draw.choice((10, 2_000, 90_000)))
        exchange = Exchange(f"{name}-{number}", datetime.now(UTC), "/v1/chat/completions", status=200, request=body)
        if await recorder.record(exchange):
            os.write(1, f"{exchange.id}\n".encode())
        number += 1


async def main(store: str, name: str, workers: int = 8) -> None:
    recorder = Recorder(lambda: open_traffic(store))
    recorder.start()
    await asyncio.gather(*(write(recorder, f"{name}-{n}") for n in range(workers)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
