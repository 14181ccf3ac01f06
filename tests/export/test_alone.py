"""What was exported answers as the run does, where Sizewise is not installed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sizewise.export.export import export
from sizewise.run import load

from .conftest import HOSTILE, Done, Empty, same

Sizewise = Callable[..., Done]
MODULE = "sizewise_messages"


def lines(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


@pytest.fixture(scope="module")
def wheel(served_run: Path, empty: Empty, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the small run, installed."""
    out = export(served_run, "wheel", tmp_path_factory.mktemp("wheel") / "out").folder
    (path,) = out.glob("*.whl")
    empty.install(path)
    return path


def test_the_wheel_brings_numpy_and_nothing_else(wheel: Path, empty: Empty) -> None:
    assert empty.libraries() == {"numpy", "sizewise-messages"}
    assert wheel.stat().st_size < 5e6


def test_the_program_answers_as_predict_does(
    wheel: Path, empty: Empty, served_run: Path, log_rows: list[dict[str, Any]], sizewise: Sizewise
) -> None:
    asked = b"\n".join([row for row, _ in HOSTILE] + [json.dumps(row).encode() for row in log_rows] + [b"", b"\n"])
    ours = lines(sizewise("predict", served_run, stdin=asked))
    theirs = lines(empty.run("-m", MODULE, stdin=asked))
    same(ours, theirs)
    for line, (_, error) in zip(theirs, HOSTILE, strict=False):
        assert line.get("error", "").startswith(error or "")
        assert ("error" in line) == bool(error)
    assert "small" in {line.get("route") for line in theirs}


def test_it_answers_the_runs_test_rows_as_the_run_did(
    wheel: Path, empty: Empty, served_run: Path, log_rows: list[dict[str, Any]]
) -> None:
    told = [json.loads(line) for line in (served_run / "predictions.jsonl").read_text().splitlines()]
    inputs = {row["id"]: row["input"] for row in log_rows}
    asked = b"".join(json.dumps({"id": t["id"], "text": inputs[t["id"]]}).encode() + b"\n" for t in told)
    wanted = [{key: t[key] for key in ("id", "answer", "confidence", "route")} for t in told]
    same(lines(empty.run("-m", MODULE, "-", "--columns", "input=text", stdin=asked)), wanted)


def test_the_function(wheel: Path, empty: Empty, served_run: Path) -> None:
    texts = ["где мой заказ, курьер не приехал", "", "👍", "I want a refund"]
    program = (
        f"import json\nfrom {MODULE} import answer\n"
        f"print(json.dumps([[a.value, a.confidence, a.route, a.error] for a in answer({[*texts, None]!r})]))\n"
        "assert answer([]) == []\n"
    )
    *answers, refused = json.loads(empty.run("-c", program).stdout)
    for said, ours in zip(answers, load(served_run).answer(texts), strict=True):
        assert [said[0], *said[2:]] == [ours.value, ours.route, ours.error]
        assert said[1] == pytest.approx(ours.confidence, abs=1e-4)
    assert refused == [None, None, None, "input is not text but NoneType"]


def test_calls_that_are_wrong(wheel: Path, empty: Empty, tmp_path: Path) -> None:
    for arguments, told in [
        (["no-such-file"], "cannot read no-such-file: No such file"),
        (["--columns", "text"], "--columns takes"),
        (["--columns", "gold=x"], "--columns takes"),
        (["--verbose"], "there is no option --verbose"),
        (["a", "b"], "name one file"),
    ]:
        done = empty.run("-m", MODULE, *arguments)
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr.decode().startswith(f"sizewise-messages: {told}")
        assert len(done.stderr.splitlines()) == 1
    assert lines(empty.run("-m", MODULE)) == []
    assert b"JSON lines" in empty.run("-m", MODULE, "--help").stdout


def test_a_reader_that_leaves_early_and_a_disk_that_is_full(wheel: Path, empty: Empty, tmp_path: Path) -> None:
    asked = tmp_path / "rows.jsonl"
    asked.write_text('{"input": "где мой заказ, курьер не приехал"}\n' * 3_000)
    for into, status, said in (
        ("| head -n 1", "0", ""),
        ("> /dev/full", "3", "sizewise-messages: the disk is full.\n"),
    ):
        command = f'"{empty.python}" -m {MODULE} "{asked}" {into}; echo "${{PIPESTATUS[0]}}"'
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, check=False, env=empty.environment
        )
        assert (done.stdout.splitlines()[-1], done.stderr) == (status, said)


def test_the_folder_is_a_program(wheel: Path, empty: Empty, served_run: Path, tmp_path: Path) -> None:
    folder = export(served_run, "folder", tmp_path / "папка с моделью").folder
    asked = b"\n".join(row for row, _ in HOSTILE)
    same(lines(empty.run(folder, stdin=asked)), lines(empty.run("-m", MODULE, stdin=asked)))
    assert (folder / "requirements.txt").read_text() == "numpy>=2.1\n"


def test_a_damaged_file_is_not_used(wheel: Path, empty: Empty, served_run: Path, tmp_path: Path) -> None:
    folder = export(served_run, "folder", tmp_path / "out").folder
    weights = folder / MODULE / "model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    done = empty.run(folder, stdin=b'{"input": "x"}')
    assert (done.returncode, done.stdout) == (2, b"")
    assert "is not the file that was exported" in done.stderr.decode()
    (folder / MODULE / "model" / "about.json").write_text("[]")
    assert "incomplete or damaged" in empty.run(folder, stdin=b'{"input": "x"}').stderr.decode()


def test_rounded_weights_fit_a_small_device(
    empty: Empty, wheel: Path, served_run: Path, log_rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    done = export(served_run, "folder", tmp_path / "small", small=True)
    assert done.comparison is not None
    assert done.comparison.answers.value >= 0.99
    assert done.bytes < 5e6
    texts = [row["input"] for row in log_rows]
    program = (
        f"import json, sys; sys.path.insert(0, {str(done.folder)!r})\n"
        f"from {MODULE} import answer\nanswer(json.load(sys.stdin))\n"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0])\n"
    )
    peak = int(empty.run("-c", program, stdin=json.dumps(texts).encode()).stdout)
    assert peak < 64 * 1024
