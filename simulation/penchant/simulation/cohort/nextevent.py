"""The next-event loss's gradients for many devices at once, in closed form.

The loss is that of ``penchant.client.training.model.next_event_loss``: with scores s, the softmax
over target and negatives p, and example weights w, dloss/ds = w (p - [target]). Everything else
follows by the chain rule through s = z . v + b and z = u + sum of attended context vectors.
"""

import math

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from penchant.client.events import EventKind
from penchant.simulation.cohort.examples import Examples
from penchant.simulation.cohort.tables import Attention, Gradients, Tables

__all__ = ["add_gradients"]

# Far below any score, and finite, so that products with it are never NaN.
NEVER = -1e30


def add_gradients(
    examples: Examples,
    private_vectors: Tensor,
    tables: Tables,
    attention: Attention | None,
    sums: Gradients,
) -> tuple[Tensor, Tensor]:
    """Add the gradients of each device's mean loss to ``sums``.

    A device whose numbers overflow adds nothing.

    Args:
        examples: one step's examples of n devices.
        private_vectors: float32 (n, d).
        tables: item and context vectors, R rows.
        attention: its learnt terms; None if it is even.
        sums: where row r of the tables gathers its gradient, and device i its attention's.

    Returns:
        The gradient with respect to each private vector, float32 (n, d), and which devices'
        numbers stayed finite, bool (n,).
    """
    devices, batch = examples.targets.shape
    dimension = private_vectors.shape[1]
    attended = _attention_weights(examples, attention)
    context = torch.nn.functional.embedding_bag(
        examples.context.flatten(0, 1),
        tables.context,
        mode="sum",
        per_sample_weights=attended.flatten(0, 1),
    ).view(devices, batch, dimension)
    queries = private_vectors[:, None] + context

    negatives = _rows(tables.items, examples.negatives)
    negatives[..., dimension].masked_fill_(examples.excluded, NEVER)
    targets = _rows(tables.items, examples.targets)
    chances, on_target, scale = _softmax(queries, targets, negatives, examples.weights)

    on_queries = (chances @ negatives)[..., :dimension] * scale[..., None]
    on_queries += on_target[..., None] * targets[..., :dimension]
    scaled = torch.cat([queries * scale[..., None], scale[..., None]], dim=-1)
    on_negatives = chances.transpose(1, 2) @ scaled
    on_targets = torch.cat([queries, torch.ones_like(scale)[..., None]], dim=-1)
    on_targets *= on_target[..., None]

    on_private = on_queries.sum(1)
    finite = (on_private.sum(1) + on_negatives.sum((1, 2)) + on_targets.sum((1, 2))).isfinite()
    if not finite.all():
        for gradient in (on_queries, on_negatives, on_targets, on_private):
            gradient[~finite] = 0.0
    sums.items.index_add_(0, examples.negatives.flatten(), on_negatives.flatten(0, 1))
    sums.items.index_add_(0, examples.targets.flatten(), on_targets.flatten(0, 1))
    _add_context_gradients(examples, attended, on_queries, sums)
    if attention is not None:
        _add_attention_gradients(examples, attended, on_queries, tables, finite, sums)
    return on_private, finite


def _rows(table: Tensor, rows: Tensor) -> Tensor:
    return table.index_select(0, rows.reshape(-1)).view(*rows.shape, table.shape[1])


def _softmax(
    queries: Tensor, targets: Tensor, negatives: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the softmax's parts, in one pass over the scores.

    Returns:
        Unscaled chances of the negatives, float32 (n, B, N), to be multiplied by the scale; the
        gradient with respect to the targets' scores, float32 (n, B); the scale, float32 (n, B).
    """
    dimension = queries.shape[2]
    ones = torch.ones(*queries.shape[:2], 1)
    extended = torch.cat([queries, ones, torch.zeros_like(ones)], dim=2)
    scores = extended @ negatives.transpose(1, 2)
    on_target = (queries * targets[..., :dimension]).sum(2) + targets[..., dimension]
    peak = torch.maximum(scores.amax(2), on_target)
    chances = scores.sub_(peak[..., None]).exp_()
    target_chance = torch.exp(on_target - peak)
    scale = weights / (chances.sum(2) + target_chance)
    return chances, target_chance * scale - weights, scale


def _attention_weights(examples: Examples, attention: Attention | None) -> Tensor:
    """Return float32 (n, B, L), summing to 1 over the events there are."""
    if attention is None:
        present = (~examples.missing).to(torch.float32)
    else:
        logits = attention.position + attention.age * examples.ages
        if examples.kinds is not None:
            terms = attention.kind.expand(*examples.kinds.shape[:2], -1)
            logits = logits + terms.gather(2, examples.kinds)
        logits = logits.masked_fill(examples.missing, -torch.inf)
        least = torch.finfo(torch.float32).min
        present = torch.exp(logits - logits.amax(2, keepdim=True).clamp(min=least))
    return present / present.sum(2, keepdim=True).clamp(min=1e-30)


def _add_context_gradients(
    examples: Examples, attended: Tensor, on_queries: Tensor, sums: Gradients
) -> None:
    """Add each query's gradient, times its attention, to the rows of its context.

    That is one product with a sparse matrix: a column for each query, the attention in its rows.
    """
    *queries, length = examples.context.shape
    columns = math.prod(queries)
    attention = sparse.csc_array(
        (
            attended.numpy().reshape(-1),
            examples.context.numpy().reshape(-1),
            np.arange(0, columns * length + 1, length),
        ),
        shape=(len(sums.context), columns),
    )
    sums.context.add_(torch.from_numpy(attention @ on_queries.numpy().reshape(columns, -1)))


def _add_attention_gradients(
    examples: Examples,
    attended: Tensor,
    on_queries: Tensor,
    tables: Tables,
    finite: Tensor,
    sums: Gradients,
) -> None:
    vectors = _rows(tables.context, examples.context)
    # numpy's small products are twice as fast as torch's.
    products = np.matmul(vectors.numpy(), on_queries.numpy()[..., None])
    on_weights = torch.from_numpy(products)[..., 0]
    centred = on_weights - (attended * on_weights).sum(2, keepdim=True)
    on_logits = attended * centred
    on_logits[~finite] = 0.0
    sums.position.add_(on_logits.sum(1).sum_to_size(sums.position.shape))
    sums.age.add_((on_logits * examples.ages).sum((1, 2)).sum_to_size(sums.age.shape))
    if examples.kinds is not None:
        on_kinds = torch.zeros(len(on_logits), sums.kind.shape[1])
        on_kinds.scatter_add_(1, examples.kinds.flatten(1), on_logits.flatten(1))
        on_kinds[:, EventKind.VIEW.number] = 0.0  # a fixed point, as in next_event_loss
        sums.kind.add_(on_kinds.sum_to_size(sums.kind.shape))
