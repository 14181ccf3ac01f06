"""Out-of-fold evidence must come from heads that have not seen the row."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest

from sizewise.core.errors import RunError, TaskError
from sizewise.core.example import Train
from sizewise.core.model import Recipe
from sizewise.core.task import Task
from sizewise.specialists.folds import folds
from sizewise.specialists.keywords import KeywordsRecipe
from sizewise.specialists.ladder import load_specialist, recipes, rungs
from sizewise.specialists.majority import MajorityRecipe

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu"]


def shuffled(n: int = 120) -> Train:
    """Labels that have nothing to do with the inputs: whoever is right more often than chance has peeked."""
    draw = Random(3)
    inputs = tuple(" ".join(draw.choices(WORDS, k=5)) + f" {'xyzvw'[i % 5]}" for i in range(n))
    targets = tuple(draw.choice("ab") for _ in range(n))
    return Train(tuple(map(str, range(n))), inputs, targets, tuple(range(n)), ("a", "b"))


@pytest.mark.parametrize("recipe", [MajorityRecipe(), KeywordsRecipe()])
def test_noise_is_not_learned_out_of_fold(recipe: Recipe) -> None:
    train = shuffled()
    fitted = recipe.validate(train, folds(train, 0), {})
    right = np.array([("a", "b")[i] for i in fitted.evidence.probabilities.argmax(axis=1)]) == np.array(train.targets)
    assert 0.3 < right.mean() < 0.65
    assert len(fitted.evidence) == len(train)
    assert fitted.seconds >= 0


def test_changing_a_fold_s_labels_does_not_change_its_own_scores() -> None:
    """The scores of fold 0 come from the other folds: with fold 0's targets flipped they stay as they were."""
    train = shuffled()
    numbers = folds(train, 0)
    flipped = Train(
        train.ids, train.inputs,
        tuple(("b" if t == "a" else "a") if f == 0 else t for t, f in zip(train.targets, numbers, strict=True)),
        train.groups, train.labels,
    )  # fmt: skip
    one = KeywordsRecipe().validate(train, numbers, {})
    two = KeywordsRecipe().validate(flipped, numbers, {})
    held = numbers == 0
    np.testing.assert_allclose(one.logits[:, held], two.logits[:, held], atol=1e-6)
    assert np.abs(one.logits[:, ~held] - two.logits[:, ~held]).max() > 1e-3


def test_majority_says_the_commonest_label() -> None:
    train = shuffled()
    commonest = max("ab", key=train.targets.count)
    fitted = MajorityRecipe().fit(train)
    assert [a.value for a in fitted.answer(["x", ""])] == [commonest] * 2
    np.testing.assert_allclose(
        fitted.evidence(["x"]).probabilities[0], [train.targets.count("a") / 120, train.targets.count("b") / 120]
    )


def test_the_ladder_is_climbed_from_the_bottom() -> None:
    assert [r.name for r in recipes(Task("t", rungs=("encoder", "majority", "keywords")))] == list(rungs()[:3])
    assert [r.name for r in recipes(Task("t", rungs=("slm-prompted",)))] == ["majority", "slm-prompted"]


@pytest.mark.parametrize(
    ("task", "says"),
    [
        (Task("t", rungs=("keyword",)), "did you mean 'keywords'"),
        (Task("t", rungs=("keywords",), rung_settings={"keywords": {"penalti": 1}}), "penalti"),
        (Task("t", rungs=("keywords",), rung_settings={"keywords": {"penalty": "1"}}), "must be of type float"),
        (Task("t", rungs=("keywords",), rung_settings={"keywords": {"dimensions": True}}), "must be of type int"),
    ],
)
def test_an_unknown_rung_or_setting_is_the_persons_mistake(task: Task, says: str) -> None:
    with pytest.raises(TaskError, match=says):
        recipes(task)


def test_a_rung_of_another_version_is_not_loaded() -> None:
    with pytest.raises(RunError, match="no rung"):
        load_specialist("slm-foreseen", Path("nowhere"))
