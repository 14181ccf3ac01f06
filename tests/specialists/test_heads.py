"""Heads and their shares: what helps gets weight, what does not gets none, and saving loses nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sizewise.core.example import Train
from sizewise.specialists.encoder_views import names_head, spoken
from sizewise.specialists.heads import Head, Mixture, Target, centred, fit_shares, softmax
from sizewise.specialists.keywords import KeywordsRecipe, KeywordsSpecialist
from sizewise.store.arrays import load_arrays, save_arrays


def test_shares_weigh_heads_by_what_they_know() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 4, 2_000)
    taught = random.random(2_000) < 0.9
    signal = np.eye(4)[truth] * 2 + random.normal(0, 1, (2_000, 4))
    noise = random.normal(0, 1, (2_000, 4))
    misled = np.where(taught[:, None], signal, -50 * signal)  # rows that are not taught must not be looked at
    scores = {"knows": centred(misled.astype(np.float32)), "guesses": centred(noise.astype(np.float32))}
    shares = fit_shares(scores, Target(truth, taught, 4))
    assert list(shares) == ["knows", "guesses"]
    assert 1.5 < shares["knows"] < 2.5, "log-likelihood ratio of these normals: 2"
    assert 0 <= shares["guesses"] < 0.1
    mixture = Mixture({}, shares)
    mean = softmax(mixture.joined(scores))[np.arange(2_000), truth][taught].mean()
    assert mean > 0.7


def test_a_mixture_is_the_same_after_saving(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    heads = {n: Head(random.normal(size=(3, 2)).astype("f4"), np.zeros(2, dtype="f4")) for n in ("b", "a")}
    mixture = Mixture(heads, {"b": 0.25, "from below": 1.5, "a": 0.0})
    save_arrays(tmp_path / "x.safetensors", mixture.arrays("first") | {"other": np.zeros(1)})
    arrays = load_arrays(tmp_path / "x.safetensors")
    loaded = Mixture.from_arrays("first", arrays, ("a", "from below", "b"))
    assert loaded is not None
    assert dict(loaded.shares) == dict(mixture.shares)
    views = {name: random.normal(size=(5, 3)).astype("f4") for name in heads}
    scores = mixture.scores(views) | {"from below": random.normal(size=(5, 2)).astype("f4")}
    np.testing.assert_allclose(loaded.joined(loaded.scores(views) | scores), mixture.joined(scores), atol=1e-6)
    assert Mixture.from_arrays("second", arrays, ("a", "b")) is None


def train_of(inputs: list[str]) -> Train:
    targets = tuple("ab"[i % 2] for i in range(len(inputs)))
    return Train(tuple(map(str, range(len(inputs)))), tuple(inputs), targets, tuple(range(len(inputs))), ("a", "b"))


def test_texts_without_a_single_common_word_still_have_characters() -> None:
    inputs = [f"{'нет' if i % 2 else 'да'}{'абвгдежзиклмнопрст'[i % 18]}{'ёъыэюяцчшщ'[i // 18]}" for i in range(120)]
    specialist = KeywordsRecipe().fit(train_of(inputs))
    assert specialist.ngrams.word_count == 0
    said = [a.value for a in specialist.answer(inputs)]
    assert np.mean([a == "ab"[i % 2] for i, a in enumerate(said)]) > 0.9


def test_one_by_one_and_in_a_batch_heads_say_the_same(tmp_path: Path) -> None:
    inputs = [
        f"{'open' if i % 2 else 'закрой'} the {['door', 'window', 'дверь', '🚪', 'окно'][i % 5]}" for i in range(100)
    ]
    KeywordsRecipe().fit(train_of(inputs)).save(tmp_path)
    specialist = KeywordsSpecialist.load(tmp_path)
    asked = [*inputs[:6], "", "🚪", "совсем другое", "x" * 20_000]
    batch, known, _ = specialist.scores(asked)
    for i, text in enumerate(asked):
        single, share, _ = specialist.scores([text])
        assert share[0] == known[i]
        for name in ("words", "characters"):
            np.testing.assert_allclose(single[name][0], batch[name][i], atol=1e-5)


def test_names_head_prefers_the_label_whose_name_is_like_the_input() -> None:
    names = np.array([[2.0, 0, 0, 9], [0, 3, 0, 9], [0, 0, 1, 9]], dtype=np.float32)  # two views of two dimensions
    head = names_head(names, views=2)
    first = names.reshape(3, 2, 2)[:, 0]
    assert head.weights.shape == (2, 3)
    assert (head(first - first.mean(axis=0)).argmax(axis=1) == [0, 1, 2]).all()
    assert spoken("__top-up__by card") == "top up by card"


def test_a_turned_head_scores_one_row_and_many_as_before() -> None:
    random = np.random.default_rng(5)
    head = Head(random.normal(size=(40, 7)).astype(np.float32), random.normal(size=7).astype(np.float32))
    mixture = Mixture({"dense": head, "other": head}, {"dense": 0.5, "other": 1.0})
    turned = mixture.turned(("dense",))
    assert turned.heads["dense"].weights.flags.f_contiguous
    assert turned.heads["other"] is head
    rows = random.normal(size=(5, 40)).astype(np.float32)
    wanted = mixture.joined(mixture.scores({"dense": rows, "other": rows}))
    for seen, expected in ((rows, wanted), (rows[:1], wanted[:1])):
        found = turned.joined(turned.scores({"dense": seen, "other": seen}))
        np.testing.assert_allclose(found, expected, atol=1e-5)
