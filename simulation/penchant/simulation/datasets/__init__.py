"""Data sets of real behaviour that a simulation can replay."""

from penchant.simulation.datasets.dataset import Dataset
from penchant.simulation.datasets.registry import known, load

__all__ = ["Dataset", "known", "load"]
