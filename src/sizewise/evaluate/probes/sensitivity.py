"""From answers before and after to how often they change and what that does to accuracy, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sizewise.core.measurement import Measured, Probe
from sizewise.evaluate.intervals import mean, resampled, share

Said = Sequence[str | None]


def probes(
    before: Said, after: Mapping[str, Said], references: Said, asked: Mapping[str, Sequence[bool]]
) -> tuple[Probe, ...]:
    """One probe a rule: ``after`` and ``asked`` (whether the rule changed the row) have the rows of ``before``.

    Rows that a rule left as they were, and rows without an answer on either side, count in neither figure.
    """
    found = []
    for name, said in after.items():
        rows = [
            i for i, (one, other) in enumerate(zip(before, said, strict=True))
            if asked[name][i] and one is not None and other is not None
        ]  # fmt: skip
        changed = share(sum(before[i] != said[i] for i in rows), len(rows))
        if changed is not None:
            known = [i for i in rows if references[i] is not None]
            right = share(sum(said[i] == references[i] for i in known), len(known))
            was_right = share(sum(before[i] == references[i] for i in known), len(known))
            found.append(Probe(name, changed, right, was_right))
    return tuple(found)


def any_change(before: Said, after: Mapping[str, Said]) -> Measured | None:
    """The share of rows whose answer changed under at least one of the rules."""
    rows = [i for i, one in enumerate(before) if one is not None]
    return share(sum(any(said[i] not in (None, before[i]) for said in after.values()) for i in rows), len(rows))


def mean_change(before: Said, after: Mapping[str, Said]) -> Measured | None:
    """How often an answer changes, on average over rules: a mean over rows, its interval by resampling rows."""
    shares = []
    for i, one in enumerate(before):
        said = [answers[i] for answers in after.values() if answers[i] is not None]
        if one is not None and said:
            shares.append(sum(other != one for other in said) / len(said))
    return mean(np.array(shares)) if shares else None


def accuracy_spread(before: Said, after: Mapping[str, Said], references: Said) -> Measured | None:
    """The share of right answers under the best wording less that under the worst, the plain prompt among them.

    Over rows with a reference that were answered under every wording. It is never below 0, so chance alone makes it
    larger than that: the fewer the rows, the more.
    """
    sides = (before, *after.values())
    rows = [i for i, true in enumerate(references) if true is not None and all(said[i] is not None for said in sides)]
    if not after or not rows:
        return None
    right = np.array([[said[i] == references[i] for said in sides] for i in rows], dtype=float)
    return resampled(right, lambda sample: float(np.ptp(sample.mean(axis=0))))
