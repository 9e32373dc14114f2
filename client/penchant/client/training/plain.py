"""Local training without noise: a few steps of stochastic gradient descent."""

import torch

from penchant.client.training.examples import draw_batch, draw_negatives, known_items
from penchant.client.training.model import Model, next_event_loss
from penchant.shared.contract import LocalTraining
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
    rates = {name: training.rates.of(name) for name in model.parameters()}
    moved = {name: tensor for name, tensor in model.parameters().items() if rates[name] > 0}
    known = known_items(history)
    if not moved or len(known) == 0:
        return
    excluded = torch.zeros(len(item_features), dtype=torch.bool)
    excluded[torch.from_numpy(known)] = True
    history_features = torch.from_numpy(history.features)
    history_items = torch.from_numpy(history.items)
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
        for tensor in moved.values():
            tensor.requires_grad_(True)
        loss = next_event_loss(
            model,
            batch,
            history_features=history_features,
            history_items=history_items,
            item_features=item_features,
            negatives=torch.from_numpy(negatives),
            excluded=excluded,
        )
        gradients = torch.autograd.grad(loss, list(moved.values()), allow_unused=True)
        for (name, tensor), gradient in zip(moved.items(), gradients, strict=True):
            tensor.requires_grad_(False)
            if gradient is not None:  # such as the attention's, where no example has a context
                tensor -= rates[name] * gradient
