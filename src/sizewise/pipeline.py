"""The product on one screen: from a log to a verdict that can be defended."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import sizewise
from sizewise.core.measurement import Circumstance, Forecast, Measurements
from sizewise.core.model import Recipe
from sizewise.core.record import Audit, Provenance, RunRecord
from sizewise.core.task import Task
from sizewise.core.verdict import Verdict
from sizewise.data.answers import read_log
from sizewise.data.check import CheckedLog, check
from sizewise.data.formats.source import Source
from sizewise.data.read import Log
from sizewise.data.split import Splits, split
from sizewise.data.survey import Survey
from sizewise.data.task_file import task_tables
from sizewise.run import Run
from sizewise.specialists.ladder import recipes
from sizewise.specialists.ngrams import LONGEST_INPUT
from sizewise.stages import saving
from sizewise.stages.audit import audit, best_rung
from sizewise.stages.calibration import Calibrated, Judged, calibrate, excess_on_train
from sizewise.stages.captured import release, without_password
from sizewise.stages.checking import data_check, told_of_times
from sizewise.stages.choice import Choice, choose
from sizewise.stages.climbing import Climb
from sizewise.stages.contest import Contestant, contest
from sizewise.stages.disagreements import confusions, disagreements, disputes
from sizewise.stages.forecast import forecast
from sizewise.stages.large_model import LargeCalls, ask_large
from sizewise.stages.large_probe import TEST_SHARE, with_large
from sizewise.stages.listener import Listener, Silence
from sizewise.stages.measurement import curve, measure
from sizewise.stages.portions import portions
from sizewise.stages.probing import probe
from sizewise.stages.samples import sampled
from sizewise.stages.written_rows import Learned, tried
from sizewise.store.run_folder import open_run
from sizewise.verdict.decision import Identity
from sizewise.verdict.decision import decide as weigh

if TYPE_CHECKING:
    from collections.abc import Iterator


def decide(
    task: Task,
    paths: Sequence[Source],
    out: Path,
    *,
    listener: Listener | None = None,
    language: str = "en",
    texts: bool = False,
    bundle: bool = False,
    force: bool = False,
    command: str | None = None,
    large: LargeCalls | None = None,
) -> Run:
    """read → check → split → contest → audit → choose → calibrate → measure → probe → forecast → decide → save → report."""
    listener = listener or Silence()
    clock = _Clock(listener)
    rungs = recipes(task, listener.progress, listener.found)
    data = _read(task, paths, listener, clock)
    with open_run(out, _fingerprint(data.task, data.log.sha256, large), force) as folder:
        saving.save_inputs(folder, data.task, data.log)
        held = _contest(rungs, data, folder.work, listener, clock)
        chosen = _choose(held, data, clock)
        measurements, judged = _measure(held, chosen, data, large, folder.work, listener, clock)
        more = _forecast(rungs, chosen, data, folder.work, listener, clock)
        measurements = replace(measurements, forecast=more)
        verdict = weigh(measurements, Identity(sizewise.__version__, folder.run_id, folder.created, clock.seconds()))
        has_large = measurements.large is not None and data.task.bar.perimeter == "open"
        served = chosen.calibrated.threshold if verdict.decision in ("small", "cascade") else None
        with clock.stage("save"):
            form = saving.form_of(data.log, data.checked, chosen.splits.labels)
            saving.save_specialist(folder, data.task, held.learned, chosen.calibrated, served, has_large, bundle, form)
            saving.save_predictions(folder, chosen.splits, judged, served, has_large)
        with clock.stage("report"):
            provenance = saving.provenance(folder, verdict, command or _command())
            record = _record(data, held, chosen, measurements, judged, verdict, served, provenance)
            shown = saving.texts_of(chosen.splits.test, [d.id for d in record.disagreements]) if texts else None
            saving.save_record(folder, record, language, shown)
    return Run(folder.path, record)


@dataclass(frozen=True, slots=True)
class _Data:
    """The log as it was read, checked and split; ``task`` with the names and the template that were found in it."""

    task: Task
    log: Log
    checked: CheckedLog
    survey: Survey
    splits: Splits


@dataclass(frozen=True, slots=True)
class _Held:
    """The contest once it was held: who took part, on what they learned, what is to be said of it, and its audit."""

    contestants: Sequence[Contestant]
    learned: Learned
    told: tuple[Circumstance, ...]
    audited: Audit


@dataclass(frozen=True, slots=True)
class _Chosen:
    """The chosen rung, its threshold, and the ``splits`` that it is calibrated and tested on: samples, where it is slow."""

    choice: Choice
    calibrated: Calibrated
    splits: Splits


def _read(task: Task, paths: Sequence[Source], listener: Listener, clock: _Clock) -> _Data:
    with clock.stage("read"):
        log = read_log(task, paths)
        release(paths)
        task = replace(task, template=log.template, columns=log.names)
        for sentence in log.found:
            listener.found(sentence)
    with clock.stage("check"):
        checked = check(log, task.labels, task.strict_labels)
        survey = Survey(LONGEST_INPUT, log.examples)
    with clock.stage("split"):
        splits = split(checked, task.reference, task.labels, task.seed)
        if warned := told_of_times(log.about, splits.division):
            listener.found(warned)
    return _Data(task, log, checked, survey, splits)


def _contest(rungs: Sequence[Recipe], data: _Data, work: Path, listener: Listener, clock: _Clock) -> _Held:
    task, splits, examples = data.task, data.splits, data.checked.examples
    with clock.stage("contest"):
        climb = Climb(task, splits.reference, len(splits.calibrate), examples, work, listener)
        learned, written = tried(rungs, splits.train, splits.written, task.seed, work, listener)
        contestants = contest(rungs, splits.train, task.seed, work, listener, climb, learned.written)
        climb.finish(contestants, splits.train)
    with clock.stage("audit"):
        best = best_rung(contestants)
        slices = {e.id: e.slice for e in examples if e.slice}
        audited = audit(best.name, best.evidence.probabilities, splits.train, slices, splits.reference, task.seed)
    return _Held(contestants, learned, (*climb.told, *written), audited)


def _choose(held: _Held, data: _Data, clock: _Clock) -> _Chosen:
    task, reference = data.task, data.splits.reference
    with clock.stage("choose"):
        choice = choose(held.contestants, reference, task.bar, task.seed)
        splits = sampled(data.splits, choice.chosen.most_rows, task.seed)
    with clock.stage("calibrate"):
        seen = excess_on_train(choice.chosen, splits.train, data.checked.examples)
        calibrated = calibrate(choice.chosen, splits.calibrate, reference, task.bar, task.seed, seen)
    return _Chosen(choice, calibrated, splits)


def _measure(
    held: _Held, chosen: _Chosen, data: _Data, large: LargeCalls | None, work: Path, listener: Listener, clock: _Clock
) -> tuple[Measurements, Judged]:
    """All that is measured on test, and how the chosen rung fared on its rows; then the rungs are let go."""
    task, splits, asked = data.task, chosen.splits, None
    if large is not None:
        with clock.stage("large"):
            asked = ask_large(large, task, splits.labels, splits.test, work, listener, TEST_SHARE)
    with clock.stage("measure"):
        sizes = saving.data_measurement(data.log, data.checked, splits)
        measurements, judged = measure(
            task, splits, sizes, held.contestants, chosen.choice, chosen.calibrated, asked, held.told
        )
    with clock.stage("probe"):
        probed = probe(held.contestants, task, splits.test, splits.reference, listener)
        measurements = replace(measurements, probes=probed)
        measurements = with_large(measurements, large, task, splits.labels, asked, work, listener)
        for contestant in held.contestants:
            contestant.close()
    return measurements, judged


def _forecast(
    rungs: Sequence[Recipe], chosen: _Chosen, data: _Data, work: Path, listener: Listener, clock: _Clock
) -> Forecast | None:
    task, calibrated, examples = data.task, chosen.calibrated, data.checked.examples
    with clock.stage("forecast"):
        recipe = next(r for r in rungs if r.name == calibrated.contestant.name)
        return forecast(recipe, calibrated, chosen.splits, task.bar, examples, task.seed, work, listener)


def _record(
    data: _Data, held: _Held, chosen: _Chosen, measurements: Measurements, judged: Judged, verdict: Verdict,
    served: float | None, provenance: Provenance,
) -> RunRecord:  # fmt: skip
    task, splits, calibrated = data.task, chosen.splits, chosen.calibrated
    return RunRecord(
        verdict=verdict,
        measurements=measurements,
        data_check=data_check(data.log.about, data.checked.facts, splits.division, data.survey),
        curve=curve(calibrated, judged, task.bar.delta, task.seed),
        confusions=confusions(judged, splits, served),
        disagreements=disagreements(judged, splits, calibrated.threshold),
        provenance=provenance,
        portions=portions(judged, splits, calibrated.threshold),
        disputes=disputes(judged, splits.test),
        audit=held.audited,
    )


class _Clock:
    """Times the stages and tells the listener as each begins."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._started = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._listener.stage(name)
        started = time.perf_counter()
        yield
        self._stages[name] = round(time.perf_counter() - started, 3)

    def seconds(self) -> dict[str, float]:
        return {"total": round(time.perf_counter() - self._started, 3), **self._stages}


def _fingerprint(task: Task, sha256: str, large: LargeCalls | None) -> str:
    """What makes two runs the same run: data, settings, version."""
    settings = {name: table for name, table in task_tables(task).items() if name != "data"}
    settings["data"] = {
        "sha256": sha256,
        "columns": dict(task.columns),
        "only": dict(task.only),
        "strict": task.strict_labels,
        "template": task.template,
        "raw_answers": task.raw_answers,
    }
    if large is not None:
        settings["large"] = {"asked": large.place.name, "at": large.place.base_url}
    settings["version"] = {"sizewise": sizewise.__version__}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _command() -> str:
    """The command as it was typed, without the password of a database."""
    return (
        shlex.join([Path(sys.argv[0]).name, *map(without_password, sys.argv[1:])])
        if sys.argv[0]
        else "sizewise.decide(...)"
    )
