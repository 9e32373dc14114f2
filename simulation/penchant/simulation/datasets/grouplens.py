"""MovieLens in each of the forms that GroupLens publishes, told by its files.

Source: F. M. Harper and J. A. Konstan, The MovieLens Datasets: History and Context, ACM TiiS 5(4),
2015. 100K has ``u.data`` and ``u.item``; 1M and 10M ``ratings.dat`` and ``movies.dat``; 20M, 25M,
32M and latest ``ratings.csv`` and ``movies.csv``. Every rating is one event, whatever its stars.
"""

from pathlib import Path

import polars as pl

from penchant.shared.errors import DataError
from penchant.shared.tables import LINE, EventTable, Role, TableFormat, open_table
from penchant.shared.tables.rejects import Rejects
from penchant.simulation.datasets.assembly import Assembly
from penchant.simulation.datasets.loaded import Loaded
from penchant.simulation.datasets.movielens import read_movielens_100k
from penchant.simulation.datasets.sources import Source, unpacked

__all__ = ["read_movielens"]

_100K = ("u.data", "u.item")
_DAT = ("ratings.dat", "movies.dat")
_CSV = ("ratings.csv", "movies.csv")
_NO_GENRES = "(no genres listed)"


def read_movielens(source: Source) -> Loaded:
    """Read MovieLens from a folder or zip archive, which may hold it in a folder of its own.

    An item's text is its title, a full stop and its genres. People and items are in order of their
    first lines; those of 100K by number.

    Raises:
        DataError: there is no MovieLens there, or its files are malformed.
    """
    with unpacked(source.path, wanted=(*_100K, *_DAT, *_CSV)) as root:
        for form in (_CSV, _DAT, _100K):
            folder = next((file.parent for file in sorted(root.rglob(form[0]))), None)
            if folder is not None and (folder / form[1]).is_file():
                break
        else:
            raise DataError(
                f"no MovieLens in {source.path}: expected "
                + ", or ".join(" and ".join(form) for form in (_100K, _DAT, _CSV))
            )
        if form is _100K:
            return Loaded(read_movielens_100k(folder))
        return _read(folder, form, source)


def _read(folder: Path, form: tuple[str, str], source: Source) -> Loaded:
    ratings, movies = (folder / name for name in form)
    layout = TableFormat(separator=",")
    columns = {Role.USER: "userId", Role.ITEM: "movieId", Role.TIME: "timestamp"}
    if form is _DAT:
        layout = TableFormat(encoding="latin-1", separator="::", header=False, quotes=False)
        columns = {Role.USER: "1", Role.ITEM: "2", Role.TIME: "4"}
    texts, films = _films(movies, layout)
    assembly = Assembly(texts)
    given = {**columns, Role.KIND: "none", Role.TEXT: "none", Role.LANGUAGE: "none"}
    events = EventTable.open(ratings, form=layout, columns=given)
    for batch in events.batches():
        assembly.add(batch["user"], batch["item"], batch["time"].to_numpy())
    unknown = assembly.n_items - len(texts)
    dataset = assembly.dataset(
        source.name, texts, min_events=source.min_events, source=str(ratings)
    )
    notes = [f"{unknown} films have ratings and no title"] if unknown else []
    if assembly.n_few:
        notes.append(
            f"{assembly.n_few:,} people with fewer than {source.min_events} events left out"
        )
    return Loaded(dataset, (events.rejects, films), tuple(notes))


def _films(path: Path, layout: TableFormat) -> tuple[dict[str, str], Rejects]:
    """Return the films' texts by number, in the file's order."""
    table, rejects = open_table(path, layout), Rejects(path)
    if len(table.columns) != 3:
        raise DataError(f"{path} has {len(table.columns)} columns; expected number, title, genres")
    number, title, genres = table.columns
    texts: dict[str, str] = {}
    for batch in table.batches(rejects, table.columns):
        for line in batch.filter(pl.col(number).is_null() | pl.col(title).is_null())[LINE]:
            rejects.add(line, "no number or no title")
        for film, words, listed in batch.select(number, title, genres).rows():
            if film is not None and words is not None:
                some = (listed or "").replace(_NO_GENRES, "").replace("|", ", ")
                texts.setdefault(film, f"{words}. {some}" if some else words)
    return texts, rejects
