"""What controls achieve, each tuned on validation and tested once on what penchant is tested on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from penchant.simulation.controls import Control, Material, Setting, tune
from penchant.simulation.evaluation import Evaluation
from penchant.simulation.judge import Judge

__all__ = ["Compared", "Comparison", "compare"]


@dataclass(frozen=True, eq=False)
class Compared:
    """One control.

    Attributes:
        title: names it for people.
        setting: the one chosen on validation.
        tried: of how many.
        validation: what it achieved with it.
        tests: what it achieved at each test, by the test's name.
    """

    title: str
    setting: Setting
    tried: int
    validation: Evaluation
    tests: Mapping[str, Evaluation]


@dataclass(frozen=True, eq=False)
class Comparison:
    """All controls.

    Attributes:
        controls: by name, in order.
        left_out: why others could not be had, by title.
    """

    controls: Mapping[str, Compared]
    left_out: Mapping[str, str]


def compare(
    controls: Sequence[Control],
    material: Material,
    validation: Judge,
    tests: Mapping[str, Judge],
    *,
    lists_rng: Callable[[], np.random.Generator],
    tell: Callable[[str], None],
) -> Comparison:
    """Tune, fit and test controls.

    Args:
        controls: which.
        material: what they learn from.
        validation: by which their settings are chosen.
        tests: what they are tested on, by name.
        lists_rng: gives what decides ties of lists, the same for every model.
        tell: told each control's title, for people.
    """
    found: dict[str, Compared] = {}
    left_out: dict[str, str] = {}
    for control in controls:
        obstacle = control.obstacle(material)
        if obstacle is not None:
            left_out[control.title] = obstacle
            continue
        tell(f"control: {control.title}")
        tuned = tune(control, material, validation.split, validation.evaluate)
        found[control.name] = Compared(
            title=control.title,
            setting=tuned.setting,
            tried=tuned.tried,
            validation=tuned.validation,
            tests=MappingProxyType(
                {
                    name: judge.evaluate(
                        partial(tuned.fitted.score, judge.split, stage="test"),
                        lists_rng=lists_rng(),
                    )
                    for name, judge in tests.items()
                }
            ),
        )
    return Comparison(MappingProxyType(found), MappingProxyType(left_out))
