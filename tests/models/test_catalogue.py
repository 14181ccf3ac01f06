from __future__ import annotations

import re
import tomllib
from datetime import date
from importlib.resources import files

import pytest

from sizewise.models.catalogue import DEFAULT_ENCODER, known_model, licence, machine_prices, token_price


def test_every_entry_has_its_source_and_date() -> None:
    catalogue = tomllib.loads(files("sizewise.models").joinpath("catalogue.toml").read_text(encoding="utf-8"))
    assert set(catalogue) == {"machine", "models"}
    assert isinstance(catalogue["machine"]["date"], date)
    assert "http" in catalogue["machine"]["source"]
    for entry in catalogue["models"].values():
        assert entry["licence"]
        assert all(re.fullmatch("[0-9a-f]{64}", sha256) for sha256 in entry["sha256"].values())


@pytest.mark.parametrize("name", ["gpt-4o", "openai:gpt-4o", "openrouter:openai/gpt-4o", "openai/gpt-4o"])
def test_a_price_is_found_with_or_without_its_provider(name: str) -> None:
    price = token_price(name)
    assert price is not None
    assert (price.prompt, price.cached, price.completion) == (2.5, 1.25, 10.0)


@pytest.mark.parametrize("name", ["gpt-4o-of-tomorrow", "", "GPT"])
def test_an_unknown_price_is_none_and_never_a_guess(name: str) -> None:
    assert token_price(name) is None


def test_what_is_known_of_a_model() -> None:
    assert licence(DEFAULT_ENCODER) == "Apache-2.0"
    assert set(known_model(DEFAULT_ENCODER)) == {"tokenizer.json", "onnx/model.onnx", "onnx/model.onnx_data"}
    assert licence("file:mine") is None
    assert known_model("file:mine") == {}


def test_the_machine_has_a_price() -> None:
    prices = machine_prices()
    assert prices.machine_usd_per_hour > 0
    assert 0 < prices.utilisation <= 1
    assert prices.date == str(date.fromisoformat(prices.date))
