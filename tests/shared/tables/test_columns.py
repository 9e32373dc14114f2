"""Tests of finding out which column means what."""

import pytest

from penchant.shared.errors import ConfigurationError
from penchant.shared.tables import Role, map_columns, parse_mapping

EVENTS = (Role.USER, Role.ITEM, Role.TIME, Role.KIND, Role.TEXT, Role.LANGUAGE)

_RECBOLE = ("user_id:token", "item_id:token", "timestamp:float")


@pytest.mark.parametrize(
    ("columns", "user", "item", "time"),
    [
        (["user_id", "item_id", "rating", "timestamp"], "user_id", "item_id", "timestamp"),
        (["userId", "movieId", "rating", "timestamp"], "userId", "movieId", "timestamp"),
        (["reviewerID", "asin", "unixReviewTime"], "reviewerID", "asin", "unixReviewTime"),
        (["User ID", "Parent-ASIN", "Created At"], "User ID", "Parent-ASIN", "Created At"),
        (["\uff55ser", "ITEM", "DateTime"], "\uff55ser", "ITEM", "DateTime"),
        (["用户ID", "商品ID", "时间戳"], "用户ID", "商品ID", "时间戳"),
        (["用戶", "商品編號", "時間"], "用戶", "商品編號", "時間"),
        (["ユーザーID", "商品ID", "日時"], "ユーザーID", "商品ID", "日時"),
        (["Kunde", "Artikelnummer", "Datum"], "Kunde", "Artikelnummer", "Datum"),
        (["user_id:token", "item_id:token", "timestamp:float"], *_RECBOLE),
    ],
)
def test_usual_names_are_guessed(columns: list[str], user: str, item: str, time: str) -> None:
    """Case, spaces, hyphens, underscores and full width make no difference."""
    found = map_columns(columns, EVENTS, {})
    assert found == {Role.USER: (user,), Role.ITEM: (item,), Role.TIME: (time,)}


def test_flag_comes_before_a_guess_and_takes_the_column() -> None:
    """A column given for one role is not guessed for another; ``none`` is no column."""
    given = parse_mapping(["item=title", "time=none", "text=genre+note"])
    found = map_columns(["user", "title", "time", "genre", "note"], EVENTS, given)
    assert found == {
        Role.USER: ("user",),
        Role.ITEM: ("title",),
        Role.TEXT: ("genre", "note"),
    }


@pytest.mark.parametrize("text", ["movie_id", "item=", "=movie_id", "film=movie_id"])
def test_mapping_that_says_nothing_is_refused(text: str) -> None:
    """The error shows the form and the roles."""
    with pytest.raises(ConfigurationError, match="ROLE=COLUMN, with one of the roles user, item"):
        parse_mapping([text])


def test_role_mapped_twice_and_unknown_column_are_refused() -> None:
    """Both name what was given; an unknown column is answered with those there are."""
    with pytest.raises(ConfigurationError, match="'item' is mapped twice"):
        parse_mapping(["item=a", "item=b"])
    with pytest.raises(ConfigurationError, match="no column 'c' for item; the columns are a, b"):
        map_columns(["a", "b"], EVENTS, {Role.ITEM: "c"})
