"""Many devices' local training of a bilinear score at once, faster than one after the other.

Device i scores item e as ``(W' x_e + b) . u_i``: the features x_e are fixed and shared, W and b are
trained in common, and u_i is private. The loss is logistic. Every product that a device alone would
compute on the whole of W is rewritten as one on vectors; see ``clipped`` and ``private``.
"""

from penchant.simulation.bilinear.clipped import train_clipped
from penchant.simulation.bilinear.examples import Examples
from penchant.simulation.bilinear.items import Items
from penchant.simulation.bilinear.private import train_privately
from penchant.simulation.bilinear.state import Trained

__all__ = ["Examples", "Items", "Trained", "train_clipped", "train_privately"]
