"""The tuned encoder where neither Sizewise nor torch is installed: it goes along, for nobody else has it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from sizewise import decide
from sizewise.export.export import export
from sizewise.run import load
from sizewise.specialists.encoder_specialist import EncoderSpecialist

from .conftest import HOSTILE, Empty, same

MODULE = "sizewise_messages"
pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def tuned_run(log_file: Path, log_rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose specialist is a tiny encoder, tuned in seconds."""
    folder = tmp_path_factory.mktemp("tuned")
    where = Path(__file__).parents[1] / "specialists" / "train" / "tiny_bert.py"
    spec = importlib.util.spec_from_file_location("tiny_bert", where)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    reference = module.tiny_bert(folder / "base", [row["input"] for row in log_rows])
    settings = {"encoder": reference, "epochs": 2, "parts": 2, "batch": 16, "rate": 1e-3}
    task = {
        "task": {"name": "messages", "kind": "classify"}, "data": {"path": str(log_file)}, "bar": {"target": 0.8},
        "rungs": {"majority": {}, "encoder-tuned": settings},
    }  # fmt: skip
    (folder / "task.toml").write_text(tomli_w.dumps(task), encoding="utf-8")
    made = decide(folder / "task.toml", out=folder / "run", reference="llm")
    assert made.verdict.small is not None
    assert made.verdict.small.name == "encoder-tuned"
    return made.folder


def test_the_report_shows_the_rung(tuned_run: Path) -> None:
    page = (tuned_run / "report.html").read_text(encoding="utf-8")
    assert "sentence encoder, fine-tuned" in page
    assert "The encoder was tuned 2 times" in page


@pytest.mark.parametrize("small", [False, True])
def test_the_folder_answers_as_the_run(
    small: bool, tuned_run: Path, with_onnx: Empty, log_rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    assert not with_onnx.libraries() & {"sizewise", "scipy", "torch", "transformers"}
    made = export(tuned_run, "folder", tmp_path / "out", small=small).folder
    with_onnx.install("-r", made / "requirements.txt")
    stdin = b"\n".join([row for row, _ in HOSTILE] + [json.dumps(row).encode() for row in log_rows[:40]])
    lines = [json.loads(line) for line in with_onnx.run(made, stdin=stdin).stdout.splitlines()]
    told = load(tuned_run).answer([row["input"] for row in log_rows[:40]])
    said = lines[len(HOSTILE) :]
    if small:
        assert sum(line["answer"] == a.value for line, a in zip(said, told, strict=True)) >= 39
        return
    wanted = [
        {"id": row["id"], "answer": a.value, "confidence": a.confidence, "route": a.route}
        for row, a in zip(log_rows, told, strict=False)
    ]
    same(said, wanted)


def test_the_wheel_answers(tuned_run: Path, with_onnx: Empty, tmp_path: Path) -> None:
    (wheel,) = export(tuned_run, "wheel", tmp_path / "out").folder.glob("*.whl")
    with_onnx.install(wheel)
    done = with_onnx.run("-m", MODULE, stdin=b'{"id": 1, "input": "where is my money back for 5"}')
    assert json.loads(done.stdout)["answer"] == load(tuned_run).answer(["where is my money back for 5"])[0].value


@pytest.mark.parametrize("small", [False, True])
def test_the_graph_gives_the_runs_answers(
    small: bool, tuned_run: Path, log_rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    from sizewise.export.standalone.onnx_inputs import OnnxSpecialist

    folder = export(tuned_run, "onnx", tmp_path / "graph", small=small).folder
    texts = ["", "👍 ﷺ", "где мой заказ", "refund " * 3_000, *(row["input"] for row in log_rows[:40])]
    said, wanted = OnnxSpecialist(folder).answer(texts), load(tuned_run).answer(texts)
    for ours, theirs in zip(said, wanted, strict=True):
        assert ours.value == theirs.value
        if not small:
            assert ours.value is not None
            assert ours.probabilities is not None
            assert theirs.probabilities is not None
            assert ours.probabilities[ours.value] == pytest.approx(theirs.probabilities[ours.value], abs=1e-4)


def test_a_copied_run_answers_the_same(tuned_run: Path, log_rows: list[dict[str, Any]], tmp_path: Path) -> None:
    """What was tuned is inside: the base is not looked for."""
    import shutil

    copied = tmp_path / "copied"
    shutil.copytree(tuned_run, copied)
    texts = [row["input"] for row in log_rows[:20]]
    model = load(copied)
    assert [a.value for a in model.answer(texts)] == [a.value for a in load(tuned_run).answer(texts)]
    specialist = getattr(model, "specialist", None)
    assert isinstance(specialist, EncoderSpecialist)
    assert specialist.own
    assert all(copied in path.parents for path in specialist.encoder.files.paths.values())
