"""Local training with event-level differential privacy: DP-SGD through Opacus.

Abadi et al. (2016), "Deep learning with differential privacy", algorithm 1, over the private
vector and the ranker together, so that the pair (private vector, update) is private.

One event is one example, scored by the private vector alone. With a history context an event would
also be in the examples after it, and the per-event guarantee would be void; the context projection
and attention therefore keep their released values in such a round. Negatives come from the whole
catalogue and exclude only the example's own item, for the same reason.

Nothing private sets the scale of anything: batches are Poisson samples at a public rate, the noised
sum is divided by a public constant, and an empty batch still steps, with noise. Opacus's own
``make_private`` divides by a number derived from the count of examples, which reveals it.
"""

import warnings
from collections.abc import Mapping

import numpy as np
import torch
from opacus import GradSampleModule
from opacus.grad_sample import register_grad_sampler
from opacus.optimizers import DPOptimizer
from torch import Tensor, nn

from penchant.client.training.examples import draw_negatives, known_items
from penchant.client.training.model import Model
from penchant.client.training.rule import NOISE_KEY, TRAINED
from penchant.shared.contract import EventPrivacy, LocalTraining
from penchant.shared.history import History
from penchant.shared.randomness import Randomness

__all__ = ["train_privately"]


class _EventScores(nn.Module):
    """Scores of each example's candidates, from the private vector alone."""

    private_vector: nn.Parameter
    item_projection: nn.Parameter
    popularity: nn.Parameter
    item_residual: nn.Parameter  # of rankers that have one

    def __init__(self, parameters: Mapping[str, Tensor], item_features: Tensor) -> None:
        super().__init__()
        for name, tensor in parameters.items():
            self.register_parameter(name, nn.Parameter(tensor.clone()))
        self.item_features = item_features

    def vectors(self, candidates: Tensor) -> Tensor:
        """Return item vectors, float32 (..., d), of catalogue rows."""
        found = self.item_features[candidates] @ self.item_projection
        return found + self.item_residual[candidates] if hasattr(self, "item_residual") else found

    def forward(self, candidates: Tensor) -> Tensor:
        """Return scores, float32 (B, C), of candidates, int64 (B, C)."""
        scores: Tensor = self.vectors(candidates) @ self.private_vector
        return scores + self.popularity[candidates]


@register_grad_sampler(_EventScores)  # type: ignore[untyped-decorator]
def _gradients_by_example(
    layer: _EventScores, activations: list[Tensor], backprops: Tensor
) -> dict[nn.Parameter, Tensor]:
    """Return each example's gradient, from those of its scores, float32 (B, C).

    An example whose numbers overflow gives none: it would make the sum NaN whatever the noise, and
    a server could choose a ranker that overflows on one item alone to learn who has it.
    """
    (candidates,) = activations
    examples, items = len(candidates), len(layer.popularity)
    private_vector = layer.private_vector
    by_feature = torch.einsum("bc,bck->bk", backprops, layer.item_features[candidates])
    gradients = {
        layer.private_vector: torch.einsum("bc,bcd->bd", backprops, layer.vectors(candidates)),
        layer.item_projection: by_feature[:, :, None] * private_vector,
        layer.popularity: backprops.new_zeros(examples, items).scatter_add_(
            1, candidates, backprops
        ),
    }
    if hasattr(layer, "item_residual"):
        gradients[layer.item_residual] = gradients[layer.popularity][:, :, None] * private_vector
    total = torch.stack([gradient.flatten(1).sum(1) for gradient in gradients.values()]).sum(0)
    for gradient in gradients.values():
        gradient[~total.isfinite()] = 0.0
    return gradients


class _PublicScaleOptimizer(DPOptimizer):  # type: ignore[misc]
    """Opacus's optimiser with a public divisor and noise from a given source."""

    def __init__(
        self, optimizer: torch.optim.Optimizer, *, privacy: EventPrivacy, randomness: Randomness
    ) -> None:
        super().__init__(
            optimizer,
            noise_multiplier=privacy.noise_multiplier,
            max_grad_norm=privacy.clipping_norm,
            expected_batch_size=privacy.expected_batch_size,
            loss_reduction="mean",
        )
        self._randomness = randomness

    def add_noise(self) -> None:
        """Set each gradient to its clipped sum plus noise from the given source."""
        deviation = self.noise_multiplier * self.max_grad_norm
        for parameter in self.params:
            noise = self._randomness.normal(parameter.numel()) * deviation
            summed = parameter.summed_grad
            parameter.grad = summed + torch.from_numpy(noise.astype(np.float32)).view_as(summed)


def train_privately(
    model: Model,
    history: History,
    item_features: Tensor,
    *,
    training: LocalTraining,
    privacy: EventPrivacy,
    randomness: Randomness,
) -> None:
    """Train ``model`` in place with DP-SGD on a person's history.

    Args:
        model: private vector and ranker.
        history: the person's training events.
        item_features: float32 (J, k), features of the catalogue.
        training: the round's public constants; ``examples`` is not used.
        privacy: sampling, clipping and noise.
        randomness: draws batches, negatives and noise.
    """
    trained = {name: value for name, value in model.parameters().items() if name in TRAINED}
    scores = _EventScores(trained, item_features)
    module = GradSampleModule(scores, loss_reduction="sum")
    groups = [
        {"params": [parameter], "lr": training.rates.of(name)}
        for name, parameter in scores.named_parameters()
    ]
    optimizer = _PublicScaleOptimizer(
        torch.optim.SGD(groups), privacy=privacy, randomness=randomness.spawn(NOISE_KEY)
    )
    items = torch.from_numpy(known_items(history))
    for _ in range(training.steps):
        chosen = randomness.uniform(len(items)) < privacy.sampling_probability
        negatives = draw_negatives(
            items=len(item_features), negatives=training.negatives, randomness=randomness
        )
        optimizer.zero_grad()
        targets = items[torch.from_numpy(chosen)]
        loss = _summed_loss(module, targets, torch.from_numpy(negatives))
        with warnings.catch_warnings():
            # The candidates are indices, which have no gradient; torch warns about such inputs.
            warnings.filterwarnings("ignore", message="Full backward hook is firing")
            loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        for name, parameter in scores.named_parameters():
            trained[name].copy_(parameter)


def _summed_loss(module: nn.Module, targets: Tensor, negatives: Tensor) -> Tensor:
    """Return the summed sampled-softmax loss; see ``next_event_loss``."""
    candidates = torch.cat([targets[:, None], negatives.expand(len(targets), -1)], dim=1)
    logits = module(candidates)
    positive = logits[:, 0]
    others = logits[:, 1:].masked_fill(negatives == targets[:, None], -torch.inf)
    every = torch.cat([positive[:, None], others], dim=1)
    summed: Tensor = (torch.logsumexp(every, dim=1) - positive).sum()
    return summed
