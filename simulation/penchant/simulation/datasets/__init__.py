"""Data sets that a simulation can replay: real behaviour, or generated."""

from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.datasets.impressions import Impressions
from penchant.simulation.datasets.registry import known, load

__all__ = ["Dataset", "Impressions", "known", "load"]
