"""All models of a run, by what people call them."""

from penchant.simulation.report.summary import Results, Summary

__all__ = ["models_of"]


def models_of(summary: Summary) -> dict[str, Results]:
    """Return the test results of all models, penchant's first, by what people call them."""
    controls = summary.controls
    models = {"penchant": summary.test, "popularity": controls.popularity}
    models |= {control.title: control.test for control in controls.tuned.values()}
    if controls.no_federation is not None:
        models["no federation"] = controls.no_federation
    return models
