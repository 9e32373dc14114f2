"""What a browser would show of HTML."""

import html
from html.parser import HTMLParser

__all__ = ["seen", "unescaped"]

_UNSEEN = frozenset({"script", "style", "template", "head"})


def seen(text: str) -> str:
    """Return the text that a browser would show of ``text``, which is HTML."""
    words = _Words()
    words.feed(text)
    words.close()
    return "".join(words.words)


def unescaped(text: str) -> str:
    """Return ``text`` with its character references as characters."""
    return html.unescape(text)


class _Words(HTMLParser):
    """Collects what a reader of a page would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        """Note that an element opens."""
        self._hidden += tag in _UNSEEN
        self.words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        """Note that an element closes."""
        if tag in _UNSEEN:
            self._hidden = max(0, self._hidden - 1)
        self.words.append(" ")

    def handle_data(self, data: str) -> None:
        """Keep text that is seen."""
        if not self._hidden:
            self.words.append(data)
