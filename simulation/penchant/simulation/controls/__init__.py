"""Controls: what other ways to rank achieve on the same held-out items.

Each is fitted on the training events, tuned on validation within one budget, and tested once.
"""

from penchant.simulation.controls.choice import chosen
from penchant.simulation.controls.control import Control, Fitted, Setting
from penchant.simulation.controls.material import Material
from penchant.simulation.controls.tuning import BUDGET, Tuned, tune

__all__ = [
    "BUDGET",
    "Control",
    "Fitted",
    "Material",
    "Setting",
    "Tuned",
    "chosen",
    "tune",
]
