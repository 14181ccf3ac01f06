"""The report in a real browser: it opens from a file, shows its headline, and asks nothing of the network."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sizewise.report.page import render
from sizewise.verdict.wording import LANGUAGES, Language

from .records import record

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--hide-scrollbars",
)  # fmt: skip

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt-get install chromium)")


def browse(profile: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(CHROMIUM), *QUIET, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_opens_offline_and_shows_its_verdict(tmp_path: Path, language: Language) -> None:
    page = tmp_path / "report.html"
    page.write_text(render(record("cascade"), language), encoding="utf-8")
    shown = browse(tmp_path / "profile", "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom", page.as_uri()).stdout
    headline = re.search(r"<h1[^>]*>(.*?)</h1>", shown, re.DOTALL)
    assert headline
    assert ("малой модели" if language == "ru" else "small model") in headline[1].casefold()
    assert shown.count("<svg") >= 2


@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_is_wider_than_the_window(tmp_path: Path, width: int) -> None:
    page = tmp_path / "report.html"
    # The page itself allows no script; a copy without its policy measures the layout.
    html = re.sub(r"<meta[^>]*Content-Security-Policy[^>]*>", "", render(record("cascade"), "ru"))
    measure = "<script>document.title='width '+document.documentElement.scrollWidth+' of '+innerWidth</script>"
    page.write_text(html.replace("</body>", measure + "</body>"), encoding="utf-8")
    frame = tmp_path / "frame.html"  # a headless window cannot be as narrow as a phone; a frame can
    frame.write_text(
        f"<iframe src='report.html' width={width} height=800></iframe><script>onload=()=>{{document.title="
        "frames[0].document?frames[0].document.title:''}</script>",
        encoding="utf-8",
    )
    shown = browse(tmp_path / "profile", "--allow-file-access-from-files", "--dump-dom", frame.as_uri()).stdout
    measured = re.search(r"<title>width (\d+) of (\d+)</title>", shown)
    assert measured, shown[:500]
    assert int(measured[1]) <= int(measured[2])
