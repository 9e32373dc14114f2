"""A whole simulation: data, devices, rounds, evaluation, controls, and what comes out."""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from penchant.server.checkpoints import RoundState
from penchant.shared.catalogue import Catalogue
from penchant.shared.encoding import CachedEncoder, Encoder
from penchant.shared.encoding.builder import ensure_bundle
from penchant.shared.features import FeatureMap
from penchant.shared.randomness import SeededRandomness
from penchant.shared.ranker import Ranker
from penchant.shared.scoring import Scorer
from penchant.simulation import datasets
from penchant.simulation.plan import Plan
from penchant.simulation.population import Population
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.split import LeaveOneOut, leave_one_out
from penchant.simulation.training import FinishedRound, train_federated
from penchant.simulation.workspace import Workspace

SERVER_STREAM, DEVICE_STREAM, EVALUATION_STREAM = 0, 1, 2
