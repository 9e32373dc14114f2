"""What kind of event a word in a table means."""

import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from penchant.shared.errors import ConfigurationError

__all__ = [
    "CUSTOM",
    "DEFAULT_KIND",
    "KINDS",
    "NO_KIND",
    "kind_of",
    "meaning_of",
    "parse_kinds",
    "require_kind",
]

DEFAULT_KIND = "view"
CUSTOM = "custom"
# What a word means whose events are to be left out.
NO_KIND = "none"
# A kind's name, and other words for it, without spaces, hyphens and underscores.
_WORDS = MappingProxyType(
    {
        "view": "pv impression read browse visit open watch play listen pageview viewitem "
        "浏览 查看 观看 阅读 曝光",
        "search": "query 搜索 查询",
        "click": "tap select clk clickitem 点击",
        "like": "fav favorite favourite upvote thumbsup bookmark save wishlist addtowishlist "
        "collect 喜欢 点赞 收藏",
        "dislike": "hide downvote thumbsdown skip removefromcart removefromwishlist 不喜欢 踩 屏蔽",
        "purchase": "buy bought order transaction checkout purchased conversion 购买 下单 支付",
        "share": "forward repost retweet 分享 转发",
        "dwell": "stay 停留",
        # A cart says more than a view and less than a purchase: no other kind means that.
        CUSTOM: "cart addtocart addtobasket basket 加购 加入购物车 购物车 other 其他 自定义",
    }
)
KINDS = tuple(_WORDS)
_KIND_OF = {
    word: kind for kind, words in _WORDS.items() for word in (kind, *words.split(), f"{kind}s")
}


def kind_of(word: str) -> str | None:
    """Return the kind that a word means, or None.

    >>> kind_of("Add-to-cart"), kind_of("PV"), kind_of("收藏")
    ('custom', 'view', 'like')
    """
    plain = unicodedata.normalize("NFKC", word).casefold()
    return _KIND_OF.get("".join(letter for letter in plain if letter.isalnum()))


def parse_kinds(text: str) -> dict[str, str]:
    """Return what words mean, as an option such as ``1:view,2:like,4:purchase`` says it.

    Returns:
        The kind, or ``NO_KIND`` for events that are to be left out, by word.

    Raises:
        ConfigurationError: a part is not WORD:KIND, or a word is given twice.

    >>> parse_kinds("1:view,4:buy,refund:none")
    {'1': 'view', '4': 'purchase', 'refund': 'none'}
    """
    meanings: dict[str, str] = {}
    for part in text.split(","):
        word, colon, kind = (piece.strip() for piece in part.rpartition(":"))
        if not colon or not word or word in meanings:
            raise ConfigurationError(
                f"'{part}' in '{text}' does not say once what a word means; write WORD:KIND"
            )
        meanings[word] = NO_KIND if kind == NO_KIND else require_kind(kind)
    return meanings


def meaning_of(word: str, given: Mapping[str, str]) -> str | None:
    """Return the kind that a word means, or ``NO_KIND``, or None.

    Args:
        word: as a table has it.
        given: what words mean that are not to be guessed.
    """
    return given.get(word.strip()) or kind_of(word)


def require_kind(word: str) -> str:
    """Return the kind that a word means.

    Raises:
        ConfigurationError: it means none.
    """
    kind = kind_of(word)
    if kind is None:
        raise ConfigurationError(f"kind is '{word}'; give one of {', '.join(KINDS)}")
    return kind
