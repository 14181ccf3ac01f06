"""No naked number: whatever is measured stands with its interval and its n, wherever it stands on the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest

from sizewise.report.comparison.page import compare
from sizewise.report.comparison.side import Side
from sizewise.report.headline import headline, verdict_sentence
from sizewise.report.page import render
from sizewise.report.words import Words
from sizewise.verdict.wording import LANGUAGES, Language

from .reader import VOID
from .records import EVERY, predictions, record

#: elements whose text is read as a whole; what they hold inside is read as part of them
BLOCKS = {"p", "td", "th", "li", "h1", "h2", "h3", "caption", "figcaption", "dd", "dt", "summary", "title", "desc"}
NUMBER = r"[−\d][\d.,\u202f]*"
MEASURED = re.compile(rf"{NUMBER}\u00a0(?:%|ms|мс|MiB|МиБ|points|п\. п\.|per second|в секунду)|\${NUMBER}")
#: what is set or bounded, not measured: the words beside it say so
SAID_SO = re.compile(
    "at most|at least|limit|certainty|bar |asked for|interval|probability|target|margin|as little as|distance|level|"
    "не более|не меньше|не менее|не больше|предел|уверенност|уров|требу|интервал|вероятност|допуск|цел|расстояние|всего|"
    "≤|≥|an hour|в час|a month|в месяц|busy|загрузка",
)


@dataclass
class Blocks(HTMLParser):
    """``found`` holds each block's text with the class of its element, in order, pictures left out."""

    open_blocks: list[tuple[str, str, list[str]]] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    found: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self, convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in VOID:
            return
        self.inside.append(tag)
        if tag in BLOCKS and not self.open_blocks:
            self.open_blocks.append((tag, dict(attrs).get("class") or "", []))

    def handle_endtag(self, tag: str) -> None:
        self.inside.pop()
        if self.open_blocks and self.open_blocks[0][0] == tag and tag not in self.inside:
            _, kind, text = self.open_blocks.pop()
            self.found.append((kind, " ".join("".join(text).split(" "))))

    def handle_data(self, data: str) -> None:
        if self.open_blocks and not {"style", "svg", "pre"} & set(self.inside):
            self.open_blocks[0][2].append(data)


#: what a cell says of itself: an estimate for one row, a sum of other figures, a setting
WITHOUT_INTERVAL = {"estimate", "reckoned", "set"}


def naked(html: str, but_for: str = "") -> Iterator[str]:
    """Blocks with a measured number and no n, in which nothing says that it is a bound, a setting or a price."""
    blocks = Blocks()
    blocks.feed(html)
    for kind, text in blocks.found:
        if re.search(r"n\s*=\s*\d", text) or kind in WITHOUT_INTERVAL or (but_for and text.strip() in but_for):
            continue
        for number in MEASURED.finditer(text):
            if not SAID_SO.search(text[max(0, number.start() - 80) : number.end() + 60].casefold()):
                yield f"{kind}: {text.strip()[:160]}"
                break


@pytest.mark.parametrize("name", [name for name in EVERY if name != "hostile"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_on_the_page_has_its_interval_or_says_what_it_is(name: str, language: Language) -> None:
    of = EVERY[name]
    assert list(naked(render(of, language), but_for=verdict_sentence(of, Words(language)))) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_share_of_the_headline_stands_below_with_its_interval(language: Language) -> None:
    html = render(record("cascade"), language)
    share = re.search(rf"<h1>.*?({NUMBER}\u00a0%)", html, re.DOTALL)
    assert share
    assert re.search(rf"{re.escape(share[1])}</strong>\s*<small>[^<]*n\u00a0=", html)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_number_of_a_comparison_too(language: Language) -> None:
    one = Side("one", record("cascade", gold=True), predictions())
    other = Side("two", record("small"), predictions(40, 9))
    said = [headline(side.record, Words(language)) for side in (one, other)]
    assert list(naked(compare(one, other, language), but_for=" ".join(said))) == []


@pytest.mark.parametrize("bare", ["73.1\u00a0%", "$0.29", "22,7\u00a0мс", "71.2\u00a0% small model"])
def test_a_naked_number_is_noticed(bare: str) -> None:
    page = render(record())
    for holder in ("<td class='number'>{}</td>", "<p>It answers {} of the traffic.</p>", "<li><b>{}</b></li>"):
        told = page.replace("</main>", holder.format(bare) + "</main>")
        assert len(list(naked(told))) == len(list(naked(page))) + 1
