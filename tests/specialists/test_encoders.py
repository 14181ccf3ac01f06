"""Which encoder is taken, and how each is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sizewise.core.errors import ModelReferenceError
from sizewise.core.example import Train
from sizewise.models.catalogue import DEFAULT_ENCODER, MULTILINGUAL_ENCODER, MULTILINGUAL_ON_HUB
from sizewise.specialists import encoders
from sizewise.specialists.encoder import EncoderRecipe
from sizewise.specialists.encoders import BY_LANGUAGE, SWITCH, choose, foreign, open_encoder
from sizewise.specialists.sentence_vectors import SentenceEncoder
from sizewise.specialists.vector_cache import VectorCache

from .tiny_onnx import tiny_encoder

ENGLISH = ["where is my order", "42", "hello 👍", "café near me"]
RUSSIAN = ["где мой заказ", "верните деньги", "привет 👍", "не могу войти"]


@pytest.mark.parametrize(
    ("inputs", "share"),
    [(ENGLISH * 5, 0.25), (RUSSIAN, 1.0), (["...", "42", ""], 0.0), (["Tür", "straße", "hello", "you"], 0.5)],
)
def test_what_is_foreign(inputs: list[str], share: float) -> None:
    assert foreign(inputs)[0] == share


@pytest.mark.parametrize(
    ("inputs", "here", "references", "codes"),
    [
        (["where is it"] * 9, {MULTILINGUAL_ENCODER}, (DEFAULT_ENCODER,), []),
        (RUSSIAN, {MULTILINGUAL_ENCODER}, (MULTILINGUAL_ENCODER,), ["encoder_by_language", "foreign_code"]),
        (RUSSIAN, {MULTILINGUAL_ON_HUB}, (MULTILINGUAL_ON_HUB,), ["encoder_by_language"]),
        (RUSSIAN, set(), (DEFAULT_ENCODER,), ["language_not_read"]),
        (RUSSIAN + ["where"] * 4, {MULTILINGUAL_ON_HUB}, (MULTILINGUAL_ON_HUB, DEFAULT_ENCODER), ["encoder_by_language"]),
    ],
)  # fmt: skip
def test_the_language_of_train_chooses(
    inputs: list[str], here: set[str], references: tuple[str, ...], codes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SWITCH, raising=False)
    monkeypatch.setattr(encoders, "is_at_hand", here.__contains__)
    choice = choose(BY_LANGUAGE, inputs)
    assert choice.references == references
    assert [c.code for c in choice.circumstances] == codes


def test_code_of_others_can_be_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SWITCH, "never")
    monkeypatch.setattr(encoders, "is_at_hand", {MULTILINGUAL_ENCODER}.__contains__)
    assert choose(BY_LANGUAGE, RUSSIAN).references == (DEFAULT_ENCODER,)
    with pytest.raises(ModelReferenceError, match="SIZEWISE_FOREIGN_CODE=never"):
        open_encoder(MULTILINGUAL_ENCODER)


def test_a_named_encoder_is_taken_whatever_the_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "is_at_hand", lambda _: False)
    assert choose("file:mine", RUSSIAN).references == ("file:mine",)
    assert [c.code for c in choose(MULTILINGUAL_ENCODER, ENGLISH).circumstances] == ["foreign_code"]


def test_a_model_s_prefix_stands_before_every_text(tmp_path: Path) -> None:
    reference = tiny_encoder(tmp_path)
    plain, prefixed = (SentenceEncoder.from_reference(reference, prefix=p) for p in ("", "query: "))
    texts = ["где заказ", "", "👍 order"]
    np.testing.assert_array_equal(prefixed.encode(texts), plain.encode(["query: " + t for t in texts]))
    assert plain.fingerprint != prefixed.fingerprint
    one_by_one = np.concatenate([prefixed.encode([t]) for t in texts])
    np.testing.assert_allclose(prefixed.encode(texts), one_by_one, atol=1e-6)


def test_of_two_encoders_the_one_that_is_right_more_often_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One model sees words, the other one the same vector for everything."""
    seeing = tiny_encoder(tmp_path / "seeing", seed=1)
    blind = tiny_encoder(tmp_path / "blind", seed=None)
    monkeypatch.setattr(encoders, "MULTILINGUAL_ENCODER", blind)
    monkeypatch.setattr(encoders, "DEFAULT_ENCODER", seeing)
    words = [("заказ", "order"), ("деньги", "money")]
    inputs = tuple(f"{words[i % 2][i // 2 % 2]} {[':', ': :', ': : :'][i % 3]}" for i in range(120))
    train = Train(
        tuple(map(str, range(120))), inputs, tuple("ab"[i % 2] for i in range(120)), tuple(range(120)), ("a", "b")
    )
    recipe = EncoderRecipe(cache=VectorCache(tmp_path / "cache.sqlite"))
    assert choose(BY_LANGUAGE, inputs).references == (blind, seeing)
    assert recipe.fit(train).encoder.files.reference == seeing
