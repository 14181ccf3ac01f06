"""What is registered by entry point: the built-in and the installed ones are found and loaded by the same code."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from sizewise.core.errors import InputError
from sizewise.core.model import Model

RUNGS, MODELS = "sizewise.rungs", "sizewise.models"
#: group → name → what is loaded, in the form of an entry point
BUILT_IN: Mapping[str, Mapping[str, str]] = {
    RUNGS: {
        "majority": "sizewise.specialists.majority:RUNG",
        "keywords": "sizewise.specialists.keywords:RUNG",
        "encoder": "sizewise.specialists.encoder:RUNG",
        "encoder-tuned": "sizewise.specialists.encoder_tuned:RUNG",
        "slm-prompted": "sizewise.specialists.slm_prompted:RUNG",
        "slm-tuned": "sizewise.specialists.slm_tuned:RUNG",
    },
    MODELS: {
        "file": "sizewise.slm.local_model:open_model",
        "hf": "sizewise.slm.local_model:open_model",
        "pypi": "sizewise.slm.local_model:open_model",
    },
}


def registered(group: str) -> dict[str, EntryPoint]:
    """Every entry point of ``group`` by name; a built-in name cannot be taken by anybody else."""
    found = {point.name: point for point in entry_points(group=group)}
    return found | {name: EntryPoint(name, value, group) for name, value in BUILT_IN[group].items()}


def model_of(reference: str) -> Model | None:
    """The model of a plug-in that answers to what stands before the colon; ``None`` where no plug-in does."""
    scheme = reference.partition(":")[0]
    if scheme in BUILT_IN[MODELS] or scheme not in (found := registered(MODELS)):
        return None
    model = loaded(found[scheme])(reference.partition(":")[2])
    if not isinstance(model, Model):
        raise InputError(
            f"the plug-in {scheme!r} gave a {type(model).__name__}, which is no model: it has no answer()."
        )
    return model


def loaded(point: EntryPoint) -> Any:
    """What the entry point names. Raises ``InputError`` where a plug-in cannot be loaded."""
    try:
        return point.load()
    except Exception as error:  # somebody else's code: whatever it raises is told, and whose it is
        owner = f" of {point.dist.name} {point.dist.version}" if point.dist else ""
        raise InputError(
            f"the plug-in {point.name!r}{owner} ({point.group}) cannot be loaded: {type(error).__name__}: {error}. "
            "Repair or uninstall it."
        ) from error
