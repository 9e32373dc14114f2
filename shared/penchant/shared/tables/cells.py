"""Lists in cells, in whatever form people write them.

The rules, in their order:

1. A cell with nothing, or one of ``-``, ``无``, ``null``, ``none``, ``nan``, ``n/a``: no entries.
2. A cell in square brackets that is a JSON list, or a list as Python prints it: its elements. An
   element may be a text or number; an object with an ``id`` or ``item``, a ``text``, ``title``,
   ``query`` or ``name``, and a ``time`` or ``timestamp``; or a pair of thing and time.
3. Any other cell is cut at its column's separator (see ``column_separator``), of half or full
   width.
4. An entry may tell its time: after ``@`` or a last ``:``, or in brackets of any kind at its end or
   start, as a date or a unix time of 10 or 13 digits; as the first thing in it, as a date, before
   white space or ``:``; or as the last thing in it, as a date with a time of day, after a comma or
   white space. What is no time stays part of the entry.
5. White space and quotation marks around an entry are not part of it; empty entries are left out.
"""

import ast
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from penchant.shared.tables.times import parse_time

__all__ = ["SEPARATORS", "Entry", "column_separator", "parse_cell", "parse_list"]

# By preference; each in the forms it is typed in.
SEPARATORS = {"newline": "\n\r", ";": ";；", "|": "|｜", "、": "、", ",": ",，", "tab": "\t"}  # noqa: RUF001
SPACE = "space"
_LEAST_SHARE = 0.1
_IDENTIFIER = re.compile(r"[A-Za-z]*[-_]?\d+")
_NOTHING = frozenset(("-", "--", "无", "空", "null", "none", "nan", "n/a", "na", "[]"))
_QUOTES = "\"'“”‘’「」『』《》"  # noqa: RUF001
_DAY = r"\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}日?"
_CLOCK = r"[T\s]+\d{1,2}[::时]\d{1,2}(?:分?(?:[::]?\d{1,2}(?:\.\d+)?秒?)?)?(?:Z|[+-]\d{2}:?\d{2})?"
_DATE = rf"{_DAY}(?:{_CLOCK})?"
_UNIX = r"\d{10}(?:\d{3})?"
_OPEN, _CLOSE = r"[(（\[【]", r"[)）\]】]"  # noqa: RUF001
_TIMED = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        rf"(?P<thing>.+?)\s*[@＠]\s*(?P<time>{_DATE}|{_UNIX})",  # noqa: RUF001
        rf"(?P<thing>.+?)\s*{_OPEN}\s*(?P<time>{_DATE}|{_UNIX})\s*{_CLOSE}",
        rf"{_OPEN}\s*(?P<time>{_DATE}|{_UNIX})\s*{_CLOSE}\s*(?P<thing>.+)",
        rf"(?P<time>{_DATE})\s*[\s:：]\s*(?P<thing>.+)",  # noqa: RUF001
        rf"(?P<thing>.+?)\s*[:：]\s*(?P<time>{_DATE}|{_UNIX})",  # noqa: RUF001
        rf"(?P<thing>.+?)[\s,，]\s*(?P<time>{_DAY}{_CLOCK})",  # noqa: RUF001
    )
)
_IDS, _TEXTS = ("item_id", "itemid", "item", "id"), ("text", "title", "query", "name", "keyword")
_TIMES = ("time", "timestamp", "ts", "date")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list in a cell.

    Attributes:
        thing: an item's identifier or a text; which of them is for the reader to tell.
        text: a text beside an identifier, where the cell has both.
        time: unix seconds, or None.
    """

    thing: str
    text: str | None = None
    time: int | None = None


def column_separator(cells: Iterable[str]) -> str:
    """Return the separator of a column's lists, a key of ``SEPARATORS``.

    It is the first, in their order, that is in at least a tenth of the cells that have any. Where
    no cell has one, but all are identifiers (letters, then digits) with white space between, it is
    ``space``.

    >>> column_separator(["Paris, Texas; Alien", "Heat", "Crash; Up"])
    ';'
    """
    counts = dict.fromkeys(SEPARATORS, 0)
    with_any = 0
    identifiers, spaces = True, False
    for cell in cells:
        pieces = cell.split()
        spaces |= len(pieces) > 1
        identifiers = identifiers and all(map(_IDENTIFIER.fullmatch, pieces))
        found = [name for name, forms in SEPARATORS.items() if any(f in cell for f in forms)]
        with_any += bool(found)
        for name in found:
            counts[name] += 1
    if spaces and identifiers:
        return SPACE
    least = _LEAST_SHARE * with_any
    return next((name for name, count in counts.items() if count and count >= least), ",")


def parse_cell(cell: str, separator: str) -> list[Entry]:
    """Return the entries of a cell, in its order, by the rules at the top of this module.

    Args:
        cell: the text.
        separator: a key of ``SEPARATORS``, ``space``, or any text that stands between entries.

    >>> [entry.thing for entry in parse_cell("耳机、手机 、 电脑", "、")]
    ['耳机', '手机', '电脑']
    >>> parse_cell('["Heat", {"id": "m7", "time": "2024-01-02"}]', ",")[1]
    Entry(thing='m7', text=None, time=1704153600)
    """
    plain = cell.strip()
    if plain.casefold() in _NOTHING:
        return []
    if plain.startswith("[") and plain.endswith("]"):
        listed = parse_list(plain)
        if listed is not None:
            return [entry for element in listed if (entry := _element(element)) is not None]
    return [entry for part in _cut(plain, separator) if (entry := _entry(part)) is not None]


def _cut(text: str, separator: str) -> list[str]:
    if separator == SPACE:
        return text.split()
    if separator not in SEPARATORS:
        return text.split(separator)
    return re.split(f"[{re.escape(SEPARATORS[separator])}]", text)


def parse_list(text: str) -> list[object] | None:
    """Return a list in JSON, or as Python prints it; None if the text is neither."""
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
        if isinstance(value, list):
            return value
    return None


def _element(element: object) -> Entry | None:
    if isinstance(element, dict):
        fields = {str(key).casefold(): value for key, value in element.items()}
        item, text = _first(fields, _IDS), _first(fields, _TEXTS)
        thing, moment = item or text, _first(fields, _TIMES)
        if thing is None:
            return None
        return Entry(thing, text if item else None, parse_time(moment) if moment else None)
    if isinstance(element, list | tuple):
        if len(element) == 2 and (time := parse_time(str(element[1]))) is not None:
            thing = _bare(str(element[0]))
            return Entry(thing, time=time) if thing else None
        return None
    if element is None or isinstance(element, bool):
        return None
    return _entry(str(element))


def _first(fields: dict[str, object], names: tuple[str, ...]) -> str | None:
    values = (fields[name] for name in names if fields.get(name) is not None)
    return next((text for value in values if (text := str(value).strip())), None)


def _entry(text: str) -> Entry | None:
    plain = text.strip()
    for pattern in _TIMED:
        found = pattern.fullmatch(plain)
        if found is not None:
            time = parse_time(found["time"])
            if time is not None and _bare(found["thing"]):
                return Entry(_bare(found["thing"]), time=time)
    bare = _bare(plain)
    return Entry(bare) if bare and bare.casefold() not in _NOTHING else None


def _bare(text: str) -> str:
    plain = text.strip()
    while len(plain) > 1 and plain[0] in _QUOTES and plain[-1] in _QUOTES:
        plain = plain[1:-1].strip()
    return plain
