from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import pytest

from sizewise.core.measurement import Forecast, RowsToBar
from sizewise.core.verdict import DataSummary, MoreData
from sizewise.report.headline import headline
from sizewise.report.page import SECTIONS, render
from sizewise.report.words import Words
from sizewise.verdict.wording import LANGUAGES, Language, reason

from .reader import Page, read
from .records import CONTRADICTION, EVERY, HOSTILE, forecast, probes, record, with_verdict

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
        (
            "more-data-llm",
            "en",
            ("too early to decide", "at least 38 more calibration rows that the large model has answered"),
        ),
        ("small-llm", "ru", ("справится со всей задачей", "не более 3\u00a0%", "$0,012 вместо $0,29")),
        ("cascade-llm", "ru", ("74,1\u00a0%", "остальные передавать большой")),
        ("cascade-alone", "ru", ("остальные оставить людям",)),
        ("large-llm", "ru", ("Оставайтесь на большой модели",)),
        ("more-data-llm", "ru", ("Решать рано", "калибровочные строки с ответом большой модели, не меньше чем 38")),
    ],
)
def test_headline_says_the_decision_its_guarantee_and_its_price(
    parsed: Parsed, name: str, language: Language, said: tuple[str, ...]
) -> None:
    whole = headline(EVERY[name], Words(language))
    assert whole.endswith(".")
    assert [part for part in said if part not in whole] == []
    short = parsed[name, language].headline
    assert short.endswith(".")
    assert whole.startswith(short.rstrip("."))


@pytest.mark.parametrize(
    ("name", "language", "said"),
    [
        ("small-llm", "en", ("What it brings", "$0.012", "instead of $0.29", "≤ 2.97", "sizewise predict run rows.jsonl")),
        ("small-gold", "en", ("500 000 requests a month: $30.37 instead of $145.50", "certified".title())),
        ("cascade-llm", "en", ("71.8 %", "2.3 %", "25.9 %", "passed on to the large model", "sizewise report run --texts",
                               "at most 3 % of all requests get another answer")),
        ("cascade-alone", "ru", ("оставлено людям", "неверный ответ получат не более 3 %", "sizewise predict run")),
        ("large-llm", "en", ("What it costs today", "sizewise check banking77_llm_log.jsonl.gz")),
        ("more-data-llm", "ru", ("Собрать недостающие примеры", "sizewise decide log.jsonl --out run-2")),
        ("contradicted", "en", ("Do not use it yet", "sizewise check")),
    ],
)  # fmt: skip
def test_the_first_screen_answers_a_manager(
    parsed: Parsed, name: str, language: Language, said: tuple[str, ...]
) -> None:
    verdict = parsed[name, language].part("verdict").replace("\u00a0", " ").replace("\u202f", " ")
    assert [part for part in said if part not in verdict] == []
    titles = {"en": ("How sure that is", "The biggest limit", "What to do next"),
              "ru": ("Насколько это надёжно", "Главная оговорка", "Что делать дальше")}[language]  # fmt: skip
    assert [title for title in titles if title not in verdict] == []


def test_the_gravest_limit_is_the_one_on_the_first_screen(parsed: Parsed) -> None:
    verdict = parsed["cascade-llm", "en"].part("verdict")
    assert "near-duplicate in train" in verdict
    assert "4 more below" in verdict
    of = record()
    grave = reason("reference_llm_with_gold", accuracy=0.7, low=0.68, high=0.72, n=3_000)
    page = read(render(with_verdict(of, limit_codes=(*of.verdict.limit_codes, grave))))
    assert "repeating its errors" in page.part("verdict")
    assert "--reference gold" in page.part("verdict")


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
    verdict = parsed["cascade-gold", "en"].part("evidence")
    for figure in ("74.1", "95.5", "96.9", "$0.012", "$0.079", "$0.29", "3.10", "575"):
        at = verdict.index(figure, verdict.index("Key figures"))
        assert INTERVAL.search(verdict[at : at + 60]), verdict[at : at + 60]
    assert "2\u202f984 groups" in verdict
    assert "$0,29" in parsed["cascade-gold", "ru"].part("evidence")


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
    assert set(SECTIONS) - {"audit", "forecast"} <= set(ids)
    assert [part for part in SECTIONS if part in ids] == [i for i in ids if i in SECTIONS]
    landmarks = [tag for tag, _ in page.tags if tag in ("header", "nav", "main", "footer")]
    assert sorted(landmarks) == ["footer", "header", "main", "nav"]
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
    assert "x" * 350 not in html
    assert "y" * 350 not in html
    assert html.count("<style>") == 1
    assert "<img" not in html
    assert "<svg onload" not in html
    assert "49" not in page.part("look")
    assert len(html) < 300_000
    assert HOSTILE[0] in page.text
    assert "\\x1b[31mred" in page.text
    assert "\\u202e" in page.text
    assert HOSTILE[4] in page.text


def test_the_same_record_gives_the_same_bytes() -> None:
    assert render(record()) == render(record())


def test_pictures_follow_the_page_s_colours(pages: dict[tuple[str, Language], str]) -> None:
    html = pages["cascade-llm", "en"]
    assert html.count("<svg") == 4
    drawn = "".join(re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert "var(--accent)" in drawn
    assert not re.search(r"#[0-9a-f]{6}\b", drawn)
    assert pages["bare", "en"].count("<svg") == 0


def test_both_languages_have_the_same_structure(parsed: Parsed) -> None:
    for name in EVERY:
        shapes = []
        for language in LANGUAGES:
            tags = [(tag, attributes.get("id"), attributes.get("class"), attributes.get("scope"))
                    for tag, attributes in parsed[name, language].tags if tag not in ("path", "g", "use", "text", "tspan", "defs", "clippath")]  # fmt: skip
            shapes.append(tags)
        assert shapes[0] == shapes[1], name


def test_labels_slices_and_disputes_are_shown_with_their_rows(parsed: Parsed) -> None:
    part = parsed["cascade-gold", "en"].part("mistakes")
    assert part.index("never said") > 0
    assert "no such row" in part
    assert "Every label: 25" in part
    assert "1–40 characters" in part
    assert "web" in part
    assert "34.4\u00a0% 29.5–39.3\u00a0%; n\u00a0=\u00a0363" in part
    weakest = part[part.index("The weakest labels") :]
    assert weakest.index("label 00") < weakest.index("label 05")
    assert "Nearest the threshold" in parsed["cascade-llm", "en"].part("look")
    assert "(не метка)" in parsed["cascade-llm", "ru"].part("look")


def test_the_audit_and_the_forecast_are_told_and_left_out_where_there_are_none(parsed: Parsed) -> None:
    audited = parsed["cascade-gold", "en"].part("audit")
    for said in (
        "312 of 7\u202f083",
        "4.1\u00a0%",
        "label 23",
        "payment card",
        "wrong encoding",
        "English",
        "asked again",
    ):
        assert said in audited, said
    assert "ann@example.com" not in audited
    assert "audit" not in parsed["bare", "en"].parts
    assert "forecast" not in parsed["bare", "en"].parts
    ahead = parsed["cascade-gold", "en"].part("forecast")
    assert "about 4\u202f200 more examples" in ahead
    assert "(2\u202f100–9\u202f900)" in ahead
    assert "79.0\u00a0% 76.0–82.0\u00a0%, foreseen at 90\u00a0%; n\u00a0=\u00a04 measured points" in ahead


def test_the_probes_are_told_in_both_languages_and_left_out_where_there_are_none() -> None:
    whole = record("cascade")
    for language, said in (("en", "Does it hang on how one asks?"), ("ru", "Зависит ли ответ от того, как спросить?")):
        page = render(whole, language)  # type: ignore[arg-type]
        assert said in page
        told = page[page.index('id="probes"') :]
        assert "slm-prompted" in told
        assert "encoder" in told
        bare = replace(whole, measurements=replace(whole.measurements, probes=()))
        assert 'id="probes"' not in render(bare, language)  # type: ignore[arg-type]
    english, russian = render(whole, "en"), render(whole, "ru")
    assert "Trained on the task, without a prompt, so nothing to reword: encoder." in english
    assert "your own wording 1" in english
    assert "русский текст в латинской раскладке" in russian
    assert "5.0\u00a0points apart" not in english, "a spread stands with its interval"
    assert "0.0–15.0" in english


def test_the_scorecard_sets_the_large_models_wording_beside_the_small_ones() -> None:
    for language, asked, trained in (
        ("en", "answers that change when the prompt is worded otherwise", "it has no prompt to word"),
        ("ru", "ответы, которые меняются, если иначе сформулировать запрос", "обучена на задаче"),
    ):
        page = render(record("cascade"), language)  # type: ignore[arg-type]
        row = page[page.index(asked) :][:1_500].partition("</tr>")[0]
        assert trained in row
        assert "12" in row
        assert "40" in row
        whole = record("cascade")
        prompted = replace(
            whole, measurements=replace(whole.measurements, probes=(replace(probes()[1], model="encoder"),))
        )
        row = render(prompted, language).partition(asked)[2].partition("</tr>")[0]  # type: ignore[arg-type]
        assert trained not in row
        assert "10" in row


def test_what_was_concluded_from_the_files_is_told(parsed: Parsed) -> None:
    told: tuple[tuple[Language, str], ...] = (("en", "a value in JSON"), ("ru", "значение в JSON"))
    for language, rule in told:
        part = parsed["cascade-llm", language].part("data")
        assert rule in part
        assert "new rule" in part
        assert "taken from the last message" in part
        assert "ann@example.com" not in part


@pytest.mark.parametrize(
    ("more", "gold", "how", "en", "ru"),
    [
        (MoreData(39, None, 39, None, "calibrate", None), False, "time",
         "at least 39 more calibration rows that the large model has answered are needed (in today's proportions 156 more rows",
         "с ответом большой модели, не меньше чем 39 (новых строк журнала в нынешних пропорциях\u00a0— 156:"),
        (MoreData(39, None, 39, None, "calibrate", None), True, "column",
         "at least 39 more calibration rows whose right answer is known are needed;", "ответом, не меньше чем 39;"),
        (MoreData(39, None), False, "column", "at least 39 more calibration rows", "не меньше чем 39"),
        (MoreData(400, None, 250, 900, "train", True), False, "random",
         "by the forecast, about 400 more training rows (250 to 900) would do", "обучающие строки, примерно 400 (от 250 до 900)"),
        (MoreData(400, None, 250, None, "both", True), True, "random",
         "about 400 more rows, shared between training and calibration as today, may do, and at least 250 are needed",
         "строки для обучения и калибровки в нынешнем соотношении, примерно 400 и не меньше чем 250"),
        (MoreData(None, None), False, "random", "too few examples for any guarantee", "слишком мало"),
    ],
)  # fmt: skip
def test_the_headline_says_how_many_rows_are_missing_and_of_which_kind(
    more: MoreData, gold: bool, how: Literal["column", "time", "random"], en: str, ru: str
) -> None:
    data = DataSummary("ab", 240, 240, {"train": 120, "calibrate": 60, "test": 48})
    of = with_verdict(record("more-data", gold), more_data=more, data=data)
    of = replace(of, data_check=replace(of.data_check, split_how=how))
    assert en in headline(of, Words("en"))
    assert ru in headline(of, Words("ru"))
    assert "about 39" not in headline(of, Words("en"))


def test_a_forecasts_bar_is_told_from_what_is_asked_for() -> None:
    of = record()
    bars = [
        replace(forecast(None, 0.995).curves[0], metric="agreement", by="train"),
        replace(forecast(None, 0.269).curves[0], by="train"),
        replace(forecast(None, 0.269).curves[0], by="both"),
    ]
    of = replace(of, measurements=replace(of.measurements, forecast=Forecast("encoder", tuple(bars))))
    for language, everything, asked in (
        ("en", "That bar is for answering everything; a cascade", "A coverage of 20\u00a0% is asked for; it is shown with 26.9\u00a0%"),
        ("ru", "Этот уровень нужен, чтобы отвечать на всё; каскаду", "Требуется охват 20\u00a0%; он доказан, если"),
    ):  # fmt: skip
        part = read(render(of, language)).part("forecast")  # type: ignore[arg-type]
        assert part.count(everything) == part.count(asked) == 1


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        (forecast(None), "more data alone will not reach the bar of 90"),
        (forecast(RowsToBar(5_000, 2_000, None)), "it may stay out of reach"),
        (forecast(None, None), "no bar applies"),
    ],
)
def test_what_more_data_would_bring_is_said_in_a_sentence(curve: Forecast, said: str) -> None:
    of = record()
    of = replace(of, measurements=replace(of.measurements, forecast=curve))
    assert said in read(render(of)).part("forecast")
    reached = replace(curve.curves[0], reached_today=True, bar=0.6)
    of = replace(of, measurements=replace(of.measurements, forecast=Forecast("encoder", (reached,))))
    assert "is reached with today's" in read(render(of)).part("forecast")
