from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sizewise.core.errors import LimitReached, RunError
from sizewise.run import Run, load
from sizewise.store import run_folder
from sizewise.store.run_folder import RunFolder, open_run, read_manifest, read_record, require_finished, write_manifest


def enter(path: Path, fingerprint: str, force: bool = False) -> RunFolder:
    """Open a run and let go of it at once."""
    with open_run(path, fingerprint, force) as folder:
        return folder


def test_a_run_is_made_resumed_and_published(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "run"
    with open_run(path, "one") as made:
        assert not made.resumed
        (made.work / "half").write_text("done")
        (made.draft / "verdict.json").write_text("half")
    with pytest.raises(RunError, match=r"unfinished run. Run the same"):
        require_finished(path)
    with open_run(path, "one") as again:
        assert again == replace(made, resumed=True)
        assert (again.work / "half").exists()
        assert list(again.draft.iterdir()) == [], "a draft is always made from the beginning"
        (again.draft / "verdict.json").write_text("whole")
        again.publish()
    require_finished(path)
    assert (path / "verdict.json").read_text() == "whole"
    assert not again.work.exists()


def test_an_unfinished_run_of_another_input_is_left_alone_unless_forced(tmp_path: Path) -> None:
    with open_run(tmp_path / "run", "one") as made:
        (made.work / "half").write_text("done")
    with pytest.raises(RunError, match=r"unfinished run of other data or settings. --force"):
        enter(tmp_path / "run", "two")
    assert (made.work / "half").exists()
    with open_run(tmp_path / "run", "two", force=True) as forced:
        assert forced.run_id != made.run_id
        assert not (made.work / "half").exists()


def test_a_finished_run_is_left_alone_unless_forced_and_a_persons_files_always(run: Path) -> None:
    (run / "notes.txt").write_text("mine")
    before = sorted(run.rglob("*"))
    with pytest.raises(RunError, match=r"finished run. --force"):
        enter(run, "any")
    assert sorted(run.rglob("*")) == before
    with open_run(run, "any", force=True) as forced:
        (forced.draft / "verdict.json").write_text("new")
        forced.publish()
    assert sorted(p.name for p in run.iterdir()) == ["notes.txt", "state.json", "verdict.json"]


def test_a_finished_run_stays_whole_until_the_forced_one_is(run: Path) -> None:
    old = read_record(run)
    enter(run, "any", force=True)
    assert read_record(run) == old
    assert load(run).answer(["где мой заказ"])[0].value
    with pytest.raises(RunError, match=r"finished run. --force"):
        enter(run, "any")
    assert (run / ".work").exists(), "the forced one can still go on"
    with open_run(run, "any", force=True) as going:
        assert going.resumed
        (going.work / "half").write_text("done")
    with open_run(run, "other", force=True) as other:
        assert not other.resumed
        assert not (other.work / "half").exists()
    assert read_record(run) == old


def test_a_forced_run_goes_on_with_its_own_unfinished_one(tmp_path: Path) -> None:
    with open_run(tmp_path / "run", "one") as made:
        (made.work / "half").write_text("done")
    with open_run(tmp_path / "run", "one", force=True) as forced:
        assert forced.resumed
        assert (forced.work / "half").exists()


def test_one_process_at_a_time(tmp_path: Path) -> None:
    holder = "import sys, pathlib, sizewise.store.run_folder as r\nwith r.open_run(pathlib.Path(sys.argv[1]), 'one'):\n print(1, flush=True)\n sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", holder, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        for force in (False, True):
            with pytest.raises(RunError, match="another process is writing"):
                enter(tmp_path / "run", "one", force)
    finally:
        process.kill()
        process.communicate()
    with open_run(tmp_path / "run", "one") as again:
        assert again.resumed, "a killed holder holds nothing"
    with open_run(tmp_path / "run", "one"), open_run(tmp_path / "other", "one"):
        pass


def test_halves_of_a_killed_writer_are_swept_and_a_persons_files_are_not(run: Path) -> None:
    for name in (".state.json.123.part", ".report.html.1.part", ".mine.1.part"):
        (run / name).write_text("half")
    (run / ".work").mkdir()  # its last step was interrupted
    with pytest.raises(RunError, match="finished run"):
        enter(run, "any")
    assert [p.name for p in run.glob(".*")] == [".mine.1.part"]


def test_what_is_no_run_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.doc").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("folder", "file"):
        for force in (False, True):
            with pytest.raises(RunError, match="is no Sizewise run: it is left alone"):
                enter(tmp_path / name, "one", force)
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["thesis.doc"]
    with pytest.raises(RunError, match="cannot write"):
        enter(tmp_path / "file" / "below", "one")
    with pytest.raises(RunError, match=r"is no Sizewise run. Make one"):
        require_finished(tmp_path / "folder")


def test_an_empty_folder_becomes_a_run(tmp_path: Path) -> None:
    assert not enter(tmp_path, "one").resumed


def test_a_run_that_could_not_even_begin_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise LimitReached("full")

    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "save_json", full)
        with pytest.raises(LimitReached):
            enter(tmp_path / "run", "one")
    (tmp_path / "run" / ".state.json.123.part").write_text("{")  # as a killed process leaves it
    assert not enter(tmp_path / "run", "one").resumed


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"status": "unfinished"}', '{"status": 5}', "null"])
def test_a_damaged_state_is_said_and_can_be_forced(run: Path, text: str) -> None:
    (run / "state.json").write_text(text)
    for look in (require_finished, read_record, load, lambda path: enter(path, "one")):
        with pytest.raises(RunError, match="damaged"):
            look(run)
    assert not enter(run, "one", force=True).resumed


def test_a_record_reads_back(run: Path) -> None:
    record = read_record(run)
    assert record.verdict.rungs == record.measurements.rungs
    assert [r.name for r in record.measurements.rungs] == ["majority", "keywords"]
    assert sum(record.verdict.data.splits.values()) <= record.data_check.rows
    assert record.curve
    assert Run.open(str(run)).record == record


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _without_first_line(path: Path) -> None:
    path.write_bytes(path.read_bytes().split(b"\n", 1)[1])


def _list(path: Path) -> None:
    path.write_text("[1]\n")


def _number(path: Path) -> None:
    path.write_text("5\n")


def _binary(path: Path) -> None:
    path.write_bytes(b"\xff\x00" * 20)


@pytest.mark.parametrize("damage", [Path.unlink, _cut, _without_first_line, _list, _number, _binary])
@pytest.mark.parametrize("name", ["verdict.json", "measurements.jsonl", "data-check.json"])
def test_a_damaged_record_is_said(run: Path, name: str, damage: Callable[[Path], None]) -> None:
    damage(run / name)
    with pytest.raises(RunError, match=r"damaged|missing"):
        read_record(run)


def test_readers_ignore_fields_they_do_not_know(run: Path) -> None:
    verdict = json.loads((run / "verdict.json").read_text(encoding="utf-8"))
    (run / "verdict.json").write_text(json.dumps(verdict | {"from_the_future": 1}), encoding="utf-8")
    assert read_record(run).verdict.run_id == verdict["run_id"]


def test_a_manifest_vouches_for_every_file(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "weights").write_bytes(b"\x00")
    (tmp_path / "labels.json").write_text("[]")
    write_manifest(tmp_path, {"task": "t", "rung": "keywords"})
    manifest = read_manifest(tmp_path)
    assert set(manifest["sha256"]) == {"deep/weights", "labels.json"}
    assert manifest["rung"] == "keywords"


def test_one_changed_byte_in_any_file_is_refused(run: Path) -> None:
    specialist = run / "specialist"
    for name in read_manifest(specialist)["sha256"]:
        content = (specialist / name).read_bytes()
        (specialist / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        with pytest.raises(RunError, match="is not what was calibrated") as refusal:
            load(run)
        assert name in str(refusal.value)
        (specialist / name).write_bytes(content)
    assert load(run).answer(["где мой заказ"])[0].value


def test_a_missing_file_is_refused(run: Path) -> None:
    (run / "specialist" / "keywords.safetensors").unlink()
    with pytest.raises(RunError, match=r"keywords.safetensors is missing"):
        load(run)


@pytest.mark.parametrize("name", ["../state.json", "/etc/hostname", "a/../../state.json", ".."])
def test_a_manifest_that_reaches_outside_is_refused(run: Path, name: str) -> None:
    path = run / "specialist" / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    manifest["sha256"] |= {name: "0" * 64}
    path.write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(RunError, match="outside its folder"):
        load(run)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"sha256": {}}', '{"sha256": {"labels.json": 5}}', '{"sha256": [1]}']
)
def test_a_manifest_that_is_none_is_refused(run: Path, text: str) -> None:
    (run / "specialist" / "manifest.json").write_text(text)
    with pytest.raises(RunError, match="damaged"):
        load(run)


def test_a_rung_from_another_version_is_refused(run: Path) -> None:
    path = run / "specialist" / "manifest.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"keywords",', '"oracle",', 1), encoding="utf-8")
    with pytest.raises(RunError, match="no rung 'oracle'"):
        load(run)
