"""The taxonomy: the named tags that interests are told in."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from penchant.shared.errors import ConfigurationError

__all__ = ["Tag", "Taxonomy"]


@dataclass(frozen=True)
class Tag:
    """A named theme.

    Attributes:
        name: what it is called; not empty.
        description: what it is about, in a few words, if its name does not say enough.
    """

    name: str
    description: str | None = None

    @property
    def text(self) -> str:
        """What is embedded to place the tag among the items."""
        return self.name if self.description is None else f"{self.name}: {self.description}"


@dataclass(frozen=True)
class Taxonomy:
    """The tags that interests are told in.

    Attributes:
        tags: at least one, all of different names.

    Raises:
        ConfigurationError: there is no tag, one has no name, or a name is repeated.
    """

    tags: tuple[Tag, ...]

    def __post_init__(self) -> None:
        if not self.tags:
            raise ConfigurationError("the taxonomy has no tags; give at least one")
        if any(not tag.name.strip() for tag in self.tags):
            raise ConfigurationError("a tag of the taxonomy has no name; name it or leave it out")
        if len(self._places) != len(self.tags):
            repeated = next(tag.name for i, tag in enumerate(self.tags) if self.place(tag.name) > i)
            raise ConfigurationError(
                f"tag {repeated!r} is in the taxonomy twice; names must differ"
            )

    @classmethod
    def of(cls, names: Iterable[str]) -> Self:
        """Return the taxonomy of tags called ``names``, without descriptions."""
        return cls(tuple(Tag(name) for name in names))

    @classmethod
    def built_in(cls) -> Self:
        """Return the built-in taxonomy, some 200 tags of general interest."""
        # Loaded here, as below: the SDK is to be light to import.
        from importlib.resources import files

        text = files("penchant.client.interests").joinpath("tags.txt").read_text("utf-8")
        return cls._parsed(text)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the taxonomy of a UTF-8 file: a tag a line, a tab before its description.

        Raises:
            ConfigurationError: the file cannot be read or is not a taxonomy.
        """
        try:
            return cls._parsed(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"cannot read the taxonomy {path}: {error}") from error

    @classmethod
    def _parsed(cls, text: str) -> Self:
        tags = []
        for line in filter(str.strip, text.splitlines()):
            name, _, description = line.partition("\t")
            tags.append(Tag(name.strip(), description.strip() or None))
        return cls(tuple(tags))

    @cached_property
    def _places(self) -> dict[str, int]:
        return {tag.name: place for place, tag in enumerate(self.tags)}

    @property
    def names(self) -> tuple[str, ...]:
        """What the tags are called, in order."""
        return tuple(tag.name for tag in self.tags)

    def place(self, name: str) -> int:
        """Return the place of the tag called ``name``, from 0.

        Raises:
            ConfigurationError: there is no such tag; the message names those spelt most alike.
        """
        if name not in self._places:
            import difflib

            near = difflib.get_close_matches(name, self._places, n=3, cutoff=0.5)
            hint = f"; did you mean {' or '.join(map(repr, near))}" if near else ""
            raise ConfigurationError(f"there is no tag {name!r} in the taxonomy{hint}")
        return self._places[name]
