"""All that a run leaves behind for a reader: what the report, and a replayed verdict, are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from sizewise.core.measurement import Measured, Measurements
from sizewise.core.task import ReferenceKind
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
    """A test row on which small and reference differ: worth a person's look, in order of ``why``.

    "sure": the small model is surest there; "threshold": its confidence lies closest to the threshold, so that
    a person's word would move it. ``gold`` is the truth where it is known, whatever the reference.
    """

    id: str
    reference: str
    answer: str
    llm: str | None
    confidence: float
    why: Literal["sure", "threshold"] = "sure"
    gold: str | None = None


@dataclass(frozen=True, slots=True)
class Portion:
    """The test rows of one label (by their reference), one slice, or one quarter of the lengths in characters.

    ``right`` is the share on which the small model equals the reference, answering everything; ``precision``,
    of labels alone, the share of the answers with this label that do. ``answered`` is the share that it answers
    itself at the threshold, ``answered_right`` the share of these that equal the reference.
    """

    by: Literal["label", "slice", "length"]
    name: str
    rows: int
    right: Measured | None
    precision: Measured | None
    answered: Measured | None
    answered_right: Measured | None


@dataclass(frozen=True, slots=True)
class Disputes:
    """Who is right on the test rows where small and large model differ and the truth is known (shares of ``rows``)."""

    rows: int
    small_right: Measured | None
    large_right: Measured | None
    neither: Measured | None


@dataclass(frozen=True, slots=True)
class LabelMerge:
    """Spellings that were merged into one label, with their counts."""

    kept: str
    merged: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LabelPair:
    """Two labels that meet on ``count`` rows or inputs; the order means something only where it is said."""

    one: str
    other: str
    count: int


@dataclass(frozen=True, slots=True)
class Repeats:
    """Inputs with more than one reference, and whether these agree.

    ``inputs`` were seen ``rows`` times in all; ``contradicting`` of them, seen ``contradicting_rows`` times,
    have different references. ``pairs`` are the labels that most inputs waver between. ``agreement`` is the
    probability that two references of one input are the same. ``ceiling`` is the share of the rows that the
    commonest reference of each input gets right: no model that answers one input always alike can do better
    on them, so it bounds from above. Intervals are over inputs, and n counts them.
    """

    inputs: int
    rows: int
    contradicting: int
    contradicting_rows: int
    pairs: tuple[LabelPair, ...]
    agreement: Measured | None
    ceiling: Measured | None


@dataclass(frozen=True, slots=True)
class Leak:
    """Rows of ``split`` with a reference whose duplicate stands in train, equal ("exact") or only near.

    ``same_label`` of them carry a label that such a train row teaches too, ``other_label`` carry another one.
    """

    split: Literal["calibrate", "test"]
    kind: Literal["exact", "near"]
    rows: int
    same_label: int
    other_label: int


@dataclass(frozen=True, slots=True)
class Found:
    """Something found in the inputs: in how many rows, how often in all, and the ids of the first such rows.

    Never what was found itself. For personal data ``ids`` is empty.
    """

    rows: int
    occurrences: int
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DataCheck:
    """What was found in the data before any model. Counts of rows unless said otherwise.

    ``rejected`` maps a reason to its count; ``unusable`` lists references that are no label, commonest
    first; ``untaught`` lists labels with fewer than three distinct train inputs, with that number;
    ``leaked`` counts rows of calibrate and test whose near-duplicate stands in train; ``long_inputs``
    counts inputs of which a specialist reads only the beginning.

    The fields from ``repeats`` on are empty in a run that an older version made. ``repeats`` has the keys
    "exact" and "near" (the same input in several rows) and "asked_again" (several answers in one row), each
    only where there are such inputs; ``languages`` maps an ISO 639-1 code ("und" where the text does not
    tell) to its share, measured on a sample where the log is long; ``personal`` and ``oddities`` map a kind
    to what was found of it, kinds that were not found left out. ``found`` are English sentences about what was
    concluded from the files and not given; ``answers`` counts the LLM's answers by the rule that read them as labels.
    ``augmented`` rows were written by an LLM: they are in no split. ``untimed`` counts the other rows without a time that
    can be read (``None`` in a run of an older version), and ``not_by_time`` says why a log that has times was split at
    random all the same: too many of them are missing or cannot be read, or they lie within a day.
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
    repeats: Mapping[str, Repeats] = field(default_factory=dict)
    leaks: tuple[Leak, ...] = ()
    languages: Mapping[str, Measured] = field(default_factory=dict)
    personal: Mapping[str, Found] = field(default_factory=dict)
    oddities: Mapping[str, Found] = field(default_factory=dict)
    found: tuple[str, ...] = ()
    answers: Mapping[str, int] = field(default_factory=dict)
    reference: ReferenceKind | None = None
    augmented: int = 0
    untimed: int | None = None
    not_by_time: Literal["unreadable", "within_a_day"] | None = None


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A train row whose label the rungs doubt. ``score`` is low where the doubt is strong, between 0 and 1.

    It is the given label's probability over the sum of its own and the suggested label's; ``probability`` is the
    suggested label's alone, both out of fold. ``id`` is the first of the rows with this input.
    """

    id: str
    given: str
    suggested: str
    score: float
    probability: float


@dataclass(frozen=True, slots=True)
class SliceScore:
    """One value of the ``slice`` column: its train rows, and how often the rung is right on them, out of fold."""

    name: str
    rows: int
    score: Measured | None


@dataclass(frozen=True, slots=True)
class Audit:
    """What the out-of-fold probabilities say about the train rows' labels. Under reference llm, about the LLM's.

    ``rung`` is the rung whose probabilities these are: the one most often right, out of fold. ``rows`` were
    audited, ``suspected`` of them carry a label that is probably wrong, and ``wrong`` estimates the share of
    wrong labels with its interval. ``worst`` lists the most doubtful rows first; ``confused`` pairs of given
    label (``one``) and suggested label (``other``) by their number of suspected rows. ``overall`` is how often
    the rung is right, ``slices`` the same for each value of the ``slice`` column. Where ``judged`` is false the
    rung is right too seldom to doubt a label: nothing is suspected, and the share of wrong labels is not estimated.
    """

    rung: str
    reference: ReferenceKind
    rows: int
    suspected: int
    wrong: Measured | None
    worst: tuple[Suspicion, ...]
    confused: tuple[LabelPair, ...]
    overall: Measured | None
    slices: tuple[SliceScore, ...]
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Prediction:
    """A test row as a run answered it, with what is known of it; ``gold`` and ``llm`` are missing in older runs."""

    id: str
    answer: str
    confidence: float
    route: str
    gold: str | None = None
    llm: str | None = None


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """What ``sizewise check`` found in the data of ``task``, without a run."""

    task: str
    version: str
    data_check: DataCheck
    audit: Audit | None


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
    """One finished run, as read back from its folder. ``audit`` is ``None`` where an older version made it."""

    verdict: Verdict
    measurements: Measurements
    data_check: DataCheck
    curve: tuple[CurvePoint, ...]
    confusions: tuple[Confusion, ...]
    disagreements: tuple[Disagreement, ...]
    provenance: Provenance
    audit: Audit | None = None
    portions: tuple[Portion, ...] = ()
    disputes: Disputes | None = None
