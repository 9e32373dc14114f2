"""How well held-out items are ranked: protocols, metrics, intervals, and a check for leaks."""

from penchant.shared.metrics import Ranks, hit_rate, ndcg, reciprocal_rank
from penchant.simulation.evaluation.impressions import (
    ImpressionEvaluation,
    evaluate_impressions,
)
from penchant.simulation.evaluation.kept import RANKS_FILE, read_ranks, write_ranks
from penchant.simulation.evaluation.leakage import chance, leak_suspected, leak_threshold
from penchant.simulation.evaluation.lists import ListQuality, list_quality
from penchant.simulation.evaluation.negatives import SampledNegatives, sample_negatives
from penchant.simulation.evaluation.protocols import Evaluation, Scorer, by_person, evaluate
from penchant.simulation.evaluation.sample import evaluated_sample, evenly_spaced
from penchant.simulation.evaluation.suitability import rankable, spare_items

__all__ = [
    "RANKS_FILE",
    "Evaluation",
    "ImpressionEvaluation",
    "ListQuality",
    "Ranks",
    "SampledNegatives",
    "Scorer",
    "by_person",
    "chance",
    "evaluate",
    "evaluate_impressions",
    "evaluated_sample",
    "evenly_spaced",
    "hit_rate",
    "leak_suspected",
    "leak_threshold",
    "list_quality",
    "ndcg",
    "rankable",
    "read_ranks",
    "reciprocal_rank",
    "sample_negatives",
    "spare_items",
    "write_ranks",
]
