"""A page as its reader meets it: text, headings, tables, and whatever it would load."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "input", "hr", "col", "source", "base", "embed", "wbr", "area", "track"}


@dataclass
class Page(HTMLParser):
    """Parsed by ``read``. ``parts`` maps the id of a section to its text."""

    open_tags: list[str] = field(default_factory=list)
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    tables: int = 0
    section: str = ""
    parts: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        HTMLParser.__init__(self, convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in VOID:
            return
        self.open_tags.append(tag)
        self.tables += tag == "table"
        if tag == "section" and dict(attrs).get("id"):
            self.section = dict(attrs)["id"] or ""
        if tag in ("h1", "h2", "h3", "h4"):
            self.headings.append((int(tag[1]), ""))
        if tag == "caption":
            self.captions.append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags, f"</{tag}> closes nothing"
        assert self.open_tags.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open_tags:
            return
        self.said.append(data)
        self.parts.setdefault(self.section, []).append(data)
        if self.open_tags and self.open_tags[-1] in ("h1", "h2", "h3", "h4"):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)
        if "caption" in self.open_tags:
            self.captions[-1] += data

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split(" "))

    def part(self, name: str) -> str:
        return _joined(self.parts[name])

    @property
    def headline(self) -> str:
        return next(text for level, text in self.headings if level == 1)


def _joined(parts: list[str]) -> str:
    return " ".join(word for word in " ".join(parts).replace("\n", " ").split(" ") if word)


def read(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    assert not page.open_tags, page.open_tags
    return page
