"""The data sets that a simulation knows by name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from penchant.shared.errors import ConfigurationError
from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.datasets.synthetic import SYNTHETIC, PopulationSettings, generate

__all__ = ["known", "load"]


def _movielens_100k(folder: Path) -> Dataset:
    from penchant.simulation.datasets.movielens import read_movielens_100k

    return read_movielens_100k(folder)


# Name, which is also the name of its asset, to the reader of its folder.
_READERS: Mapping[str, Callable[[Path], Dataset]] = MappingProxyType(
    {"movielens-100k": _movielens_100k}
)


def known() -> tuple[str, ...]:
    """Return the names of the data sets that :func:`load` reads, sorted."""
    return tuple(sorted(_READERS))


def load(name: str, *, folder: Path | None = None) -> Dataset:
    """Return a data set, fetching its files on first use.

    Args:
        name: one of :func:`known`, or a population to generate, such as
            ``"synthetic:devices=1e6,drift=0.5"`` (see ``PopulationSettings``).
        folder: read the files here instead of fetching them; for a population to generate, keep
            it here instead of in penchant's cache folder.

    Raises:
        ConfigurationError: the name is not known, or a setting in it cannot be used.
        AssetError: the files cannot be fetched.
        DataError: the files are malformed, or cannot be kept.
    """
    if name.partition(":")[0] == SYNTHETIC:
        return generate(PopulationSettings.parse(name), folder=folder)
    reader = _READERS.get(name)
    if reader is None:
        raise ConfigurationError(
            f"no data set is called '{name}'; choose one of: "
            f"{', '.join(known())}, {SYNTHETIC}:KEY=VALUE,..."
        )
    if folder is None:
        from penchant.shared.assets import fetch

        folder = fetch(name)
    return reader(folder)
