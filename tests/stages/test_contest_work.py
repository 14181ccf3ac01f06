"""The folder that the contest gives to a rung that keeps checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sizewise.core.example import Train
from sizewise.core.model import Fitted, Recipe, Specialist
from sizewise.specialists.keywords import KeywordsRecipe
from sizewise.stages.contest import with_work


@dataclass(frozen=True)
class Slow:
    work: Path | None = None
    name: str = "slow"

    def fit(self, examples: Train) -> Specialist:
        raise NotImplementedError

    def validate(self, examples: Train, folds: Any, below: Mapping[str, Fitted]) -> Fitted:
        raise NotImplementedError


def test_a_recipe_that_keeps_checkpoints_is_given_the_same_folder_again(tmp_path: Path) -> None:
    recipe: Recipe = Slow()
    for _ in range(2):
        given = with_work(recipe, tmp_path / "checkpoints" / "slow")
        assert isinstance(given, Slow)
        assert given.work == tmp_path / "checkpoints" / "slow"
        (given.work / "step-1").touch()


def test_another_recipe_stays_what_it_is(tmp_path: Path) -> None:
    recipe = KeywordsRecipe()
    assert with_work(recipe, tmp_path / "checkpoints") is recipe
    assert not (tmp_path / "checkpoints").exists()
