"""pfl-research: SimulatedBackend in one process, FederatedAveraging, and central clipping.

The clipping is that of its Gaussian mechanism, with no noise. A person's private vector, which
pfl has no place for, is trained by the local optimizer but is not among the model's shared
variables, and is swapped in and out by person.
"""

import numpy as np
import torch
from pfl.aggregate.simulate import SimulatedBackend
from pfl.algorithm.base import NNAlgorithmParams
from pfl.algorithm.federated_averaging import FederatedAveraging
from pfl.data.dataset import Dataset
from pfl.data.federated_dataset import FederatedDataset
from pfl.hyperparam import NNTrainHyperParams
from pfl.model.pytorch import PyTorchModel
from pfl.privacy.gaussian_mechanism import GaussianMechanism
from pfl.privacy.privacy_mechanism import CentrallyAppliedPrivacyMechanism
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits
from worker import Run, Work, serve


class Scores(nn.Module):
    """The model, with the methods that pfl asks for."""

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.items = torch.from_numpy(work.features)
        self.shared = nn.Linear(*work.weights.shape)
        self.vector = nn.Parameter(torch.zeros(work.weights.shape[1]))
        with torch.no_grad():
            self.shared.weight.copy_(torch.from_numpy(work.weights.T))
            self.shared.bias.copy_(torch.from_numpy(work.bias))

    def loss(self, rows: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the mean loss of a batch."""
        scores = self.shared(self.items[rows]) @ self.vector
        return binary_cross_entropy_with_logits(scores, labels)

    def metrics(self, *_: torch.Tensor) -> dict[str, object]:
        """Return nothing: no evaluation is asked for."""
        return {}


class SharedVariables(PyTorchModel):
    """A model of which only the shared layer leaves a device."""

    def __init__(self, module: Scores, rate: float) -> None:
        super().__init__(
            module,
            local_optimizer_create=torch.optim.SGD,
            central_optimizer=torch.optim.SGD(module.shared.parameters(), lr=rate),
        )
        del self._variable_map["vector"]


class WithPrivateVectors(FederatedAveraging):
    """Federated averaging that keeps a vector for each person."""

    def __init__(self, vectors: torch.Tensor) -> None:
        super().__init__()
        self.vectors = vectors

    def simulate_one_user(self, model, user_dataset, central_context):
        """Train one person from and to the person's own vector."""
        vector, person = model.pytorch_model.vector, int(user_dataset.user_id)
        with torch.no_grad():
            vector.copy_(self.vectors[person])
        found = super().simulate_one_user(model, user_dataset, central_context)
        with torch.no_grad():
            self.vectors[person] = vector
        return found


def clipped(work: Work) -> Run:
    """Whole updates clipped."""
    rows, labels = torch.from_numpy(work.rows), torch.from_numpy(work.labels)
    people = [
        Dataset([row.reshape(-1), label.reshape(-1)], user_id=str(person))
        for person, (row, label) in enumerate(zip(rows, labels, strict=True))
    ]

    def run(rounds: int, _: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        module = Scores(work)
        order = iter(range(len(people)))
        data = FederatedDataset(lambda person: people[person], lambda: next(order))
        mechanism = GaussianMechanism(clipping_bound=work.clip, relative_noise_stddev=0.0)
        backend = SimulatedBackend(
            training_data=data,
            val_data=data,
            postprocessors=[CentrallyAppliedPrivacyMechanism(mechanism)],
        )
        algorithm = WithPrivateVectors(torch.tensor(work.vectors[: rounds * work.cohort]))
        algorithm.run(
            NNAlgorithmParams(
                central_num_iterations=rounds,
                evaluation_frequency=rounds + 1,
                train_cohort_size=work.cohort,
                val_cohort_size=0,
            ),
            backend,
            SharedVariables(module, rate=1.0),
            NNTrainHyperParams(
                local_num_epochs=1,
                local_learning_rate=work.rate,
                local_batch_size=work.rows.shape[2],
            ),
            send_metrics_to_platform=False,  # its logs
        )
        shared = module.shared
        weights, bias = shared.weight.detach().T.numpy(), shared.bias.detach().numpy()
        return weights, bias, algorithm.vectors.numpy()

    return run


if __name__ == "__main__":
    serve({"clipped": clipped}, libraries=["pfl", "torch"])
