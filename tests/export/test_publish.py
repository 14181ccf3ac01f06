"""An export is whole or absent: kills, full disks, folders that are somebody else's."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sizewise.core.errors import InputError, LimitReached, RunError
from sizewise.export.export import export
from sizewise.export.publish import published, write_files

from .conftest import Done

Sizewise = Callable[..., Done]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_same_run_gives_the_same_bytes(finished_run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(finished_run, tmp_path / "copy")
    for to in ("wheel", "folder"):
        one, other = (export(run, to, tmp_path / to / name).folder for run, name in ((finished_run, "a"), (copy, "b")))
        assert contents(one) == contents(other)


def test_what_is_there_is_kept_without_force(sizewise: Sizewise, finished_run: Path, tmp_path: Path) -> None:
    arguments = ("export", finished_run, "--to", "wheel", "--out", "made")
    assert sizewise(*arguments).returncode == 0
    before = contents(tmp_path / "made")
    refused = sizewise(*arguments)
    assert (refused.returncode, contents(tmp_path / "made")) == (2, before)
    assert refused.stderr.decode().startswith("sizewise: made holds an export. --force makes it anew")
    done = sizewise("export", finished_run, "--to", "folder", "--out", "made", "--force")
    assert done.returncode == 0
    assert (tmp_path / "made" / "__main__.py").exists()
    assert not list((tmp_path / "made").glob("*.whl"))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["made"]


def test_what_is_no_export_is_never_touched(finished_run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    (tmp_path / "file").write_text("x")
    for name in ("mine", "file"):
        with pytest.raises(RunError, match="is no export of Sizewise: it is left alone"):
            export(finished_run, "wheel", tmp_path / name, force=True)
    with pytest.raises(RunError, match="is no export of Sizewise"):
        export(finished_run, "wheel", finished_run, force=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "mine"]
    (tmp_path / "bare").mkdir()
    assert export(finished_run, "wheel", tmp_path / "bare").folder.exists()


def test_a_full_disk_leaves_nothing(finished_run: Path, small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"x" * 450_000)
    with pytest.raises(LimitReached, match="no space left"):
        export(finished_run, "wheel", small_disk / "out")
    assert [p.name for p in small_disk.iterdir()] == ["ballast"]


def test_an_error_leaves_the_older_export(tmp_path: Path) -> None:
    with published(tmp_path / "out", False) as folder:
        write_files(folder, {"export.json": b"{}", "a/b": b"old"})
    with pytest.raises(RunError, match="cannot write"), published(tmp_path / "out", True) as folder:
        write_files(folder, {"export.json": b"{}", "a/b": b"new", "a/b/c": b"below a file"})
    assert contents(tmp_path / "out") == {"export.json": b"{}", "a/b": b"old"}
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_two_at_once(tmp_path: Path) -> None:
    second = published(tmp_path / "out", False)
    with published(tmp_path / "out", False), pytest.raises(RunError, match="another process is writing"):
        second.__enter__()


KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from sizewise.export import publish
point = sys.argv[2]
rename, rmtree = Path.rename, shutil.rmtree
def removing(path, **how):
    if point == "after" and str(path).endswith(".old"):
        os.kill(os.getpid(), signal.SIGKILL)
    rmtree(path, **how)
shutil.rmtree = removing
def dying(self, target):
    if point == "before" and not self.name.startswith(".") or point == "between" and self.name.endswith(".export"):
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)
Path.rename = dying
with publish.published(Path(sys.argv[1]), True) as folder:
    publish.write_files(folder, {"export.json": b"{}", "a": b"new", "b": b"new"})
    if point == "within":
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("point", ["within", "before", "between", "after"])
def test_a_kill_at_any_point(point: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with published(out, False) as folder:
        write_files(folder, {"export.json": b"{}", "a": b"old"})
    killed = subprocess.run([sys.executable, "-c", KILLED, out, point], check=False, env=os.environ)
    assert killed.returncode == -signal.SIGKILL
    old, new = {"export.json": b"{}", "a": b"old"}, {"export.json": b"{}", "a": b"new", "b": b"new"}
    assert (contents(out) if out.exists() else {}) == {"between": {}, "after": new}.get(point, old)
    if point != "after":  # there the next command replaces at once
        with pytest.raises(RunError, match="holds an export"), published(out, False):
            pass
        assert contents(out) == old
    with published(out, True) as folder:
        write_files(folder, {"export.json": b"{}", "a": b"newer"})
    assert contents(out) == {"export.json": b"{}", "a": b"newer"}
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_runs_that_cannot_be_exported(sizewise: Sizewise, finished_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    refused = sizewise("export", run, "--to", "gguf", "--out", "out")
    assert refused.returncode == 2
    assert "the rung keywords of this run cannot go to gguf" in refused.stderr.decode()
    assert "It can go to: folder, wheel" in refused.stderr.decode()
    weights = run / "specialist" / "keywords.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x7f")
    refused = sizewise("export", run, "--to", "wheel", "--out", "out")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert "keywords.safetensors is not what was calibrated" in refused.stderr.decode()
    refused = sizewise("export", tmp_path, "--to", "wheel", "--out", "out")
    assert (refused.returncode, "is no Sizewise run" in refused.stderr.decode()) == (2, True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


@pytest.mark.parametrize(
    ("to", "options", "message"),
    [
        ("gguf", ("--small",), "--small is for folder, wheel, onnx; with --to gguf it would change nothing"),
        ("openai-finetune", ("--small",), "with --to openai-finetune it would change nothing"),
        ("wheel", ("--training-price", "5"), "are for tuning a large model (openai-finetune"),
        ("gguf", ("--epochs", "5"), "with --to gguf they would change nothing"),
    ],
)
def test_what_would_change_nothing_is_refused(
    to: str, options: tuple[str, ...], message: str, sizewise: Sizewise, finished_run: Path, tmp_path: Path
) -> None:
    refused = sizewise("export", finished_run, "--to", to, "--out", "out", *options)
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
    assert message in refused.stderr.decode()
    assert not list(tmp_path.iterdir())


def test_without_the_package_onnx(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r'pip install "sizewise\[export\]"'):
        export(finished_run, "onnx", tmp_path / "out")
    assert not list(tmp_path.iterdir())
