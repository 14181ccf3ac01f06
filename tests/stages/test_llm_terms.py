"""What is known of an LLM before it is asked: its terms, each with its page and the day it was read."""

from __future__ import annotations

import re

import pytest

from sizewise.llm.providers import endpoint, providers
from sizewise.models.listing import listing
from sizewise.stages.llm_terms import known, training_terms

HOSTED = sorted({model.api for model in listing().llms if model.api.partition(":")[0] in providers()})


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("reference", HOSTED)
def test_every_hosted_model_has_terms_with_a_dated_page(reference: str, language: str) -> None:
    place = endpoint(reference, "http://127.0.0.1:1/v1")
    assert known(place) is not None
    told = training_terms(place, language)
    assert told.text
    assert re.search(r"\(https://\S+, seen 20\d\d-\d\d-\d\d\)", told.sentence)
    loud = {"forbidden": "FORBID training", "limited": "LIMIT training", "free": "training on answers"}
    assert loud.get(told.answer, "are not known") in told.sentence
    assert (told.answer == "free") == ("Read them before you go on" not in told.sentence)


def test_terms_that_are_not_known_are_said_to_be_so() -> None:
    assert "are not known" in training_terms(endpoint("compatible:mine", "http://127.0.0.1:1/v1")).sentence
    assert {training_terms(endpoint(one, "http://127.0.0.1:1/v1")).answer for one in HOSTED} >= {"limited", "free"}
