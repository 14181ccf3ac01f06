"""What a training keeps of itself, and what it says before it starts."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from sizewise.core.errors import LimitReached
from sizewise.core.example import Train
from sizewise.specialists.train.checkpoints import NAME, Checkpoints, State, fingerprint
from sizewise.specialists.train.estimates import Clock, Memory, require_memory

STATE = State({"a": np.arange(6, dtype=np.float32).reshape(2, 3), "step": np.array([7])}, {"epoch": 2, "best": 0.25})


def test_what_was_kept_is_found_again(tmp_path: Path) -> None:
    Checkpoints(tmp_path / "new", "one").save(STATE)
    found = Checkpoints(tmp_path / "new", "one").load()
    assert found is not None
    assert found.about == STATE.about
    assert {name: array.tolist() for name, array in found.arrays.items()} == {
        name: array.tolist() for name, array in STATE.arrays.items()
    }


def test_what_belongs_to_another_training_is_left_alone(tmp_path: Path) -> None:
    Checkpoints(tmp_path, "one").save(STATE)
    assert Checkpoints(tmp_path, "other").load() is None


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 100])
def test_a_damaged_one_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(content)
    assert Checkpoints(tmp_path, "one").load() is None


def test_a_cut_one_is_none(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path, "one")
    kept.save(STATE)
    os.truncate(tmp_path / NAME, (tmp_path / NAME).stat().st_size - 5)
    assert kept.load() is None


def test_without_a_folder_nothing_is_kept(tmp_path: Path) -> None:
    kept = Checkpoints(None, "one", every=0.0)
    kept.kept(lambda: pytest.fail("no state is asked for"))
    assert kept.load() is None


def test_it_is_kept_when_it_is_due_and_dropped_at_the_end(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path, "one", every=1_000.0)
    kept.kept(lambda: STATE)
    assert kept.load() is None
    often = Checkpoints(tmp_path, "one", every=0.0)
    often.kept(lambda: STATE)
    assert often.load() is not None
    often.drop()
    assert not list(tmp_path.iterdir())


def test_each_row_and_setting_counts_towards_the_fingerprint() -> None:
    rows = Train(("1", "2"), ("x", "y"), ("a", "b"), (0, 1), ("a", "b"))
    other = Train(("1", "2"), ("x", "z"), ("a", "b"), (0, 1), ("a", "b"))
    soft = Train(("1", "2"), ("x", "y"), ("a", "b"), (0, 1), ("a", "b"), soft=({"a": 1.0}, None))
    assert len({fingerprint(rows, r=1), fingerprint(rows, r=2), fingerprint(other, r=1), fingerprint(soft, r=1)}) == 4


def test_too_little_memory_is_said_before_the_start() -> None:
    need = Memory.of(frozen=100_000_000, learned=4_000_000, kept=10_000_000, size=2)
    require_memory("Gemma", need, "Set batch_tokens lower.", available_mib=2_000)
    with pytest.raises(LimitReached, match=r"about 721 MiB .* 540 MiB may be taken here. Set batch_tokens lower"):
        require_memory("Gemma", need, "Set batch_tokens lower.", available_mib=600)


def test_the_pace_leaves_out_the_first_units() -> None:
    now = iter([10.0, 12.0, 12.0]).__next__
    clock = Clock(100.0, now=now)
    assert clock.left is None
    clock.add(10)
    clock.add(20)
    assert clock.pace == pytest.approx(10.0)
    assert clock.left == pytest.approx(70 / 10)
