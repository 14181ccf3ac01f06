"""All that a run leaves behind for a reader: what the report, and a replayed verdict, are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sizewise.core.measurement import Measurements
from sizewise.core.verdict import Verdict


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """The risk–coverage curve at one threshold, on calibrate and on test (shares of all traffic).

    ``bound`` is the one-sided upper bound on the certified quantity, from calibrate.
    """

    threshold: float
    coverage: float
    risk: float
    bound: float
    test_coverage: float
    test_risk: float


@dataclass(frozen=True, slots=True)
class Confusion:
    """On ``count`` of the test rows the reference was one label and the small model said another."""

    reference: str
    answer: str
    count: int
    answered: int


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A test row on which small and reference differ, the surest first: worth a person's look."""

    id: str
    reference: str
    answer: str
    llm: str | None
    confidence: float


@dataclass(frozen=True, slots=True)
class LabelMerge:
    """Spellings that were merged into one label, with their counts."""

    kept: str
    merged: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DataCheck:
    """What was found in the data before any model. Counts of rows unless said otherwise.

    ``rejected`` maps a reason to its count; ``unusable`` lists references that are no label, commonest
    first; ``untaught`` lists labels with fewer than three distinct train inputs, with that number;
    ``leaked`` counts rows of calibrate and test whose near-duplicate stands in train; ``long_inputs``
    counts inputs of which a specialist reads only the beginning.
    """

    sources: tuple[str, ...]
    sha256: str
    columns: tuple[str, ...]
    rows: int
    rejected: Mapping[str, int]
    left_out: int
    unreadable_values: Mapping[str, int]
    repeated_ids: int
    groups: int
    exact_duplicates: int
    near_duplicates: int
    conflicting_inputs: int
    empty_inputs: int
    long_inputs: int
    splits: Mapping[str, int]
    split_how: Literal["column", "time", "random"]
    carved: tuple[str, ...]
    without_reference: Mapping[str, int]
    leaked: Mapping[str, int]
    collapsed_in_train: int
    trained_on_answers: int
    label_source: Literal["task", "gold", "answers"]
    labels: tuple[str, ...]
    merges: tuple[LabelMerge, ...]
    unusable: tuple[tuple[str, int], ...]
    unusable_rows: Mapping[str, int]
    untaught: tuple[tuple[str, int], ...]
    class_sizes: Mapping[str, int]
    scripts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Provenance:
    """How a run was made. ``hashes`` are SHA-256 of the data, the specialist's files and the encoder."""

    command: str
    python: str
    platform: str
    cpu: str
    cpu_count: int
    versions: Mapping[str, str]
    hashes: Mapping[str, str]
    encoder: str | None
    licences: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One finished run, as read back from its folder."""

    verdict: Verdict
    measurements: Measurements
    data_check: DataCheck
    curve: tuple[CurvePoint, ...]
    confusions: tuple[Confusion, ...]
    disagreements: tuple[Disagreement, ...]
    provenance: Provenance
