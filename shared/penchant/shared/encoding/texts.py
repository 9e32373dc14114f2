"""What an encoder takes: a sequence of Unicode strings."""

from collections.abc import Sequence

from penchant.shared.errors import EncoderError

__all__ = ["check_texts"]


def check_texts(texts: Sequence[str]) -> None:
    """Check that ``texts`` can be encoded.

    Raises:
        EncoderError: it is one string, or holds something that is not a string or cannot be
            written in UTF-8; the error says which.
    """
    if isinstance(texts, str):
        raise EncoderError("texts is one string, expected a sequence of strings: pass [text]")
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise EncoderError(f"texts[{position}] is {type(text).__name__}, expected str")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise EncoderError(f"texts[{position}] is not valid Unicode: {error}") from None
