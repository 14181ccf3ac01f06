"""The process that holds the engine: native code may end it, and only it. Run as a file, it imports nothing of Sizewise.

Reads one line of JSON from standard input (settings and the key that requests must bring), opens the model, prints one
line of JSON (its port, or why it failed), and lives until standard input ends, so that it never outlives its parent.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any


def main() -> None:
    """Serve until the parent closes standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    said = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever native code prints is no answer
    settings = json.loads(sys.stdin.readline())
    try:
        server = opened(settings)
    except Exception as error:  # the parent tells the person
        told: dict[str, Any] = {"error": f"{error}" or type(error).__name__}
    else:
        told = {"port": int(server.listening_address.rsplit(":", 1)[1])}
    print(json.dumps(told), file=said, flush=True)
    sys.stdin.read()
    os._exit(0)


def opened(settings: dict[str, Any]) -> Any:
    """llama.cpp's server, listening on a port of its own choice on this machine alone."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path, params.model_alias = settings["path"], {settings["alias"]}  # a path is nobody's business
    params.n_ctx, params.n_parallel = settings["context"], settings["slots"]
    params.kv_unified = True  # slots share one cache: a slot that needs more takes it
    if settings["exact"]:  # the same sums in the same order, whatever else was asked before
        params.no_extra_bufts = True
        params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.swa_full = True  # else nothing can be reused behind a sliding window
    params.cache_ram_mib = 0  # grows without bound and mixes up adapters
    params.lora_adapters = [_adapter(xllamacpp, path) for path in settings["adapters"]]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    params.n_threads_http = settings["slots"] + 2
    params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [settings["key"]]
    params.use_jinja = params.enable_chat_template = False  # a template inside a model file is hostile input
    params.chat_template = settings["builtin"]
    params.fit_params = params.warmup = params.ui = params.endpoint_slots = False
    params.verbosity = 1  # errors alone: the parent reads why a model could not be opened
    return xllamacpp.Server(params)


def _adapter(xllamacpp: Any, path: str) -> Any:
    """An adapter that no request has unless it names it."""
    made = xllamacpp.CommonAdapterLoraInfo()
    made.path, made.scale = path, 0.0
    return made


if __name__ == "__main__":
    main()
