"""The report in a real browser: it opens from a file, shows its headline, and asks nothing of the network."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sizewise.report.comparison.page import compare
from sizewise.report.comparison.side import Side
from sizewise.report.page import render
from sizewise.verdict.wording import LANGUAGES, Language

from .records import EVERY, predictions, record

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


def laid_out(tmp_path: Path, html: str, width: int) -> tuple[int, int]:
    """How wide the page is, and how wide its window."""
    # The page itself allows no script; a copy without its policy measures the layout.
    html = re.sub(r"<meta[^>]*Content-Security-Policy[^>]*>", "", html)
    measure = "<script>document.title='width '+document.documentElement.scrollWidth+' of '+innerWidth</script>"
    (tmp_path / "report.html").write_text(html.replace("</body>", measure + "</body>"), encoding="utf-8")
    frame = tmp_path / "frame.html"  # a headless window cannot be as narrow as a phone; a frame can
    frame.write_text(
        f"<iframe src='report.html' width={width} height=800></iframe><script>onload=()=>{{document.title="
        "frames[0].document?frames[0].document.title:''}</script>",
        encoding="utf-8",
    )
    shown = browse(tmp_path / "profile", "--allow-file-access-from-files", "--dump-dom", frame.as_uri()).stdout
    measured = re.search(r"<title>width (\d+) of (\d+)</title>", shown)
    assert measured, shown[:500]
    return int(measured[1]), int(measured[2])


@pytest.mark.parametrize("width", [1200, 390])
def test_nothing_is_wider_than_the_window(tmp_path: Path, width: int) -> None:
    wide, window = laid_out(tmp_path, render(record("cascade"), "ru"), width)
    assert wide <= window


def test_hostile_names_and_a_comparison_are_no_wider_than_a_phone(tmp_path: Path) -> None:
    hostile = EVERY["hostile"]
    one, other = (Side("x" * 300, of, predictions()) for of in (hostile, record()))
    for html in (render(hostile, "ru"), compare(one, other)):
        wide, window = laid_out(tmp_path, html, 390)
        assert wide <= window


def test_captions_and_groups_of_wide_tables_are_read_without_scrolling(tmp_path: Path) -> None:
    html = re.sub(r"<meta[^>]*Content-Security-Policy[^>]*>", "", render(record("cascade"), "ru"))
    measure = (
        "<script>document.title='cut '+[...document.querySelectorAll('caption span, tr.group th span')].filter(e=>"
        "e.closest('details')===null&&e.getBoundingClientRect().right>innerWidth).length+' of '+"
        "document.querySelectorAll('caption span').length</script>"
    )
    (tmp_path / "report.html").write_text(html.replace("</body>", measure + "</body>"), encoding="utf-8")
    frame = tmp_path / "frame.html"
    frame.write_text(
        "<iframe src='report.html' width=390 height=800></iframe><script>onload=()=>{document.title="
        "frames[0].document.title}</script>",
        encoding="utf-8",
    )
    shown = browse(tmp_path / "profile", "--allow-file-access-from-files", "--dump-dom", frame.as_uri()).stdout
    found = re.search(r"<title>cut (\d+) of (\d+)</title>", shown)
    assert found, shown[:500]
    assert found[1] == "0"
    assert int(found[2]) > 8


def test_a_hostile_page_runs_nothing_and_complains_of_nothing(tmp_path: Path) -> None:
    """Were a script or a handler executed, or a policy broken, the console would say so."""
    for name, html in (("hostile", render(EVERY["hostile"])), ("cascade", render(record()))):
        page = tmp_path / f"{name}.html"
        page.write_text(html, encoding="utf-8")
        told = browse(
            tmp_path / "profile", "--enable-logging=stderr", "--log-level=0", "--dump-dom", page.as_uri()
        ).stderr
        assert [line for line in told.splitlines() if "CONSOLE" in line] == []
    noisy = tmp_path / "noisy.html"
    noisy.write_text(render(record()).replace("</main>", "<img src=x onerror=alert(1)></main>"), encoding="utf-8")
    told = browse(tmp_path / "profile", "--enable-logging=stderr", "--log-level=0", "--dump-dom", noisy.as_uri()).stderr
    assert "CONSOLE" in told  # what the test relies on


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_and_its_pictures_follow_the_scheme(tmp_path: Path, scheme: str) -> None:
    pillow = pytest.importorskip("PIL.Image")
    page, picture = tmp_path / "report.html", tmp_path / "shown.png"
    page.write_text(render(record("cascade")), encoding="utf-8")
    dark = (
        ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else ["--blink-settings=preferredColorScheme=1"]
    )
    browse(tmp_path / "profile", *dark, "--window-size=1200,4200", f"--screenshot={picture}", page.as_uri())
    shown = pillow.open(picture).convert("L")
    values = shown.histogram()
    total = sum(values)
    assert shown.getpixel((5, 5)) < 60 if scheme == "dark" else shown.getpixel((5, 5)) > 200
    bright = sum(values[128:]) / total
    assert bright < 0.2 if scheme == "dark" else bright > 0.8  # no white island, no black one


def test_print_is_on_a4_without_a_lost_picture(tmp_path: Path) -> None:
    page, printed = tmp_path / "report.html", tmp_path / "report.pdf"
    page.write_text(render(record("cascade", gold=True), "ru"), encoding="utf-8")
    browse(tmp_path / "profile", "--no-pdf-header-footer", f"--print-to-pdf={printed}", page.as_uri())
    document = printed.read_bytes()
    assert re.findall(rb"/MediaBox ?\[0 0 59[45][.\d]* 84[12]", document)  # points: 210 by 297 mm
    pages = len(re.findall(rb"/Type ?/Page\b(?!s)", document))
    assert 6 <= pages <= 16, pages
