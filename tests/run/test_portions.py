"""The test rows by label, slice and length, and who is right in a dispute: counted again from the predictions."""

from __future__ import annotations

from pathlib import Path

import pytest

import sizewise
from sizewise.core.record import Portion
from sizewise.run import Run

from .conftest import RUNGS, RUNS, MakeRun
from .logs import Row, read, rows, write


def wrong(run: Run, row: Row) -> bool:
    return bool(row["answer"] != (row["gold"] if run.verdict.reference == "gold" else row["llm"]))


def check(portion: Portion, held: list[Row], run: Run) -> None:
    """``held`` are the predictions that the portion is about."""
    threshold = run.verdict.cascade.threshold if run.verdict.cascade else None
    own = [row for row in held if threshold is not None and row["confidence"] >= threshold]
    assert portion.rows == len(held)
    assert portion.right is not None
    assert portion.answered is not None
    assert portion.right.value == sum(not wrong(run, row) for row in held) / len(held)
    assert portion.answered.value == len(own) / len(held)
    if own:
        assert portion.answered_right is not None
        assert portion.answered_right.value == sum(not wrong(run, row) for row in own) / len(own)
    else:
        assert portion.answered_right is None


@pytest.mark.parametrize("name", RUNS)
def test_labels_and_lengths_are_counts_of_the_predictions(made: MakeRun, name: str) -> None:
    run = made(name)
    predictions = read(run.folder / "predictions.jsonl")
    column = "gold" if run.verdict.reference == "gold" else "llm"
    labels = {p.name: p for p in run.record.portions if p.by == "label"}
    assert set(labels) == {row[column] for row in predictions}
    for label, portion in labels.items():
        check(portion, [row for row in predictions if row[column] == label], run)
        said = [row for row in predictions if row["answer"] == label]
        if said:
            assert portion.precision is not None
            assert portion.precision.value == sum(row[column] == label for row in said) / len(said)
        else:
            assert portion.precision is None
    lengths = {row["id"]: len(row["input"]) for row in read(Path(run.record.data_check.sources[0]))}
    quarters = [p for p in run.record.portions if p.by == "length"]
    assert sum(p.rows for p in quarters) == len(predictions)
    for portion in quarters:
        low, high = map(int, portion.name.split("–"))
        check(portion, [row for row in predictions if low <= lengths[row["id"]] <= high], run)


@pytest.mark.parametrize("name", ["llm", "gold", "llm, gold known", "gold alone", "cascade, gold"])
def test_disputes_are_counts_of_the_predictions(made: MakeRun, name: str) -> None:
    run = made(name)
    told = [
        row
        for row in read(run.folder / "predictions.jsonl")
        if None not in (row["gold"], row["llm"]) and row["answer"] != row["llm"]
    ]
    found = run.record.disputes
    if not told:
        assert found is None
        return
    assert found is not None
    assert found.small_right is not None
    assert found.large_right is not None
    assert found.neither is not None
    small = sum(row["answer"] == row["gold"] for row in told)
    large = sum(row["llm"] == row["gold"] for row in told)
    assert (found.rows, found.small_right.value, found.large_right.value) == (
        len(told), small / len(told), large / len(told),
    )  # fmt: skip
    assert found.neither.value == (len(told) - small - large) / len(told)


def test_slices_are_counted_and_small_or_endless_ones_are_not_kept(tmp_path: Path) -> None:
    made = rows(600, seed=5, llm_errors=0.05)
    for number, row in enumerate(made):
        row["slice"] = ("shop", "🚚 доставка")[number % 2] if number > 20 else f"once {number}" + "!" * (number * 9)
    run = sizewise.decide(write(tmp_path / "log.jsonl", made), out=tmp_path / "run", rungs=RUNGS)
    of = {row["id"]: row["slice"] for row in made}
    slices = [p for p in run.record.portions if p.by == "slice"]
    assert {p.name for p in slices} == {"shop", "🚚 доставка"}
    for portion in slices:
        check(portion, [r for r in read(run.folder / "predictions.jsonl") if of[r["id"]] == portion.name], run)
        assert portion.precision is None


def test_the_disagreements_nearest_the_threshold_are_listed_after_the_surest(made: MakeRun) -> None:
    run = made("cascade")
    assert run.verdict.cascade is not None
    threshold = run.verdict.cascade.threshold
    listed = run.record.disagreements
    sure = [d for d in listed if d.why == "sure"]
    near = [d for d in listed if d.why == "threshold"]
    assert list(listed) == [*sure, *near]
    assert [d.confidence for d in sure] == sorted((d.confidence for d in sure), reverse=True)
    missed = [row for row in read(run.folder / "predictions.jsonl") if wrong(run, row)]
    rest = sorted(abs(r["confidence"] - threshold) for r in missed if r["id"] not in {d.id for d in sure})
    assert [abs(d.confidence - threshold) for d in near] == rest[: len(near)]
    assert not [d for d in made("cascade, gold").record.disagreements if d.why == "threshold"]
