"""The encoder's heads: what is saved answers as what was fitted, one by one as in a batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sizewise.cascade import confidence
from sizewise.cascade.cascade import Cascade
from sizewise.core.example import Train
from sizewise.export.package import package
from sizewise.specialists import encoder as module
from sizewise.specialists.encoder import EncoderRecipe
from sizewise.specialists.encoder_specialist import JOINT, EncoderSpecialist
from sizewise.specialists.encoder_views import Views, principal, unit
from sizewise.specialists.vector_cache import VectorCache
from sizewise.store.arrays import load_arrays

from .tiny_onnx import WORDS, tiny_encoder

ROWS = 150


def train() -> Train:
    random = np.random.default_rng(3)
    inputs = [" ".join(random.choice(WORDS[1:], 4)) for _ in range(ROWS)]
    targets = tuple("деньги" if "money" in text or "деньги" in text else "other" for text in inputs)
    numbers = tuple(range(ROWS))
    return Train(tuple(map(str, numbers)), tuple(inputs), targets, numbers, ("other", "деньги"))


def fitted(folder: Path) -> EncoderSpecialist:
    recipe = EncoderRecipe(encoder=tiny_encoder(folder / "model"), cache=VectorCache(folder / "vectors.sqlite"))
    return recipe.fit(train())


def test_what_is_saved_answers_the_same_one_by_one_and_in_a_batch(tmp_path: Path) -> None:
    first = fitted(tmp_path)
    (tmp_path / "saved").mkdir()
    first.save(tmp_path / "saved")
    again = EncoderSpecialist.load(tmp_path / "saved")
    asked = [*train().inputs[:5], "", "👍 неизвестное", "order " * 400]
    before, known, _ = first.scores(asked)
    after, _, _ = again.scores(asked)
    assert JOINT in before
    for name, scores in before.items():
        np.testing.assert_allclose(after[name], scores, atol=1e-6)
    for row, text in enumerate(asked):
        single, share, _ = again.scores([text])
        assert share[0] == known[row]
        for name, scores in single.items():
            np.testing.assert_allclose(scores[0], before[name][row], atol=1e-4)


def test_an_export_holds_the_numbers_that_were_saved_however_they_lie_in_memory(tmp_path: Path) -> None:
    first, run = fitted(tmp_path), tmp_path / "saved"
    run.mkdir()
    first.save(run)
    (run / "task.toml").write_text('[task]\nname = "money"\n', encoding="utf-8")
    served = EncoderSpecialist.load(run)
    assert served.first.heads["components"].weights.flags.f_contiguous
    right = np.arange(ROWS) % 2 == 0
    sure = confidence.fit(served.evidence(train().inputs), right, np.arange(ROWS) % 5)
    made = package(run, Cascade("money", served, sure, None, has_large=False), small=False)
    (content,) = (c for path, c in made.files.items() if path.endswith("/weights.safetensors"))
    assert isinstance(content, bytes)
    (tmp_path / "weights.safetensors").write_bytes(content)
    exported = load_arrays(tmp_path / "weights.safetensors")
    for name, array in first.first.arrays("first").items():
        np.testing.assert_array_equal(exported[f"encoder/{name}"], array)


def test_the_joint_head_alone_learns_the_task(tmp_path: Path) -> None:
    scores, _, _ = fitted(tmp_path).scores(train().inputs)
    right = scores[JOINT].argmax(axis=1) == [t == "деньги" for t in train().targets]
    assert right.mean() > 0.95


def test_too_many_rows_have_no_joint_head(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MANY_ROWS", ROWS - 1)
    specialist = fitted(tmp_path)
    assert specialist.joint is None
    assert JOINT not in specialist.first.shares
    assert specialist.answer(["money"])[0].value == "деньги"


@pytest.mark.parametrize("most", [3, 500])
def test_few_rows_give_the_directions_that_products_of_dimensions_give(most: int) -> None:
    random = np.random.default_rng(1)
    vectors = random.normal(size=(20, 24)).astype(np.float32)  # 20 rows, two views of twelve dimensions
    views = Views(vectors.reshape(20, 2, 12).mean(axis=0), np.zeros((1, 12), dtype=np.float32))
    joined = views.joined(vectors)
    few = principal(views, vectors, most)
    many = np.linalg.eigh(joined.T.astype(np.float64) @ joined)[1][:, ::-1][:, : few.shape[1]]
    assert few.shape[1] <= min(most, 20)
    np.testing.assert_allclose(np.abs((few * many).sum(axis=0))[:3], 1, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(joined @ few), np.linalg.norm(joined @ many), rtol=1e-4)


def test_directions_in_which_nothing_varies_are_left_out() -> None:
    vectors = np.tile(np.eye(1, 12, dtype=np.float32), (40, 2))
    vectors[:20] *= -1
    views = Views(np.zeros((2, 12), dtype=np.float32), np.zeros((1, 12), dtype=np.float32))
    directions = principal(views, vectors, 5)
    assert directions.shape == (24, 1)
    np.testing.assert_allclose(unit(directions.T), directions.T, atol=1e-6)
