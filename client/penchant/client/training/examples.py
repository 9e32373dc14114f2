"""Training examples: which event is predicted, from which earlier ones, against which items."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.client.events import EventKind
from penchant.shared.catalogue import UNKNOWN_ITEM
from penchant.shared.history import History
from penchant.shared.randomness import Randomness
from penchant.shared.scoring import log_hours

__all__ = ["Batch", "draw_batch", "draw_negatives", "known_items", "predictable"]


@dataclass(frozen=True, eq=False)
class Batch:
    """Next events to predict, each from up to L events before it.

    Attributes:
        targets: int64 (B,), catalogue rows of the events to predict.
        context: int64 (B, L), rows of the history, latest first; any row where ``missing``.
        missing: bool (B, L), where there is no event so far back.
        kinds: int64 (B, L), event kinds of the context.
        ages: float32 (B, L), log(1 + hours) from each context event to the target.
    """

    targets: Tensor
    context: Tensor
    missing: Tensor
    kinds: Tensor
    ages: Tensor


def predictable(history: History) -> NDArray[np.int64]:
    """Return the places in ``history`` of events to learn to expect, int64.

    Those are all on catalogue items but dislikes, which stay among the possible negatives.
    """
    disliked = history.kinds == EventKind.DISLIKE.number
    return np.flatnonzero((history.items != UNKNOWN_ITEM) & ~disliked)


def known_items(history: History) -> NDArray[np.int64]:
    """Return the catalogue rows of the person's events: no negatives for this person, int64."""
    return history.items[predictable(history)]


def draw_batch(
    history: History, *, examples: int, history_length: int, randomness: Randomness
) -> Batch:
    """Return up to ``examples`` different next events with their contexts, drawn uniformly."""
    places = predictable(history)
    if len(places) > examples:
        order = np.argsort(randomness.uniform(len(places)), kind="stable")
        places = places[order[:examples]]
    lags = np.arange(1, history_length + 1)
    context = places[:, None] - lags
    missing = context < 0
    context = np.where(missing, 0, context)
    seconds = history.times[places][:, None] - history.times[context]
    ages = log_hours(seconds).astype(np.float32)
    return Batch(
        targets=torch.from_numpy(history.items[places]),
        context=torch.from_numpy(context),
        missing=torch.from_numpy(missing),
        kinds=torch.from_numpy(history.kinds[context]),
        ages=torch.from_numpy(ages),
    )


def draw_negatives(*, items: int, negatives: int, randomness: Randomness) -> NDArray[np.int64]:
    """Return catalogue rows to score against, int64: all of them, or a uniform draw.

    They come from the whole catalogue: what a person has not been seen with yet, the held-out
    item of an evaluation included, is as likely as anything else.
    """
    if negatives >= items:
        return np.arange(items)
    return randomness.integers(negatives, below=items)
