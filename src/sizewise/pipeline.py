"""The product on one screen: from a log to a verdict that can be defended."""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import sizewise
from sizewise.core.record import RunRecord
from sizewise.core.task import Task
from sizewise.data.answers import read_log
from sizewise.data.check import check
from sizewise.data.formats.source import Source
from sizewise.data.split import split
from sizewise.data.survey import Survey
from sizewise.data.task_file import task_tables
from sizewise.run import Run
from sizewise.specialists.ladder import recipes
from sizewise.specialists.ngrams import LONGEST_INPUT
from sizewise.stages import saving
from sizewise.stages.audit import audit, best_rung
from sizewise.stages.calibration import calibrate, excess_on_train
from sizewise.stages.captured import release, without_password
from sizewise.stages.checking import data_check
from sizewise.stages.choice import choose
from sizewise.stages.climbing import Climb
from sizewise.stages.contest import contest
from sizewise.stages.disagreements import confusions, disagreements, disputes
from sizewise.stages.forecast import forecast
from sizewise.stages.large_model import LargeCalls, ask_large
from sizewise.stages.large_probe import TEST_SHARE, with_large
from sizewise.stages.listener import Listener, Silence
from sizewise.stages.measurement import curve, measure
from sizewise.stages.portions import portions
from sizewise.stages.probing import probe
from sizewise.stages.samples import sampled
from sizewise.stages.written_rows import tried
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
    with open_run(out, _fingerprint(task, log.sha256, large), force) as folder:
        saving.save_inputs(folder, task, log)
        with clock.stage("contest"):
            climb = Climb(task, splits.reference, len(splits.calibrate), checked.examples, folder.work, listener)
            learned, written = tried(rungs, splits.train, splits.written, task.seed, folder.work, listener)
            contestants = contest(rungs, splits.train, task.seed, folder.work, listener, climb, learned.written)
            climb.finish(contestants, splits.train)
        with clock.stage("audit"):
            best = best_rung(contestants)
            slices = {e.id: e.slice for e in checked.examples if e.slice}
            audited = audit(best.name, best.evidence.probabilities, splits.train, slices, splits.reference, task.seed)
        with clock.stage("choose"):
            choice = choose(contestants, splits.reference, task.bar, task.seed)
            splits = sampled(splits, choice.chosen.most_rows, task.seed)
        with clock.stage("calibrate"):
            seen = excess_on_train(choice.chosen, splits.train, checked.examples)
            calibrated = calibrate(choice.chosen, splits.calibrate, splits.reference, task.bar, task.seed, seen)
        asked = None
        if large is not None:
            with clock.stage("large"):
                asked = ask_large(large, task, splits.labels, splits.test, folder.work, listener, TEST_SHARE)
        with clock.stage("measure"):
            sizes = saving.data_measurement(log, checked, splits)
            measurements, judged = measure(
                task, splits, sizes, contestants, choice, calibrated, asked, (*climb.told, *written)
            )
        with clock.stage("probe"):
            probed = probe(contestants, task, splits.test, splits.reference, listener)
            measurements = replace(measurements, probes=probed)
            measurements = with_large(measurements, large, task, splits.labels, asked, folder.work, listener)
            for contestant in contestants:
                contestant.close()
        with clock.stage("forecast"):
            recipe = next(r for r in rungs if r.name == choice.chosen.name)
            more = forecast(recipe, calibrated, splits, task.bar, checked.examples, task.seed, folder.work, listener)
            measurements = replace(measurements, forecast=more)
        identity = Identity(sizewise.__version__, folder.run_id, folder.created, clock.seconds())
        verdict = weigh(measurements, identity)
        has_large = measurements.large is not None and task.bar.perimeter == "open"
        served = calibrated.threshold if verdict.decision in ("small", "cascade") else None
        with clock.stage("save"):
            form = saving.form_of(log, checked, splits.labels)
            saving.save_specialist(folder, task, learned, calibrated, served, has_large, bundle, form)
            saving.save_predictions(folder, splits, judged, served, has_large)
        with clock.stage("report"):
            differing = disagreements(judged, splits, calibrated.threshold)
            record = RunRecord(
                verdict=verdict,
                measurements=measurements,
                data_check=data_check(log.about, checked.facts, splits.division, survey),
                curve=curve(calibrated, judged, task.bar.delta, task.seed),
                confusions=confusions(judged, splits, served),
                disagreements=differing,
                provenance=saving.provenance(folder, verdict, command or _command()),
                portions=portions(judged, splits, calibrated.threshold),
                disputes=disputes(judged, splits.test),
                audit=audited,
            )
            shown = saving.texts_of(splits.test, [d.id for d in differing]) if texts else None
            saving.save_record(folder, record, language, shown)
    return Run(folder.path, record)


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
