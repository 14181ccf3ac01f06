"""Which models run on a machine with so much memory free, at which quantisation, and what the others would need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sizewise.models.known_facts import OpenModel
from sizewise.models.memory_need import CONTEXT, OFFERED, MemoryNeed, memory_need

#: share of the free memory that stays free: for the page cache, for other processes, for the error of the estimate
MARGIN = 0.15


@dataclass(frozen=True, slots=True)
class Fit:
    """``best`` is the finest quantisation that fits, ``least`` the one that needs least; ``None`` where unknown.

    ``missing_mib`` is how much more free memory the least would take; 0 where something fits.
    """

    model: OpenModel
    best: MemoryNeed | None
    least: MemoryNeed | None
    missing_mib: float | None


def fits(models: Iterable[OpenModel], available_mib: float, context: int = CONTEXT) -> list[Fit]:
    """Each model against ``available_mib``, of which the margin stays free; in the order given."""
    return [_fit(model, available_mib, context) for model in models]


def _fit(model: OpenModel, available_mib: float, context: int) -> Fit:
    needs = [need for quantisation in OFFERED[model.kind] if (need := memory_need(model, quantisation, context))]
    if not needs:
        return Fit(model, None, None, None)
    least = min(needs, key=lambda need: need.mib)
    best = next((need for need in needs if need.mib <= available_mib * (1 - MARGIN)), None)
    return Fit(model, best, least, 0.0 if best else least.mib / (1 - MARGIN) - available_mib)
