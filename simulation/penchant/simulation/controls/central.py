"""The same ranker trained centrally: all events pooled in one place, and no privacy.

It shows what keeping events on devices costs. Model and loss are those that devices train; the
private vectors are trained with the rest, as one more table.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from penchant.client import EventKind
from penchant.client.training.examples import Batch
from penchant.client.training.model import Model, named_tensors, next_event_loss
from penchant.shared.catalogue import Catalogue
from penchant.shared.newitems import extended
from penchant.shared.scoring import Scorer, log_hours
from penchant.simulation.controls.control import Setting
from penchant.simulation.controls.material import Material
from penchant.simulation.datasets.dataset import Int64Array
from penchant.simulation.ranking import Contexts, score_people
from penchant.simulation.split import LeaveOneOut, Stage

__all__ = ["CentralRanker"]

BATCH = 1024
NEGATIVES = 256
_CELLS = 40_000_000  # people x items that are marked as met at once


@dataclass(frozen=True, eq=False)
class _Trained:
    people: Int64Array
    scorer: Scorer
    vectors: NDArray[np.float32]

    def score(self, split: LeaveOneOut, people: Int64Array, *, stage: Stage) -> NDArray[np.float32]:
        length = self.scorer.ranker.settings.history_length
        contexts = Contexts.of(split.of_people(people), stage=stage, history_length=length)
        return score_people(self.scorer, self._vectors_of(people), contexts)

    def _vectors_of(self, people: Int64Array) -> NDArray[np.float32]:
        """Return float32 (n, d); whoever was not in training has a vector of zeros."""
        rows = np.searchsorted(self.people, people).clip(max=len(self.people) - 1)
        known = self.people[rows] == people
        vectors: NDArray[np.float32] = self.vectors[rows] * known[:, None]
        return vectors


class CentralRanker:
    """Train a run's ranker on pooled events with Adam (Kingma and Ba, ICLR 2015, algorithm 1).

    Args:
        initial: the ranker that the run starts from.
        catalogue: the items to rank: those of ``initial``, and perhaps new ones after them.
    """

    name: ClassVar[str] = "central"
    title: ClassVar[str] = "same ranker, trained centrally"
    budget: ClassVar[tuple[Setting, ...]] = (
        {"rate": 0.01, "epochs": 6, "decay": 0.1},
        {"rate": 0.02, "epochs": 4, "decay": 0.1},
    )

    def __init__(self, initial: Scorer, catalogue: Catalogue) -> None:
        self._initial = initial
        self._catalogue = catalogue

    def obstacle(self, material: Material) -> None:
        """Return None: it can always be had."""

    def fit(self, material: Material, setting: Setting) -> _Trained:
        """Train for some epochs; the rates fall linearly to zero."""
        settings = self._initial.ranker.settings
        vector = self._initial.ranker.vector.copy()
        shared = named_tensors(settings, vector)
        private = torch.zeros(len(material.people), settings.dimension)
        pool = _Pool(material, length=settings.history_length)
        features = torch.from_numpy(self._initial.features)
        rng = np.random.default_rng(material.seed)
        trained = [private, *shared.values()]
        for tensor in trained:
            tensor.requires_grad_(True)
        rate, decay = float(setting["rate"]), float(setting["decay"])
        optimiser = torch.optim.Adam(trained, lr=rate)
        epochs = int(setting["epochs"])
        steps = epochs * pool.batches
        for step, (rows, batch) in enumerate(pool.batches_of(epochs, rng)):
            optimiser.param_groups[0]["lr"] = rate * (1 - step / steps)
            negatives = torch.from_numpy(rng.integers(material.known_items, size=pool.negatives))
            own = private[rows]
            loss = next_event_loss(
                Model(own, shared),
                batch,
                history_features=features,
                history_items=torch.arange(material.known_items),
                item_features=features,
                negatives=negatives,
                excluded=pool.met(rows),
            )
            loss = loss + decay * own.square().sum(1).mean()
            gradients = torch.autograd.grad(loss, trained, allow_unused=True)
            for tensor, gradient in zip(trained, gradients, strict=True):
                tensor.grad = gradient
            optimiser.step()
        for tensor in trained:
            tensor.requires_grad_(False)
        scorer = extended(self._initial.with_vector(vector), self._catalogue)
        return _Trained(material.people, scorer, private.numpy())


class _Pool:
    """Everybody's training events as examples: each is predicted from those just before it."""

    def __init__(self, material: Material, *, length: int) -> None:
        self._rows, self._items, self._times = material.events
        self._kinds = material.kinds
        counts = np.bincount(self._rows, minlength=len(material.people))
        self._starts = np.cumsum(counts) - counts
        self._lags = np.arange(1, length + 1)
        self._interactions = material.interactions[:, : material.known_items]
        self._size = max(1, min(BATCH, _CELLS // material.items))
        self.negatives = min(NEGATIVES, material.known_items)

    @property
    def batches(self) -> int:
        """How many batches an epoch has."""
        return -(-len(self._items) // self._size)

    def batches_of(self, epochs: int, rng: np.random.Generator) -> Iterator[tuple[Tensor, Batch]]:
        """Yield places of people, int64 (B,), and their examples; each event once an epoch."""
        for _ in range(epochs):
            order = rng.permutation(len(self._items))
            for start in range(0, len(order), self._size):
                events = order[start : start + self._size]
                yield torch.from_numpy(self._rows[events]), self._batch(events)

    def met(self, rows: Tensor) -> Tensor:
        """Mark what each of B people met in training, bool (B, J)."""
        return torch.from_numpy(self._interactions[rows.numpy()].toarray() > 0)

    def _batch(self, events: Int64Array) -> Batch:
        context = events[:, None] - self._lags
        missing = context < self._starts[self._rows[events], None]
        context[missing] = 0
        ages = log_hours(self._times[events, None] - self._times[context])
        kinds = torch.full(context.shape, EventKind.VIEW.number)
        if self._kinds is not None:
            kinds = torch.from_numpy(self._kinds[context].astype(np.int64))
        return Batch(
            targets=torch.from_numpy(self._items[events]),
            context=torch.from_numpy(self._items[context]),
            missing=torch.from_numpy(missing),
            kinds=kinds,
            ages=torch.from_numpy(ages.astype(np.float32)),
        )
