"""A folder of articles, and the catalogue that a device recommends them from."""

from dataclasses import dataclass
from pathlib import Path

from penchant.client import Catalogue, Encoder
from penchant.shared.errors import DataError

__all__ = ["Article", "catalogue_of", "read_articles"]

SUFFIXES = {".md", ".txt"}


@dataclass(frozen=True)
class Article:
    """One file of the folder.

    Attributes:
        name: its item id: the file's name without its ending.
        title: its first line.
        paragraphs: the rest.
    """

    name: str
    title: str
    paragraphs: tuple[str, ...]

    @property
    def text(self) -> str:
        """What the language model reads: the title and how the article begins."""
        return " ".join((f"{self.title}.", *self.paragraphs))[:1000]


def read_articles(folder: Path) -> dict[str, Article]:
    """Return the articles of ``folder`` by name, in the order of their names.

    Raises:
        DataError: there are fewer than two, or one is not UTF-8 text.
    """
    articles = {}
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() in SUFFIXES:
            articles[path.stem] = _article(path)
    if len(articles) < 2:
        raise DataError(
            f"{folder} has {len(articles)} articles (.md or .txt); at least 2 are needed"
        )
    return articles


def _article(path: Path) -> Article:
    try:
        content = path.read_text("utf-8").strip()
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text; save it as such") from error
    title, _, body = content.partition("\n")
    paragraphs = (" ".join(part.split()) for part in body.split("\n\n"))
    return Article(path.stem, title.lstrip("# ") or path.stem, tuple(filter(None, paragraphs)))


def catalogue_of(articles: dict[str, Article], encoder: Encoder) -> Catalogue:
    """Return the articles as items; embedding one takes a few milliseconds."""
    texts = [article.text for article in articles.values()]
    return Catalogue.of(list(articles), encoder.encode(texts), texts=texts)
