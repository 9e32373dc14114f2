"""MovieLens-100K: 943 people's ratings of 1,682 films, 1997 to 1998.

Source: F. M. Harper and J. A. Konstan, The MovieLens Datasets: History and Context, ACM TiiS 5(4),
2015. Every rating is one event, whatever its stars: somebody chose that film. An item's text is its
title, a full stop and its genres.
"""

from pathlib import Path

import polars as pl

from penchant.shared.errors import DataError
from penchant.simulation.datasets.dataset import Dataset

__all__ = ["GENRES", "NAME", "read_movielens_100k"]

NAME = "movielens-100k"
# In the order of the columns of u.item; the first, "unknown", is no genre.
GENRES = (
    "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama",
    "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War",
    "Western",
)  # fmt: skip

_ITEM_COLUMNS = (
    "movie_id", "movie_title", "release_date", "video_release_date", "IMDb_URL", "unknown", *GENRES,
)  # fmt: skip
_EVENT_COLUMNS = ("user_id", "movie_id", "rating", "timestamp")
_PARQUET = ("MovieLens100k_data.parquet.brotli", "MovieLens100k_items.parquet.brotli")
_ORIGINAL = ("u.data", "u.item")


def read_movielens_100k(folder: Path) -> Dataset:
    """Read MovieLens-100K from a folder, in either of the two forms it is passed around in.

    Args:
        folder: holds ``u.data`` and ``u.item`` as GroupLens publishes them, or
            ``MovieLens100k_data.parquet.brotli`` and ``MovieLens100k_items.parquet.brotli``.

    Returns:
        People and items in order of their numbers; events of one second in the file's order.

    Raises:
        DataError: the files are missing or malformed, or a rating is of an unknown film.
    """
    present = [form for form in (_ORIGINAL, _PARQUET) if all((folder / f).is_file() for f in form)]
    if not present:
        raise DataError(
            f"no MovieLens-100K in {folder}: expected {' and '.join(_ORIGINAL)}, "
            f"or {' and '.join(_PARQUET)}"
        )
    events_file, items_file = (folder / file for file in present[0])
    try:
        if present[0] == _ORIGINAL:
            events, items = _read_events(events_file), _read_items(items_file)
        else:
            events, items = pl.read_parquet(events_file), pl.read_parquet(items_file)
        events = events.select(pl.col(_EVENT_COLUMNS).cast(pl.Int64))
        items = items.select(
            pl.col("movie_id").cast(pl.Int64),
            pl.col("movie_title").cast(pl.String).str.strip_chars(),
            pl.col(GENRES).cast(pl.Int64) != 0,
        )
    except (pl.exceptions.PolarsError, OSError, ValueError) as error:
        raise DataError(f"cannot read MovieLens-100K in {folder}: {error}") from error
    return _dataset(events, items.sort("movie_id", maintain_order=True), folder)


def _read_events(file: Path) -> pl.DataFrame:
    return pl.read_csv(
        file,
        separator="\t",
        has_header=False,
        schema=dict.fromkeys(_EVENT_COLUMNS, pl.Int64),
        quote_char=None,
    )


def _read_items(file: Path) -> pl.DataFrame:
    rows = [line.split("|") for line in file.read_text("latin-1").splitlines() if line.strip()]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(_ITEM_COLUMNS):
            raise DataError(
                f"line {number} of {file} has {len(row)} fields between '|'; "
                f"expected {len(_ITEM_COLUMNS)}"
            )
    return pl.DataFrame(rows, schema=dict.fromkeys(_ITEM_COLUMNS, pl.String), orient="row")


def _dataset(events: pl.DataFrame, items: pl.DataFrame, folder: Path) -> Dataset:
    for kind, frame in (("ratings", events), ("films", items)):
        if frame.is_empty() or frame.null_count().sum_horizontal().item():
            raise DataError(
                f"MovieLens-100K in {folder} has no {kind}, or {kind} with empty fields"
            )
    unknown = events.filter(~pl.col("movie_id").is_in(items["movie_id"].implode()))
    if not unknown.is_empty():
        raise DataError(
            f"MovieLens-100K in {folder} has a rating of film {unknown['movie_id'][0]}, "
            "which is not among its items"
        )
    person_numbers = events["user_id"].unique().sort()
    item_numbers = items["movie_id"]
    return Dataset.from_events(
        NAME,
        item_ids=[str(number) for number in item_numbers],
        item_texts=[_text(row["movie_title"], row) for row in items.iter_rows(named=True)],
        person_ids=[str(number) for number in person_numbers],
        people=person_numbers.search_sorted(events["user_id"]).to_numpy(),
        items=item_numbers.search_sorted(events["movie_id"]).to_numpy(),
        times=events["timestamp"].to_numpy(),
    )


def _text(title: str, flags: dict[str, bool]) -> str:
    genres = ", ".join(genre for genre in GENRES if flags[genre])
    return f"{title}. {genres}" if genres else title
