"""``penchant evaluate drift``, whole: data, language model, switches, metrics."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from penchant.shared.encoding import CachedEncoder, Encoder
from penchant.shared.encoding.cached import find_bundle
from penchant.simulation import datasets
from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.drift.prequential import predict_then_learn
from penchant.simulation.drift.profiles import PROFILES
from penchant.simulation.drift.switches import joined, planted
from penchant.simulation.drift.table import Drift, summed_up

__all__ = ["evaluate_drift", "follow"]


def evaluate_drift(
    name: str,
    *,
    devices: int | None,
    before: int,
    after: int,
    encoder: str,
    seed: int,
    command: str,
    tell: Callable[[str], None],
) -> Drift:
    """Load a data set, embed its items and follow its people.

    Args:
        name: of the data set, as ``datasets.load`` takes it.
        devices: how many people, the first; all, if not given.
        before: events before each switch, a multiple of 5.
        after: events after it, a multiple of 5.
        encoder: an asset's name, or a bundle's folder.
        seed: of the bootstrap.
        command: how to run it again.
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
    return follow(
        dataset,
        embeddings,
        before=before,
        after=after,
        command=command,
        rng=np.random.default_rng(seed),
        generated=name.startswith("synthetic:"),
        tell=tell,
    )


def follow(
    dataset: Dataset,
    embeddings: NDArray[np.float32],
    *,
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
        before: events before each switch, a multiple of 5.
        after: events after it, a multiple of 5.
        command: how to run it again.
        rng: draws people for the bootstrap.
        generated: whether the data set knows its switches; otherwise people are joined.
        tell: told what is being done, for people.

    Raises:
        DataError: nobody has a switch with events enough.
    """
    # All texts of a catalogue are somewhat alike; what they have in common says nothing.
    placed = embeddings - embeddings.mean(axis=0)
    placed /= np.maximum(np.linalg.norm(placed, axis=1, keepdims=True), 1e-9)
    if generated:
        people = planted(dataset, before=before, after=after)
    else:
        people = joined(dataset, placed, before=before, after=after)
    tell(f"{len(people):,} people whose interests switch are followed")
    return summed_up(
        predict_then_learn(people, placed, PROFILES, before=before, after=after),
        dataset=dataset.name,
        switches="planted" if generated else "joined",
        command=command,
        rng=rng,
    )
