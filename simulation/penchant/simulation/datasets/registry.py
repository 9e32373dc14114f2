"""The data sets that a simulation knows by name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from penchant.shared.errors import ConfigurationError
from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.datasets.loaded import Loaded
from penchant.simulation.datasets.sources import KINDS, Source
from penchant.simulation.datasets.synthetic import SYNTHETIC, PopulationSettings, generate

__all__ = ["known", "load", "read"]


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


def load(
    name: str, *, folder: Path | None = None, tell: Callable[[str], None] | None = None
) -> Dataset:
    """Return a data set, fetching its files on first use.

    Args:
        name: one of :func:`known`; a population to generate, such as
            ``"synthetic:devices=1e6,drift=0.5"`` (see ``PopulationSettings``); or where it is, such
            as ``"table:events.csv,items=items.csv"`` (see ``Source``).
        folder: read the files here instead of fetching them; for a population to generate, keep
            it here instead of in penchant's cache folder.
        tell: told what was left out, for people.

    Raises:
        ConfigurationError: the name is not known, or a setting in it cannot be used.
        AssetError: the files cannot be fetched.
        DataError: the files are malformed, or cannot be kept.
    """
    kind = name.partition(":")[0]
    if kind == SYNTHETIC:
        return generate(PopulationSettings.parse(name), folder=folder)
    if ":" in name and kind in KINDS:
        source = Source.parse(name)
        loaded = read(source)
        loaded.check(source.tolerance)
        if tell is not None:
            for note in loaded.told():
                tell(note)
        return loaded.dataset
    reader = _READERS.get(name)
    if reader is None:
        raise ConfigurationError(
            f"no data set is called '{name}'; choose one of: {', '.join(known())}, "
            f"{SYNTHETIC}:KEY=VALUE,..., {', '.join(f'{kind}:PATH' for kind in KINDS)}"
        )
    if folder is None:
        from penchant.shared.assets import fetch

        folder = fetch(name)
    return reader(folder)


def read(source: Source) -> Loaded:
    """Read a data set from where it is, whatever the share of malformed rows.

    Raises:
        DataError: the files cannot be read.
        ConfigurationError: an option is not usable.
    """
    # Each brings polars, which a simulation of a generated population does without.
    if source.kind == "movielens":
        from penchant.simulation.datasets.grouplens import read_movielens

        return read_movielens(source)
    if source.kind == "mind":
        from penchant.simulation.datasets.mind import read_mind

        return read_mind(source)
    if source.kind == "sequences":
        from penchant.simulation.datasets.sequences import read_sequences

        return read_sequences(source)
    from penchant.simulation.datasets.logs import read_table, read_wide

    return read_table(source) if source.kind == "table" else read_wide(source)
