"""The lines on the page that count the figures again do count the figures of the run."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from sizewise.report.page import render
from sizewise.report.recount import recount
from sizewise.run import Run

from .records import record


def test_the_page_s_own_lines_give_the_page_s_figures(finished_run: Path) -> None:
    run = Run.open(finished_run)
    page = (finished_run / "report.html").read_text(encoding="utf-8")
    lines = re.search(r'<pre class="scroll"[^>]*><code>(.*?)</code>', page, re.DOTALL)
    assert lines
    code = html.unescape(lines[1])
    assert code == recount(run.record)
    told = subprocess.run([sys.executable, "-c", code], cwd=finished_run, capture_output=True, text=True, check=True)
    counted = {name: (float(value), int(n)) for name, value, n in re.findall(r"(\w+) (\S+) n = (\d+)", told.stdout)}
    small, cascade = run.verdict.small, run.verdict.cascade
    assert small is not None
    measured = {"accuracy": small.accuracy, "agreement": small.agreement}
    if cascade is not None:
        measured |= {"coverage": cascade.coverage, "risk": cascade.risk, "excess": cascade.excess}
    assert set(counted) == {name for name, value in measured.items() if value is not None}
    for name, (value, n) in counted.items():
        expected = measured[name]
        assert expected is not None
        assert abs(value - expected.value) < 1e-12
        assert n == expected.n


def test_an_older_run_whose_predictions_cannot_be_counted_says_nothing() -> None:
    assert recount(replace(record(), portions=())) == ""
    assert "Count it again" not in render(replace(record(), portions=()))
