"""Plain reference algorithms, one device and one step at a time, and worlds to hold them to."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits

from penchant.simulation.bilinear import Examples, Items

Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """A cohort to train."""

    features: NDArray[np.float32]
    examples: Examples
    weights: NDArray[np.float32]
    private_vectors: NDArray[np.float32]

    @property
    def items(self) -> Items:
        """The catalogue, prepared."""
        return Items.of(self.features)


def make_world(
    seed: int = 0,
    *,
    devices: int = 7,
    steps: int = 4,
    batch: int = 5,
    items: int = 60,
    k: int = 24,
    d: int = 6,
    ragged: bool = False,
    repeated: bool = False,
) -> World:
    """Return a world; ``repeated`` puts items twice into batches and devices."""
    rng = np.random.default_rng(seed)
    shape = (devices, steps, batch)
    rows = rng.integers(items, size=shape)
    if repeated:
        rows = rng.integers(3, size=shape)
    present = None
    if ragged:
        present = rng.random(shape) < 0.5
        present[0] = False
        present[1, 1:] = False
    return World(
        features=rng.standard_normal((items, k)).astype(np.float32),
        examples=Examples(rows, (rng.random(shape) < 0.5).astype(np.float32), present),
        weights=(rng.standard_normal((k + 1, d)) / 2).astype(np.float32),
        private_vectors=rng.standard_normal((devices, d)).astype(np.float32),
    )


def _each(world: World, device: int, step: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return the features, with a 1 for the bias, and labels of a batch's present examples."""
    examples = world.examples
    found = []
    for place, row in enumerate(examples.rows[device, step]):
        if examples.present is None or examples.present[device, step, place]:
            features = torch.tensor([*world.features[row], 1.0], dtype=torch.float64)
            label = torch.tensor(examples.labels[device, step, place], dtype=torch.float64)
            found.append((features, label))
    return found


def _loss(
    weights: torch.Tensor, vector: torch.Tensor, example: tuple[torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    features, label = example
    return binary_cross_entropy_with_logits((features @ weights) @ vector, label)


def plain_clipped(
    world: World, *, learning_rate: float, clipping_norm: float
) -> tuple[Float64Array, Float64Array, int]:
    """Return the summed update, the private vectors, and how many updates were clipped."""
    start = torch.tensor(world.weights, dtype=torch.float64)
    total, vectors, clipped = torch.zeros_like(start), [], 0
    for device in range(world.examples.devices):
        weights = start.clone().requires_grad_()
        vector = torch.tensor(world.private_vectors[device], dtype=torch.float64).requires_grad_()
        optimizer = torch.optim.SGD([weights, vector], lr=learning_rate)
        for step in range(world.examples.steps):
            batch = _each(world, device, step)
            if batch:
                optimizer.zero_grad()
                losses = [_loss(weights, vector, example) for example in batch]
                torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        update = (weights - start).detach()
        norm = float(update.norm())
        clipped += norm > clipping_norm
        total += update * min(1.0, clipping_norm / norm if norm else 1.0)
        vectors.append(vector.detach().numpy())
    return total.numpy(), np.array(vectors), clipped


def plain_private(
    world: World, *, learning_rate: float, clipping_norm: float
) -> tuple[Float64Array, Float64Array, int]:
    """Return the noiseless sum, the private vectors, and how many gradients were clipped."""
    start = torch.tensor(world.weights, dtype=torch.float64)
    total, vectors, clipped = torch.zeros_like(start), [], 0
    for device in range(world.examples.devices):
        weights = start.clone()
        vector = torch.tensor(world.private_vectors[device], dtype=torch.float64)
        for step in range(world.examples.steps):
            summed = [torch.zeros_like(weights), torch.zeros_like(vector)]
            for example in _each(world, device, step):
                leaves = [weights.clone().requires_grad_(), vector.clone().requires_grad_()]
                gradients = torch.autograd.grad(_loss(leaves[0], leaves[1], example), leaves)
                norm = float(torch.cat([gradient.flatten() for gradient in gradients]).norm())
                clipped += norm > clipping_norm
                scale = min(1.0, clipping_norm / norm if norm else 1.0)
                summed = [s + scale * g for s, g in zip(summed, gradients, strict=True)]
            rate = learning_rate / world.examples.rows.shape[2]
            weights, vector = weights - rate * summed[0], vector - rate * summed[1]
        total += weights - start
        vectors.append(vector.numpy())
    return total.numpy(), np.array(vectors), clipped


@pytest.fixture(scope="session")
def world() -> Callable[..., World]:
    """Make a world of the given sizes."""
    return make_world


@pytest.fixture(scope="session")
def clipped_plainly() -> Callable[..., tuple[Float64Array, Float64Array, int]]:
    """Train with whole updates clipped, by autograd, one device after the other."""
    return plain_clipped


@pytest.fixture(scope="session")
def trained_plainly() -> Callable[..., tuple[Float64Array, Float64Array, int]]:
    """Train with each example's gradient clipped, by autograd, one example after the other."""
    return plain_private
