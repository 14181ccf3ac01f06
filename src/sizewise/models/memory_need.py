"""How much memory a model needs at a quantisation: measured where it was, else file + keys and values + runtime.

``file`` is the published size, else estimated from the bits per weight that llama.cpp's own table gives for
Llama 3.1 8B (tools/quantize/README.md), with one correction: at four bits the table of embeddings is kept at
6.5625 bits, and where the width is no multiple of 256, the block of the k-quants, at 8.5, the rest at 5.5.
``keys and values`` is 2 x layers x kv_heads x head_dim x context x 2 bytes (16 bits each, no sliding window: an
upper bound). ``runtime`` is 300 MiB for llama.cpp, 150 MiB for an encoder, our own allowance for buffers and process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sizewise.models.known_facts import Architecture, OpenModel, Quantisation

MIB = 2**20
BITS: dict[Quantisation, float] = {
    "Q4_K_M": 4.8944,
    "Q8_0": 8.5008,
    "F16": 16.0005,
    "BF16": 16.0,
    "F32": 32.0,
    "INT8": 8.0,
}
EMBEDDING_BITS, ODD_EMBEDDING_BITS, ODD_BITS, BLOCK = 6.5625, 8.5, 5.5, 256
RUNTIME_MIB = {"slm": 300.0, "encoder": 150.0}
#: from the best to the smallest: what a model of each kind is offered in
OFFERED: dict[str, tuple[Quantisation, ...]] = {"slm": ("F16", "Q8_0", "Q4_K_M"), "encoder": ("F32", "INT8")}
CONTEXT = 4_096


@dataclass(frozen=True, slots=True)
class FileSize:
    """Bytes on disk, and whether somebody published them."""

    bytes: float
    how: Literal["published", "estimated"]


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """MiB of memory at a quantisation and a context of so many tokens, and how that is known."""

    quantisation: Quantisation
    context: int
    mib: float
    file: FileSize
    how: Literal["measured", "estimated"]


def file_size(model: OpenModel, quantisation: Quantisation) -> FileSize | None:
    """The size of the model's file; ``None`` where neither it nor what it follows from is known."""
    for file in model.files:
        if file.quantisation == quantisation:
            return FileSize(file.bytes, "published")
    if model.parameters == "unknown":
        return None
    return FileSize(_estimated_bits(model.parameters.value, model.architecture, quantisation) / 8, "estimated")


def _estimated_bits(
    parameters: int, architecture: Architecture | Literal["unknown"], quantisation: Quantisation
) -> float:
    if quantisation != "Q4_K_M" or architecture == "unknown":
        return parameters * BITS[quantisation]
    embedding = min(parameters, architecture.hidden * architecture.vocabulary)
    if architecture.hidden % BLOCK:
        return (parameters - embedding) * ODD_BITS + embedding * ODD_EMBEDDING_BITS
    return (parameters - embedding) * BITS[quantisation] + embedding * EMBEDDING_BITS


def keys_and_values(architecture: Architecture, context: int) -> float:
    """Bytes of the cache of keys and values, 16 bits each, as if no layer had a sliding window."""
    return 2.0 * architecture.layers * architecture.kv_heads * architecture.head_dim * context * 2


def memory_need(model: OpenModel, quantisation: Quantisation, context: int = CONTEXT) -> MemoryNeed | None:
    """What ``model`` needs at ``quantisation``; a context beyond the model's own is cut to it. ``None``: unknown."""
    size = file_size(model, quantisation)
    if size is None or model.architecture == "unknown":
        return None
    if model.context != "unknown":
        context = min(context, model.context.value)
    for measured in model.measured:
        if measured.quantisation == quantisation and measured.context >= context:
            return MemoryNeed(quantisation, context, float(measured.resident_mib), size, "measured")
    cache = keys_and_values(model.architecture, context) if model.kind == "slm" else 0.0
    return MemoryNeed(quantisation, context, (size.bytes + cache) / MIB + RUNTIME_MIB[model.kind], size, "estimated")
