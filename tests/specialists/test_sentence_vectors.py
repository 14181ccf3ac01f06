"""What tokens are pooled to."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sizewise.specialists import sentence_vectors
from sizewise.specialists.encoder_views import Views
from sizewise.specialists.sentence_vectors import POOLINGS, SentenceEncoder, pooled
from sizewise.specialists.vector_cache import VectorCache

from .tiny_onnx import DIMENSIONS, tiny_encoder

TEXTS = ["где мой заказ", "👍", "order money : где вот", ""]


def test_padding_is_not_pooled() -> None:
    """Every pooling of every layer against its own definition, text by text; padding holds the largest numbers."""
    random = np.random.default_rng(0)
    lengths = [5, 1, 3]
    seen = np.arange(5)[None, :] < np.array(lengths)[:, None]
    layers = [np.where(seen[:, :, None], random.normal(size=(3, 5, 4)), 99).astype("f4") for _ in range(3)]
    ways: dict[str, Any] = {"mean": np.mean, "maximum": np.max, "minimum": np.min, "deviation": np.std}
    found = pooled(layers, POOLINGS, seen)
    for row, length in enumerate(lengths):
        expected = [ways[way](layers[layer][row, :length], axis=0) for way, layer in POOLINGS]
        np.testing.assert_allclose(found[row], np.concatenate(expected), atol=1e-6)
        alone = pooled([layer[row : row + 1, :length] for layer in layers], POOLINGS, seen[row : row + 1, :length])
        np.testing.assert_allclose(found[row], alone[0], atol=1e-6)


def test_a_graph_without_known_layers_is_pooled_at_its_last(tmp_path: Path) -> None:
    encoder = SentenceEncoder.from_reference(tiny_encoder(tmp_path))
    together = encoder.encode(TEXTS)
    assert encoder.views == sum(layer == 0 for _, layer in POOLINGS)
    assert together.shape == (len(TEXTS), encoder.views * DIMENSIONS)
    assert np.isfinite(together).all()  # the empty text too
    np.testing.assert_allclose(together, np.concatenate([encoder.encode([t]) for t in TEXTS]), atol=1e-6)


def test_other_poolings_are_other_vectors_for_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was cached before a pooling was added is not taken for what the encoder says now."""
    reference, cache = tiny_encoder(tmp_path / "model"), VectorCache(tmp_path / "cache.sqlite")
    monkeypatch.setattr(sentence_vectors, "POOLINGS", POOLINGS[:4])
    older = SentenceEncoder.from_reference(reference)
    before = cache.encode(older, TEXTS)
    monkeypatch.undo()
    newer = SentenceEncoder.from_reference(reference)
    after = cache.encode(newer, TEXTS)
    assert older.fingerprint != newer.fingerprint
    np.testing.assert_array_equal(after, newer.encode(TEXTS))
    np.testing.assert_array_equal(after[:, : before.shape[1]], before)


def test_an_older_specialist_reads_the_poolings_it_was_fitted_on() -> None:
    vectors = np.random.default_rng(0).normal(size=(6, len(POOLINGS) * 3)).astype("f4")
    anchors = np.eye(3, dtype=np.float32)
    older = Views(np.zeros((4, 3), dtype=np.float32), anchors)
    for name, view in older(vectors).items():
        np.testing.assert_array_equal(view, older(vectors[:, :12])[name])


def test_many_texts_are_read_side_by_side_and_come_back_in_order(tmp_path: Path) -> None:
    reference = tiny_encoder(tmp_path)
    several = SentenceEncoder(SentenceEncoder.from_reference(reference).files, threads=2)
    texts = [" ".join(["order", "где", "👍", "money"][: 1 + i % 4] * (1 + i % 7)) for i in range(300)]
    done: list[int] = []
    vectors = several.encode(texts, lambda count, _: done.append(count))
    assert sum(done) == len(texts)
    one_thread = SentenceEncoder(several.files, threads=1)
    np.testing.assert_array_equal(vectors, one_thread.encode(texts))
    for i in (0, 7, 299):
        np.testing.assert_allclose(vectors[i], several.encode([texts[i]])[0], atol=1e-6)


def test_an_interrupt_leaves_no_batch_waiting(tmp_path: Path) -> None:
    encoder = SentenceEncoder(SentenceEncoder.from_reference(tiny_encoder(tmp_path)).files, threads=2)

    def interrupted(done: int, total: int) -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        encoder.encode(["order money"] * 2_000, interrupted)
    assert threading.active_count() <= before
