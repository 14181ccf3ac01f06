"""Where small model and reference part on test: which labels are confused, which rows to look at, who is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from sizewise.core.example import Example, Test
from sizewise.core.record import Confusion, Disagreement, Disputes
from sizewise.data.split import Splits
from sizewise.evaluate.intervals import share
from sizewise.stages.calibration import Judged

MOST_CONFUSIONS = 30
MOST_SURE = 50
MOST_NEAR_THRESHOLD = 20
NO_LABEL = "(no label)"


def named(label: str, labels: frozenset[str]) -> str:
    """A label, or that it is none: what an LLM says instead of one may quote the input, and is not stored."""
    return label if label in labels else NO_LABEL


def _known(label: str | None, labels: frozenset[str]) -> str | None:
    return None if label is None else named(label, labels)


def references(example: Example, labels: frozenset[str]) -> tuple[str | None, str | None]:
    """The truth and the LLM's answer, ``None`` where unknown, as a run may store them."""
    return _known(example.gold, labels), _known(example.answer, labels)


def confusions(judged: Judged, splits: Splits, threshold: float | None) -> tuple[Confusion, ...]:
    """The commonest pairs of reference and wrong answer on test."""
    labels = frozenset(splits.labels)
    counts: Counter[tuple[str, str]] = Counter()
    answered: Counter[tuple[str, str]] = Counter()
    for row in np.flatnonzero(judged.wrong):
        pair = (_reference(splits.test.examples[row], splits.reference, labels), judged.answers[row])
        counts[pair] += 1
        answered[pair] += int(threshold is not None and judged.confidence[row] >= threshold)
    return tuple(Confusion(r, a, n, answered[r, a]) for (r, a), n in counts.most_common(MOST_CONFUSIONS))


def _reference(example: Example, reference: str, labels: frozenset[str]) -> str:
    known = example.gold if reference == "gold" else example.answer
    return NO_LABEL if known is None else named(known, labels)


def disagreements(judged: Judged, splits: Splits, threshold: float | None) -> tuple[Disagreement, ...]:
    """The rows where the small model is surest and yet differs; held against an LLM, also those nearest the threshold."""
    labels = frozenset(splits.labels)
    wrong = np.flatnonzero(judged.wrong)
    surest = wrong[np.argsort(-judged.confidence[wrong], kind="stable")][:MOST_SURE]
    near = np.array([], dtype=int)
    if splits.reference == "llm" and threshold is not None:
        rest = np.setdiff1d(wrong, surest)
        near = rest[np.argsort(abs(judged.confidence[rest] - threshold), kind="stable")][:MOST_NEAR_THRESHOLD]

    def told(rows: Iterable[int], nearest: bool) -> list[Disagreement]:
        return [_told(splits.test.examples[row], judged, row, splits.reference, labels, nearest) for row in rows]

    return (*told(surest, nearest=False), *told(near, nearest=True))


def _told(
    example: Example, judged: Judged, row: int, reference: str, labels: frozenset[str], nearest: bool
) -> Disagreement:
    gold, llm = references(example, labels)
    return Disagreement(
        id=example.id,
        reference=_reference(example, reference, labels),
        answer=judged.answers[row],
        llm=llm,
        confidence=float(judged.confidence[row]),
        why="threshold" if nearest else "sure",
        gold=gold,
    )


def disputes(judged: Judged, test: Test) -> Disputes | None:
    """Who is right where small and large model differ; ``None`` where there is no row that could tell."""
    told = [
        (answer == e.gold, e.answer == e.gold)
        for answer, e in zip(judged.answers, test.examples, strict=True)
        if e.gold is not None and e.answer is not None and answer != e.answer
    ]
    if not told:
        return None
    small, large = sum(s for s, _ in told), sum(large for _, large in told)
    n = len(told)
    return Disputes(n, share(small, n), share(large, n), share(n - small - large, n))
