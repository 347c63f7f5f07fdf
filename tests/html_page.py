"""What an HTML page holds: elements that close, what it loads, words for what is seen."""

import re
from html.parser import HTMLParser

VOID = frozenset({"br", "circle", "hr", "img", "input", "line", "link", "meta", "path", "rect", "use"})
LOADING = frozenset({"src", "href", "xlink:href", "srcset", "data", "poster"})


class HtmlPage(HTMLParser):
    """A page that was read to its end; an element that closes another than the last open one is an error.

    Attributes:
        open: the elements that were not closed.
        sections: the ids of its headings of second rank; "" where one has none.
        loaded: all addresses that it refers to.
        without_words: the pictures and drawings that nobody hears who does not see them.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sections: list[str] = []
        self.loaded: list[str] = []
        self.without_words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.loaded += [value or "" for name, value in attrs if name in LOADING]
        if tag == "h2":
            self.sections.append(given.get("id") or "")
        named = {"img": {"alt"}, "svg": {"aria-label", "aria-hidden"}}.get(tag)
        if named is not None and not any(given.get(name) for name in named):
            self.without_words.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open, f"</{tag}> closes nothing"
            assert self.open.pop() == tag


def read_alone(html: str) -> HtmlPage:
    """Return the page, once it is sure that it is whole and needs nothing but its own file."""
    page = HtmlPage(html)
    assert page.open == []
    assert [address[:80] for address in page.loaded if not address.startswith(("data:", "#"))] == []
    assert not re.search(r"url\((?![\"']?(?:#|data:))|@import", html)
    return page
