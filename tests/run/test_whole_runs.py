from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import sizewise
from sizewise.core.errors import RunError
from sizewise.core.measurement import Measurements
from sizewise.run import Run, load
from sizewise.store.run_folder import read_record
from sizewise.verdict.decision import Identity, decide

from .conftest import RUNS, MakeRun
from .logs import TOPICS, read, rows, write

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "verdict.schema.json").read_text(encoding="utf-8"))
EXPECTED = {
    "llm": ("small", "llm", ["risk"]),
    "gold": ("small", "gold", ["excess"]),
    "llm, gold known": ("cascade", "llm", ["risk"]),
    "gold alone": ("small", "gold", ["risk"]),
    "cascade": ("cascade", "llm", ["risk"]),
    "cascade, gold": ("cascade", "gold", ["excess", "risk"]),
    "large": ("large", "llm", ["risk"]),
    "more data": ("more-data", "llm", ["risk"]),
}


def log_of(run: Run) -> list[dict[str, Any]]:
    return read(run.folder.parent / "log.jsonl")


def verdict_json(run: Run) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads((run.folder / "verdict.json").read_text(encoding="utf-8"))
    return whole


@pytest.mark.parametrize("name", EXPECTED)
def test_decision_reference_and_quantity(made: MakeRun, name: str) -> None:
    verdict = made(name).verdict
    assert (verdict.decision, verdict.reference, [g.quantity for g in verdict.guarantees]) == EXPECTED[name]
    assert verdict.contradicted is False


@pytest.mark.parametrize("name", RUNS)
def test_the_verdict_can_be_replayed_from_the_stored_measurements(made: MakeRun, name: str) -> None:
    run = made(name)
    record = read_record(run.folder)
    assert record == run.record
    v = record.verdict
    replayed = decide(record.measurements, Identity(v.sizewise_version, v.run_id, v.created, v.seconds))
    assert replayed == v


@pytest.mark.parametrize("name", RUNS)
def test_the_verdict_fits_the_schema(made: MakeRun, name: str) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(verdict_json(made(name)))


@pytest.mark.parametrize("name", RUNS)
def test_predictions_are_what_the_saved_model_says(made: MakeRun, name: str) -> None:
    run = made(name)
    inputs = {row["id"]: row["input"] for row in log_of(run)}
    predictions = read(run.folder / "predictions.jsonl")
    answers = run.model().answer([inputs[p["id"]] for p in predictions])
    assert [a.value for a in answers] == [p["answer"] for p in predictions]
    assert [a.route for a in answers] == [p["route"] for p in predictions]
    assert [a.confidence for a in answers] == pytest.approx([p["confidence"] for p in predictions], abs=1e-6)
    assert set(predictions[0]) == {"id", "answer", "confidence", "route", "gold", "llm"}
    known = {row["id"]: (row.get("gold"), row.get("answer")) for row in log_of(run)}
    assert [(p["gold"], p["llm"]) for p in predictions] == [known[p["id"]] for p in predictions]


@pytest.mark.parametrize("name", RUNS)
def test_measured_numbers_are_counts_of_the_predictions(made: MakeRun, name: str) -> None:
    """Brute force: everything the verdict says of test, counted again from the log and the predictions."""
    run = made(name)
    by_id = {row["id"]: row for row in log_of(run)}
    test = [(p, by_id[p["id"]]) for p in read(run.folder / "predictions.jsonl")]
    verdict, n = run.verdict, len(test)
    reference = "gold" if verdict.reference == "gold" else "answer"
    assert verdict.data.splits["test"] == n
    assert verdict.small is not None
    for measured, column in ((verdict.small.agreement, "answer"), (verdict.small.accuracy, "gold")):
        if column in test[0][1]:
            assert measured is not None
            assert (measured.value, measured.n) == (sum(p["answer"] == row[column] for p, row in test) / n, n)
        else:
            assert measured is None
    if verdict.cascade is None:
        return
    threshold = verdict.cascade.threshold
    answered = [(p, row) for p, row in test if p["confidence"] >= threshold]
    wrong = sum(p["answer"] != row[reference] for p, row in answered)
    assert verdict.cascade.coverage.value == len(answered) / n
    assert verdict.cascade.risk is not None
    assert verdict.cascade.risk.value == wrong / n
    system = [p["answer"] if p["confidence"] >= threshold else row.get("answer") for p, row in test]
    if "answer" in test[0][1]:
        assert verdict.cascade.system_agreement is not None
        assert verdict.cascade.system_agreement.value == sum(
            s == row["answer"] for s, (_, row) in zip(system, test, strict=True)
        ) / n  # fmt: skip
    if verdict.reference == "gold" and "answer" in test[0][1]:
        assert verdict.cascade.excess is not None
        lost = sum(p["answer"] != r["gold"] and r["answer"] == r["gold"] for p, r in answered)
        won = sum(p["answer"] == r["gold"] and r["answer"] != r["gold"] for p, r in answered)
        assert verdict.cascade.excess.value == pytest.approx((lost - won) / n)
        assert verdict.large is not None
        assert verdict.large.accuracy is not None
        assert verdict.large.accuracy.value == sum(r["answer"] == r["gold"] for _, r in test) / n


def test_the_large_model_is_measured_from_its_log(made: MakeRun) -> None:
    run = made("llm")
    test = {p["id"] for p in read(run.folder / "predictions.jsonl")}
    latencies = sorted(row["latency_ms"] for row in log_of(run) if row["id"] in test)
    large = run.verdict.large
    assert large is not None
    assert large.cost_per_1k_usd is not None
    assert large.cost_per_1k_usd.value == pytest.approx(0.4)
    assert large.latency_ms is not None
    assert latencies[0] <= large.latency_ms.p50.value <= latencies[-1]
    assert made("gold alone").verdict.large is None


@pytest.mark.parametrize(
    ("name", "routes"),
    [
        ("large", {"large"}),
        ("more data", {"large"}),
        ("llm", {"small"}),
        ("gold alone", {"small"}),
        ("cascade", {"small", "large"}),
    ],
)
def test_routes_follow_the_verdict(made: MakeRun, name: str, routes: set[str]) -> None:
    run = made(name)
    assert {p["route"] for p in read(run.folder / "predictions.jsonl")} == routes


@pytest.mark.parametrize("name", ["large", "more data"])
def test_the_specialist_is_saved_whatever_the_verdict(made: MakeRun, name: str) -> None:
    model = load(made(name).folder)
    assert model.threshold is None
    answer = model.answer(["верните деньги"])[0]
    assert answer.value in TOPICS
    assert answer.route == "large"


def test_a_closed_perimeter_abstains(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", rows(160))
    (tmp_path / "task.toml").write_text('[data]\npath = "log.jsonl"\n[bar]\nperimeter = "closed"\n')
    run = sizewise.decide(tmp_path / "task.toml", out=tmp_path / "run", rungs=["majority"])
    assert {p["route"] for p in read(run.folder / "predictions.jsonl")} == {"abstain"}
    assert log.exists()


@pytest.mark.parametrize("name", ["llm", "cascade", "cascade, gold"])
def test_a_copied_run_answers_the_same(made: MakeRun, name: str, tmp_path: Path) -> None:
    run = made(name)
    shutil.copytree(run.folder, tmp_path / "elsewhere")
    inputs = [*[row["input"] for row in log_of(run)][:200], "", "нечто совсем другое 42", "🙂" * 20]
    here, there = run.model().answer(inputs), load(tmp_path / "elsewhere").answer(inputs)
    assert [(a.value, a.route) for a in here] == [(a.value, a.route) for a in there]
    assert [a.confidence for a in here] == pytest.approx([a.confidence for a in there], abs=1e-4)


def test_one_by_one_or_in_a_batch(made: MakeRun) -> None:
    run = made("cascade")
    model, inputs = run.model(), [row["input"] for row in log_of(run)][:100]
    together, alone = model.answer(inputs), [model.answer([text])[0] for text in inputs]
    assert [(a.value, a.route) for a in together] == [(a.value, a.route) for a in alone]
    assert [a.confidence for a in together] == pytest.approx([a.confidence for a in alone], abs=1e-4)


def test_a_changed_file_is_not_loaded(made: MakeRun, tmp_path: Path) -> None:
    shutil.copytree(made("llm").folder, tmp_path / "run")
    ngrams = tmp_path / "run" / "specialist" / "ngrams.json"
    ngrams.write_text(ngrams.read_text(encoding="utf-8") + " ", encoding="utf-8")
    with pytest.raises(RunError, match="SHA-256"):
        load(tmp_path / "run")


def test_the_same_run_twice_is_the_same(made: MakeRun, tmp_path: Path) -> None:
    one = made("cascade")
    about, options = RUNS["cascade"]
    log = write(tmp_path / "log.jsonl", rows(**({"n": 600} | about)))
    two = sizewise.decide(log, out=tmp_path / "run", rungs=["majority", "keywords"], **options)
    assert without_times(one.record.measurements) == without_times(two.record.measurements)
    assert (one.folder / "predictions.jsonl").read_bytes() == (two.folder / "predictions.jsonl").read_bytes()


def without_times(measured: Measurements) -> list[object]:
    return [
        measured.certificates, measured.system, measured.large, measured.data, measured.chosen, measured.shifts,
        [(r.name, r.agreement, r.accuracy, r.macro_f1, r.out_of_fold, r.artifact_mb) for r in measured.rungs],
    ]  # fmt: skip
