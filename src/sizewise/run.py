"""A finished run, and the model in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import sizewise
from sizewise.cascade.cascade import Cascade
from sizewise.cascade.confidence import Confidence
from sizewise.core.errors import RunError
from sizewise.core.model import Model
from sizewise.core.record import RunRecord
from sizewise.core.verdict import Verdict
from sizewise.specialists.ladder import load_specialist
from sizewise.store.arrays import load_json
from sizewise.store.run_folder import read_manifest, read_record, require_finished


@dataclass(frozen=True, slots=True)
class Run:
    """A run's folder with its verdict and all that was measured."""

    folder: Path
    record: RunRecord

    @property
    def verdict(self) -> Verdict:
        return self.record.verdict

    def model(self) -> Model:
        """The small model with its confidence and routes, ready to answer."""
        return load(self.folder)

    @classmethod
    def open(cls, folder: Path | str) -> Run:
        """Read a finished run. Raises ``RunError`` where it is not whole."""
        return cls(Path(folder), read_record(Path(folder)))


def load(folder: Path | str) -> Cascade:
    """The model of a finished run; every file is checked against the manifest first.

    Raises ``RunError`` where the run is unfinished, damaged or tampered with.
    """
    path = Path(folder)
    require_finished(path)
    specialist = path / "specialist"
    manifest = read_manifest(specialist)
    try:
        about = load_json(specialist / "cascade.json")
        return Cascade(
            name=str(manifest["task"]),
            specialist=load_specialist(str(manifest["rung"]), specialist),
            confidence=Confidence.load(specialist),
            threshold=about["threshold"],
            has_large=bool(about["has_large"]),
        )
    except (LookupError, TypeError, ValueError) as error:
        made_by = manifest.get("sizewise_version", "another version")
        raise RunError(
            f"{specialist} cannot be read by Sizewise {sizewise.__version__} (it was made by {made_by}). "
            "Make the run again with this version, or install that one."
        ) from error
