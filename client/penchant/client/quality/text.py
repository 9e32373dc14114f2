"""Cleaning one text: markup, control characters, Unicode form, length."""

import re
import unicodedata

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
# Part of words in some scripts and of emoji, though invisible.
_JOINERS = frozenset("\u200c\u200d")
LEVELS = 8


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
    if not (_MARKUP.search(text) or _REFERENCE.search(text)):
        return text
    # Most texts have neither, and need no parser loaded.
    from penchant.client.quality.markup import seen, unescaped

    return seen(text) if _MARKUP.search(text) else unescaped(text)


def _is_hidden(character: str) -> bool:
    category = unicodedata.category(character)
    if category == "Cc":
        return not character.isspace()
    return category == "Cs" or (category == "Cf" and character not in _JOINERS)
