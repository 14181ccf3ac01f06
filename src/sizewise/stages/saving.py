"""Write the run: the specialist that was calibrated, its predictions on test, and all that was measured."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import tomli_w

import sizewise
from sizewise.core.example import Test
from sizewise.core.form import TaskForm
from sizewise.core.measurement import DataMeasurement
from sizewise.core.record import Provenance, RunRecord
from sizewise.core.task import Task
from sizewise.core.verdict import Verdict
from sizewise.data.answer_form import Said, learn
from sizewise.data.check import CheckedLog
from sizewise.data.read import Log
from sizewise.data.split import Splits
from sizewise.data.task_file import task_tables
from sizewise.models.catalogue import licence
from sizewise.models.reference import located
from sizewise.stages.calibration import Calibrated, Judged
from sizewise.stages.disagreements import references
from sizewise.stages.written_rows import Learned
from sizewise.store.arrays import load_json, save_json
from sizewise.store.disk import copy_folder, copy_whole, explained, write_whole
from sizewise.store.run_folder import RunFolder, write_form, write_lines, write_manifest, write_record

LEAST_SEEN = 3
LIBRARIES = ("numpy", "scipy", "scikit-learn", "onnxruntime", "tokenizers")


def data_measurement(log: Log, checked: CheckedLog, splits: Splits) -> DataMeasurement:
    """The sizes that the verdict names."""
    division = splits.division
    return DataMeasurement(
        sha256=log.sha256,
        rows=len(log.examples),
        groups=checked.facts.groups,
        train=len(splits.train),
        calibrate=len(splits.calibrate),
        test=len(splits.test),
        leaked_calibrate=division.leaked["calibrate"],
        leaked_test=division.leaked["test"],
        unusable_calibrate=division.unusable_rows["calibrate"],
        augmented=division.augmented,
    )


def save_inputs(folder: RunFolder, task: Task, log: Log) -> None:
    """What is known before any model: the rejected rows and the task as it was resolved."""
    write_lines(folder.draft / "rejects.jsonl", log.rejects)
    write_whole(folder.draft / "task.toml", tomli_w.dumps(task_tables(task)))


def save_specialist(
    folder: RunFolder,
    task: Task,
    learned: Learned,
    calibrated: Calibrated,
    served: float | None,
    has_large: bool,
    bundle: bool,
    form: TaskForm,
) -> None:
    """The specialist's folder: what was calibrated, byte for byte, with its threshold and manifest.

    ``served`` is the threshold to serve with, ``None`` where the verdict is not to serve; ``form`` is how the task's
    requests and answers look, by which a gateway knows them.
    """
    target = folder.specialist
    shutil.rmtree(target, ignore_errors=True)
    with explained(target):
        copy_folder(calibrated.contestant.folder, target)
        calibrated.contestant.confidence.save(target)
        if bundle:
            _bundle(target)
    save_json(target / "cascade.json", {"threshold": served, "has_large": has_large})
    write_form(target, form)
    write_manifest(
        target,
        {
            "sizewise_version": sizewise.__version__,
            "run_id": folder.run_id,
            "created": folder.created,
            "task": task.name,
            "rung": calibrated.contestant.name,
            "seed": task.seed,
            "versions": versions(),
            "encoder": _encoder(target),
            "training_ids": learned.real.ids,
        }
        | ({} if learned.written is None else {"written_ids": learned.written.ids}),
    )


def _encoder(specialist: Path) -> dict[str, object] | None:
    """What is known of the specialist's encoder, or of that of the lower rung that it carries along."""
    found = _with_encoder(specialist)
    return None if found is None else load_json(found / "encoder.json")


def _with_encoder(specialist: Path) -> Path | None:
    return next((folder for folder in (specialist, specialist / "lower") if (folder / "encoder.json").exists()), None)


def _bundle(specialist: Path) -> None:
    """Copy the encoder's files in, so that the folder needs nothing beside it."""
    about, folder = _encoder(specialist), _with_encoder(specialist)
    if about is None or folder is None or about.get("own"):  # a tuned encoder is there already
        return
    hashes = {str(k): str(v) for k, v in dict(about["sha256"]).items()}  # type: ignore[call-overload]
    for name, path in located(str(about["reference"]), hashes).paths.items():
        (folder / "encoder" / name).parent.mkdir(parents=True, exist_ok=True)
        copy_whole(path, folder / "encoder" / name)


def form_of(log: Log, checked: CheckedLog, labels: Sequence[str]) -> TaskForm:
    """How the requests of the log look, and which form its answers have."""
    known = frozenset(labels)
    said = (
        Said(raw, example.answer, example.completion_tokens)
        for raw, example in zip(log.said, checked.examples, strict=bool(log.said))
        if raw is not None and example.answer in known and not example.augmented
    )
    return replace(log.form, answer=learn(said))


def save_predictions(folder: RunFolder, splits: Splits, judged: Judged, served: float | None, has_large: bool) -> None:
    """The test rows' answers, confidence, routes, and what they are held against: ids and labels, no inputs."""
    labels = frozenset(splits.labels)
    away = "large" if has_large else "abstain"
    write_lines(
        folder.draft / "predictions.jsonl",
        (
            {
                "id": example.id,
                "answer": answer,
                "confidence": float(confidence),
                "route": "small" if served is not None and confidence >= served else away,
                **dict(zip(("gold", "llm"), references(example, labels), strict=True)),
            }
            for example, answer, confidence in zip(splits.test.examples, judged.answers, judged.confidence, strict=True)
        ),
    )


def provenance(folder: RunFolder, verdict: Verdict, command: str) -> Provenance:
    """How the run was made: versions, hashes, the machine."""
    manifest = load_json(folder.specialist / "manifest.json")
    encoder = manifest["encoder"] or {}
    reference = encoder.get("reference")
    hashes = {"data": verdict.data.sha256}
    hashes |= {f"specialist/{name}": sha256 for name, sha256 in manifest["sha256"].items()}
    hashes |= {f"encoder/{name}": sha256 for name, sha256 in encoder.get("sha256", {}).items()}
    return Provenance(
        command=command,
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        cpu=platform.processor() or platform.machine(),
        cpu_count=os.cpu_count() or 1,
        versions=versions(),
        hashes=hashes,
        encoder=reference,
        licences={reference: licence(reference) or "unknown"} if reference else {},
    )


def versions() -> dict[str, str]:
    """Sizewise's version and those of the libraries that compute."""
    return {"sizewise": sizewise.__version__} | {name: version(name) for name in LIBRARIES}


def save_record(folder: RunFolder, record: RunRecord, language: str, texts: dict[str, str] | None) -> None:
    """The report, the measurements and the verdict; then the run is published whole."""
    write_report(folder.draft, record, language, texts)
    write_record(folder, record)
    folder.publish()


def write_report(path: Path, record: RunRecord, language: str, texts: dict[str, str] | None) -> None:
    """Render ``report.html`` anew."""
    from sizewise.report.page import render

    write_whole(path / "report.html", render(record, "ru" if language == "ru" else "en", texts))


def texts_of(test: Test, ids: Sequence[str]) -> dict[str, str]:
    """The inputs of some test rows by id."""
    wanted = set(ids)
    return {e.id: e.input for e in test.examples if e.id in wanted}
