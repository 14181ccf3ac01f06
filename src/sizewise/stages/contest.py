"""The contest: fit each rung on train, score train out-of-fold, and measure what each rung costs to run."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sizewise.cascade import confidence
from sizewise.cascade.confidence import Confidence
from sizewise.core.errors import OutOfTime, RunError, SizewiseError
from sizewise.core.example import Train
from sizewise.core.measurement import Circumstance, Latency, Measured
from sizewise.core.model import Evidence, Fitted, Recipe, Specialist
from sizewise.evaluate.intervals import mean, quantile, single
from sizewise.specialists.encoder import EncoderRecipe
from sizewise.specialists.encoder_specialist import EncoderSpecialist
from sizewise.specialists.ladder import load_specialist
from sizewise.stages.listener import Listener
from sizewise.stages.written_rows import Learned
from sizewise.store.arrays import load_json, map_arrays, save_arrays, save_json
from sizewise.store.disk import explained
from sizewise.verdict.wording import reason

PROFILED_INPUTS = 256
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True, slots=True)
class Profile:
    """What a rung takes to run: milliseconds one by one and batched, answers a second, MiB."""

    latency: Latency
    batched_ms: Measured
    throughput: Measured
    peak_memory_mb: Measured


@dataclass(frozen=True, slots=True)
class Contestant:
    """One rung after the contest. ``right`` and ``confidence_out_of_fold`` have shape (rows,).

    ``rows`` are the positions of the train rows that it was judged on; ``None``: all of them. ``most_rows`` is how
    many rows of a split it can be asked, ``None`` without such a limit.
    """

    name: str
    specialist: Specialist
    folder: Path
    evidence: Evidence
    right: NDArray[np.bool_]
    confidence: Confidence
    confidence_out_of_fold: NDArray[np.float64]
    fit_seconds: float
    artifact_mb: float
    profile: Profile
    circumstances: tuple[Circumstance, ...] = ()
    rows: NDArray[np.int64] | None = None

    @property
    def most_rows(self) -> int | None:
        most = getattr(self.specialist, "most_rows", None)
        return most if isinstance(most, int) else None

    def close(self) -> None:
        """Free what the specialist holds beside itself, an engine for instance."""
        if close := getattr(self.specialist, "close", None):
            close()


class Gate(Protocol):
    """Who lets a rung into the contest, and hears when it is fitted."""

    def admit(self, recipe: Recipe, below: Sequence[Contestant], train: Train) -> Recipe | None:
        """The recipe to fit; ``None`` where the rung is left out."""
        ...

    def ended(self, name: str, stopped: OutOfTime | None = None) -> None:
        """The rung was fitted, or ``stopped`` because its time was over."""
        ...


def contest(
    recipes: Sequence[Recipe],
    train: Train,
    seed: int,
    work: Path,
    listener: Listener,
    gate: Gate | None = None,
    written: Train | None = None,
) -> list[Contestant]:
    """Every rung of ``recipes`` that ``gate`` lets in, smallest first. What an interrupted run finished is taken from ``work``.

    ``written`` rows are learned from beside ``train`` and never scored.
    """
    learned = Learned(train, written)
    rows, numbers, real = learned.rows, learned.folds(seed), len(train)
    fitted: dict[str, Fitted] = {}
    contestants: list[Contestant] = []
    for recipe in recipes:
        listener.stage(f"contest: {recipe.name}")
        folder = work / recipe.name
        placed = with_work(recipe, work / CHECKPOINTS / recipe.name)
        admitted = placed if gate is None else gate.admit(placed, contestants, train)
        if admitted is None:
            continue
        stopped = None
        try:
            fitted[recipe.name] = _resumed(recipe.name, folder, listener) or _fit(
                admitted, rows, numbers, fitted, folder, listener
            )
        except OutOfTime as error:
            stopped = error
        if gate is not None:
            gate.ended(recipe.name, stopped)
        if stopped is not None:
            continue
        scored = _of_real(fitted[recipe.name], real)
        contestants.append(_contestant(recipe.name, folder, scored, train, numbers[:real], seed))
        best = contestants[-1]
        sampled = "" if best.rows is None else f" (a sample of {len(best.rows)} rows)"
        listener.found(
            f"{recipe.name}: right on {100 * best.right.mean():.1f} % of train{sampled}, out of fold; "
            f"{best.profile.latency.p50.value:.2f} ms an answer"
        )
    return contestants


def _of_real(fitted: Fitted, rows: int) -> Fitted:
    """The rung with evidence for the first ``rows`` alone: what an LLM wrote behind them is never scored."""
    evidence = fitted.evidence
    kept = slice(0, rows if fitted.rows is None else int((fitted.rows < rows).sum()))
    some = Evidence(
        evidence.labels,
        evidence.probabilities[kept],
        {name: column[kept] for name, column in evidence.features.items()},
        evidence.outlyingness[kept],
        None if evidence.second_opinion is None else evidence.second_opinion[kept],
    )
    return replace(fitted, evidence=some, rows=None if fitted.rows is None else fitted.rows[kept])


def with_work(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with a folder for its checkpoints, where it keeps any; the folder is there from now on."""
    if not is_dataclass(recipe) or isinstance(recipe, type) or "work" not in {field.name for field in fields(recipe)}:
        return recipe
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    changed: Recipe = replace(recipe, work=folder)
    return changed


def _resumed(name: str, folder: Path, listener: Listener) -> Fitted | None:
    """The rung as an interrupted run left it, unless it was not finished or is damaged: then it is fitted anew."""
    if not (folder / "fitted.json").exists():
        return None
    try:
        return _load(name, folder, listener)
    except (RunError, LookupError, TypeError, ValueError) as error:
        listener.found(f"{name}: what an interrupted run left is damaged and is made anew ({error})")
        return None


def _fit(
    recipe: Recipe,
    train: Train,
    numbers: NDArray[np.int64],
    below: Mapping[str, Fitted],
    folder: Path,
    listener: Listener,
) -> Fitted:
    shutil.rmtree(folder, ignore_errors=True)
    if isinstance(recipe, EncoderRecipe):
        for circumstance in recipe.circumstances(train):
            listener.found(reason(circumstance.code, **circumstance.parameters).text)
    result = recipe.validate(train, numbers, below)
    with explained(folder):
        (folder / "specialist").mkdir(parents=True)
        result.specialist.save(folder / "specialist")
    arrays: dict[str, NDArray[Any]] = {f"feature.{name}": column for name, column in result.evidence.features.items()}
    save_arrays(
        folder / "evidence.safetensors",
        arrays | {
            "probabilities": result.evidence.probabilities, "outlyingness": result.evidence.outlyingness,
            "logits": result.logits,
        }
        | ({} if result.evidence.second_opinion is None else {"second_opinion": result.evidence.second_opinion})
        | ({} if result.second_logits is None else {"second_logits": result.second_logits})
        | ({} if result.rows is None else {"rows": result.rows}),
    )  # fmt: skip
    about = {
        "labels": result.evidence.labels, "features": list(result.evidence.features),
        "fit_seconds": result.fit_seconds, "seconds": result.seconds,
        "circumstances": [{"code": c.code, "parameters": dict(c.parameters)} for c in result.circumstances],
    }  # fmt: skip
    save_json(folder / "fitted.json", about)  # last: it says that the rest is whole
    return replace(_load(recipe.name, folder, listener), reduced=result.reduced)


def _load(name: str, folder: Path, listener: Listener) -> Fitted:
    """The rung as it was saved: what is measured from here on is what ships."""
    about, arrays = load_json(folder / "fitted.json"), map_arrays(folder / "evidence.safetensors")
    columns = {feature: arrays[f"feature.{feature}"] for feature in about["features"]}
    evidence = Evidence(
        tuple(about["labels"]), arrays["probabilities"], columns, arrays["outlyingness"], arrays.get("second_opinion")
    )
    specialist = load_specialist(name, folder / "specialist")
    if isinstance(specialist, EncoderSpecialist):
        specialist = specialist.cached(lambda done, total: listener.progress("encoding", done, total))
    return Fitted(
        specialist, evidence, arrays["logits"], about["fit_seconds"], about["seconds"], arrays.get("second_logits"),
        tuple(Circumstance(c["code"], c["parameters"]) for c in about["circumstances"]), rows=arrays.get("rows"),
    )  # fmt: skip


def _contestant(
    name: str, folder: Path, fitted: Fitted, train: Train, numbers: NDArray[np.int64], seed: int
) -> Contestant:
    position = {label: i for i, label in enumerate(train.labels)}
    targets = np.array([position[t] for t in train.targets])
    if fitted.rows is not None:
        targets, numbers = targets[fitted.rows], numbers[fitted.rows]
    right = fitted.evidence.probabilities.argmax(axis=1) == targets
    artefact = folder / "specialist"
    return Contestant(
        name=name,
        specialist=fitted.specialist,
        folder=artefact,
        evidence=fitted.evidence,
        right=right,
        confidence=confidence.fit(fitted.evidence, right, numbers),
        confidence_out_of_fold=confidence.out_of_fold(fitted.evidence, right, numbers),
        fit_seconds=fitted.fit_seconds,
        artifact_mb=sum(f.stat().st_size for f in artefact.rglob("*") if f.is_file()) / 1_024**2,
        profile=_profile(name, folder, artefact, train, seed),
        circumstances=fitted.circumstances,
        rows=fitted.rows,
    )


def _profile(name: str, folder: Path, artefact: Path, train: Train, seed: int) -> Profile:
    inputs = random.Random(seed).sample(train.inputs, min(PROFILED_INPUTS, len(train.inputs)))
    told = _told(folder / "profile.json") or _measured(name, folder / "profile.json", artefact, inputs)
    singles, batched = np.array(told["one_by_one_ms"]), np.array(told["batched_ms"])
    p50, p95, batch = quantile(singles, 0.5), quantile(singles, 0.95), mean(batched)
    assert p50 is not None
    assert p95 is not None
    assert batch is not None
    rate = Measured(
        1_000 / batch.value,
        1_000 / batch.high if batch.high else None,
        1_000 / batch.low if batch.low else None,
        batch.n,
    )
    return Profile(Latency(p50, p95), batch, rate, single(told["peak_memory_mb"]))


def _told(path: Path) -> dict[str, Any] | None:
    """What an interrupted run had measured, unless it is not there or damaged."""
    try:
        told = load_json(path)
    except RunError:
        return None
    return told if isinstance(told, dict) and {"one_by_one_ms", "batched_ms", "peak_memory_mb"} <= told.keys() else None


def _measured(name: str, path: Path, artefact: Path, inputs: Sequence[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "sizewise.profile", name, str(artefact)]
    done = subprocess.run(command, input=json.dumps(inputs), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SizewiseError(f"measuring {name} failed: {done.stderr.strip().splitlines()[-1:]}")
    told: dict[str, Any] = json.loads(done.stdout)
    save_json(path, told)
    return told
