"""The cost of ownership as people see it: totals, flips, pictures with both ways told apart without colour."""

from __future__ import annotations

import re

import pytest

from sizewise.advice.costs import monthly_costs, read_assumptions
from sizewise.advice.ownership import Point
from sizewise.advice.ownership_case import with_llm
from sizewise.advice.ownership_chart import chart
from sizewise.advice.ownership_view import Terms, ownership, ownership_page, ownership_summary
from sizewise.advice.rules import LANGUAGES, Language
from sizewise.advice.words import texts
from sizewise.core.errors import TaskError
from sizewise.models.listing import exchange

ASSUMED = read_assumptions()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("currency", ["USD", "RUB"])
def test_the_page_shows_three_sets_of_assumptions_and_three_pictures(language: Language, currency: str) -> None:
    found = ownership({"volume": 300_000.0, "output": "label"}, ASSUMED, currency, "gpt-4o")
    page, text = ownership_page(found, language), ownership_summary(found, language)
    assert page.count("<svg") == 3
    assert page.count('class="line small"') == page.count('class="line large"') == 3
    assert "stroke-dasharray" in page
    assert not re.search(
        r"https?://(?!www\.w3\.org/2000/svg)",
        re.sub(r'<td>.*?</td>|<p class="note priced">.*?</p>', "", page).replace("http://www.w3.org/2000/svg", ""),
    )
    assert text.count("gpt-4o") == 2
    for name, entry in ASSUMED.entries.items():
        assert name in page
        assert entry.date in page


def test_a_band_holds_its_line_and_axes_their_numbers() -> None:
    sides = tuple([Point(10.0**i, f * 10.0**i, f * 100.0) for i in range(1, 5)] for f in (1.0, 2.0, 5.0))
    drawn = chart((sides[0], sides[1], sides[2]), "totals <b>", lambda v: f"{v:g} rows", lambda a: f"${a:g}")
    assert "totals &lt;b&gt;" in drawn
    assert "10 rows" in drawn
    assert "$100" in drawn
    for way in ("small", "large"):
        band, line = (_heights(drawn, f"{kind} {way}") for kind in ("band", "line"))
        assert min(band) <= min(line)
        assert max(line) <= max(band)


def _heights(drawn: str, css_class: str) -> list[float]:
    path = re.search(rf'class="{css_class}" d="M([^"]*)"', drawn)
    assert path is not None
    return [float(pair.split()[1].rstrip("Z")) for pair in path[1].split("L")]


def test_a_volume_that_is_not_known_and_a_closed_perimeter_are_said() -> None:
    found = ownership({"perimeter": "closed"}, ASSUMED, large="gpt-4o")
    assert "comparison only" in ownership_summary(found)
    assert "только для сравнения" in ownership_page(found, "ru")


def test_a_model_without_a_price_is_refused() -> None:
    with pytest.raises(TaskError, match="no price for"):
        ownership({}, ASSUMED, large="nobody:knows")


def test_the_price_is_dated_and_sourced_and_says_whether_it_holds_vat() -> None:
    for model, said in (("YandexGPT-Lite-5", "с НДС"), ("gpt-4o", "без НДС"), ("GigaChat-2-Max", "неизвестно")):
        found = ownership({"volume": 300_000.0}, ASSUMED, "RUB", model)
        for text in (ownership_summary(found, "ru").splitlines()[-1], ownership_page(found, "ru")):
            (priced,) = re.findall(rf"Цена {model}: https://[^<]*", text)
            assert said in priced
            assert re.search(r"20\d\d-\d\d-\d\d", priced)


def test_amounts_are_shown_by_the_rates_of_the_catalogue() -> None:
    for name in ("RUB", "EUR"):
        rate = exchange(1.0, "USD", name)
        assert rate != "unknown"
        assert ASSUMED.currency(name).per_usd == pytest.approx(rate[0], rel=1e-4)
        assert ASSUMED.currency(name).date == str(rate[1])


def test_caching_batches_and_a_machine_that_is_there_already_lower_the_total() -> None:
    answers: dict[str, str | float] = {"volume": 300_000.0, "output": "label"}
    plain = ownership(answers, ASSUMED, large="gpt-4o").cases[1]
    less = ownership(answers, ASSUMED, large="gpt-4o", terms=Terms(12, "there", 0.8, 0.5)).cases[1]
    assert less.machine.month < plain.machine.month
    assert less.traffic.cached_share == 0.8
    assert "12 months" in ownership_summary(ownership(answers, ASSUMED, terms=Terms(12)))


@pytest.mark.parametrize("terms", [{"months": 0}, {"cached_share": 1.5}, {"batch_share": -0.1}, {"machine": "stolen"}])
def test_terms_that_make_no_sense_are_refused(terms: dict[str, object]) -> None:
    with pytest.raises(TaskError, match="--"):
        Terms(**terms)  # type: ignore[arg-type]


def test_a_named_model_narrows_the_monthly_range() -> None:
    answers: dict[str, str | float] = {"volume": 300_000.0, "output": "label"}
    every, one = (
        next(c.total for c in monthly_costs(answers, assumed) if c.way == "large")
        for assumed in (ASSUMED, with_llm(ASSUMED, "gpt-4o"))
    )
    assert every[0] < one[0] <= one[1] <= every[1]


def test_every_assumption_and_unit_is_said_in_words() -> None:
    for language in ("en", "ru"):
        named = texts(language)
        assert {f"assumption_{name}" for name in ASSUMED.entries} <= named.keys()
        units = {entry.unit for entry in ASSUMED.entries.values()}
        assert {"unit_" + unit.lower().replace(" ", "_").replace("-", "_") for unit in units} <= named.keys()
    page = ownership_page(ownership({}, ASSUMED), "ru")
    assert "50\u00a0000\u00a0000 – 200\u00a0000\u00a0000 запросов в месяц" in page
    assert "0,25 – 3 минут на пример" in page
    assert "e+0" not in page
