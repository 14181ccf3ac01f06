"""Small logs out of a generator, through the whole pipeline: a verdict or one clear message, and nothing lost."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import sizewise
from sizewise.core.errors import InputError
from sizewise.run import load
from sizewise.stages import contest

from .test_commands import json_lines

SCALARS: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.text(st.characters(), max_size=5)
)  # fmt: skip
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)
COLUMNS = (
    "answer", "gold", "id", "split", "at", "slice", "model", "latency_ms", "cost_usd", "prompt_tokens", "group",
    "confidence", "\u202e", "",
)  # fmt: skip
SPLITS = st.sampled_from(["train", "calibrate", "test", "Train ", "validation", "", None, 5])


@st.composite
def logs(draw: st.DrawFn) -> list[bytes]:
    """Sixty rows or so that can mostly be learnt from, among them broken lines and values of any kind."""
    labels = draw(st.lists(SCALARS | st.text(min_size=1, max_size=8), min_size=2, max_size=4))
    odd = draw(st.lists(st.tuples(st.integers(0, 79), st.sampled_from(("input", *COLUMNS)), ANYTHING), max_size=8))
    whole = draw(st.dictionaries(st.sampled_from(COLUMNS[2:]), SCALARS, max_size=3))
    splits = draw(st.none() | st.lists(SPLITS, min_size=3, max_size=7))
    broken = draw(st.lists(st.tuples(st.integers(0, 79), st.binary(max_size=20)), max_size=4))
    with_gold = draw(st.booleans())
    lines = []
    for i in range(80):
        k = i % len(labels)
        row: dict[str, Any] = {"input": f"{'abcd'[k] * 5} {i * 7919 % 1009:x} {'xyz'[i % 3]}{i:b}", "answer": labels[k]}
        row |= {"gold": labels[k]} if with_gold else {}
        row |= whole | ({"split": splits[i % len(splits)]} if splits else {})
        row |= {column: value for place, column, value in odd if place == i}
        lines.append(json.dumps(row).encode())
    for place, junk in broken:
        lines[place] = junk.replace(b"\n", b"").replace(b"\x00", b"") or b"{"
    return lines


def told(name: str, path: Path, artefact: Path, inputs: Any) -> dict[str, Any]:
    """What measuring a rung in a process of its own says: it is not what is tested here, and takes seconds."""
    found = {"one_by_one_ms": [1.0, 2.0], "batched_ms": [1.0, 2.0], "peak_memory_mb": 50.0}
    path.write_text(json.dumps(found))
    return found


def carry_through(lines: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(contest, "_measured", told)
        log, out = Path(folder) / "log.jsonl", Path(folder) / "run"
        log.write_bytes(b"\n".join(lines))
        try:
            run = sizewise.decide(log, out=out, rungs=["majority", "keywords"], texts=True)
        except InputError as error:
            refusal = str(error)
        else:
            refusal = ""
        if refusal:
            assert not out.exists()
            return
        data = run.record.data_check
        rows = sum(bool(line.strip()) for line in lines)
        assert data.rows + sum(data.rejected.values()) + data.left_out == rows
        assert len(json_lines(out / "rejects.jsonl")) == sum(data.rejected.values())
        json_lines(out / "measurements.jsonl")
        assert len(json_lines(out / "predictions.jsonl")) == run.verdict.data.splits["test"]
        assert "<script" not in (out / "report.html").read_text(encoding="utf-8").replace("<script>", "", 1)
        assert load(out).answer(["", "x"])[0].error is None


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(logs())
def test_a_generated_log(lines: list[bytes]) -> None:
    carry_through(lines)


@pytest.mark.faults
@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(logs())
def test_many_generated_logs(lines: list[bytes]) -> None:
    carry_through(lines)
