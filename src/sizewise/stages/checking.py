"""The data check as it is recorded: everything that was found in the data before any model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from sizewise.core.measurement import Measured
from sizewise.core.record import DataCheck, LabelPair, Repeats
from sizewise.data.check import Checked
from sizewise.data.read import Summary
from sizewise.data.repeats import Repeated, repeats
from sizewise.data.split import LONGEST_LABEL, Division
from sizewise.data.survey import Survey
from sizewise.data.tally import LEAST_SEEN, UNSHOWN
from sizewise.evaluate.intervals import LEVEL, lower_share, share

RESAMPLES = 1_000


def data_check(about: Summary, checked: Checked, division: Division, survey: Survey) -> DataCheck:
    """Put together what reading, checking, splitting and surveying found."""
    spoken = survey.languages()
    return DataCheck(
        sources=about.sources,
        sha256=about.sha256,
        columns=about.columns,
        rows=about.rows,
        rejected=about.rejected,
        left_out=about.left_out,
        unreadable_values=about.unreadable,
        repeated_ids=about.repeated_ids,
        groups=checked.groups,
        exact_duplicates=checked.exact_duplicates,
        near_duplicates=checked.near_duplicates,
        conflicting_inputs=checked.conflicting_inputs,
        empty_inputs=checked.empty_inputs,
        long_inputs=survey.long_inputs,
        splits=division.sizes,
        split_how=division.how,
        carved=division.carved,
        without_reference=division.without_reference,
        leaked=division.leaked,
        collapsed_in_train=division.collapsed,
        trained_on_answers=division.trained_on_answers,
        label_source=division.label_source,
        labels=division.labels,
        merges=checked.merges,
        unusable=_listed(division.unusable),
        unusable_rows=division.unusable_rows,
        untaught=division.untaught,
        class_sizes=division.class_sizes,
        scripts=survey.scripts,
        repeats={
            kind: _measured(repeated, frozenset(division.labels))
            for kind, repeated in repeats(checked.columns, division.reference).items()
        },
        leaks=division.leaks,
        languages=_shares(spoken),
        personal=survey.personal(),
        oddities=survey.oddities(),
        found=about.found,
        answers=about.answers,
        reference=division.reference,
        augmented=division.augmented,
        untimed=division.untimed,
        not_by_time=_not_by_time(about, division),
    )


def _not_by_time(about: Summary, division: Division) -> Literal["unreadable", "within_a_day"] | None:
    """Why rows that carry times were split at random: the division does not see times of which none can be read."""
    if division.how == "random" and division.not_by_time is None and about.unreadable.get("at"):
        return "unreadable"
    return division.not_by_time


def told_of_times(about: Summary, division: Division) -> str | None:
    """What is said while it runs where a log has times and was split at random all the same."""
    why = _not_by_time(about, division)
    if why == "within_a_day":
        return "split at random: the times in `at` lie within a day"
    if why == "unreadable":
        rows = about.rows - division.augmented
        return f"split at random: {division.untimed:,} of {rows:,} rows have no `at` that can be read as a time"
    return None


def _listed(unusable: Sequence[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    """Unusable answers with their counts; the long ones seen once or twice, which may quote inputs, only counted."""
    shown = [(text, n) for text, n in unusable if text != UNSHOWN and (n >= LEAST_SEEN or len(text) <= LONGEST_LABEL)]
    hidden = sum(n for _, n in unusable) - sum(n for _, n in shown)
    return (*shown, *([(UNSHOWN, hidden)] if hidden else []))


def _shares(counts: Mapping[str, int]) -> dict[str, Measured]:
    total = sum(counts.values())
    shares = {name: share(count, total) for name, count in counts.items()}
    return {name: measured for name, measured in shares.items() if measured is not None}


def _measured(repeated: Repeated, labels: frozenset[str]) -> Repeats:
    """Only pairs of labels are named: what an LLM says instead of one may quote the input."""
    contradicting = repeated.most < repeated.times
    return Repeats(
        inputs=len(repeated.times),
        rows=int(repeated.times.sum()),
        contradicting=int(contradicting.sum()),
        contradicting_rows=int(repeated.times[contradicting].sum()),
        pairs=tuple(LabelPair(a, b, n) for a, b, n in repeated.pairs if a in labels and b in labels),
        agreement=_over_inputs(repeated, "agreement"),
        ceiling=_over_inputs(repeated, "ceiling"),
    )


def _over_inputs(repeated: Repeated, what: str) -> Measured:
    """A mean over rows with a bootstrap interval over inputs.

    Only how often an input was seen and how its references divide matters, and few such kinds exist: whole
    kinds are drawn. Where no input contradicts itself, the interval ends where a share of as many would.
    """
    kinds, counts = np.unique(np.stack([repeated.times, repeated.most, repeated.alike]), axis=1, return_counts=True)
    times, most, alike = kinds.astype(np.float64)
    right = most if what == "ceiling" else alike / (times - 1)
    inputs = int(counts.sum())
    value = float((counts @ right) / (counts @ times))
    if inputs == 1:
        return Measured(value, None, None, 1)
    drawn = np.random.default_rng(0).multinomial(inputs, counts / inputs, RESAMPLES)
    low, high = np.quantile((drawn @ right) / (drawn @ times), [(1 - LEVEL) / 2, 1 - (1 - LEVEL) / 2])
    if value == 1:
        low = lower_share(inputs, inputs, (1 - LEVEL) / 2)
    return Measured(value, min(float(low), value), max(float(high), value), inputs)
