"""What leaves Sizewise: size on disk, memory of the program, the same answers as the run's, speed of rounded encoders.

``export.py [RUN ...]`` takes finished runs of the banking log; without any it makes one of `keywords` and one of
`encoder`, reference llm. Each export answers in a process of its own that cannot see Sizewise.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from shared_data import path, result, rows

import sizewise
from sizewise.export.export import export
from sizewise.models.reference import ModelFiles
from sizewise.run import load
from sizewise.specialists.encoder_specialist import EncoderSpecialist
from sizewise.specialists.rounded_encoder import rounded
from sizewise.specialists.sentence_vectors import MODEL, TOKENIZER, SentenceEncoder

PEAK = "print(next(l.split()[1] for l in open('/proc/self/status') if l.startswith('VmHWM')), file=sys.stderr)"
ASK = "import runpy, sys\nsys.argv = sys.argv[1:]\ntry:\n    runpy.run_path(sys.argv[0], run_name='__main__')\nfinally:\n    {peak}\n"
TIMED = 300


def main() -> None:
    """Measure every run that is named, or two that are made."""
    work = Path(tempfile.mkdtemp(prefix="sizewise-export-"))
    log = path("banking77_llm_log")
    runs = [Path(name) for name in sys.argv[1:]] or [
        sizewise.decide(log, out=work / rung, rungs=[rung], reference="llm").folder for rung in ("keywords", "encoder")
    ]
    texts = {row["id"]: row["input"] for row in rows("banking77_llm_log")}
    for number, run in enumerate(runs):
        _speed(run, work / f"{number}-graph", list(texts.values()))
        for small in (True, False):
            _measure(run, work / f"{number}-{small}", texts, small)


def _measure(run: Path, out: Path, texts: dict[str, str], small: bool) -> None:
    done = export(run, "folder", out, small=small)
    told = [json.loads(line) for line in (run / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    asked = "".join(json.dumps({"id": t["id"], "input": texts[t["id"]]}) + "\n" for t in told)
    lines, peak = _answers(done.folder, asked)
    moved = np.array([abs(a["confidence"] - t["confidence"]) for a, t in zip(lines, told, strict=True)])
    result(
        "export", run=run.name, small=small, n=len(told), megabytes=round(done.bytes / 1e6, 2),
        peak_memory_mib=round(peak / 1_024, 1),
        same_answer=_share([a["answer"] == t["answer"] for a, t in zip(lines, told, strict=True)]),
        same_route=_share([a["route"] == t["route"] for a, t in zip(lines, told, strict=True)]),
        confidence_moved={"mean": round(float(moved.mean()), 6), "most": round(float(moved.max()), 6)},
    )  # fmt: skip


def _answers(folder: Path, asked: str) -> tuple[list[dict[str, Any]], int]:
    """The program's lines, and its peak memory in KiB."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", ASK.format(peak=PEAK), str(folder)],
        input=asked.encode(), capture_output=True, env=environment, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()], int(done.stderr.split()[-1])


def _speed(run: Path, graph: Path, texts: list[str]) -> None:
    """Milliseconds to encode one text, as it is and rounded, taken in turns."""
    specialist = load(run).specialist
    if not isinstance(specialist, EncoderSpecialist):
        return
    graph.write_bytes(rounded(specialist.encoder.files.paths[MODEL]).SerializeToString())
    paths = {TOKENIZER: specialist.encoder.files.paths[TOKENIZER], MODEL: graph}
    encoders = (specialist.encoder, SentenceEncoder(ModelFiles("rounded", paths, {})))
    seconds: tuple[list[float], list[float]] = ([], [])
    for text in texts[: TIMED + 20]:
        for encoder, taken in zip(encoders, seconds, strict=True):
            started = time.perf_counter()
            encoder.encode([text])
            taken.append(time.perf_counter() - started)
    one, other = (np.array(taken[20:]) * 1_000 for taken in seconds)
    result(
        "rounded encoder, one text", run=run.name, n=TIMED, ms=round(float(np.median(one)), 2),
        rounded_ms=round(float(np.median(other)), 2), times=round(float(np.median(one) / np.median(other)), 2),
        times_quartiles=[round(float(q), 2) for q in np.quantile(one / other, [0.25, 0.75])],
    )  # fmt: skip


def _share(hits: list[bool]) -> float:
    return round(sum(hits) / len(hits), 4)


if __name__ == "__main__":
    main()
