"""Models chosen from the catalogue by name, kind, family or licence; and the choice as plain data with its sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from sizewise.models.fit import MARGIN, fits
from sizewise.models.known_facts import HostedModel, OpenModel
from sizewise.models.listing import Listing, is_called, source_keys
from sizewise.models.machine_memory import MachineMemory
from sizewise.models.memory_need import OFFERED, MemoryNeed, memory_need


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person asked for; ``None`` leaves a thing open."""

    name: str | None = None
    kind: Literal["encoder", "slm", "llm"] | None = None
    family: str | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The models that were asked for, in the order of the catalogue."""

    models: tuple[OpenModel, ...]
    llms: tuple[HostedModel, ...]


def select(listing: Listing, wanted: Wanted) -> Selection:
    """The models of ``listing`` that are ``wanted``; a licence is also the key of an API's terms."""
    return Selection(
        tuple(m for m in listing.models if _meant(m, m.kind, _licence(m), wanted)),
        tuple(m for m in listing.llms if _meant(m, "llm", m.terms, wanted)),
    )


def _licence(model: OpenModel) -> str | None:
    return None if model.licence == "unknown" else model.licence.value


def _meant(model: OpenModel | HostedModel, kind: str, licence: str | None, wanted: Wanted) -> bool:
    return (
        (wanted.name is None or is_called(model, wanted.name))
        and wanted.kind in (None, kind)
        and (wanted.family is None or model.family.casefold() == wanted.family.casefold())
        and (wanted.licence is None or wanted.licence.casefold() == (licence or "").casefold())
    )


def as_data(selection: Selection, listing: Listing, context: int, machine: MachineMemory | None) -> dict[str, Any]:
    """The selection for ``--json``: models with what memory each quantisation needs, terms, rates and sources."""
    terms = {m.terms for m in selection.llms} | {key for m in selection.models if (key := _licence(m))}
    chosen = {key: listing.terms[key] for key in sorted(terms)}
    parts = (selection.models, selection.llms, chosen, listing.rates)
    keys = sorted({key for part in parts for key in source_keys(part)})
    data: dict[str, Any] = {
        "models": [{**_built(m), "memory": _memory(m, context)} for m in selection.models],
        "llms": [_built(m) for m in selection.llms],
        "terms": {key: _built(value) for key, value in chosen.items()},
        "rates": [_built(rate) for rate in listing.rates],
        "sources": {key: _built(listing.sources[key]) for key in keys},
    }
    if machine is not None:
        data["machine"] = {**_built(machine), "margin": MARGIN}
        data["fits"] = [
            {
                "name": fit.model.name,
                "quantisation": fit.best.quantisation if fit.best else None,
                "missing_mib": None if fit.missing_mib is None else round(fit.missing_mib, 1),
            }
            for fit in fits(selection.models, machine.available_mib, context)
        ]
    return data


def _built(value: object) -> dict[str, Any]:
    return msgspec.to_builtins(value)  # type: ignore[no-any-return]


def _memory(model: OpenModel, context: int) -> list[Mapping[str, Any]]:
    needs = (memory_need(model, quantisation, context) for quantisation in OFFERED[model.kind])
    return [_need(need) for need in needs if need is not None]


def _need(need: MemoryNeed) -> Mapping[str, Any]:
    return {
        "quantisation": need.quantisation,
        "context": need.context,
        "mib": round(need.mib, 1),
        "how": need.how,
        "file_bytes": round(need.file.bytes),
        "file_how": need.file.how,
    }
