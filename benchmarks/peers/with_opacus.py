"""Opacus on each device: GradSampleModule and DPOptimizer, set up once and reset per device."""

import warnings

import numpy as np
import torch
from opacus import GradSampleModule
from opacus.optimizers import DPOptimizer
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from worker import Run, Work, serve


class Scores(nn.Module):
    """Scores by layers whose per-example gradients Opacus knows in closed form."""

    def __init__(self, features: int, dimension: int) -> None:
        super().__init__()
        self.shared = nn.Linear(features, dimension)
        self.private = nn.Linear(dimension, 1, bias=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the scores, float32 (m,), of items, float32 (m, k)."""
        return self.private(self.shared(features))[:, 0]


def private(work: Work) -> Run:
    """Per-example DP-SGD."""
    features, rows, labels = (
        torch.from_numpy(array) for array in (work.features, work.rows, work.labels)
    )
    scores = Scores(*work.weights.shape)
    module = GradSampleModule(scores)
    parameters = [scores.shared.weight, scores.shared.bias, scores.private.weight]
    optimizer = DPOptimizer(
        torch.optim.SGD(parameters, lr=work.rate),
        noise_multiplier=0.0,
        max_grad_norm=work.clip,
        expected_batch_size=rows.shape[2],
    )

    def run(rounds: int, noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        optimizer.noise_multiplier = noise
        shared = [torch.tensor(work.weights.T), torch.tensor(work.bias)]
        vectors = torch.tensor(work.vectors[: rounds * work.cohort])
        for cohort in work.cohorts(rounds):
            total = [torch.zeros_like(tensor) for tensor in shared]
            for device in range(cohort.start, cohort.stop):
                with torch.no_grad():
                    for parameter, value in zip(
                        parameters, (*shared, vectors[device, None]), strict=True
                    ):
                        parameter.copy_(value)
                for row, label in zip(rows[device], labels[device], strict=True):
                    optimizer.zero_grad()
                    binary_cross_entropy_with_logits(module(features[row]), label).backward()
                    optimizer.step()
                with torch.no_grad():
                    for tensor, now, then in zip(total, parameters, shared, strict=False):
                        tensor.add_(now - then)
                    vectors[device] = parameters[2][0]
            for tensor, addend in zip(shared, total, strict=True):
                tensor.add_(addend, alpha=1 / work.cohort)
        return shared[0].T.numpy(), shared[1].numpy(), vectors.numpy()

    return run


if __name__ == "__main__":
    # Items need no gradient, and torch warns about inputs of which none does.
    warnings.filterwarnings("ignore", message="Full backward hook is firing")
    serve({"private": private}, libraries=["opacus", "torch"])
