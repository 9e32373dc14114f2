"""MIND, the Microsoft News data set: clicks on news, and the lists they were made in.

Source: F. Wu et al., MIND: A Large-scale Dataset for News Recommendation, ACL 2020. A folder has
``news.tsv`` and ``behaviors.tsv``; several of them (train and dev) are read as one.

1. A person's events are the history of their first impression, then what they clicked.
2. Histories have no times: they lie before the first impression, an hour apart.
3. An item's text is its title, a full stop and its categories; with ``abstracts=yes``, the
   abstract too.
4. A part without clicks (MIND's test set, whose lists have no ``-0`` and ``-1``) gives its news,
   and no events.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from penchant.shared.errors import DataError
from penchant.shared.tables import LINE, TableFormat, open_table
from penchant.shared.tables.rejects import Rejects
from penchant.simulation.datasets.assembly import ORDER_STEP, Assembly
from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.datasets.impressions import Impressions
from penchant.simulation.datasets.loaded import Loaded
from penchant.simulation.datasets.sources import Source, unpacked

__all__ = ["read_mind"]

_NEWS, _BEHAVIOURS = "news.tsv", "behaviors.tsv"
_FORM = TableFormat(encoding="utf-8", separator="\t", header=False, quotes=False)
_USER, _TIME, _HISTORY, _SHOWN = "2", "3", "4", "5"
_ID, _CATEGORY, _SUBCATEGORY, _TITLE, _ABSTRACT = "1", "2", "3", "4", "5"
_CLOCK = "%m/%d/%Y %I:%M:%S %p"


def read_mind(source: Source) -> Loaded:
    """Read MIND from a folder or zip archive.

    Raises:
        DataError: the files are missing or malformed.
    """
    with unpacked(source.path, wanted=(_NEWS, _BEHAVIOURS)) as root:
        folders = [file.parent for file in sorted(root.rglob(_BEHAVIOURS))]
        folders = [folder for folder in folders if (folder / _NEWS).is_file()]
        if not folders:
            raise DataError(f"no MIND in {source.path}: expected {_NEWS} and {_BEHAVIOURS}")
        texts: dict[str, str] = {}
        abstracts = source.flag("abstracts", default=False)
        files = [_news(folder / _NEWS, texts, abstracts=abstracts) for folder in folders]
        assembly, shown = Assembly(texts), []
        labelled = [folder for folder in folders if _has_clicks(folder / _BEHAVIOURS)]
        if not labelled:
            raise DataError(
                f"no {_BEHAVIOURS} in {source.path} says what was clicked, as N1-1 N2-0; MIND's "
                "test set does not: read its train and dev sets"
            )
        for folder in labelled:
            rejects, some = _behaviours(folder / _BEHAVIOURS, assembly)
            files.append(rejects)
            shown.append(some)
    ordered = pl.concat(shown).sort("time", maintain_order=True)
    dataset, notes = _dataset(assembly, ordered, texts, source)
    unlabelled = [
        f"{folder.name} does not say what was clicked, as MIND's test set: its news are read only"
        for folder in folders
        if folder not in labelled
    ]
    return Loaded(dataset, tuple(files), (*notes, *unlabelled))


def _news(path: Path, texts: dict[str, str], *, abstracts: bool) -> Rejects:
    table, rejects = open_table(path, _FORM), Rejects(path)
    names = (_ID, _TITLE, _CATEGORY, _SUBCATEGORY, _ABSTRACT)
    if len(table.columns) < len(names):
        raise DataError(f"{path} has {len(table.columns)} columns; MIND's news have 8")
    for batch in table.batches(rejects, names):
        for line in batch.filter(pl.col(_ID).is_null())[LINE]:
            rejects.add(line, "no news id")
        for item, title, category, subcategory, abstract in batch.select(names).rows():
            if item is not None:
                kinds = ", ".join(kind for kind in (category, subcategory) if kind)
                parts = (title, kinds, abstract if abstracts else None)
                texts.setdefault(item, ". ".join(part for part in parts if part))
    return rejects


def _has_clicks(path: Path) -> bool:
    """Tell whether any of the first impressions says what was clicked."""
    first = next(iter(open_table(path, _FORM).batches(Rejects(path), (_SHOWN,))), None)
    return first is None or bool(first[_SHOWN].str.contains(r"-[01]$").any())


def _behaviours(path: Path, assembly: Assembly) -> tuple[Rejects, pl.DataFrame]:
    """Return the impressions: user, time, history and the lists of what was shown and clicked.

    Items are numbers already, and a history is there once for each user of a batch, so that the
    largest MIND fits in a few gigabytes.
    """
    table, rejects = open_table(path, _FORM), Rejects(path)
    if len(table.columns) != 5:
        raise DataError(f"{path} has {len(table.columns)} columns; MIND's behaviours have 5")
    parts = []
    for batch in table.batches(rejects, (_USER, _TIME, _HISTORY, _SHOWN)):
        pairs = pl.col(_SHOWN).str.split(" ")
        frame = batch.select(
            LINE,
            pl.col(_USER).alias("user"),
            pl.col(_TIME).str.to_datetime(_CLOCK, strict=False).dt.epoch("s").alias("time"),
            pl.col(_HISTORY).alias("history"),
            pairs.list.eval(pl.element().str.replace(r"-[01]$", "")).alias("items"),
            pairs.list.eval(pl.element().str.ends_with("-1")).alias("clicked"),
            pl.col(_SHOWN).str.contains(r"^\S+-[01]( \S+-[01])*$").alias("labelled"),
        )
        reasons = frame.select(
            pl.when(pl.col("user").is_null())
            .then(pl.lit("no user"))
            .when(pl.col("time").is_null())
            .then(pl.lit("not a time"))
            .when(~pl.col("labelled").fill_null(value=False))
            .then(pl.lit("impressions without clicks marked -0 or -1"))
        ).to_series()
        for line, reason in zip(frame[LINE], reasons, strict=True):
            if reason is not None:
                rejects.add(line, reason)
        parts.append(_numbered(frame.filter(reasons.is_null()).drop(LINE, "labelled"), assembly))
    if not parts:
        raise DataError(f"{path} has no impressions")
    return rejects, pl.concat(parts)


def _numbered(frame: pl.DataFrame, assembly: Assembly) -> pl.DataFrame:
    """Return impressions with numbers for items, and histories only where they may be the first."""
    distinct = frame["items"].explode().unique(maintain_order=True)
    numbers = assembly.items(distinct).tolist()
    number = pl.element().replace_strict(distinct, numbers, return_dtype=pl.Int32)
    earliest = pl.col("time") == pl.col("time").min().over("user")
    return frame.with_columns(
        pl.col("items").list.eval(number), pl.when(earliest).then(pl.col("history"))
    )


def _dataset(
    assembly: Assembly, shown: pl.DataFrame, texts: dict[str, str], source: Source
) -> tuple[Dataset, tuple[str, ...]]:
    first = shown.unique("user", keep="first", maintain_order=True)
    history = first.select("user", "time", pl.col("history").str.split(" "))
    history = history.explode("history").drop_nulls()
    # Before the first impression, an hour apart, the last of them an hour before it.
    place = pl.int_range(pl.len()).reverse().over("user") + 1
    history = history.with_columns(pl.col("time") - place * ORDER_STEP)
    assembly.add(history["user"], history["history"], history["time"].to_numpy())
    people, times = assembly.people(shown["user"]), shown["time"].to_numpy()
    lengths = shown["items"].list.len().to_numpy().astype(np.int64)
    items = shown["items"].explode().to_numpy()
    clicked = shown["clicked"].explode().to_numpy()
    of = np.repeat(np.arange(len(people)), lengths)[clicked]
    assembly.add_numbers(people[of], items[clicked], times[of])
    dataset = assembly.dataset(
        source.name, texts, min_events=source.min_events, source=str(source.path)
    )
    kept = assembly.kept[people]
    renumbered = np.cumsum(assembly.kept, dtype=np.int64) - 1
    impressions = Impressions(
        people=people.astype(np.int64),
        times=times,
        offsets=np.concatenate(([0], np.cumsum(lengths))),
        items=items,
        clicked=clicked,
    ).where(kept)
    impressions = replace(impressions, people=renumbered[impressions.people])
    notes = [f"{len(impressions):,} impressions; histories have no times: an hour apart, before"]
    unknown = assembly.n_items - len(texts)
    if unknown:
        notes.append(f"{unknown:,} news were read or shown and are not in {_NEWS}: no text")
    if assembly.n_few:
        least = max(source.min_events, 1)
        notes.append(f"{assembly.n_few:,} people with fewer than {least} events left out")
    return replace(dataset, impressions=impressions), tuple(notes)
