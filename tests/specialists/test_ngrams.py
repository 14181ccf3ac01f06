from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from sizewise.specialists.ngrams import LEAST_GROUPS, LONGEST_INPUT, NGrams, character_ngrams, word_ngrams, words

INPUTS = [f"{a} {b} заказ" for a in ("lost", "late", "где", "my") for b in ("parcel", "card", "refund", "доставка")]


@given(st.text(max_size=200))
def test_words_are_casefolded_without_digits_or_spaces(text: str) -> None:
    for word in words(text):
        assert word
        assert not any(character.isspace() for character in word)
        assert not any(character.isdecimal() and character != "0" for character in word)


def test_only_the_beginning_is_read() -> None:
    assert words("a" * LONGEST_INPUT + " tail") == ["a" * LONGEST_INPUT]


@given(st.lists(st.text("abcяё0", min_size=1, max_size=7), max_size=6))
def test_character_ngrams_are_scikit_learns_char_wb(tokens: list[str]) -> None:
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), lowercase=False)
    expected = set(vectorizer.build_analyzer()(" ".join(tokens)))
    assert set(character_ngrams(tokens)) == expected


def test_word_ngrams_are_words_and_pairs() -> None:
    assert list(word_ngrams(["a", "b", "c"])) == ["a", "b", "c", "a b", "b c"]


def test_weights_are_scikit_learns() -> None:
    """Each block by itself, on the n-grams that stand in three inputs or more."""
    ngrams = NGrams.fit(INPUTS, range(len(INPUTS)))
    ours, _ = ngrams.matrix(INPUTS)
    vectorizer = TfidfVectorizer(
        analyzer=lambda text: list(word_ngrams(words(text))), sublinear_tf=True, min_df=LEAST_GROUPS
    )
    theirs = vectorizer.fit_transform(INPUTS)
    columns = [ngrams.vocabularies[0][gram] for gram in vectorizer.get_feature_names_out()]
    assert len(columns) == len(ngrams.vocabularies[0])
    np.testing.assert_allclose(ours.toarray()[:, columns], theirs.toarray(), atol=1e-6)


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_what_stands_in_fewer_than_three_groups_is_not_kept(times: int) -> None:
    inputs = [*INPUTS, *[f"{chr(97 + i)}q rarity" for i in range(times)]]
    vocabulary = NGrams.fit(inputs, range(len(inputs))).vocabularies[0]
    assert ("rarity" in vocabulary) == (times >= 3)


def test_near_duplicates_count_once() -> None:
    copies = [f"rarity {number}" for number in range(50)]
    groups = [*range(len(INPUTS)), *[99] * 50]
    ngrams = NGrams.fit([*INPUTS, *copies], groups)
    assert not any("rari" in gram for vocabulary in ngrams.vocabularies for gram in vocabulary)


def test_row_and_matrix_agree() -> None:
    ngrams = NGrams.fit(INPUTS, range(len(INPUTS)))
    texts = [*INPUTS, "", "nothing known xyz", "parcel parcel parcel"]
    matrix, known = ngrams.matrix(texts)
    for index, text in enumerate(texts):
        columns, weights, share = ngrams.row(text)
        dense = np.zeros(ngrams.size, dtype=np.float32)
        dense[columns] = weights
        np.testing.assert_array_equal(matrix[index].toarray()[0], dense)
        assert known[index] == share
        assert 0 <= share <= 1
    empty, none = ngrams.matrix([])
    assert empty.shape == (0, ngrams.size)
    assert none.shape == (0,)


def test_saved_and_loaded_is_equal(tmp_path: Path) -> None:
    ngrams = NGrams.fit(INPUTS, range(len(INPUTS)))
    ngrams.save(tmp_path)
    loaded = NGrams.load(tmp_path)
    assert loaded.vocabularies == ngrams.vocabularies
    np.testing.assert_array_equal(loaded.idf, ngrams.idf)
    assert json.loads((tmp_path / "ngrams.json").read_text(encoding="utf-8"))[0] == sorted(ngrams.vocabularies[0])


def test_words_that_come_back_are_read_as_if_for_the_first_time(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*INPUTS, "parcel parcel, xyzzy xyzzy где", "xyzzy", "", "q" * 50]
    ngrams = NGrams.fit(INPUTS, range(len(INPUTS)))
    remembered = [ngrams.row(text) for text in [*texts, *texts]][len(texts) :]
    monkeypatch.setattr("sizewise.specialists.ngrams.MOST_REMEMBERED", 1)
    forgetful = NGrams.fit(INPUTS, range(len(INPUTS)))
    assert forgetful.vocabularies == ngrams.vocabularies
    for text, (columns, weights, share) in zip(texts, remembered, strict=True):
        again = forgetful.row(text)
        np.testing.assert_array_equal(again[0], columns)
        np.testing.assert_array_equal(again[1], weights)
        assert again[2] == share
        kinds = {*word_ngrams(words(text))}, {*character_ngrams(words(text))}
        assert len(columns) == sum(len(v.keys() & k) for v, k in zip(ngrams.vocabularies, kinds, strict=True))
