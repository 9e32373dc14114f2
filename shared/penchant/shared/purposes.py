"""What leaves a device may be used for; a task, a device's consent and its ledger name it."""

from typing import Final

__all__ = ["MEASURE_RANKER", "TRAIN_RANKER"]

TRAIN_RANKER: Final = "train the shared ranker"
MEASURE_RANKER: Final = "measure how well the shared ranker recommends"
