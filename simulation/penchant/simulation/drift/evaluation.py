"""``penchant evaluate drift``, whole: data, language model, switches, metrics."""

import shlex
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from penchant.shared.encoding import CachedEncoder, Encoder
from penchant.shared.encoding.cached import find_bundle
from penchant.simulation import datasets
from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.drift.profiles import MEANINGS, PROFILES, follow_interests
from penchant.simulation.drift.switches import Switched, joined, planted
from penchant.simulation.drift.table import Drift, summed_up
from penchant.simulation.evaluation import evenly_spaced

__all__ = ["evaluate_drift", "follow", "switched_people"]

# A generated person seldom has a switch with events enough around it, so more are looked at.
LOOKED_AT = 20


def evaluate_drift(
    name: str,
    *,
    devices: int | None,
    people: int,
    before: int,
    after: int,
    encoder: str,
    seed: int,
    tell: Callable[[str], None],
) -> Drift:
    """Load a data set, embed its items and follow its people.

    Args:
        name: of the data set, as ``datasets.load`` takes it.
        devices: how many people the data set has, the first; all, if not given.
        people: how many are followed at most.
        before: events before each switch, a multiple of 5.
        after: events after it, a multiple of 5.
        encoder: an asset's name, or a bundle's folder.
        seed: of the bootstrap.
        tell: told what is being done, for people.

    Raises:
        DataError: the data cannot be read, or nobody has a switch with events enough.
        PenchantError: data or model cannot be had.
    """
    dataset = datasets.load(name, tell=tell)
    if devices is not None:
        dataset = dataset.head(devices)
    tell(f"language model {encoder} embeds the texts of {dataset.n_items:,} items")
    embeddings = CachedEncoder(Encoder.open(find_bundle(encoder))).encode(dataset.item_words)
    command = ["penchant", "evaluate", "drift", "--dataset", name, "--encoder", encoder]
    if devices is not None:
        command += ["--devices", str(devices)]
    command += ["--people", str(people), "--before", str(before), "--after", str(after)]
    return follow(
        dataset,
        embeddings,
        people=people,
        before=before,
        after=after,
        command=shlex.join([*command, "--seed", str(seed)]),
        rng=np.random.default_rng(seed),
        generated=name.startswith("synthetic:"),
        tell=tell,
    )


def follow(
    dataset: Dataset,
    embeddings: NDArray[np.float32],
    *,
    people: int,
    before: int,
    after: int,
    command: str,
    rng: np.random.Generator,
    generated: bool,
    tell: Callable[[str], None],
) -> Drift:
    """Follow people around their switches, with every profile.

    Args:
        dataset: people and events.
        embeddings: float32 (J, m), unit vectors of the items' texts.
        people: how many are followed at most.
        before: events before each switch, a multiple of 5.
        after: events after it, a multiple of 5.
        command: how to run it again.
        rng: draws people for the bootstrap.
        generated: whether the data set knows its switches; otherwise people are joined.
        tell: told what is being done, for people.

    Raises:
        DataError: nobody has a switch with events enough.
    """
    placed = _centred(embeddings)
    followed = switched_people(
        dataset, embeddings, count=people, before=before, after=after, generated=generated
    )
    tell(f"{len(followed):,} people whose interests switch are followed")
    return summed_up(
        follow_interests(followed, placed, PROFILES, before=before, after=after),
        meanings=MEANINGS,
        dataset=dataset.name,
        switches="planted" if generated else "joined",
        command=command,
        rng=rng,
    )


def switched_people(
    dataset: Dataset,
    embeddings: NDArray[np.float32],
    *,
    among: NDArray[np.int64] | None = None,
    count: int,
    before: int,
    after: int,
    generated: bool,
) -> list[Switched]:
    """Return at most ``count`` people whose interests switch, evenly spaced in the data set.

    Args:
        dataset: people and events.
        embeddings: float32 (J, m), unit vectors of the items' texts.
        among: int64, the people to look at; all, if not given.
        count: how many at most.
        before: events before each switch, at least.
        after: events after it.
        generated: whether the data set knows its switches; otherwise people are joined.

    Raises:
        DataError: nobody has a switch with events enough.
    """
    some = np.arange(dataset.n_people) if among is None else among
    if generated:
        some = evenly_spaced(some, count=LOOKED_AT * count)
        found = planted(dataset, among=some, before=before, after=after)
        return [found[row] for row in evenly_spaced(np.arange(len(found)), count=count)]
    long = some[np.diff(dataset.offsets)[some] >= max(before, after)]
    some = evenly_spaced(long, count=count)
    return joined(dataset, _centred(embeddings), among=some, before=before, after=after)


def _centred(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return unit vectors without what all texts of the catalogue have in common."""
    placed: NDArray[np.float32] = embeddings - embeddings.mean(axis=0)
    placed /= np.maximum(np.linalg.norm(placed, axis=1, keepdims=True), 1e-9)
    return placed
