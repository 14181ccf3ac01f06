"""A run's folder: made once, resumed when unfinished, whole or saying that it is not."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from sizewise.core.errors import RunError
from sizewise.core.form import TaskForm
from sizewise.core.measurement import Certificate, Measurements, RungMeasurement, Shift
from sizewise.core.record import (
    Audit,
    Confusion,
    CurvePoint,
    DataCheck,
    Disagreement,
    Disputes,
    Portion,
    Provenance,
    RunRecord,
)
from sizewise.core.verdict import Verdict
from sizewise.store.arrays import load_json, save_json
from sizewise.store.disk import explained, locked, write_whole

REQUESTS = "requests.json"
STATE, WORK, DRAFT, SPECIALIST, MANIFEST = "state.json", ".work", "draft", "specialist", "manifest.json"
NEXT = "next"  # in a finished run's state: the run that was forced to take its place
_LISTS: dict[str, tuple[str, type]] = {
    "rung": ("rungs", RungMeasurement),
    "certificate": ("certificates", Certificate),
    "shift": ("shifts", Shift),
}
_BESIDE: dict[str, type] = {
    "curve": CurvePoint,
    "confusion": Confusion,
    "disagreement": Disagreement,
    "portion": Portion,
    "disputes": Disputes,
    "provenance": Provenance,
    "audit": Audit,
}


@dataclass(frozen=True, slots=True)
class RunFolder:
    """An open run, in the hands of this process alone.

    All of it is written to ``draft`` and published whole: until then a finished run that is made anew stays
    what it was. ``work`` holds what an interrupted run can go on from; it goes when the run is published.
    """

    path: Path
    fingerprint: str
    run_id: str
    created: str
    resumed: bool

    @property
    def work(self) -> Path:
        return self.path / WORK

    @property
    def draft(self) -> Path:
        return self.work / DRAFT

    @property
    def specialist(self) -> Path:
        return self.draft / SPECIALIST

    def publish(self) -> None:
        """Put the draft in place, the verdict last, and say that the run is whole.

        A kill between any two of these steps leaves an unfinished run, which makes its draft again from ``work``.
        """
        _note(self.path, {"status": "unfinished"} | self._identity())
        with explained(self.path):
            for old in (self.path / name for name in RUN_FILES if not (self.draft / name).exists()):
                old.unlink(missing_ok=True)
            if (self.path / SPECIALIST).exists():
                (self.path / SPECIALIST).rename(self.work / uuid.uuid4().hex)
            for new in sorted(self.draft.iterdir(), key=lambda entry: entry.name == "verdict.json"):
                new.replace(self.path / new.name)
        _note(self.path, {"status": "finished"} | self._identity())
        shutil.rmtree(self.work, ignore_errors=True)

    def _identity(self) -> dict[str, str]:
        return {"fingerprint": self.fingerprint, "run_id": self.run_id, "created": self.created}


@contextmanager
def open_run(path: Path, fingerprint: str, force: bool = False) -> Iterator[RunFolder]:
    """Make a run folder, or go on with an unfinished one of the same input; until the block ends, no other may.

    Raises ``RunError`` where the folder holds a finished run (unless ``force``), an unfinished one of
    another input, or something that is no run: that is never touched. So it does where another process writes there.
    """
    path = Path(path)
    if path.exists() and not (path.is_dir() and ((path / STATE).exists() or _is_bare(path))):
        raise RunError(f"{path} exists and is no Sizewise run: it is left alone. Choose another --out.")
    with explained(path):
        path.mkdir(parents=True, exist_ok=True)
    with locked(path):
        _sweep(path)
        state = _begun(path, fingerprint, force) if (path / STATE).exists() else None
        folder = _resumed(path, fingerprint, state) or _new(path, fingerprint, state)
        with explained(path):
            shutil.rmtree(folder.draft, ignore_errors=True)
            folder.draft.mkdir(parents=True)
        yield folder


def _begun(path: Path, fingerprint: str, force: bool) -> dict[str, Any] | None:
    """The state of the run in ``path`` that can be gone on with, or made anew beside; ``None`` where it was cleared."""
    try:
        state = _state(path)
    except RunError:
        if not force:
            raise
        _clear(path)
        return None
    if state["status"] == "finished" and not force:
        if NEXT not in state:
            shutil.rmtree(path / WORK, ignore_errors=True)  # its last step, where that was interrupted
        raise RunError(f"{path} holds a finished run. --force makes it anew; another --out keeps it.")
    if state["status"] == "finished" or state["fingerprint"] == fingerprint:
        return state
    if not force:
        raise RunError(
            f"{path} holds an unfinished run of other data or settings. --force makes it anew; another --out keeps it."
        )
    _clear(path)
    return None


def _resumed(path: Path, fingerprint: str, state: Mapping[str, Any] | None) -> RunFolder | None:
    """The unfinished run that goes on: the folder's own, or the one that will take a finished run's place."""
    going = None if state is None else state.get(NEXT) if state["status"] == "finished" else state
    if not isinstance(going, dict) or going.get("fingerprint") != fingerprint:
        return None
    return RunFolder(path, fingerprint, str(going["run_id"]), str(going["created"]), resumed=True)


def _new(path: Path, fingerprint: str, finished: Mapping[str, Any] | None) -> RunFolder:
    """A run that begins; ``finished`` is the state of the whole one whose place it will take."""
    with explained(path):
        shutil.rmtree(path / WORK, ignore_errors=True)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    folder = RunFolder(path, fingerprint, uuid.uuid4().hex, created, resumed=False)
    identity = folder._identity()
    _note(path, {**finished, NEXT: identity} if finished else {"status": "unfinished"} | identity)
    return folder


def _note(path: Path, state: Mapping[str, Any]) -> None:
    save_json(path / STATE, state)


def _is_bare(path: Path) -> bool:
    """Whether nothing is in ``path`` but what a run leaves that was stopped while it wrote its state."""
    return all(entry.name.startswith(f".{STATE}.") and entry.suffix == ".part" for entry in path.iterdir())


def _sweep(path: Path) -> None:
    """Remove halves of files that a killed process left. Only for whoever holds the folder's lock."""
    with explained(path):
        for name in (STATE, *RUN_FILES):
            for part in path.glob(f".{name}.*.part"):
                part.unlink(missing_ok=True)


def _state(path: Path) -> dict[str, Any]:
    state = load_json(path / STATE)
    if not isinstance(state, dict) or not all(
        isinstance(state.get(key), str) for key in ("status", "fingerprint", "run_id", "created")
    ):
        raise RunError(f"{path / STATE} is damaged. --force makes the run anew; another --out leaves it alone.")
    return state


RUN_FILES = (
    "verdict.json", "report.html", "measurements.jsonl", "predictions.jsonl", "data-check.json", "rejects.jsonl",
    "task.toml", "comparison.html",
)  # fmt: skip


def _clear(path: Path) -> None:
    """Remove what an unfinished run wrote, the verdict first, and nothing else that a person may have put there."""
    with explained(path):
        for name in RUN_FILES:
            (path / name).unlink(missing_ok=True)
        for name in (SPECIALIST, WORK):
            shutil.rmtree(path / name, ignore_errors=True)


def require_finished(path: Path) -> None:
    """Raise ``RunError`` unless ``path`` is a finished run."""
    if not (path / STATE).is_file():
        raise RunError(f"{path} is no Sizewise run. Make one with: sizewise decide LOG --out {path}")
    if _state(path)["status"] != "finished":
        raise RunError(
            f"{path} is an unfinished run. Run the same `sizewise decide` again: it goes on where it stopped."
        )


def write_lines(path: Path, rows: Iterable[Any]) -> None:
    """Write JSON lines; a row is a mapping or a dataclass."""
    write_whole(path, b"".join(msgspec.json.encode(row) + b"\n" for row in rows))


def write_record(folder: RunFolder, record: RunRecord) -> None:
    """Write the verdict, its measurements and the data check into the draft."""
    write_lines(folder.draft / "measurements.jsonl", _measurement_lines(record))
    save_json(folder.draft / "data-check.json", msgspec.to_builtins(record.data_check))
    save_json(folder.draft / "verdict.json", msgspec.to_builtins(record.verdict))


def _measurement_lines(record: RunRecord) -> Iterable[Mapping[str, Any]]:
    whole = msgspec.to_builtins(record.measurements)
    parts = {kind: whole.pop(name) for kind, (name, _) in _LISTS.items()}
    yield {"kind": "measurements"} | whole
    for kind, items in parts.items():
        yield from ({"kind": kind} | item for item in items)
    beside: Mapping[str, Sequence[Any]] = {
        "curve": record.curve, "confusion": record.confusions, "disagreement": record.disagreements,
        "provenance": [record.provenance], "audit": [record.audit] if record.audit else [],
        "portion": record.portions, "disputes": [record.disputes] if record.disputes else [],
    }  # fmt: skip
    for kind, items in beside.items():
        yield from ({"kind": kind} | msgspec.to_builtins(item) for item in items)


def read_record(path: Path) -> RunRecord:
    """Read a finished run back. Raises ``RunError`` where it is not whole."""
    require_finished(path)
    try:
        lines = [msgspec.json.decode(line) for line in (path / "measurements.jsonl").read_bytes().splitlines()]
        of_kind = {
            kind: [line for line in lines if line["kind"] == kind] for kind in ("measurements", *_LISTS, *_BESIDE)
        }
        lists = {name: of_kind[kind] for kind, (name, _) in _LISTS.items()}
        beside: dict[str, list[Any]] = {
            kind: [msgspec.convert(i, cls) for i in of_kind[kind]] for kind, cls in _BESIDE.items()
        }
        return RunRecord(
            verdict=msgspec.convert(load_json(path / "verdict.json"), Verdict),
            measurements=msgspec.convert(of_kind["measurements"][0] | lists, Measurements),
            data_check=msgspec.convert(load_json(path / "data-check.json"), DataCheck),
            curve=tuple(beside["curve"]),
            confusions=tuple(beside["confusion"]),
            disagreements=tuple(beside["disagreement"]),
            provenance=beside["provenance"][0],
            audit=next(iter(beside["audit"]), None),
            portions=tuple(beside["portion"]),
            disputes=next(iter(beside["disputes"]), None),
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RunError(f"{path} is damaged ({error}). Make the run again with --force.") from error


def write_manifest(specialist: Path, about: Mapping[str, Any]) -> None:
    """Write the specialist's manifest: what it is, how it came about, and every file's SHA-256."""
    hashes = {
        str(file.relative_to(specialist)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(specialist.rglob("*"))
        if file.is_file() and file.name != MANIFEST
    }
    save_json(specialist / MANIFEST, {**about, "sha256": hashes})


def write_form(specialist: Path, form: TaskForm) -> None:
    """Write how the task's requests and answers look, beside what answers them."""
    save_json(specialist / REQUESTS, msgspec.to_builtins(form))


def read_form(specialist: Path) -> TaskForm:
    """What ``write_form`` wrote; a run that was made before that was kept knows nothing of its requests."""
    if not (specialist / REQUESTS).is_file():
        return TaskForm()
    try:
        return msgspec.convert(load_json(specialist / REQUESTS), TaskForm)
    except msgspec.ValidationError as error:
        raise RunError(f"{specialist / REQUESTS} is damaged ({error}). Make the run again.") from error


def read_manifest(specialist: Path) -> dict[str, Any]:
    """The manifest, after every file was checked against it. Raises ``RunError`` on any difference."""
    manifest = load_json(specialist / MANIFEST)
    promised = manifest.get("sha256") if isinstance(manifest, dict) else None
    if not isinstance(promised, dict) or not {"task", "rung"} <= manifest.keys() or not promised:
        raise RunError(
            f"{specialist / MANIFEST} does not say what it is or names no files: it is damaged. Make the run again."
        )
    for name, sha256 in promised.items():
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise RunError(f"{specialist / MANIFEST} names a file outside its folder ({name}): it was tampered with.")
        try:
            found = hashlib.sha256((specialist / name).read_bytes()).hexdigest()
        except OSError as error:
            raise RunError(
                f"{specialist / name} is missing: copy the whole run folder, or make the run again."
            ) from error
        if found != sha256:
            raise RunError(
                f"{specialist / name} is not what was calibrated (its SHA-256 has changed): it is not loaded. "
                "Copy the run again from its source, or make it again."
            )
    return dict(manifest)
