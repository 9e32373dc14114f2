"""Tests of reading times in the many ways that tables write them."""

from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penchant.shared.tables import epoch_seconds, parse_time
from penchant.shared.tables.times import LATEST_TIME

MOMENT = int(datetime(2024, 3, 5, 17, 4, 9, tzinfo=UTC).timestamp())
DAY = int(datetime(2024, 3, 5, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (str(MOMENT), MOMENT),
        (f"{MOMENT}.0", MOMENT),
        (str(MOMENT * 1000 + 7), MOMENT),
        (str(MOMENT * 1_000_000), MOMENT),
        (str(MOMENT * 1_000_000_000), MOMENT),
        ("2024-03-05T17:04:09Z", MOMENT),
        ("2024-03-05 17:04:09", MOMENT),
        ("2024-03-05 18:04:09+01:00", MOMENT),
        ("2024-03-05 17:04:09.250", MOMENT),
        ("2024/3/5 17:04:09", MOMENT),
        ("2024.03.05", DAY),
        ("2024-03-05", DAY),
        ("2024年3月5日", DAY),
        ("2024年3月5日 17时4分9秒", MOMENT),
        ("\uff12\uff10\uff12\uff14-03-05 17\uff1a04\uff1a09", MOMENT),
        ("Tue Mar 05 10:04:09 -0700 2024", MOMENT),
        ("Tue, 05 Mar 2024 17:04:09 +0000", MOMENT),
        ("Mar 5, 2024", DAY),
        ("5 March 2024 17:04:09", MOMENT),
        ("March 32, 2024", None),
        ("May the fourth", None),
        ("0", 0),
        ("17", 17),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("1e300", None),
        ("2024-13-05", None),
        ("2024-02-30", None),
        ("1969-12-31", None),
        ("yesterday", None),
        ("05/03/2024", None),  # whose third of May or fifth of March?
    ],
)
def test_time_is_read_alone_and_in_a_column(text: str, expected: int | None) -> None:
    """The rule for one value is the rule for a column."""
    assert parse_time(text) == expected
    assert epoch_seconds(pl.Series([None, text, "1"])).to_list() == [None, expected, 1]


@given(st.lists(st.one_of(st.none(), st.floats().map(repr), st.integers().map(str), st.text())))
def test_any_texts_give_usable_times_or_none(texts: list[str | None]) -> None:
    """No text is an error, a column agrees with its values, and every time fits an event."""
    column = epoch_seconds(pl.Series(texts, dtype=pl.String)).to_list()
    assert column == [None if text is None else parse_time(text) for text in texts]
    assert all(time is None or 0 <= time <= LATEST_TIME for time in column)
