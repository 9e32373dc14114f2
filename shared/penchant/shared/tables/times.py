"""When something happened, from the many ways that tables write it, as unix seconds.

The rule, for each value by itself:

1. A number is unix time: in seconds below 1e11, in milliseconds below 1e14, in microseconds below
   1e17, in nanoseconds from there on.
2. Anything else is a date, with or without a time of day, in ISO 8601 or with the year first and
   ``/``, ``.`` or ``年月日`` between its parts, or with the month's English name (``Nov 5, 2011``,
   ``Fri Nov 11 12:32:44 -0700 2016``); without an offset from UTC it is in UTC.
3. Times before 1970 or after the year 9999 are not usable.
"""

import re
import unicodedata
from datetime import UTC, datetime

import polars as pl

from penchant.shared.errors import ConfigurationError

__all__ = ["LATEST_TIME", "epoch_seconds", "parse_time"]

LATEST_TIME = 253_402_300_799  # the end of the year 9999
_UNITS = ((1e11, 1), (1e14, 1_000), (1e17, 1_000_000))
_NANOSECONDS = 1_000_000_000
_DATE = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[T\s]*(\d{1,2})[:时](\d{1,2})分?(?:[:]?(\d{1,2})秒?(?:[.,]\d+)?)?)?"
    r"\s*(Z|UTC|[+-]\d{2}:?\d{2})?",
    re.IGNORECASE,
)
_MONTH = re.compile(r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE)
_WITH_NAMES = (
    "%a %b %d %H:%M:%S %z %Y",
    "%a %b %d %H:%M:%S %Y",
    "%a, %d %b %Y %H:%M:%S %z",
    *(f"{day}{clock}" for day in ("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y")
      for clock in ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")),
)  # fmt: skip


def parse_time(text: str) -> int | None:
    """Return the unix seconds that a text gives, or None.

    >>> parse_time("2024-01-02T03:04:05Z"), parse_time("1704164645000"), parse_time("soon")
    (1704164645, 1704164645, None)
    """
    plain = unicodedata.normalize("NFKC", text).strip()
    try:
        number = float(plain)
    except ValueError:
        return _date_seconds(plain)
    if not 0 <= number < float("inf"):
        return None
    divisor = next((divisor for limit, divisor in _UNITS if number < limit), _NANOSECONDS)
    return _usable(int(number) // divisor)


def epoch_seconds(values: pl.Series, form: str | None = None) -> pl.Series:
    """Return unix seconds, Int64, of strings; null where there is none or it is not usable.

    Args:
        values: strings.
        form: how they are written, by the signs of ``strptime``; None for the rule above.

    Raises:
        ConfigurationError: ``form`` is not one.
    """
    if form is not None:
        return _written(values, form)
    number = pl.col("text").cast(pl.Float64, strict=False)
    (seconds, _), (milliseconds, thousand), (microseconds, million) = _UNITS
    divisor = (
        pl.when(number < seconds)
        .then(1)
        .when(number < milliseconds)
        .then(thousand)
        .when(number < microseconds)
        .then(million)
        .otherwise(_NANOSECONDS)
    )
    whole = number.cast(pl.Int64, strict=False) // divisor
    usable = pl.when((number >= 0) & (whole <= LATEST_TIME)).then(whole)
    frame = pl.DataFrame({"text": values.cast(pl.String)})
    known = frame.select(usable.alias("time")).to_series()
    rest = (known.is_null() & values.is_not_null()).arg_true()
    if rest.is_empty():
        return known
    parsed = {text: parse_time(text) for text in set(values.gather(rest))}
    found = pl.Series([parsed[text] for text in values.gather(rest)], dtype=pl.Int64)
    return known.scatter(rest, found)


def _written(values: pl.Series, form: str) -> pl.Series:
    """Return unix seconds of strings that are written in one form."""
    try:
        datetime.strptime(datetime(2024, 3, 5, tzinfo=UTC).strftime(form), form)
        moments = values.cast(pl.String).str.to_datetime(form, strict=False)
    except (ValueError, pl.exceptions.PolarsError) as error:
        raise ConfigurationError(
            f"'{form}' is no form of times: {error}; write one such as %d/%m/%Y %H:%M"
        ) from None
    seconds = moments.dt.epoch("s")
    return seconds.set((seconds < 0) | (seconds > LATEST_TIME), None)


def _date_seconds(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        parts = _DATE.fullmatch(text)
        if parts is None:
            return _named_month_seconds(text)
        year, month, day, hour, minute, second = (int(part or 0) for part in parts.groups()[:6])
        zone = (parts[7] or "").upper().replace("UTC", "Z")
        try:
            moment = datetime.fromisoformat(
                f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{zone}"
            )
        except ValueError:
            return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return _usable(int(moment.timestamp()))


def _named_month_seconds(text: str) -> int | None:
    """Return the unix seconds of a date with its month's English name, or None."""
    if not _MONTH.search(text):
        return None
    for form in _WITH_NAMES:
        try:
            moment = datetime.strptime(text, form)
        except ValueError:
            continue
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return _usable(int(moment.timestamp()))
    return None


def _usable(seconds: int) -> int | None:
    return seconds if 0 <= seconds <= LATEST_TIME else None
