"""``sizewise models`` as it is typed: lists, one model, what fits, data; both languages; nothing raw on the terminal."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sizewise.cli.main import main
from sizewise.models.listing import listing
from sizewise.models.memory_need import OFFERED

EVERY = [m.name for m in listing().models] + [m.name for m in listing().llms]


Models = Callable[..., str]


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Models:
    """Call ``sizewise models`` in this process: what it prints, or says where it refuses."""

    def call(*arguments: str, status: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["sizewise", "models", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        assert int(end.value.code or 0) == status, said.err
        return said.err if status else said.out

    return call


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_the_list_names_every_model_once_with_its_price_and_its_day(models: Models, lang: str) -> None:
    text = models("--lang", lang)
    for name in EVERY:
        assert sum(line.split()[:1] == [name] for line in text.splitlines()) == 1, name
    (gpt,) = [line for line in text.splitlines() if line.split()[:1] == ["gpt-4o-mini"]]
    assert "2026-11-23" in gpt
    assert ("0,15" if lang == "ru" else "0.15") in gpt
    assert "\x1b" not in text
    assert max(len(line) for line in text.splitlines()) < 200


def test_one_model_is_told_with_its_terms_and_every_source(models: Models) -> None:
    text = models("meta-llama/Llama-3.2-1B-Instruct")
    assert "Built with" in text
    assert "https://huggingface.co/bartowski/Llama-3.2-1B-Instruct-GGUF" in text
    assert "no legal advice" in text
    russian = models("yandex:yandexgpt/rc", "--lang", "ru")
    assert "НДС: включён" in russian
    assert "действует с 2026-03-03" in russian
    assert "2026-11-23" in russian


def test_what_fits_is_told_with_margin_and_what_is_missing(models: Models) -> None:
    text = models("--fits", "--memory-mb", "4000")
    fit, misfit = text.split("These do not fit")
    assert "gemma-3-270m-it" in fit
    assert "Mistral-Small-24B-Instruct-2501" in misfit
    assert "15" in fit.splitlines()[1]
    assert "4\u202f000" in fit.splitlines()[0]


@pytest.mark.skipif(sys.platform != "linux", reason="measured on Linux")
def test_what_fits_here_follows_from_the_memory_that_is_free_here(models: Models) -> None:
    data = json.loads(models("--fits", "--json"))
    room = data["machine"]["available_mib"] * (1 - data["machine"]["margin"])
    needs = {m["name"]: {need["quantisation"]: need["mib"] for need in m["memory"]} for m in data["models"]}
    assert {fit["name"] for fit in data["fits"]} == needs.keys()
    for fit in data["fits"]:
        sizes = needs[fit["name"]]
        assert fit["quantisation"] == next((q for q in sizes if sizes[q] <= room), None)


def test_data_carry_the_sources_that_they_name(models: Models) -> None:
    data = json.loads(models("--json", "--family", "gemma"))
    assert {m["family"] for m in data["models"]} == {"Gemma"}
    assert data["llms"] == []
    assert data["models"][0]["parameters"]["source"] in data["sources"]
    assert data["sources"]["gemma-terms"]["seen"] == "2026-11-23"
    assert [need["quantisation"] for need in data["models"][0]["memory"]] == list(OFFERED["slm"])
    assert data["terms"]["gemma"]["derived"]["answer"] == "limited"


def test_filters_narrow_the_list(models: Models) -> None:
    data = json.loads(models("--json", "--licence", "MIT", "--kind", "slm"))
    assert {m["licence"]["value"] for m in data["models"]} == {"mit"}
    assert {m["kind"] for m in data["models"]} == {"slm"}
    assert json.loads(models("--json", "--kind", "llm"))["models"] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gpt-of-tomorrow"], "no model of the catalogue"),
        (["\x1b[31m модель 🦙"], "no model of the catalogue"),
        (["--kind", "llm", "--fits"], "need no memory here"),
        (["--memory-mb", "-5"], "memory-mb"),
        (["--kind", "giant"], "giant"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_message(models: Models, arguments: list[str], said: str) -> None:
    message = models(*arguments, status=2)
    assert said in message
    assert "Traceback" not in message
    assert "\x1b[31m" not in message


def test_every_command_of_the_guide_works(models: Models) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    lines = [line.split("  #")[0].split() for line in block.splitlines()]
    assert len(lines) >= 6
    for line in lines:
        assert line[:2] == ["sizewise", "models"]
        assert models(*line[2:]).strip()
