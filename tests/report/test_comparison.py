"""Two runs side by side: what is compared row by row, what cannot be, and the page that says it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sizewise.cli.main import app
from sizewise.core.errors import RunError
from sizewise.core.measurement import Measured
from sizewise.report.comparison.page import compare
from sizewise.report.comparison.same_rows import comparisons, shared
from sizewise.report.comparison.side import Side
from sizewise.report.comparison.values import difference
from sizewise.store.predictions import read_predictions
from sizewise.verdict.wording import LANGUAGES

from .reader import read
from .records import EVERY, HOSTILE, predictions, record


def sides(wrong: tuple[int, int] = (4, 9), n: int = 40) -> tuple[Side, Side]:
    return (
        Side("one", record("cascade", gold=True), predictions(n, wrong[0])),
        Side("two", record("small", gold=True), predictions(n, wrong[1])),
    )


def test_shared_rows_are_compared_by_what_they_are_held_against() -> None:
    one, other = sides()
    found = dict(comparisons(shared(one, other), one, other))
    assert set(found) == {"accuracy", "agreement", "coverage", "risk"}
    right = found["accuracy"]
    assert (right.difference.value, right.only_one, right.only_other) == (5 / 40, 5, 0)
    assert right.p_value == pytest.approx(0.0625)
    assert found["coverage"].difference.value == 0
    assert found["risk"].difference.value == pytest.approx((2 - 4) / 40)


def test_what_cannot_be_compared_row_by_row_says_why() -> None:
    one, other = sides()
    elsewhere = replace(other, predictions=[replace(p, id="x" + p.id) for p in other.predictions])
    changed = replace(other, predictions=[replace(p, gold="else") for p in other.predictions])
    older = replace(other, predictions=[replace(p, gold=None, llm=None) for p in other.predictions])
    for against, why, said in (
        (elsewhere, "no_ids", "the runs tested different rows"),
        (changed, "other_references", "they are not the same rows"),
        (older, "older", "Make them again"),
    ):
        assert shared(one, against).why_not == why
        page = read(compare(one, against))
        assert said in page.part("same-rows")
        assert "McNemar" not in page.part("same-rows")
        assert "93.0" in page.part("values")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_what_differs_and_by_how_much(language: str) -> None:
    one, other = sides()
    html = compare(one, other, "ru" if language == "ru" else "en")
    page = read(html)
    assert page.tables == len(page.captions) == 4
    assert ("12,5" if language == "ru" else "12.5") in page.part("same-rows")
    assert "n\u00a0=\u00a040" in page.part("same-rows")
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe"}
    assert ("Вердикты различаются" if language == "ru" else "The verdicts differ") in page.headline


def test_the_same_run_against_itself_differs_in_nothing() -> None:
    one, _ = sides()
    page = read(compare(one, one))
    assert "come to the same verdict" in page.headline
    assert "≠" not in page.text
    assert "same answer on every shared row" in page.part("same-rows")


def test_old_bare_and_hostile_runs_can_be_compared() -> None:
    for name in ("bare", "hostile", "contradicted"):
        html = compare(Side(HOSTILE[0], EVERY[name], predictions()), Side(HOSTILE[2], record(), predictions()))
        assert "<script" not in html
        assert "\u202e" not in html
        read(html)


def test_differences_of_unlike_rows_are_no_narrower_than_either() -> None:
    found = difference(Measured(0.7, 0.66, 0.74, 500), Measured(0.6, 0.55, 0.65, 400))
    assert found.value == pytest.approx(0.1)
    assert found.low == pytest.approx(0.1 - (0.04**2 + 0.05**2) ** 0.5)
    assert found.n == 400
    assert difference(Measured(3.0, None, None, 1), Measured(2.0, 1.0, 3.0, 9)).low is None


def test_the_command_writes_the_comparison_and_leaves_the_report(finished_run: Path, tmp_path: Path) -> None:
    report = (finished_run / "report.html").read_bytes()
    page = tmp_path / "other.html"
    done = CliRunner().invoke(
        app, ["report", str(finished_run), "--against", str(finished_run), "--lang", "ru", "--out", str(page)]
    )
    assert done.exit_code == 0, done.output
    assert "Сравнение двух прогонов" in page.read_text(encoding="utf-8")
    assert (finished_run / "report.html").read_bytes() == report
    assert not (finished_run / "comparison.html").exists()


def test_a_file_that_exists_is_not_written_over_unasked(finished_run: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.txt"
    mine.write_text("kept", encoding="utf-8")
    arguments = ["report", str(finished_run), "--against", str(finished_run), "--out"]
    for target, said in ((mine, "--force writes it anew"), (tmp_path, "that is a folder")):
        done = CliRunner().invoke(app, [*arguments, str(target)])
        assert isinstance(done.exception, RunError)
        assert said in str(done.exception)
    assert mine.read_text(encoding="utf-8") == "kept"
    assert CliRunner().invoke(app, [*arguments, str(mine), "--force"]).exit_code == 0
    assert "Sizewise" in mine.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--against", "nowhere"], "is no Sizewise run"),
        (["--out", "x.html"], "give --against OTHER"),
        (["--against", "nowhere", "--texts"], "Leave one of the two out"),
    ],
)
def test_what_cannot_be_done_is_said(finished_run: Path, arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["report", str(finished_run), *arguments])
    assert done.exception is not None
    assert getattr(done.exception, "exit_status", None) == 2
    assert said in str(done.exception)


def test_damaged_predictions_are_said_to_be_damaged(tmp_path: Path) -> None:
    for content in ('{"id": 1}\n', "no json\n", '{"id": "a"}\n'):
        (tmp_path / "predictions.jsonl").write_text(content, encoding="utf-8")
        with pytest.raises(RunError, match="damaged"):
            read_predictions(tmp_path)
    with pytest.raises(RunError, match="missing"):
        read_predictions(tmp_path / "nowhere")
