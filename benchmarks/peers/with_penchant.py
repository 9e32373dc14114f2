"""Ours: a cohort at once, ``penchant.simulation.bilinear``."""

import os
from functools import partial

import numpy as np
from worker import Run, Work, serve

from penchant.simulation.bilinear import Examples, Items, train_clipped, train_privately


def prepare(work: Work, *, private: bool) -> Run:
    """Return the rounds with whole updates clipped, or of per-example DP-SGD."""
    items = Items.of(work.features)
    start = np.vstack([work.weights, work.bias])
    threads = len(os.sched_getaffinity(0))
    settings = {"learning_rate": work.rate, "clipping_norm": work.clip, "threads": threads}

    def run(rounds: int, noise: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.Generator(np.random.SFC64(0))
        train = train_clipped
        if private:
            train = partial(train_privately, noise_multiplier=noise, rng=rng)
        weights, vectors = start, []
        for cohort in work.cohorts(rounds):
            examples = Examples(work.rows[cohort], work.labels[cohort])
            trained = train(items, examples, weights, work.vectors[cohort], **settings)
            weights = weights + trained.update / np.float32(work.cohort)
            vectors.append(trained.private_vectors)
        return weights[:-1], weights[-1], np.concatenate(vectors)

    return run


if __name__ == "__main__":
    serve(
        {"clipped": partial(prepare, private=False), "private": partial(prepare, private=True)},
        libraries=["numpy", "scipy"],
    )
