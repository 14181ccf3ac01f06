"""The shipped catalogue: every fact sourced and dated or unknown, numbers plausible, strangers refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
import tomllib
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizewise.core.errors import InputError
from sizewise.models.catalogue import token_price
from sizewise.models.known_facts import HostedModel, Price, Source
from sizewise.models.listing import (
    check,
    decode,
    exchange,
    listing,
    llm,
    open_model,
    source_keys,
    usd_price,
)

KNOWN = listing()
FILES = ("encoders.toml", "slms.toml", "llms.toml", "terms.toml", "exchange.toml")
#: what says what a model is called and belongs to, and what is arithmetic; everything else is a fact
NAMES = {"name", "family", "provider", "kind", "reference", "api", "terms"}


def raw(name: str) -> dict[str, Any]:
    return tomllib.loads(files("sizewise.models").joinpath("known", name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ["encoders.toml", "slms.toml", "llms.toml"])
def test_every_fact_has_its_source_or_is_unknown(name: str) -> None:
    for entries in raw(name).values():
        for entry in entries:
            for key in entry.keys() - NAMES:
                for fact in entry[key] if isinstance(entry[key], list) else [entry[key]]:
                    assert fact == "unknown" or fact["source"] in KNOWN.sources, (entry["name"], key)


def test_every_condition_of_every_terms_has_its_source() -> None:
    for name, terms in raw("terms.toml").items():
        for key in ("commercial", "training", "derived"):
            assert terms[key]["source"] in KNOWN.sources, (name, key)


def test_every_source_is_used_dated_and_not_of_the_future() -> None:
    used = {key for name in FILES for key in source_keys(raw(name))}
    assert used == KNOWN.sources.keys()
    for source in KNOWN.sources.values():
        assert dt.date(2026, 1, 1) <= source.seen <= dt.date.today()
        assert source.published is None or source.published <= source.seen


def test_the_families_that_people_ask_for_are_there() -> None:
    assert {"Gemma", "Phi", "Llama", "Mistral", "Qwen", "GigaChat"} <= {
        m.family for m in KNOWN.models if m.kind == "slm"
    }
    assert {m.provider for m in KNOWN.llms} == {
        "OpenAI", "Anthropic", "Cohere", "Google", "DeepSeek", "Sber", "Yandex",
    }  # fmt: skip
    for name in ("gemma-3-270m", "Phi-3-mini-4k-instruct", "Llama-3.1-8B-Instruct", "Mistral-Small-24B-Instruct-2501"):
        assert open_model(name) is not None
    for name in ("gpt-4o-mini", "gpt-4.1", "claude-haiku-4-5", "command-r-plus-08-2024", "GigaChat-2-Max"):
        assert llm(name) is not None


@pytest.mark.parametrize("model", KNOWN.models, ids=lambda m: m.name)
def test_numbers_of_open_models_are_plausible(model: Any) -> None:
    assert model.parameters == "unknown" or 1e7 < model.parameters.value < 5e10
    assert model.context == "unknown" or 256 <= model.context.value <= 2_000_000
    named = [part.upper().rstrip("B") for part in model.name.split("-") if part.upper().endswith("B")]
    sizes = [float(part) for part in named if part.replace(".", "").isdigit()]
    if sizes and model.parameters != "unknown":
        assert sizes[0] == pytest.approx(model.parameters.value / 1e9, rel=0.3), "the size in its name"


@pytest.mark.parametrize("model", KNOWN.llms, ids=lambda m: m.name)
def test_prices_are_plausible(model: HostedModel) -> None:
    price = model.price
    assert price != "unknown"
    assert 0 < price.input <= price.output
    assert price.cached == "unknown" or price.cached <= price.input
    usd = usd_price(model)
    assert usd != "unknown"
    assert 0.01 < usd.input < 50, "dollars per million tokens"
    assert 0.01 < usd.output < 200


def test_rouble_prices_say_whether_they_hold_vat_and_go_to_dollars_with_the_rates_day() -> None:
    lite, giga = llm("yandex:yandexgpt-lite"), llm("gigachat:GigaChat-2-Pro")
    assert lite is not None
    assert giga is not None
    usd = usd_price(lite)
    assert usd != "unknown"
    assert usd.vat == "included"
    assert usd.input == pytest.approx(200 / 80.85)
    assert usd.date == dt.date(2025, 10, 14), "the older of price and rate"
    assert isinstance(giga.price, Price)
    assert giga.price.vat == "unknown"


def test_money_is_exchanged_there_and_back() -> None:
    there = exchange(100.0, "EUR", "RUB")
    assert there != "unknown"
    assert there[1] == dt.date(2025, 10, 14), "the older of the two rates"
    back = exchange(there[0], "RUB", "EUR")
    assert back != "unknown"
    assert back[0] == pytest.approx(100)
    assert exchange(7.0, "USD", "USD") == (7.0, None, "")


@pytest.mark.parametrize("name", ["gpt-4o", "OpenAI:GPT-4o", "openrouter:openai/gpt-4o"])
def test_a_model_is_found_with_or_without_its_provider(name: str) -> None:
    found = llm(name)
    assert found is not None
    assert found.name == "gpt-4o"


@given(st.text())
def test_any_name_can_be_asked_for(name: str) -> None:
    assert llm(name) is None or llm(name) in KNOWN.llms
    assert open_model(name) is None or open_model(name) in KNOWN.models


def test_prices_of_listed_models_serve_the_costs_of_a_run() -> None:
    price = token_price("anthropic:claude-haiku-4-5")
    assert price is not None
    assert (price.prompt, price.cached, price.completion, price.date) == (1.0, 0.1, 5.0, "2026-11-23")
    roubles = token_price("GigaChat-2-Lite")
    assert roubles is not None
    assert roubles.prompt == pytest.approx(65 / 80.85)


GOOD = """
[[llm]]
name = "x"
family = "X"
provider = "X"
api = "x:x"
context = "unknown"
languages = "unknown"
terms = "mit"
regions = "unknown"
price = "unknown"
"""


class Llms(msgspec.Struct, forbid_unknown_fields=True):
    llm: tuple[HostedModel, ...]


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ('family = "X"\n', "", "family"),
        ('family = "X"', 'family = ""', "family"),
        ('family = "X"', 'family = "X"\nweight = 3', "weight"),
        ('context = "unknown"', "context = { value = 10 }", "source"),
        ('context = "unknown"', 'context = { value = -1, source = "litellm" }', "context"),
        ('context = "unknown"', 'context = "perhaps"', "context"),
        ('price = "unknown"', "price = 3", "price"),
        ('languages = "unknown"', 'languages = { value = ["Русский"], source = "litellm" }', "languages"),
        ('name = "x"', 'name = "x', "line 3"),
    ],
)
def test_what_is_not_of_the_form_is_refused_with_its_place(was: str, now: str, said: str) -> None:
    assert decode(GOOD, Llms, "llms.toml").llm[0].price == "unknown"
    with pytest.raises(InputError, match=r"llms\.toml") as refused:
        decode(GOOD.replace(was, now), Llms, "llms.toml")
    assert said in str(refused.value)


def test_a_source_needs_the_day_on_which_it_was_seen() -> None:
    with pytest.raises(InputError, match="seen"):
        decode('[a]\ntitle = "A"\nurl = "https://a.example"', dict[str, Source], "sources.toml")


def test_a_listing_whose_keys_lead_nowhere_is_refused() -> None:
    check(KNOWN)
    for broken in (
        dataclasses.replace(KNOWN, sources={}),
        dataclasses.replace(KNOWN, terms={}),
        dataclasses.replace(KNOWN, llms=(*KNOWN.llms, KNOWN.llms[0])),
    ):
        with pytest.raises(InputError, match="does not hold"):
            check(broken)
