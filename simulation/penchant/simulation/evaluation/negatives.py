"""Items that a person never met, drawn once a stage so that every model ranks the same ones."""

from dataclasses import dataclass

import numpy as np

from penchant.shared.errors import ConfigurationError
from penchant.simulation.datasets.dataset import Int32Array, Int64Array
from penchant.simulation.split import LeaveOneOut, Stage

__all__ = ["SampledNegatives", "blocks", "sample_negatives"]

_BLOCK_CELLS = 4_000_000  # people x items held in memory at once


@dataclass(frozen=True, eq=False)
class SampledNegatives:
    """The negatives of each person who has a held-out item, at one stage.

    Args:
        stage: the stage they were drawn for.
        people: int64 of shape (n,), the people, as ``LeaveOneOut.people``.
        items: int32 of shape (n, number), item indices, increasing in each row.
        asked: how many were asked for, if the catalogue does not have as many.
    """

    stage: Stage
    people: Int64Array
    items: Int32Array
    asked: int | None = None

    @property
    def protocol(self) -> str:
        """What ranking among them is called: ``sampled99`` if 99 were asked for."""
        return f"sampled{self.asked or self.number}"

    @property
    def number(self) -> int:
        """Negatives a person."""
        return int(self.items.shape[1])


def sample_negatives(
    split: LeaveOneOut,
    *,
    stage: Stage,
    rng: np.random.Generator,
    number: int = 99,
    or_fewer: bool = False,
) -> SampledNegatives:
    """Draw each person's negatives uniformly, without replacement.

    The pool is the whole catalogue minus what the person has met before the held-out item, minus
    that item itself. At validation it therefore holds the test item like any other: nothing about
    the future shapes it.

    Args:
        split: the split data set.
        stage: which held-out item is to be ranked.
        rng: made from a seed; the draws come from a child stream of it.
        number: negatives a person, at least 1.
        or_fewer: where somebody has fewer, give everybody as many as that person has.

    Raises:
        ConfigurationError: somebody has met so many items that fewer than ``number`` remain, or
            none at all.
    """
    asked = number
    if or_fewer:
        number = max(1, min(number, _least_pool(split, stage)))
    # A model that draws from the same seed would otherwise see the very keys drawn below, and its
    # random scores would rank every negative last: a leak made of nothing but a shared seed.
    (rng,) = rng.spawn(1)
    people = split.people
    drawn = np.empty((people.size, number), dtype=np.int32)
    for block in blocks(people, n_items=split.training.n_items):
        excluded = split.observed(people[block], stage=stage)
        excluded[np.arange(len(excluded)), split.targets(stage)[people[block]]] = True
        _check_pool(split, people[block], (~excluded).sum(axis=1), number)
        # The smallest of independent uniform keys are a uniform draw without replacement.
        keys = rng.random(excluded.shape)
        keys[excluded] = np.inf
        drawn[block] = np.argpartition(keys, number - 1, axis=1)[:, :number]
    return SampledNegatives(
        stage=stage,
        people=people,
        items=np.sort(drawn, axis=1),
        asked=None if number == asked else asked,
    )


def _least_pool(split: LeaveOneOut, stage: Stage) -> int:
    """Return the least number of items that anybody has neither met nor is to be told."""
    least = split.training.n_items - 1
    for block in blocks(split.people, n_items=split.training.n_items):
        met = split.observed(split.people[block], stage=stage).sum(axis=1)
        least = min(least, split.training.n_items - 1 - int(met.max()))
    return least


def blocks(people: Int64Array, *, n_items: int) -> list[slice]:
    """Cut people into runs whose dense (people, items) arrays fit in memory."""
    size = max(1, _BLOCK_CELLS // n_items)
    return [slice(start, start + size) for start in range(0, people.size, size)]


def _check_pool(split: LeaveOneOut, people: Int64Array, pool: Int64Array, number: int) -> None:
    if number < 1:
        raise ConfigurationError(f"the number of negatives must be at least 1; got {number}")
    if (pool < number).any():
        person = int(np.argmin(pool))
        raise ConfigurationError(
            f"person '{split.training.person_ids[people[person]]}' of '{split.training.name}' has "
            f"{pool[person]} items left that can be negatives; {number} were asked for; "
            "ask for fewer, or use a larger catalogue"
        )
