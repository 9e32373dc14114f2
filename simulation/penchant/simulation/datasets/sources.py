"""Data sets named by where they are: ``KIND:PATH,KEY=VALUE,...``."""

import re
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType

from penchant.shared.errors import ConfigurationError, DataError
from penchant.shared.tables.rejects import DEFAULT_TOLERANCE

__all__ = ["KINDS", "Source", "unpacked"]

_COMMON = ("min_events", "tolerate")
_FORM = ("encoding", "separator", "header", "quotes")
_ITEMS = ("items", "items.item", "items.text", *(f"items.{name}" for name in _FORM))
# Kinds of source, and the options that each takes.
KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "movielens": _COMMON,
        "mind": (*_COMMON, "abstracts"),
        "table": (
            *_COMMON, *_FORM, "user", "item", "time", "time_format", "kind", "kinds", "text",
            "language", *_ITEMS,
        ),
        "sequences": (*_COMMON, "encoding", "separator", "users", "newest_first", *_ITEMS),
        "wide": (
            *_COMMON, *_FORM, "user", "history", "searches", "clicks", "list_separator",
            "newest_first", *_ITEMS,
        ),
    }
)  # fmt: skip
_OPTION = re.compile(r"[a-z_]+(?:\.[a-z_]+)?=")
_YES = MappingProxyType(
    {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
)


@dataclass(frozen=True)
class Source:
    """Where a data set is, and how it is to be read.

    Attributes:
        kind: one of ``KINDS``.
        path: file or folder.
        options: by name, as written.
    """

    kind: str
    path: Path
    options: Mapping[str, str]

    @classmethod
    def parse(cls, name: str) -> "Source":
        """Return the source that a data set's name gives.

        Args:
            name: ``KIND:PATH``, and options after commas; a comma that no ``KEY=`` follows is part
                of what is before it.

        Raises:
            ConfigurationError: the kind or an option is not known, or there is no path.

        >>> Source.parse("table:a,b.csv,user=uid").options
        mappingproxy({'user': 'uid'})
        """
        kind, _, rest = name.partition(":")
        parts: list[str] = []
        for part in rest.split(","):
            if parts and not _OPTION.match(part):
                parts[-1] += f",{part}"
            else:
                parts.append(part)
        path, *written = parts
        if not path.strip():
            raise ConfigurationError(f"'{name}' has no path; write {kind}:PATH")
        options: dict[str, str] = {}
        for option in written:
            key, _, value = option.partition("=")
            if key not in KINDS[kind]:
                raise ConfigurationError(
                    f"a '{kind}' data set has no option '{key}'; it has {', '.join(KINDS[kind])}"
                )
            if key in options or not value:
                raise ConfigurationError(f"'{key}' in '{name}' needs one value; give it one")
            options[key] = value
        return cls(kind, Path(path).expanduser(), MappingProxyType(options))

    @property
    def name(self) -> str:
        """What the data set is called: its kind and the name of its file or folder."""
        return f"{self.kind}:{self.path.resolve().name}"

    @property
    def tolerance(self) -> float:
        """Share of each file's rows that may be malformed."""
        return self._number("tolerate", DEFAULT_TOLERANCE, most=1.0)

    @property
    def min_events(self) -> int:
        """Least number of events of a person who is kept."""
        number = self._number("min_events", 0.0)
        if number != int(number):
            raise ConfigurationError(f"min_events is {number}; give a whole number")
        return int(number)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return an option that is yes or no.

        Raises:
            ConfigurationError: it is neither.
        """
        text = self.options.get(name)
        if text is None:
            return default
        if text not in _YES:
            raise ConfigurationError(f"{name} is '{text}'; give yes or no")
        return _YES[text]

    def _number(self, name: str, default: float, *, most: float = float("inf")) -> float:
        text = self.options.get(name)
        if text is None:
            return default
        try:
            number = float(text)
        except ValueError:
            number = -1.0
        if not 0 <= number <= most or number == float("inf"):
            limits = "0 or more" if most == float("inf") else f"0 to {most:g}"
            raise ConfigurationError(f"{name} is '{text}'; give a number, {limits}")
        return number


@contextmanager
def unpacked(path: Path, *, wanted: tuple[str, ...]) -> Iterator[Path]:
    """Give a folder whose files are there to read, for as long as the block runs.

    Args:
        path: a folder; a ``.zip`` file; or a folder that holds such files, as downloads leave them.
        wanted: names of files to take from archives.

    Raises:
        DataError: it is none of them, or an archive is damaged.
    """
    if not path.exists():
        raise DataError(f"there is no file or folder {path}")
    if path.is_file() and not zipfile.is_zipfile(path):
        raise DataError(f"{path} is neither a folder nor a zip archive")
    if path.is_dir() and any(next(path.rglob(name), None) for name in wanted):
        yield path
        return
    archives = sorted(path.glob("*.zip")) if path.is_dir() else [path]
    with TemporaryDirectory(prefix="penchant-") as scratch:
        for archive in archives:
            _unpack(archive, Path(scratch) / archive.stem, wanted)
        yield Path(scratch)


def _unpack(path: Path, folder: Path, wanted: tuple[str, ...]) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [name for name in archive.namelist() if name.rpartition("/")[2] in wanted]
            # What a Mac adds to an archive is no file of anybody's.
            archive.extractall(folder, [m for m in members if not m.startswith("__MACOSX/")])
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{path} cannot be unpacked: {error}") from error
