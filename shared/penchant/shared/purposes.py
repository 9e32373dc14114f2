"""What an update may be used for; a task, a device's consent and its ledger name it."""

from typing import Final

__all__ = ["TRAIN_RANKER"]

TRAIN_RANKER: Final = "train the shared ranker"
