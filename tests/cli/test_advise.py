"""``sizewise advise`` as a person calls it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest


def advise(*arguments: str | Path, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sizewise.cli.main", "advise", *map(str, arguments)]
    return subprocess.run(
        command, input=typed, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False
    )


def questionnaire(folder: Path, text: str) -> Path:
    file = folder / "вопросы.toml"
    file.write_text(f"[answers]\n{text}\n", encoding="utf-8")
    return file


def test_answers_in_the_terminal_end_in_an_advice(tmp_path: Path) -> None:
    saved = tmp_path / "answers.toml"
    typed = "1\n1\n1\n1\n9\n1\n1\n1\n2\n2000000\n"  # the fifth is first none of the answers
    done = advise("--save", saved, "--lang", "ru", typed=typed)
    assert done.returncode == 0, done.stderr
    assert "Такого ответа нет" in done.stderr
    assert "Следующий шаг" in done.stdout
    assert "volume = 2000000" in saved.read_text("utf-8")
    again = advise(saved, "--json")
    assert json.loads(again.stdout)["answers"]["output"] == "label"


def test_an_end_of_input_leaves_the_rest_unknown() -> None:
    done = advise("--json", typed="")
    assert json.loads(done.stdout)["advice"] == "measure-first"


def test_a_template_can_be_filled_and_shared(tmp_path: Path) -> None:
    file = tmp_path / "new" / "q.toml"
    file.parent.mkdir()
    assert advise("--template", file).returncode == 0
    assert json.loads(advise(file, "--json").stdout)["answers"] == {}


def test_the_page_is_one_file(tmp_path: Path) -> None:
    page = tmp_path / "advise.html"
    done = advise(questionnaire(tmp_path, 'field = "narrow"'), "--html", page, "--lang", "ru")
    assert done.returncode == 0, done.stderr
    assert '<html lang="ru">' in page.read_text("utf-8")


@pytest.mark.parametrize("text", ['field = "wide"', "nonsense = 1", "volume = -3", "["])
def test_a_wrong_questionnaire_ends_with_one_message(tmp_path: Path, text: str) -> None:
    done = advise(questionnaire(tmp_path, text))
    assert done.returncode == 2
    assert done.stderr.startswith("sizewise: ")
    assert "Traceback" not in done.stderr


def test_a_run_that_is_none_ends_with_one_message(tmp_path: Path) -> None:
    done = advise(questionnaire(tmp_path, ""), "--run", tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("lang", ["en", "ru"])
@pytest.mark.parametrize("currency", ["USD", "eur", "RUB"])
def test_money_is_shown_in_the_currency_that_was_asked_for(tmp_path: Path, currency: str, lang: str) -> None:
    done = advise(questionnaire(tmp_path, "volume = 100000"), "--currency", currency, "--lang", lang)
    assert done.returncode == 0, done.stderr
    assert {"USD": "$", "EUR": "€", "RUB": "₽"}[currency.upper()] in done.stdout
    assert bool(re.search(r"\d{4}-\d\d-\d\d\)", done.stdout)) == (currency != "USD")


def test_a_currency_without_a_rate_is_refused(tmp_path: Path) -> None:
    done = advise(questionnaire(tmp_path, ""), "--currency", "DOGE")
    assert done.returncode == 2
    assert "USD, EUR, RUB" in done.stderr


def test_a_portfolio_ends_in_one_table_and_one_picture(tmp_path: Path) -> None:
    file = tmp_path / "portfolio.toml"
    file.write_text(
        "[[tasks]]\nname = 'a'\nanswers = { volume = 1000000, output = 'label', data = 'plenty' }\n"
        "[[tasks]]\nname = 'б'\nanswers = { volume = 500, output = 'text', reasoning = 'much' }\n",
        encoding="utf-8",
    )
    done = advise("--portfolio", file, "--html", tmp_path / "p.html", "--currency", "RUB", "--lang", "ru")
    assert done.returncode == 0, done.stderr
    assert "₽" in done.stdout
    assert (tmp_path / "p.html").read_text("utf-8").count("<svg") >= 3
    assert json.loads(advise("--portfolio", file, "--json").stdout)["enumerated"] >= 2
