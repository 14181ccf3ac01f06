from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from sizewise.report.page import SECTIONS, render
from sizewise.verdict.wording import LANGUAGES, Language

from .reader import Page, read
from .records import CONTRADICTION, EVERY, HOSTILE, record, with_verdict

INTERVAL = re.compile(r"\d[\d.,\u202f]*(?:–\$?|\u00a0…\u00a0)[−\d][\d.,\u202f]*.*?; n\u00a0=\u00a0\d")


@pytest.fixture(scope="module")
def pages() -> dict[tuple[str, Language], str]:
    return {(name, language): render(of, language) for name, of in EVERY.items() for language in LANGUAGES}


@pytest.fixture(scope="module")
def parsed(pages: dict[tuple[str, Language], str]) -> dict[tuple[str, Language], Page]:
    return {key: read(html) for key, html in pages.items()}


Parsed = dict[tuple[str, Language], Page]


@pytest.mark.parametrize(
    ("name", "language", "said"),
    [
        (
            "small-llm",
            "en",
            ("can do the whole task", "at most 3\u00a0%", "95\u00a0% certainty", "$0.012 instead of $0.29"),
        ),
        ("small-gold", "en", ("give or take 1\u00a0%", "$30.37 instead of $145.50")),
        ("cascade-llm", "en", ("74.1\u00a0%", "pass the rest to the large model", "$0.079 instead of $0.29")),
        ("cascade-alone", "en", ("leave the rest to people", "answered wrongly")),
        ("large-llm", "en", ("Stay with the large model", "$0.29")),
        ("large-alone", "en", ("No small model qualifies",)),
        ("more-data-llm", "en", ("too early to decide", "38 more examples")),
        ("small-llm", "ru", ("справится со всей задачей", "не более 3\u00a0%", "$0,012 вместо $0,29")),
        ("cascade-llm", "ru", ("74,1\u00a0%", "остальные передавать большой")),
        ("cascade-alone", "ru", ("остальные оставить людям",)),
        ("large-llm", "ru", ("Оставайтесь на большой модели",)),
        ("more-data-llm", "ru", ("Решать рано", "38 примеров")),
    ],
)
def test_headline_says_the_decision_its_guarantee_and_its_price(
    parsed: Parsed, name: str, language: Language, said: tuple[str, ...]
) -> None:
    headline = parsed[name, language].headline
    assert headline.endswith(".")
    assert [part for part in said if part not in headline] == []


@pytest.mark.parametrize(
    ("binding", "bar", "said"),
    [
        ("latency", {"latency_p95_ms": 5.0}, "too slow"),
        ("memory", {"memory_mb": 100.0}, "of memory"),
        ("coverage", {}, "may safely answer only 74.1"),
        ("cost", {"volume_per_month": 90_000.0}, "does not pay at 90\u202f000"),
    ],
)
def test_large_names_what_binds(binding: str, bar: dict[str, float], said: str) -> None:
    of = record("large", volume=bar.get("volume_per_month"))
    of = replace(of, measurements=replace(of.measurements, bar=replace(of.measurements.bar, **bar)))  # type: ignore[arg-type]
    of = with_verdict(of, binding_constraint=binding, cascade=record("cascade").verdict.cascade)
    assert said in read(render(of)).headline


def test_a_small_model_that_is_better_is_said_to_be_better() -> None:
    of = record("small", gold=True)
    assert of.verdict.guarantee is not None
    promise = replace(of.verdict.guarantee, bound=-0.1642, bound_answering_all=-0.1642)
    of = with_verdict(of, guarantee=promise, guarantees=(promise,))
    assert "more often right than the large model's, by at least 16.4\u00a0%" in read(render(of)).headline
    assert "не менее чем на 16,4\u00a0%" in read(render(of, "ru")).headline


def test_the_source_of_a_price_is_said_in_the_reader_s_language() -> None:
    of = record()
    source = "tokens × price of gpt-4o (2026-06-01, https://prices.example (list))"
    of = with_verdict(of, costs=replace(of.verdict.costs, large_source=source))
    assert "токены × цена gpt-4o (2026-06-01, https://prices.example (list))" in read(render(of, "ru")).part("money")


def test_a_closed_perimeter_rules_the_large_model_out() -> None:
    of = record("large")
    of = replace(of, measurements=replace(of.measurements, bar=replace(of.measurements.bar, perimeter="closed")))
    assert "perimeter" in read(render(of)).headline


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_contradiction_stands_before_the_headline_which_promises_nothing(parsed: Parsed, language: Language) -> None:
    page = parsed["contradicted", language]
    verdict = page.part("verdict")
    assert CONTRADICTION.parameters["quantity"] == "risk"
    warning = {"en": "The test contradicts the guarantee", "ru": "Тест противоречит гарантии"}[language]
    assert verdict.index(warning) < verdict.index(page.headline)
    assert "95" not in page.headline


def test_key_figures_stand_with_interval_and_n(parsed: Parsed) -> None:
    verdict = parsed["cascade-gold", "en"].part("verdict")
    for figure in ("74.1", "95.5", "96.9", "$0.012", "$0.079", "$0.29", "3.10", "575"):
        at = verdict.index(figure, verdict.index("Key figures"))
        assert INTERVAL.search(verdict[at : at + 60]), verdict[at : at + 60]
    assert "2\u202f984 groups" in verdict
    assert "$0,29" in parsed["cascade-gold", "ru"].part("verdict")


def test_every_measured_value_of_the_ladder_is_shown(parsed: Parsed) -> None:
    page = parsed["cascade-gold", "en"]
    for figure in (
        "94.1\u00a0%",
        "0.922",
        "3.10\u00a0ms",
        "7.13\u00a0ms",
        "244\u00a0MiB",
        "44.0\u00a0MiB",
        "62.0\u00a0s",
        "968",
    ):
        assert figure in page.part("ladder")
    assert "✓ chosen" in page.part("ladder")
    assert "✓ выбрана" in parsed["cascade-gold", "ru"].part("ladder")


def test_what_was_not_measured_is_said(parsed: Parsed) -> None:
    assert parsed["bare", "en"].text.count("not measured") > 15
    assert parsed["bare", "ru"].text.count("не измерено") > 15
    assert "None" not in parsed["bare", "en"].text
    assert "no large model in the data" in parsed["cascade-alone", "en"].part("scorecard")


def test_texts_are_shown_only_when_given_and_then_without_personal_data() -> None:
    secret = "My card 4276 3800 1234 5678 is late, write to ann@example.com <b>now</b>"
    assert "is late" not in render(record())
    page = read(render(record(), texts={"r17": secret}))
    assert "is late" in page.text
    assert "<b>now</b>" in page.text
    assert "4276" not in page.text
    assert "ann@example.com" not in page.text
    assert "ann@example.com" not in read(render(record())).part("data")


def test_all_limits_and_reasons_stand_on_the_page(parsed: Parsed) -> None:
    of = EVERY["cascade-llm"].verdict
    text = parsed["cascade-llm", "en"].text
    assert [limit for limit in of.limits if limit not in text] == []
    assert [reason.text for reason in of.reasons if reason.text not in text] == []


def test_an_unknown_reason_falls_back_to_its_own_text() -> None:
    of = record()
    newer = replace(of.verdict.reasons[0], code="from_the_future", text="Said by a newer version.")
    assert "Said by a newer version." in render(with_verdict(of, reasons=(newer,)), "ru")


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("language", LANGUAGES)
def test_page_is_well_formed_small_and_loads_nothing(
    pages: dict[tuple[str, Language], str], parsed: Parsed, name: str, language: Language
) -> None:
    page, html = parsed[name, language], pages[name, language]
    assert len(html.encode()) < 300_000
    assert dict(page.tags)["html"].get("lang") == language
    assert not {tag for tag, _ in page.tags} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "audio",
    }
    for tag, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")], attributes
        loaded = [attributes.get(name) or "" for name in ("src", "href", "xlink:href", "action", "data", "poster")]
        assert [address for address in loaded if address and not address.startswith("#")] == [], tag
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("language", LANGUAGES)
def test_page_can_be_read_by_ear_and_keyboard(parsed: Parsed, name: str, language: Language) -> None:
    page = parsed[name, language]
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.tables == len(page.captions)
    assert all(caption.strip() for caption in page.captions)
    assert all(attributes.get("scope") for tag, attributes in page.tags if tag == "th")
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    targets = {attributes["href"] for tag, attributes in page.tags if tag in ("a", "use") and attributes.get("href")}
    assert {target for target in targets if target and target[1:] not in ids} == set()
    assert set(SECTIONS) <= set(ids)
    for tag, attributes in page.tags:
        if tag == "svg":
            assert set((attributes["aria-labelledby"] or "").split()) <= set(ids)
        if attributes.get("class") in ("scroll", "drawing"):
            assert attributes["tabindex"] == "0"
            assert attributes["aria-label"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_names_are_harmless_and_short(
    pages: dict[tuple[str, Language], str], parsed: Parsed, language: Language
) -> None:
    html, page = pages["hostile", language], parsed["hostile", language]
    assert "<script" not in html
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert "x" * 100 not in html
    assert HOSTILE[0] in page.text
    assert "\\x1b[31mred" in page.text
    assert "\\u202e" in page.text
    assert HOSTILE[4] in page.text


def test_the_same_record_gives_the_same_bytes() -> None:
    assert render(record()) == render(record())


def test_pictures_follow_the_page_s_colours(pages: dict[tuple[str, Language], str]) -> None:
    html = pages["cascade-llm", "en"]
    assert html.count("<svg") == 3
    drawn = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert "var(--accent)" in drawn
    assert not re.search(r"#[0-9a-f]{6}\b", drawn)
    assert pages["bare", "en"].count("<svg") == 0
