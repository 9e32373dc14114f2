"""Cleaning one text: markup, control characters, Unicode form, length."""

import html
import re
import unicodedata
from html.parser import HTMLParser

from penchant.client.quality.rules import Cleaning

__all__ = ["clean_text"]

# Elements whose presence says that a text is HTML; "a < b and c > d" is not.
_ELEMENTS = (
    "a abbr article aside audio b big blockquote body br button canvas center cite code dd del div "
    "dl dt em embed fieldset figcaption figure font footer form h1 h2 h3 h4 h5 h6 head header hr "
    "html i iframe img input ins label li link main mark meta nav object ol option p picture pre q "
    "s script section select small source span strike strong style sub sup svg table tbody td "
    "template textarea tfoot th thead title tr tt u ul video wbr"
)
_MARKUP = re.compile(rf"<!--|<!doctype|</?(?:{'|'.join(_ELEMENTS.split())})(?:\s[^<>]*)?/?>", re.I)
_REFERENCE = re.compile(r"&(?:#\d+|#x[0-9a-f]+|[a-z][a-z0-9]+);", re.I)
_UNSEEN = frozenset({"script", "style", "template", "head"})
# Part of words in some scripts and of emoji, though invisible.
_JOINERS = frozenset("\u200c\u200d")
LEVELS = 8


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


def clean_text(text: str, *, length: int) -> tuple[str, set[Cleaning]]:
    """Return ``text`` cleaned, perhaps to nothing, and what was put right.

    Cleaning a clean text changes nothing, as long as nothing is escaped more than eight times over.

    Args:
        text: as it came.
        length: characters it is cut to, at least 1.
    """
    done: set[Cleaning] = set()
    for _ in range(LEVELS):  # what was escaped or split by invisible characters may be markup again
        cleaner = _cleaned(text, done)
        if cleaner == text:
            break
        text = cleaner
    if len(text) > length:
        done.add(Cleaning.LONG_TEXT)
        text = text[:length].rstrip()
    return text, done


def _cleaned(text: str, done: set[Cleaning]) -> str:
    plain = _without_markup(text)
    if plain != text:
        done.add(Cleaning.MARKUP)
    visible = "".join(character for character in plain if not _is_hidden(character))
    if visible != plain:
        done.add(Cleaning.CONTROL_CHARACTERS)
    normal = " ".join(unicodedata.normalize("NFC", visible).split())
    if normal != visible:
        done.add(Cleaning.NORMALISED)
    return normal


def _without_markup(text: str) -> str:
    """Return what a browser would show of ``text``; a text without HTML is itself."""
    if _MARKUP.search(text):
        words = _Words()
        words.feed(text)
        words.close()
        return "".join(words.words)
    return html.unescape(text) if _REFERENCE.search(text) else text


def _is_hidden(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "Cc":
        return not character.isspace()
    return category == "Cs" or (category == "Cf" and character not in _JOINERS)
