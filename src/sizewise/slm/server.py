"""An SLM of this machine as an OpenAI-compatible server, for this machine alone, until it is interrupted::

    python -m sizewise.slm.server [MODEL] [--context N] [--slots N]

It prints two lines for a shell: its address, and the key that every request must bring, new with each start.
"""

from __future__ import annotations

import argparse
import signal
import sys
from contextlib import suppress

from sizewise.core.errors import SizewiseError
from sizewise.models.local_slm import DEFAULT_SLM
from sizewise.slm.engine import CONTEXT, SLOTS, Engine, EngineSettings


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGINT or SIGTERM; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sizewise.slm.server", description="Serve a local SLM on loopback.")
    parser.add_argument("model", nargs="?", default=DEFAULT_SLM, help="file:…, hf:… or pypi:…; Gemma 3 270M by default")
    parser.add_argument("--context", type=int, default=CONTEXT, help="tokens for all requests together")
    parser.add_argument("--slots", type=int, default=SLOTS, help="requests at once")
    given = parser.parse_args(arguments)
    if given.context < 1 or given.slots < 1:
        parser.error("--context and --slots are 1 or more")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell ignores it
    try:
        with (
            suppress(KeyboardInterrupt),
            Engine.open(given.model, EngineSettings(given.context, given.slots)) as engine,
        ):
            print(f"export SIZEWISE_API_KEY={engine.key}\nexport SIZEWISE_BASE_URL={engine.base_url}", flush=True)
            signal.pause()
    except SizewiseError as error:
        print(f"sizewise: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
