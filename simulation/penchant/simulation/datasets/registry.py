"""The data sets that a simulation knows by name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from penchant.shared.errors import ConfigurationError
from penchant.simulation.datasets.dataset import Dataset

__all__ = ["known", "load"]


def _movielens_100k(folder: Path) -> Dataset:
    from penchant.simulation.datasets.movielens import read_movielens_100k

    return read_movielens_100k(folder)


# Name, which is also the name of its asset, to the reader of its folder.
_READERS: Mapping[str, Callable[[Path], Dataset]] = MappingProxyType(
    {"movielens-100k": _movielens_100k}
)


def known() -> tuple[str, ...]:
    """Return the names that :func:`load` knows, sorted."""
    return tuple(sorted(_READERS))


def load(name: str, *, folder: Path | None = None) -> Dataset:
    """Return a data set, fetching its files on first use.

    Args:
        name: one of :func:`known`.
        folder: read the files here instead of fetching them.

    Raises:
        ConfigurationError: the name is not known.
        AssetError: the files cannot be fetched.
        DataError: the files are malformed.
    """
    reader = _READERS.get(name)
    if reader is None:
        raise ConfigurationError(
            f"no data set is called '{name}'; choose one of: {', '.join(known())}"
        )
    if folder is None:
        from penchant.shared.assets import fetch

        folder = fetch(name)
    return reader(folder)
