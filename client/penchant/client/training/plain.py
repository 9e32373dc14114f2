"""Local training without noise: a few steps of stochastic gradient descent."""

from collections.abc import Callable, Mapping
from functools import partial

import torch

from penchant.client.training.examples import draw_batch, draw_negatives, known_items
from penchant.client.training.model import PRIVATE_VECTOR, Model, next_event_loss
from penchant.shared.contract import LearningRates, LocalTraining
from penchant.shared.history import History
from penchant.shared.randomness import Randomness

__all__ = ["train_plainly"]


def train_plainly(
    model: Model,
    history: History,
    item_features: torch.Tensor,
    *,
    history_length: int,
    training: LocalTraining,
    randomness: Randomness,
) -> None:
    """Train ``model`` in place on a person's history.

    Args:
        model: private vector and ranker.
        history: the person's training events.
        item_features: float32 (J, k), features of the catalogue.
        history_length: L, how many earlier events an event is predicted from.
        training: the round's public constants.
        randomness: draws batches and negatives.
    """
    known = known_items(history)
    if len(known) == 0:
        return
    excluded = torch.zeros(len(item_features), dtype=torch.bool)
    excluded[torch.from_numpy(known)] = True
    history_features = torch.from_numpy(history.features)
    history_items = torch.from_numpy(history.items)
    everything = model.parameters()
    private = {PRIVATE_VECTOR: model.private_vector}
    for _ in range(training.steps):
        batch = draw_batch(
            history,
            examples=training.examples,
            history_length=history_length,
            randomness=randomness,
        )
        negatives = draw_negatives(
            items=len(item_features), negatives=training.negatives, randomness=randomness
        )
        loss = partial(
            next_event_loss,
            model,
            batch,
            history_features=history_features,
            history_items=history_items,
            item_features=item_features,
            negatives=torch.from_numpy(negatives),
            excluded=excluded,
        )
        for _ in range(training.private_steps):
            _step(loss, private, training.rates)
        _step(loss, everything, training.rates)


def _step(
    loss: Callable[[], torch.Tensor], tensors: Mapping[str, torch.Tensor], rates: LearningRates
) -> None:
    """Take one gradient step on ``tensors`` in place, each at its own rate."""
    moved = {name: tensor for name, tensor in tensors.items() if rates.of(name) > 0}
    if not moved:
        return
    for tensor in moved.values():
        tensor.requires_grad_(True)
    gradients = torch.autograd.grad(loss(), list(moved.values()), allow_unused=True)
    for (name, tensor), gradient in zip(moved.items(), gradients, strict=True):
        tensor.requires_grad_(False)
        if gradient is not None:
            tensor -= rates.of(name) * gradient
