from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sizewise.core.errors import LimitReached, RunError
from sizewise.store.disk import copy_folder, explained, locked, write_whole


def test_text_and_bytes_arrive_whole_and_leave_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_whole(path, "где\n")
    assert path.read_bytes() == "где\n".encode()
    write_whole(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_copied_with_all_that_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "from" / "где").mkdir(parents=True)
    (tmp_path / "from" / "где" / "file").write_bytes(b"\x00" * 3_000_000)
    (tmp_path / "from" / "empty").write_bytes(b"")
    copy_folder(tmp_path / "from", tmp_path / "to")
    assert (tmp_path / "to" / "где" / "file").read_bytes() == b"\x00" * 3_000_000
    assert sorted(p.name for p in (tmp_path / "to").rglob("*")) == ["empty", "file", "где"]

    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(LimitReached, match="no space left"):
        copy_folder(tmp_path / "from", tmp_path / "again")


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    path = tmp_path / "file"
    versions = [bytes([letter]) * 200_000 for letter in b"ab"]
    write_whole(path, versions[0])
    done = threading.Event()

    def write() -> None:
        for turn in range(30):
            write_whole(path, versions[turn % 2])
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    while not done.is_set():
        assert path.read_bytes() in versions
    thread.join()


def test_a_process_killed_while_it_writes_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    program = """
import os, sys
from pathlib import Path
from sizewise.store.disk import write_whole
os.fsync = lambda number: os._exit(9)
write_whole(Path(sys.argv[1]), "new")
"""
    assert subprocess.run([sys.executable, "-c", program, str(path)], check=False).returncode == 9
    assert path.read_text() == "old"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_a_limit_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def refuse(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(LimitReached, match=r"no space left.*same command again") as limit:
        write_whole(path, "new")
    assert str(path) in str(limit.value)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fails_is_a_limit_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(LimitReached, match=r"the disk failed at .*same command again"):
        write_whole(tmp_path / "file", "new")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_held_by_one_at_a_time_and_without_locks_by_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked(tmp_path), pytest.raises(RunError, match="another process"), locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == [], "a lock leaves nothing behind"

    def unknown(*_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(fcntl, "flock", unknown)
    with locked(tmp_path), locked(tmp_path):
        pass


@pytest.mark.faults
def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    path = small_disk / "file"
    write_whole(path, "old")
    with pytest.raises(LimitReached):
        write_whole(path, b"x" * 600_000)
    assert path.read_text() == "old"
    assert list(small_disk.iterdir()) == [path]


def test_other_refusals_are_the_persons_to_put_right(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot write .*none.*No such file"):
        write_whole(tmp_path / "none" / "file", "x")
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="Not a directory"):
        write_whole(tmp_path / "file" / "below", "x")
    with pytest.raises(RunError, match="cannot write"), explained(tmp_path):
        (tmp_path / "file").mkdir()
