"""Set the one threshold, on calibrate, by the bound that the reference asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sizewise.cascade.cascade import chosen_labels, equal
from sizewise.cascade.guarantee import certify_excess, certify_risk, from_the_surest
from sizewise.core.example import Calibrate, Example, Train
from sizewise.core.measurement import Certificate
from sizewise.core.task import Bar, ReferenceKind
from sizewise.stages.contest import Contestant

GRID = 100


@dataclass(frozen=True, slots=True)
class Judged:
    """Rows as the small model sees them: its answers, how sure it is, and where it errs.

    All arrays have shape (rows,). ``excess`` is 1 where it is wrong and the LLM right, −1 the other way
    round, else 0; ``None`` without gold or LLM answers.
    """

    answers: list[str]
    confidence: NDArray[np.float64]
    wrong: NDArray[np.bool_]
    excess: NDArray[np.float64] | None
    groups: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Calibrated:
    """The chosen rung with its threshold, ``None`` where nothing holds, and what calibrate certified."""

    contestant: Contestant
    threshold: float | None
    certificates: tuple[Certificate, ...]
    judged: Judged


def judge(contestant: Contestant, examples: Sequence[Example], reference: ReferenceKind) -> Judged:
    """Answer ``examples`` and hold the answers against their reference."""
    evidence = contestant.specialist.evidence([e.input for e in examples])
    answers = chosen_labels(evidence)
    references = [e.gold if reference == "gold" else e.answer for e in examples]
    wrong = ~equal(answers, references)
    with_llm = reference == "gold" and any(e.answer is not None for e in examples)
    llm_right = np.array([e.answer in (e.gold, None) for e in examples], dtype=bool)  # unknown: taken as right
    excess = wrong.astype(float) - (~llm_right).astype(float) if with_llm else None
    return Judged(
        answers, contestant.confidence(evidence), wrong, excess, np.array([e.group for e in examples], dtype=np.int64)
    )


def excess_on_train(contestant: Contestant, train: Train, examples: Sequence[Example]) -> NDArray[np.float64]:
    """(rows,) the excess of the rows of train that the rung was judged on, out of fold; an unknown LLM is right."""
    answers = {(e.id, e.input): e.answer for e in examples}
    rows = range(len(train)) if contestant.rows is None else contestant.rows.tolist()
    llm_wrong = [answers.get((train.ids[i], train.inputs[i])) not in (None, train.targets[i]) for i in rows]
    return np.asarray((~contestant.right).astype(float) - np.array(llm_wrong, dtype=float))


def calibrate(
    contestant: Contestant,
    calibrate: Calibrate,
    reference: ReferenceKind,
    bar: Bar,
    seed: int,
    on_train: NDArray[np.float64] | None = None,
) -> Calibrated:
    """Certify the risk, or under gold with a known LLM the excess (and the risk where a target was given).

    ``on_train`` is what ``excess_on_train`` says: it fixes which threshold is tested first.
    """
    judged = judge(contestant, calibrate.examples, reference)
    certificates = []
    tested = grid(contestant)
    if judged.excess is not None:
        if on_train is not None:
            tested = from_the_surest(tested, contestant.confidence_out_of_fold, on_train, bar.margin)
        certificates.append(
            certify_excess(judged.confidence, judged.excess, tested, bar.margin, bar.delta, judged.groups, seed)
        )
    if judged.excess is None or bar.target is not None:
        limit = 1 - bar.effective_target
        certificates.append(certify_risk(judged.confidence, judged.wrong, limit, bar.delta, judged.groups))
    return Calibrated(contestant, _threshold(certificates, tested), tuple(certificates), judged)


def grid(contestant: Contestant) -> NDArray[np.float64]:
    """Thresholds at even steps of coverage, from the out-of-fold confidence on train."""
    return np.quantile(contestant.confidence_out_of_fold, np.linspace(0, 1, GRID, endpoint=False))


def _threshold(certificates: Sequence[Certificate], tested: NDArray[np.float64]) -> float | None:
    """The highest of the certified thresholds; with a certified excess, the next threshold that was tested."""
    thresholds = [c.threshold for c in certificates]
    if not thresholds or any(t is None for t in thresholds):
        return None
    highest = max(t for t in thresholds if t is not None)
    if len(certificates) == 1 or highest <= 0:
        return highest
    above = tested[tested >= highest]
    return float(above.min()) if len(above) else None
