"""torch.func: the loss of one device, its gradient, and vmap over devices (and over examples)."""

from functools import partial

import numpy as np
import torch
from torch.func import grad, vmap
from torch.nn.functional import binary_cross_entropy_with_logits
from worker import Run, Work, serve

CHUNK = {"clipped": 50, "private": 10}  # devices at once; the fastest of those tried

Parameters = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def loss(parameters: Parameters, features: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean loss of a batch, or the loss of one example."""
    weights, bias, vector = parameters
    return binary_cross_entropy_with_logits((features @ weights + bias) @ vector, labels)


def norm_of(tensors: Parameters) -> torch.Tensor:
    """Return the L2 norm of all of them together."""
    return torch.sqrt(sum(tensor.square().sum() for tensor in tensors))


def prepare(work: Work, *, form: str) -> Run:
    """Return the rounds with whole updates clipped, or of per-example DP-SGD."""
    torch.set_grad_enabled(False)
    features, rows, labels = (
        torch.from_numpy(array) for array in (work.features, work.rows, work.labels)
    )
    batch_size = rows.shape[2]

    def clipped_gradient(
        parameters: Parameters, features: torch.Tensor, label: torch.Tensor
    ) -> Parameters:
        gradients = grad(loss)(parameters, features, label)
        scale = torch.clamp(work.clip / norm_of(gradients), max=1.0)
        return tuple(gradient * scale for gradient in gradients)

    def local(
        noise: float, shared: Parameters, vector: torch.Tensor, rows: torch.Tensor, labels: object
    ) -> Parameters:
        parameters = (*shared, vector)
        for step in range(len(rows)):
            batch = features[rows[step]]
            if form == "clipped":
                gradients = grad(loss)(parameters, batch, labels[step])
            else:
                each = vmap(clipped_gradient, (None, 0, 0))(parameters, batch, labels[step])
                gradients = tuple(
                    (gradient.sum(0) + noise * work.clip * torch.randn_like(parameter)) / batch_size
                    for gradient, parameter in zip(each, parameters, strict=True)
                )
            parameters = tuple(
                parameter - work.rate * gradient
                for parameter, gradient in zip(parameters, gradients, strict=True)
            )
        change = tuple(now - then for now, then in zip(parameters, shared, strict=False))
        if form == "clipped":
            scale = torch.clamp(work.clip / norm_of(change), max=1.0)
            change = tuple(tensor * scale for tensor in change)
        return (*change, parameters[2])

    def run(rounds: int, noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        shared = (torch.tensor(work.weights), torch.tensor(work.bias))
        vectors = []
        train = vmap(partial(local, noise), (None, 0, 0, 0), randomness="different")
        for cohort in work.cohorts(rounds):
            total = [torch.zeros_like(tensor) for tensor in shared]
            for start in range(cohort.start, cohort.stop, CHUNK[form]):
                chunk = slice(start, min(start + CHUNK[form], cohort.stop))
                found = train(shared, torch.tensor(work.vectors[chunk]), rows[chunk], labels[chunk])
                for tensor, addend in zip(total, found, strict=False):
                    tensor.add_(addend.sum(0))
                vectors.append(found[2])
            shared = tuple(now + t / work.cohort for now, t in zip(shared, total, strict=True))
        return shared[0].numpy(), shared[1].numpy(), torch.cat(vectors).numpy()

    return run


if __name__ == "__main__":
    serve({form: partial(prepare, form=form) for form in CHUNK}, libraries=["torch"])
