"""Whether a model fits into the memory that is free, before a byte of it is loaded."""

from __future__ import annotations

from sizewise.core.errors import LimitReached
from sizewise.models.fit import MARGIN, fits
from sizewise.models.listing import listing
from sizewise.models.local_slm import LocalSlm
from sizewise.models.machine_memory import machine_memory
from sizewise.slm.header import Header

MIB = 2**20
#: buffers, the process itself, and weights that llama.cpp lays out anew, as a share of the file
RUNTIME_MIB, REPACKED = 150.0, 0.25
SHOWN = 3


def needed_mib(header: Header, context: int) -> float:
    """MiB that the engine takes with ``context`` tokens in all: the file, keys and values, buffers."""
    return (header.file_bytes * (1 + REPACKED) + header.cache_bytes(context)) / MIB + RUNTIME_MIB


def require_room(model: LocalSlm, header: Header, context: int, available_mib: float | None = None) -> None:
    """Raise ``LimitReached`` where the model does not fit, and name what would."""
    if available_mib is None:
        try:
            available_mib = machine_memory().available_mib
        except LimitReached:
            return  # nothing is known of this system's memory; the engine will say
    need, room = needed_mib(header, context), available_mib * (1 - MARGIN)
    if need <= room:
        return
    least = needed_mib(header, 512)
    found = sorted(
        (fit for fit in fits(listing().models, available_mib) if fit.best and fit.model.kind == "slm"),
        key=lambda fit: -(fit.best.mib if fit.best else 0),
    )
    others = ", ".join(f"{fit.model.name} ({fit.best.quantisation})" for fit in found[:SHOWN] if fit.best)
    raise LimitReached(
        f"{model.name} needs about {need:,.0f} MiB with a context of {context:,} tokens, and {room:,.0f} MiB may be taken "
        f"here ({available_mib:,.0f} MiB are free). "
        + (f"With a context of 512 tokens it would need {least:,.0f} MiB. " if least <= room else "")
        + (f"What would fit: {others}." if others else "No model of the catalogue would fit.")
    )
