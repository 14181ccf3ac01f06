from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sizewise.core.errors import RunError
from sizewise.store.arrays import Array, load_arrays, load_json, map_arrays, save_arrays, save_json


def test_arrays_come_back_with_type_and_shape(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    saved: dict[str, Array] = {
        "floats": np.arange(6, dtype=np.float32).reshape(2, 3).T,
        "integers": np.array([], dtype=np.int64),
        "double": np.array([np.nan, np.inf]),
    }
    save_arrays(path, saved)
    loaded, mapped = load_arrays(path), map_arrays(path)
    assert loaded.keys() == mapped.keys() == saved.keys()
    for name, array in saved.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)
        np.testing.assert_array_equal(mapped[name], array)
        assert mapped[name].dtype == array.dtype


def test_json_keeps_text(tmp_path: Path) -> None:
    save_json(tmp_path / "a.json", {"где": ["👍", None, 1.5]})
    assert load_json(tmp_path / "a.json") == {"где": ["👍", None, 1.5]}
    assert "где" in (tmp_path / "a.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b'{"half', b"\xff" * 100])
def test_what_is_missing_or_damaged_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "file"
    if content is not None:
        path.write_bytes(content)
    for load in (load_arrays, map_arrays, load_json):
        with pytest.raises(RunError, match="missing or damaged") as error:
            load(path)
        assert str(path) in str(error.value)
