"""Choosing a control's setting on validation, within a budget that is the same for all."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from penchant.shared.errors import ConfigurationError
from penchant.simulation.controls.control import Control, Fitted, Setting
from penchant.simulation.controls.material import Material
from penchant.simulation.evaluation import Evaluation, Scorer
from penchant.simulation.split import LeaveOneOut

__all__ = ["BUDGET", "Tuned", "tune"]

BUDGET = 8
CRITERION = "ndcg@10"  # by full ranking


@dataclass(frozen=True, eq=False)
class Tuned:
    """A control with the setting that ranked the validation items best.

    Attributes:
        setting: the one chosen.
        tried: how many settings there were.
        validation: what the chosen one achieved.
        fitted: the control, fitted with it.
    """

    setting: Setting
    tried: int
    validation: Evaluation
    fitted: Fitted


def tune(
    control: Control,
    material: Material,
    split: LeaveOneOut,
    validate: Callable[[Scorer], Evaluation],
) -> Tuned:
    """Fit a control with each setting of its budget and keep the best on validation.

    The criterion is NDCG@10 by full ranking; of equals the first counts.

    Args:
        control: one that has no obstacle.
        material: what it learns from.
        split: what people met, and what is held out.
        validate: ranks the validation items.

    Raises:
        ConfigurationError: its budget is empty, or beyond ``BUDGET``.
    """
    settings = control.budget
    if not 1 <= len(settings) <= BUDGET:
        raise ConfigurationError(
            f"control '{control.name}' has {len(settings)} settings to try; "
            f"give it 1 to {BUDGET}, as every control"
        )
    return max(
        (_tried(control, material, setting, split, validate) for setting in settings),
        key=_criterion,
    )


def _tried(
    control: Control,
    material: Material,
    setting: Setting,
    split: LeaveOneOut,
    validate: Callable[[Scorer], Evaluation],
) -> Tuned:
    fitted = control.fit(material, setting)
    evaluation = validate(partial(fitted.score, split, stage="validation"))
    return Tuned(setting, len(control.budget), evaluation, fitted)


def _criterion(tuned: Tuned) -> float:
    return float(tuned.validation.values("full")[CRITERION].mean())
