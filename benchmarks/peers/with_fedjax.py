"""FedJAX: for_each_client with its jit backend, clipping in client_final, sums by tree_sum.

As its federated averaging does it, but that a client's input is its private vector, its output is
clipped, and all clients weigh the same.
"""

import fedjax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from worker import Run, Work, serve


def clipped(work: Work) -> Run:
    """Whole updates clipped."""
    features = jnp.asarray(work.features)
    batch_size = work.rows.shape[2]
    clients = [
        fedjax.ClientDataset({"rows": rows.reshape(-1), "labels": labels.reshape(-1)})
        for rows, labels in zip(work.rows, work.labels, strict=True)
    ]

    def loss(parameters, batch):
        hidden = features[batch["rows"]] @ parameters["weights"] + parameters["bias"]
        scores = hidden @ parameters["vector"]
        return optax.sigmoid_binary_cross_entropy(scores, batch["labels"]).mean()

    optimizer = fedjax.optimizers.sgd(work.rate)

    def client_init(shared, vector):
        parameters = {**shared, "vector": vector}
        return {"parameters": parameters, "optimizer": optimizer.init(parameters)}

    def client_step(state, batch):
        gradients = jax.grad(loss)(state["parameters"], batch)
        inner, parameters = optimizer.apply(gradients, state["optimizer"], state["parameters"])
        return {"parameters": parameters, "optimizer": inner}

    def client_final(shared, state):
        change = {name: state["parameters"][name] - shared[name] for name in shared}
        change = fedjax.tree_util.tree_clip_by_global_norm(change, work.clip)
        return change, state["parameters"]["vector"]

    train = fedjax.for_each_client(client_init, client_step, client_final)

    def run(rounds: int, _: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        shared = {"weights": jnp.asarray(work.weights), "bias": jnp.asarray(work.bias)}
        vectors = []
        for cohort in work.cohorts(rounds):
            inputs = (
                (device, clients[device].batch(batch_size=batch_size), work.vectors[device])
                for device in range(cohort.start, cohort.stop)
            )

            def changes(inputs=inputs, shared=shared):
                for _, (change, vector) in train(shared, inputs):
                    vectors.append(vector)
                    yield change

            total = fedjax.tree_util.tree_sum(changes())
            shared = {name: shared[name] + total[name] / work.cohort for name in shared}
        return np.array(shared["weights"]), np.array(shared["bias"]), np.array(vectors)

    return run


if __name__ == "__main__":
    serve({"clipped": clipped}, libraries=["fedjax", "jax"])
