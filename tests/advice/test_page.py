"""The page in a real browser: it computes what the Python code computes, and works by keyboard, in both languages."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sizewise.advice.costs import read_assumptions
from sizewise.advice.page import page
from sizewise.advice.questionnaire import Given
from sizewise.advice.rules import read_rules
from sizewise.advice.summary import advise, as_data
from sizewise.advice.words import texts

from .answer_sets import random_answers
from .keyboard import opened

RULES, ASSUMED = read_rules(), read_assumptions()
SETS = 1_000
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--hide-scrollbars",
    "--disable-features=Translate,OptimizationHints,MediaRouter", "--virtual-time-budget=10000",
)  # fmt: skip


def dumped(text: str, folder: Path) -> str:
    """The page after its scripts ran, as the browser holds it."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [CHROMIUM, *QUIET, f"--user-data-dir={folder / 'profile'}", "--dump-dom", file.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    return done.stdout


def driven(text: str, script: str, folder: Path) -> dict[str, Any]:
    """Run ``script`` in the page, which leaves its findings in ``found``; the page's own policy must let go of it first."""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    driver = f'<pre id="found"></pre><script>const found = {{}}; {script}; document.getElementById("found").textContent = JSON.stringify(found);</script></body>'
    match = re.search(r'<pre id="found">(.*?)</pre>', dumped(text.replace("</body>", driver), folder), re.DOTALL)
    assert match is not None
    result: dict[str, Any] = json.loads(html.unescape(match[1]))
    return result


def test_browser_and_python_agree_on_a_thousand_answer_sets(tmp_path: Path) -> None:
    sets = [random_answers(RULES, seed) for seed in range(SETS)]
    script = f"""
    const data = JSON.parse(document.getElementById("data").textContent);
    found.judged = {json.dumps(sets)}.map((a) => ({{...Sizewise.judge(a, data.rules), costs: SizewiseCosts.monthly(a, data.assumed)}}));
    """
    theirs = driven(page(RULES, ASSUMED, "en"), script, tmp_path)["judged"]
    assert len(theirs) == SETS
    for answers, said in zip(sets, theirs, strict=True):
        ours = as_data(advise(answers, RULES, ASSUMED))
        assert said["advice"] == ours["advice"]
        assert said["large_where"] == ours["large_where"]
        assert [said[end] for end in ("low", "high")] == pytest.approx([ours["score"]["low"], ours["score"]["high"]])
        assert said["certainty"] == pytest.approx(ours["certainty"])
        assert said["settle"] == ours["settle"]
        assert said["risks"] == [{"id": r["id"], "way": r["way"], "certain": r["certain"]} for r in ours["risks"]]
        assert [dict(RULES.contradictions[i].when) for i in said["contradictions"]] == ours["contradictions"]
        for cost in said["costs"]:
            expected = ours["costs_usd_per_month"][cost["way"]]
            assert cost["total"] == pytest.approx([expected["low"], expected["high"]])
            assert cost["people"] == pytest.approx([expected["people_low"], expected["people_high"]])


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_page_opens_in_its_language_under_its_own_policy(tmp_path: Path, language: str) -> None:
    answers: dict[str, Given] = {"field": "narrow", "tasks": "one", "volume": 5_000.0}
    shown = dumped(page(RULES, ASSUMED, language, answers), tmp_path)
    said = texts("ru" if language == "ru" else "en")
    assert f'<html lang="{language}"' in shown
    assert said["advice_measure-first"] in shown
    assert shown.count("<fieldset") == len(RULES.questions)
    assert shown.count('type="radio"') == sum(len(q.options) + 1 for q in RULES.questions if q.options)
    assert not re.search(r"(src|href)=\"(https?:)?//", shown)


def test_answers_by_keyboard_change_the_advice_and_the_language(tmp_path: Path) -> None:
    script = """
    const press = (id, value) => {
      const input = document.querySelector(`input[name="${id}"][value="${value}"]`);
      input.focus(); found.focus = document.activeElement === input; input.click();
    };
    const text = (id) => document.getElementById(id).textContent;
    for (const [id, value] of Object.entries({field: "narrow", tasks: "one", reasoning: "none", output: "label", data: "plenty",
      resources: "none", device: "iot", perimeter: "closed", change: "rarely", today: "llm_logged", mistake: "little"})) press(id, value);
    const volume = document.querySelector('input[name="volume"]');
    volume.value = "2000000"; volume.dispatchEvent(new Event("input"));
    found.advice = document.getElementById("advice").dataset.advice;
    found.contradictions = document.querySelectorAll("#contradictions li").length;
    found.command = text("next-command");
    document.querySelector('[data-language="ru"]').click();
    found.language = document.documentElement.lang;
    found.title = document.title;
    found.kept = document.querySelector('input[name="field"]:checked').value;
    press("field", "");
    found.forgotten = text("certainty");
    found.tabbable = [...document.querySelectorAll("input, button, summary, a, [tabindex]")].filter((e) => e.tabIndex >= 0).length;
    found.unlabelled = [...document.querySelectorAll("input")].filter((e) => !e.labels.length && !e.getAttribute("aria-label")).length;
    const currency = document.getElementById("currency"); currency.value = "RUB"; currency.dispatchEvent(new Event("change"));
    found.roubles = text("costs");
    found.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    """
    found = driven(page(RULES, ASSUMED, "en"), script, tmp_path)
    assert found["advice"] == "small"
    assert found["command"] == "sizewise decide LOG.jsonl --out run"
    assert found["contradictions"] == 1
    assert found["language"] == "ru"
    assert found["title"] == texts("ru")["title"]
    assert found["kept"] == "narrow"
    assert "11 из 19" in found["forgotten"]
    assert found["focus"] is True
    assert found["unlabelled"] == 0
    assert found["roubles"].count("₽") == 12
    assert found["wide"] <= 0
    assert found["tabbable"] > len(RULES.questions)


def test_texts_of_own_rules_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    hostile = "</script><script>document.title='broken'</script><img src=x onerror=alert(1)>"
    first = replace(RULES.questions[0], text={"en": hostile, "ru": hostile})
    rules = replace(RULES, questions=(first, *RULES.questions[1:]))
    written = page(rules, ASSUMED, "en")
    assert hostile not in written
    shown = dumped(written, tmp_path)
    assert "<title>broken" not in shown
    assert "<img" not in shown


def test_the_whole_questionnaire_is_answered_by_keys_alone(tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    file = tmp_path / "page.html"
    file.write_text(page(RULES, ASSUMED, "en"), encoding="utf-8")
    flags = tuple(flag for flag in QUIET if not flag.startswith("--virtual-time"))
    with opened(CHROMIUM, flags, file, tmp_path / "profile") as keyboard:
        deadline = time.monotonic() + 30
        while keyboard.read("document.querySelectorAll('fieldset').length") != len(RULES.questions):
            assert time.monotonic() < deadline
        for key in ("Tab", "Tab", "Tab", "Enter"):  # past the skip link and English, to Russian
            keyboard.press(key)
        assert keyboard.read("document.documentElement.lang") == "ru"
        for question in RULES.questions:
            keyboard.press("Tab")
            assert keyboard.read("document.activeElement.name") == question.id
            for key in ("ArrowDown",) if question.options else "2000000":  # from "don't know" on to the first answer
                keyboard.press(key)
        assert keyboard.read("document.getElementById('advice').dataset.advice") == "small"
        assert "19 из 19" in keyboard.read("document.getElementById('certainty').textContent")
