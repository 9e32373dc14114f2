"""A plain torch loop: one device after the other, autograd and SGD on weights of its own."""

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, linear
from worker import Run, Work, serve


def clipped(work: Work) -> Run:
    """Whole updates clipped."""
    features, rows, labels = (
        torch.from_numpy(array) for array in (work.features, work.rows, work.labels)
    )

    def run(rounds: int, _: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        shared = [torch.tensor(work.weights.T), torch.tensor(work.bias)]
        vectors = torch.tensor(work.vectors[: rounds * work.cohort])
        for cohort in work.cohorts(rounds):
            total = [torch.zeros_like(tensor) for tensor in shared]
            for device in range(cohort.start, cohort.stop):
                own = [tensor.clone().requires_grad_() for tensor in (*shared, vectors[device])]
                for row, label in zip(rows[device], labels[device], strict=True):
                    scores = linear(features[row], own[0], own[1]) @ own[2]
                    loss = binary_cross_entropy_with_logits(scores, label)
                    gradients = torch.autograd.grad(loss, own)
                    with torch.no_grad():
                        for tensor, gradient in zip(own, gradients, strict=True):
                            tensor.sub_(gradient, alpha=work.rate)
                with torch.no_grad():
                    change = [now - then for now, then in zip(own, shared, strict=False)]
                    norm = torch.sqrt(sum(tensor.square().sum() for tensor in change))
                    scale = torch.clamp(work.clip / norm, max=1.0)
                    for tensor, addend in zip(total, change, strict=True):
                        tensor.add_(addend * scale)
                    vectors[device] = own[2]
            for tensor, addend in zip(shared, total, strict=True):
                tensor.add_(addend, alpha=1 / work.cohort)
        return shared[0].T.numpy(), shared[1].numpy(), vectors.numpy()

    return run


if __name__ == "__main__":
    serve({"clipped": clipped}, libraries=["torch"])
