"""Samples of a split for a rung that is too slow for all of it: drawn at random, the same ones for the same seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from sizewise.core.example import Calibrate, Example, Test
from sizewise.data.split import Splits


def sampled_test(test: Test, most: int | None, seed: int) -> Test:
    """At most ``most`` test rows, in their order; all of them without a limit."""
    return Test(_sampled(test.examples, most, f"{seed}:test"))


def sampled_calibrate(calibrate: Calibrate, most: int | None, seed: int) -> Calibrate:
    """At most ``most`` calibration rows, in their order; all of them without a limit."""
    return Calibrate(_sampled(calibrate.examples, most, f"{seed}:calibrate"))


def sampled(splits: Splits, most: int | None, seed: int) -> Splits:
    """The splits that a chosen rung is calibrated and tested on: a guarantee is worth as many rows as it rests on."""
    if most is None:
        return splits
    return replace(
        splits,
        calibrate=sampled_calibrate(splits.calibrate, most, seed),
        test=sampled_test(splits.test, most, seed),
    )


def _sampled(examples: Sequence[Example], most: int | None, seed: str) -> tuple[Example, ...]:
    if most is None or len(examples) <= most:
        return tuple(examples)
    return tuple(examples[i] for i in sorted(Random(seed).sample(range(len(examples)), most)))
