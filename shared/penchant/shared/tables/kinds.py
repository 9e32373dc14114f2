"""What kind of event a word in a table means."""

import unicodedata
from types import MappingProxyType

from penchant.shared.errors import ConfigurationError

__all__ = ["CUSTOM", "DEFAULT_KIND", "KINDS", "kind_of", "require_kind"]

DEFAULT_KIND = "view"
CUSTOM = "custom"
# A kind's name, and other words for it, without spaces, hyphens and underscores.
_WORDS = MappingProxyType(
    {
        "view": "pv impression read browse visit open watch play listen 浏览 查看 观看 阅读 曝光",
        "search": "query 搜索 查询",
        "click": "tap select clk 点击",
        "like": "fav favorite favourite upvote thumbsup bookmark save 喜欢 点赞 收藏",
        "dislike": "hide downvote thumbsdown skip 不喜欢 踩 屏蔽",
        "purchase": "buy order transaction checkout 购买 下单 支付",
        "share": "forward repost retweet 分享 转发",
        "dwell": "stay 停留",
        CUSTOM: "other 其他 自定义",
    }
)
KINDS = tuple(_WORDS)
_KIND_OF = {
    word: kind for kind, words in _WORDS.items() for word in (kind, *words.split(), f"{kind}s")
}


def kind_of(word: str) -> str | None:
    """Return the kind that a word means, or None.

    >>> kind_of("Add-to-cart"), kind_of("PV"), kind_of("收藏")
    (None, 'view', 'like')
    """
    plain = unicodedata.normalize("NFKC", word).casefold()
    return _KIND_OF.get("".join(letter for letter in plain if letter.isalnum()))


def require_kind(word: str) -> str:
    """Return the kind that a word means.

    Raises:
        ConfigurationError: it means none.
    """
    kind = kind_of(word)
    if kind is None:
        raise ConfigurationError(f"kind is '{word}'; give one of {', '.join(KINDS)}")
    return kind
