"""Runs kept where teams already keep theirs: MLflow and TensorBoard, round by round."""

from penchant.simulation.tracking.tracker import Start, Tracker
from penchant.simulation.tracking.tracking import Tracking, trackers_named

__all__ = ["Start", "Tracker", "Tracking", "trackers_named"]
