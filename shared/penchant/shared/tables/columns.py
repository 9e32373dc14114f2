"""Which column of a table means what: guessed from its name, or said by a flag."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from penchant.shared.errors import ConfigurationError

__all__ = [
    "ITEM_TABLE_NAMES",
    "NO_COLUMN",
    "Columns",
    "Role",
    "map_columns",
    "parse_mapping",
    "plain_name",
]

NO_COLUMN = "none"
_JOINT = "+"
_TYPES = ("token", "token_seq", "float", "float_seq")


class Role(StrEnum):
    """What a column means."""

    USER = "user"
    ITEM = "item"
    TIME = "time"
    KIND = "kind"
    TEXT = "text"
    LANGUAGE = "language"
    HISTORY = "history"
    SEARCHES = "searches"
    CLICKS = "clicks"


Columns = Mapping[Role, tuple[str, ...]]

# Names a column may have, the likeliest first: lower case, without spaces, hyphens, underscores.
_NAMES: Mapping[Role, tuple[str, ...]] = MappingProxyType(
    {
        Role.USER: (
            "userid", "user", "uid", "username", "reviewerid", "personid", "person", "customerid",
            "customer", "memberid", "visitorid", "accountid", "deviceid", "steamid", "sessionid",
            "nutzer", "nutzerid", "benutzer", "benutzerid", "kunde", "kundennummer",
            "utilisateur", "usuario", "usuarioid", "idusuario", "utente", "gebruiker",
            "пользователь", "ユーザーid", "ユーザid", "ユーザー", "会員id", "사용자", "사용자id",
            "المستخدم", "उपयोगकर्ता",
            "用户id", "用户", "用戶id", "用戶", "使用者id", "使用者", "會員id",
            "用户编号", "用户标识", "用户名", "用户号", "会员id", "顾客id",
        ),
        Role.ITEM: (
            "itemid", "item", "iid", "movieid", "parentasin", "asin", "productid", "product",
            "newsid", "articleid", "article", "bookid", "isbn", "songid", "trackid", "videoid",
            "docid", "documentid", "contentid", "goodsid", "sku", "businessid", "artistid",
            "gameid", "appid", "recipeid", "animeid", "podcastid", "courseid", "venueid", "placeid",
            "poiid", "locationid", "gmapid", "photoid", "urlid",
            "artikel", "artikelid", "artikelnummer", "produkt", "produktid", "produit",
            "produitid", "producto", "productoid", "articulo", "articulos", "prodotto", "товар",
            "商品コード", "アイテムid", "アイテム", "作品id", "상품", "상품id", "아이템",
            "المنتج", "उत्पाद",
            "物品id", "商品id", "项目id", "内容id", "新闻id", "文章id", "电影id", "视频id",
            "物品", "商品", "物品编号", "商品编号", "商品編號",
        ),
        Role.TIME: (
            "timestamp", "time", "unixreviewtime", "unixtime", "eventtime", "datetime",
            "createdat", "createtime", "ts", "date", "reviewdate", "reviewtime", "dateadded",
            "eventdate", "utctimestamp", "playedat", "viewedat", "tdat",
            "datum", "zeit", "zeitpunkt", "zeitstempel", "fecha", "horodatage", "tijd", "дата",
            "время", "日時", "タイムスタンプ", "시간", "날짜", "التاريخ", "दिनांक",
            "时间戳", "时间", "時間", "日期", "行为时间", "发生时间", "访问时间",
        ),
        Role.KIND: (
            "kind", "eventtype", "event", "action", "behaviortype", "behaviourtype", "behavior",
            "behaviour", "interaction", "interactiontype", "type",
            "行为类型", "行为", "事件类型", "事件", "动作", "类型",
        ),
        Role.TEXT: (
            "text", "title", "itemtitle", "producttitle", "movietitle", "headline", "name",
            "itemname", "productname", "booktitle", "artistname", "trackname", "businessname",
            "gamename", "appname", "query", "searchquery", "content", "description",
            "titel", "titre", "titulo", "título", "titolo", "nombre", "nom",
            "название", "タイトル", "商品名", "題名", "작품명", "제목", "العنوان", "शीर्षक",
            "名称", "標題", "名稱", "标题", "文本",
            "物品名称", "商品名称", "商品标题", "新闻标题", "文章标题", "片名", "书名", "内容",
            "搜索词", "查询", "描述",
        ),
        Role.LANGUAGE: ("language", "lang", "locale", "语言"),
        Role.HISTORY: (
            "browsinghistory", "browsehistory", "browsingrecords", "browsing", "history",
            "viewhistory", "viewinghistory", "viewed", "views", "visited",
            "浏览历史", "浏览记录", "浏览历史记录", "浏览", "历史记录", "观看历史", "观看记录",
        ),
        Role.SEARCHES: (
            "searchrecords", "searchrecord", "searchhistory", "searches", "searchqueries",
            "queries", "search", "搜索记录", "搜索历史", "搜索历史记录", "搜索", "查询记录",
        ),
        Role.CLICKS: (
            "clickbehaviour", "clickbehavior", "clickbehaviours", "clickbehaviors",
            "clickhistory", "clickrecords", "clicks", "clicked", "click",
            "点击行为", "点击记录", "点击历史", "点击",
        ),
    }
)  # fmt: skip

# In a table of items, what is bare is the item's.
ITEM_TABLE_NAMES: Mapping[Role, tuple[str, ...]] = MappingProxyType({Role.ITEM: ("id", "编号")})


def parse_mapping(texts: Iterable[str]) -> dict[Role, str]:
    """Return what flags such as ``item=movie_id`` say about columns.

    Raises:
        ConfigurationError: one is not ROLE=COLUMN, or a role is given twice.

    >>> parse_mapping(["item=movie_id", "time=none"])
    {<Role.ITEM: 'item'>: 'movie_id', <Role.TIME: 'time'>: 'none'}
    """
    given: dict[Role, str] = {}
    for text in texts:
        name, equals, column = (part.strip() for part in text.partition("="))
        if not equals or not column or name not in set(Role):
            raise ConfigurationError(
                f"'{text}' does not map a column; write ROLE=COLUMN, with one of the roles "
                f"{', '.join(Role)}"
            )
        if Role(name) in given:
            raise ConfigurationError(f"'{name}' is mapped twice; map it once")
        given[Role(name)] = column
    return given


def map_columns(
    columns: Sequence[str],
    roles: Iterable[Role],
    given: Mapping[Role, str],
    *,
    also: Mapping[Role, tuple[str, ...]] = MappingProxyType({}),
) -> dict[Role, tuple[str, ...]]:
    """Return the columns of each role that has any; only a text may have several.

    Args:
        columns: the table's columns, in order.
        roles: those wanted, the first to choose first; no column has two roles unless given so.
        given: columns by role as a flag gives them: ``NO_COLUMN`` for none, and for a text
            perhaps several, joined by ``+``.
        also: more names to guess by, as ``plain_name`` leaves them, after the usual ones.

    Raises:
        ConfigurationError: a column that is given does not exist.

    >>> map_columns(["UserID", "movie-id", "ts"], [Role.USER, Role.ITEM, Role.TIME], {})
    {<Role.USER: 'user'>: ('UserID',), <Role.ITEM: 'item'>: ('movie-id',), <Role.TIME: 'time'>: ('ts',)}
    """  # noqa: E501
    wanted = tuple(roles)
    found: dict[Role, tuple[str, ...]] = {}
    for role in wanted:
        if role in given and given[role] != NO_COLUMN:
            found[role] = _given(columns, role, given[role])
    taken = {column for own in found.values() for column in own}
    for role in wanted:
        if role not in given:
            column = _guess(
                [c for c in columns if c not in taken], _NAMES[role] + also.get(role, ())
            )
            if column is not None:
                found[role] = (column,)
                taken.add(column)
    return {role: found[role] for role in wanted if role in found}


def _given(columns: Sequence[str], role: Role, text: str) -> tuple[str, ...]:
    names = (text,) if text in columns or role is not Role.TEXT else tuple(text.split(_JOINT))
    exact = {plain_name(column): column for column in reversed(columns)}
    chosen = tuple(name if name in columns else exact.get(plain_name(name), "") for name in names)
    if not all(chosen):
        raise ConfigurationError(
            f"there is no column '{names[chosen.index('')]}' for {role}; "
            f"the columns are {', '.join(columns)}"
        )
    return chosen


def _guess(columns: Sequence[str], names: Sequence[str]) -> str | None:
    by_name = {plain_name(column): column for column in reversed(columns)}
    return next((by_name[name] for name in names if name in by_name), None)


def plain_name(name: str) -> str:
    """Return a column's name without what people write in different ways.

    The type that RecBole's files have after a name is no part of it.

    >>> plain_name("User-ID"), plain_name("item_id:token")
    ('userid', 'itemid')
    """
    bare, _, kind = name.rpartition(":")
    name = bare if kind in _TYPES else name
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(letter for letter in folded if not (letter.isspace() or letter in "-_.\ufeff"))
