"""What heads think of one answer: the features that confidence is learned from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sizewise.core.answer import Answer
from sizewise.core.model import Evidence
from sizewise.specialists.heads import Mixture, Singles, blocks, log_odds, log_sum_exp, probability_of, softmax

Ints = NDArray[np.int64]
Features = dict[str, NDArray[np.float64]]
SHOWN = 5
AT_ONCE = 2_000_000  # scores of all heads that are looked at together


def judged(
    labels: tuple[str, ...],
    mixtures: tuple[Mixture, Mixture | None],
    scores: tuple[Mapping[str, Singles], Mapping[str, Singles] | None],
    known: NDArray[np.float64],
) -> Evidence:
    """Evidence from the (n, labels) scores of the heads that answer and of those that were taught on the other reference."""
    (first, second), (own, others) = mixtures, scores
    joint = first.joined(own)
    best = joint.argmax(axis=1) if len(joint) else np.zeros(0, dtype=np.int64)
    features = {"known": known, "highest": joint.max(axis=1, initial=-np.inf).astype(np.float64)}
    features |= agreement(own, best)
    opinion = None
    if others is not None and second is not None:
        opinion, more = second_opinion(second.joined(others), best)
        features |= more
    return Evidence(labels, softmax(joint), features, -log_sum_exp(joint), opinion)


def agreement(scores: Mapping[str, Singles], best: Ints) -> Features:
    """For each head its log-odds for the joint answer, and whether it would say the same; each of shape (n,)."""
    chances, agrees = np.zeros((len(scores), len(best))), np.zeros((len(scores), len(best)))
    labels = max((head.shape[1] for head in scores.values()), default=1)
    for rows in blocks(len(best), max(1, AT_ONCE // (len(scores) * labels))):
        part = np.stack([head[rows] for head in scores.values()]).astype(np.float64)
        highest = part.max(axis=2, keepdims=True)
        said = np.take_along_axis(part, best[None, rows, None], axis=2)
        chances[:, rows] = (np.exp(said - highest) / np.exp(part - highest).sum(axis=2, keepdims=True))[:, :, 0]
        agrees[:, rows] = part.argmax(axis=2) == best[rows]
    odds = log_odds(chances)
    named = enumerate(scores)
    return {
        f"{name}_{what}": column[i] for i, name in named for what, column in (("log_odds", odds), ("agrees", agrees))
    }


def second_opinion(logits: Singles, best: Ints) -> tuple[Ints, Features]:
    """The label that heads taught on the other reference give, and what they think of the answer ``best``."""
    opinion = logits.argmax(axis=1) if len(logits) else np.zeros(0, dtype=np.int64)
    return opinion, {
        "second_log_odds": log_odds(probability_of(logits, best)),
        "second_agrees": (opinion == best).astype(np.float64),
        "second_own": log_odds(probability_of(logits, opinion)),
    }


def most_probable(evidence: Evidence) -> list[Answer]:
    """Bare answers: the most probable label of each row, with the probabilities of the first five."""
    answers = []
    for row in evidence.probabilities:
        order = np.argsort(-row, kind="stable")[:SHOWN]
        shown = {evidence.labels[i]: float(row[i]) for i in order}
        answers.append(Answer(evidence.labels[int(order[0])], probabilities=shown))
    return answers
