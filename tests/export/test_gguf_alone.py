"""The tuned local model: two runs answer from one base, and its export answers where Sizewise is not installed."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from sizewise import decide
from sizewise.core.errors import ModelReferenceError
from sizewise.export.export import export
from sizewise.run import load
from sizewise.slm.pool import pool
from sizewise.specialists.tuned.specialist import SlmTuned

from .conftest import Done, Empty

pytestmark = pytest.mark.train
TEXTS = ["where is my parcel 5", "I want my money back", "log in", "", "🙂 ünïcode", "refund " * 300]


def module(path: Path) -> Any:
    """A file of another folder of tests."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = made
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tiny = module(Path(__file__).parents[1] / "specialists" / "train" / "tiny_models.py")
    return tiny.tiny("llama-3", tmp_path_factory.mktemp("base")).path  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def runs(base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs whose specialists were tuned on one base, in seconds; the first reads by a head, the second by labels."""
    lesson = sys.modules["tiny_models"].lesson(300)
    log = tmp_path_factory.mktemp("log") / "messages.jsonl"
    rows = zip(lesson.inputs, lesson.targets, strict=True)
    log.write_text("".join(json.dumps({"input": text, "answer": said}) + "\n" for text, said in rows), encoding="utf-8")
    made = []
    for reading in ("head", "tree"):
        folder = tmp_path_factory.mktemp(reading)
        settings = {
            "model": f"file:{base}", "reading": reading, "epochs": 3, "rate": 1e-2, "batch": 8, "input_tokens": 64,
            "taught_tokens": 48, "threads": 1, "lower": "none", "aside": 0.3,
        }  # fmt: skip
        task = {
            "task": {"name": reading, "kind": "classify"}, "data": {"path": str(log)}, "bar": {"target": 0.8},
            "rungs": {"majority": {}, "slm-tuned": settings},
        }  # fmt: skip
        (folder / "task.toml").write_text(tomli_w.dumps(task), encoding="utf-8")
        run = decide(folder / "task.toml", out=folder / "run", reference="llm")
        assert run.verdict.small is not None
        assert run.verdict.small.name == "slm-tuned"
        made.append(run.folder)
    return made


def test_two_runs_answer_from_one_base(runs: list[Path]) -> None:
    one, other = (load(run) for run in runs)
    alone = [load(run).answer(TEXTS) for run in runs]
    mixed = [(one.answer([text])[0], other.answer([text])[0]) for text in TEXTS]
    for place in (0, 1):
        assert [(a.value, a.confidence) for a in alone[place]] == [(m[place].value, m[place].confidence) for m in mixed]
    specialists = [one.specialist, other.specialist]
    assert all(isinstance(s, SlmTuned) for s in specialists)
    processes = {s.seat().engine().process_id for s in specialists if isinstance(s, SlmTuned)}
    assert len(processes) == 1
    assert pool() is pool()
    for specialist in specialists:
        specialist.close()  # type: ignore[attr-defined]


def test_predict_answers(runs: list[Path], sizewise: Callable[..., Done]) -> None:
    rows = b"\n".join(json.dumps({"id": i, "input": text}).encode() for i, text in enumerate(TEXTS))
    done = sizewise("predict", runs[0], "-", stdin=rows)
    assert done.returncode == 0, done.stderr.decode()
    told = load(runs[0])
    assert [json.loads(line)["answer"] for line in done.stdout.splitlines()] == [a.value for a in told.answer(TEXTS)]
    told.specialist.close()  # type: ignore[attr-defined]


def test_the_export_answers_as_the_run(runs: list[Path], empty: Empty, tmp_path: Path) -> None:
    assert not empty.libraries() & {"sizewise", "torch", "transformers"}
    for number, run in enumerate(runs):
        made = export(run, "gguf", tmp_path / str(number)).folder
        assert {"base.gguf", "adapter.gguf", "specialist.json", "answer.py", "README.md", "README.ru.md"} <= {
            file.name for file in made.iterdir()
        }
        if number == 0:
            empty.install("-r", made / "requirements.txt")
        lines = empty.run("answer.py", stdin="\n".join(TEXTS).encode(), cwd=made).stdout.decode().splitlines()
        model = load(run)
        told = model.specialist.answer(TEXTS)
        assert [line.split("\t")[0] for line in lines] == [a.value for a in told]
        for line, answer in zip(lines, told, strict=True):
            assert answer.probabilities is not None
            assert float(line.split("\t")[1]) == pytest.approx(max(answer.probabilities.values()), abs=1e-4)
        model.specialist.close()  # type: ignore[attr-defined]
        card = (made / "README.md").read_text(encoding="utf-8")
        assert "llama-server -m base.gguf --lora adapter.gguf" in card
        assert "slm-tuned" in card


def test_a_damaged_file_is_not_used(runs: list[Path], empty: Empty, tmp_path: Path) -> None:
    made = export(runs[0], "gguf", tmp_path / "out").folder
    empty.install("-r", made / "requirements.txt")
    for name in ("adapter.gguf", "base.gguf"):
        whole = (made / name).read_bytes()
        for damaged in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[:-100]):
            (made / name).write_bytes(damaged)
            done = empty.run("answer.py", stdin=b"refund", cwd=made)
            assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, b"", 1)
            assert f"{name} is not the file that was exported" in done.stderr.decode()
        (made / name).write_bytes(whole)
    done = empty.run("answer.py", "http://127.0.0.1:9", stdin=b"refund", cwd=made)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "no server answers at 127.0.0.1:9" in done.stderr.decode()
    assert str(tmp_path) not in (made / "README.md").read_text(encoding="utf-8")
    assert "/" not in json.loads((made / "specialist.json").read_text())["base"]


def test_the_export_answers_by_a_server_that_runs_already(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """llama.cpp's own server with base and adapter, as the card's command starts it, a key included."""
    from sizewise.export.standalone.gguf import KEY, GgufSpecialist, _settings
    from sizewise.slm.child import opened

    made = export(runs[0], "gguf", tmp_path / "out").folder
    context = json.loads((made / "specialist.json").read_text())["context"]
    server = opened(_settings(made, context, "open sesame"))
    monkeypatch.setenv(KEY, "open sesame")
    said = GgufSpecialist(made, server.listening_address).answer(TEXTS)
    model = load(runs[0])
    assert [a.value for a in said] == [a.value for a in model.specialist.answer(TEXTS)]
    model.specialist.close()  # type: ignore[attr-defined]
    monkeypatch.setenv(KEY, "open barley")
    with pytest.raises(OSError, match="the server said 401"):
        GgufSpecialist(made, server.listening_address)


def test_an_export_that_is_stopped_leaves_nothing(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sizewise.export import export as module

    def stopped(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_cards", stopped)
    with pytest.raises(KeyboardInterrupt):
        export(runs[0], "gguf", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_base_that_changed_is_not_exported(runs: list[Path], base: Path, tmp_path: Path) -> None:
    content = base.read_bytes()
    try:
        base.write_bytes(content[:-4] + b"\0\0\0\1")
        with pytest.raises(ModelReferenceError, match="is not the promised file"):
            export(runs[0], "gguf", tmp_path / "out")
    finally:
        base.write_bytes(content)
    assert not (tmp_path / "out").exists()
