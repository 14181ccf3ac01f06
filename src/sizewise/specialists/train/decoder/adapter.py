"""An adapter as llama.cpp reads it: a GGUF of its own, beside the base that it was learned on.

https://github.com/ggml-org/llama.cpp/blob/master/convert_lora_to_gguf.py says which entries and names llama.cpp wants.
What was learned here stands in llama.cpp's own layout already, so that no rows of queries and keys change places.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizewise.store.disk import explained

BASE = "sizewise.base.sha256"


def write_adapter(
    path: Path, arrays: Mapping[str, NDArray[np.float32]], alpha: float, architecture: str, base_sha256: str
) -> None:
    """Write ``arrays`` (``blk.0.attn_q.a`` (rank, in), ``….b`` (out, rank), others are left out) whole or not at all."""
    import gguf

    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    with explained(path):
        try:
            writer = gguf.GGUFWriter(beside, architecture)
            writer.add_string("general.type", "adapter")
            writer.add_string("adapter.type", "lora")
            writer.add_float32("adapter.lora.alpha", alpha)
            writer.add_string(BASE, base_sha256)
            for name, array in arrays.items():
                if name.startswith("blk."):
                    layer, _, side = name.rpartition(".")
                    writer.add_tensor(f"{layer}.weight.lora_{side}", array.astype(np.float16))
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
            writer.close()
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
