"""The two functions that Python programs call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from sizewise import pipeline
from sizewise.core.task import ReferenceChoice
from sizewise.data.task_file import with_options
from sizewise.run import Run, load
from sizewise.stages.large_model import LargeCalls
from sizewise.stages.listener import Listener
from sizewise.stages.sources import resolve

__all__ = ["decide", "load"]

Source = str | Path


def decide(
    *sources: Source,
    out: Source,
    reference: ReferenceChoice | None = None,
    target: float | None = None,
    margin: float | None = None,
    delta: float | None = None,
    volume: float | None = None,
    rungs: Sequence[str] | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    columns: Mapping[str, str] | None = None,
    only: Mapping[str, str] | None = None,
    template: str | None = None,
    raw_answers: bool = False,
    large: str | None = None,
    budget: float | None = None,
    base_url: str | None = None,
    price: str | None = None,
    strict_labels: bool = False,
    lang: Literal["en", "ru"] = "en",
    texts: bool = False,
    bundle: bool = False,
    force: bool = False,
    listener: Listener | None = None,
) -> Run:
    """Decide whether a small model can take over the task in a log, and build it.

    ``sources`` are data files, or one task file (``.toml``); what is given here overrides the task file.
    ``rungs`` may hold "auto"; ``minutes`` is what the rungs above the encoder may take in all.
    With a ``budget`` in US dollars, the model ``large`` is asked on the test rows (at ``base_url``, where it is not at its
    provider's; ``price`` as ``"2.50,10"`` where the catalogue does not know it). Writes the run to ``out`` and returns it. Raises ``InputError`` for what the caller can put right.
    """
    task, paths = resolve(sources)
    bar = {"target": target, "margin": margin, "delta": delta, "volume_per_month": volume}
    task = with_options(
        task, bar, reference=reference, rungs=tuple(rungs) if rungs else None, minutes=minutes, seed=seed, large=large,
        columns=dict(columns) if columns else None, only=dict(only) if only else None,
        template=template, raw_answers=raw_answers or None,
        strict_labels=strict_labels or None,
    )  # fmt: skip
    return pipeline.decide(
        task,
        paths,
        Path(out),
        listener=listener,
        language=lang,
        texts=texts,
        bundle=bundle,
        force=force,
        large=LargeCalls.of(task, budget, base_url, price),
    )
