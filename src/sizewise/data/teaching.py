"""What the LLM said beside its answer, made ready to be learned from: its probabilities as soft targets, its reasons.

The stated rule where the LLM and the target differ: the target is right, and nothing else of what the LLM said of that
row is taught.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sizewise.core.example import Example
from sizewise.data.label_key import label_key

#: probabilities that were recorded of fewer labels, or of others, say too little of the rest
LEAST_MASS = 0.5

Soft = tuple[Mapping[str, float] | None, ...]
Rationales = tuple[str | None, ...]


def teaching(rows: Sequence[Example], targets: Sequence[str], labels: Sequence[str]) -> tuple[Soft, Rationales]:
    """Each row's probabilities over ``labels`` and its rationale, ``None`` where unknown or the LLM's answer is not the
    target; empty where no row has any.

    Spellings are read as those of answers are; what was recorded for other texts than labels is left out, and the rest
    sums to one.
    """
    known = {label_key(label): label for label in labels}
    soft = tuple(_soft(row, target, known) for row, target in zip(rows, targets, strict=True))
    rationales = tuple(
        row.rationale if row.answer in (None, target) else None for row, target in zip(rows, targets, strict=True)
    )
    return soft if any(soft) else (), rationales if any(rationales) else ()


def _soft(row: Example, target: str, known: Mapping[str, str]) -> Mapping[str, float] | None:
    if not row.probabilities or row.answer not in (None, target):
        return None
    found: dict[str, float] = {}
    for said, share in row.probabilities.items():
        if (label := known.get(label_key(said))) is not None:
            found[label] = found.get(label, 0.0) + share
    total = sum(found.values())
    if total < LEAST_MASS or max(found, key=found.__getitem__) != target:
        return None
    return {label: share / total for label, share in found.items()}
