"""The ``penchant simulate`` command."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from penchant.shared.errors import ConfigurationError, MissingExtraError
from penchant.simulation.flags import command_with
from penchant.simulation.settings import SimulationSettings

if TYPE_CHECKING:
    from penchant.simulation.progress import RunObserver
    from penchant.simulation.world import World

__all__ = ["simulate"]

INTERRUPTED = 130


def simulate(
    out: Annotated[
        Path | None, typer.Option(help="New folder for what comes out (default: runs/DATE-TIME).")
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Data set, synthetic:KEY=VALUE,..., or movielens:, mind:, table:, sequences: or "
            "wide:PATH (default: movielens-100k)."
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="full, text or compact (default: full).")
    ] = None,
    fidelity: Annotated[
        str | None, typer.Option(help="cohort or device (default: cohort).")
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="Rounds (default: the preset's).")] = None,
    devices: Annotated[
        int | None, typer.Option(help="First N people of the data (default: all).")
    ] = None,
    cohort: Annotated[
        int | None, typer.Option(help="Expected devices asked a round (default: the preset's).")
    ] = None,
    dropout: Annotated[
        float | None, typer.Option(help="Chance of a device asked not to answer (default: 0).")
    ] = None,
    over_selection: Annotated[
        float | None, typer.Option(help="Devices asked for each update wanted (default: 1).")
    ] = None,
    minimum_cohort: Annotated[
        int | None, typer.Option(help="Fewest updates of a round (default: what it can do with).")
    ] = None,
    aggregation: Annotated[
        str | None, typer.Option(help="sum, trimmed-mean or krum (default: sum).")
    ] = None,
    trimmed_share: Annotated[
        float | None, typer.Option(help="What a trimmed mean cuts at either end (default: 0.2).")
    ] = None,
    assumed_malicious: Annotated[
        int | None, typer.Option(help="Devices of a round that Krum withstands (default: 0).")
    ] = None,
    privacy: Annotated[
        str | None, typer.Option(help="none, event, user or both (default: none).")
    ] = None,
    epsilon: Annotated[
        float | None, typer.Option(help="Privacy budget of the run, for each private unit.")
    ] = None,
    delta: Annotated[
        float | None, typer.Option(help="Its delta (default: min(1e-6, devices^-1.1)).")
    ] = None,
    clip: Annotated[
        float | None, typer.Option(help="Clipping norm of updates (default: the preset's).")
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(help="leave-one-out, time or cold-start (default: leave-one-out)."),
    ] = None,
    targets: Annotated[
        str | None,
        typer.Option(help="Kinds of events that are held out, such as purchase (default: all)."),
    ] = None,
    controls: Annotated[
        str | None, typer.Option(help="all, basic or none (default: basic).")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of every draw (default: 0).")] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Language model: an asset's name, or a bundle's folder (default: minilm)."
        ),
    ] = None,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes that train; with 1, this one does.")
    ] = 1,
    ray: Annotated[
        str | None,
        typer.Option(help="Ray cluster that trains instead: HOST:PORT, auto or local."),
    ] = None,
    log: Annotated[
        str | None,
        typer.Option(help="Also keep the run in mlflow or tensorboard, or both between commas."),
    ] = None,
    resume: Annotated[bool, typer.Option(help="Continue the interrupted run in --out.")] = False,
    quiet: Annotated[bool, typer.Option(help="Show no progress.")] = False,
) -> None:
    """Run a federated simulation, with evaluation, controls and a report.

    People of the data set become devices that train a shared ranker together: through the server
    that is deployed, by the training rule of the device that is deployed. Writes summary.json,
    metrics.jsonl, ranker.safetensors and report.html to --out.
    """
    if resume and out is None:
        raise ConfigurationError("--resume needs --out, the folder of the run to continue")
    folder = out or Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}"
    flags: dict[str, object] = {
        "dataset": dataset,
        "preset": preset,
        "fidelity": fidelity,
        "rounds": rounds,
        "devices": devices,
        "cohort": cohort,
        "dropout": dropout,
        "over_selection": over_selection,
        "minimum_cohort": minimum_cohort,
        "aggregation": aggregation,
        "trimmed_share": trimmed_share,
        "assumed_malicious": assumed_malicious,
        "privacy": privacy,
        "epsilon": epsilon,
        "delta": delta,
        "clip": clip,
        "protocol": protocol,
        "targets": targets,
        "controls": controls,
        "seed": seed,
        "encoder": encoder,
    }
    settings = SimulationSettings.parse(flags)
    try:
        from penchant.simulation.progress import observer_for
        from penchant.simulation.run import simulate as run
        from penchant.simulation.tracking import Start, Tracking, trackers_named
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("penchant"):
            raise
        raise MissingExtraError("simulation", "penchant simulate") from error

    def tell(what: str) -> None:
        if not quiet:
            typer.echo(what, err=True)

    tracking, command = (
        Tracking(trackers_named(log), tell=tell),
        command_with("penchant simulate", flags),
    )

    def observer(world: "World") -> "RunObserver":
        display = observer_for(
            rounds=world.plan.rounds.rounds, budget=settings.epsilon, quiet=quiet
        )
        numbers = world.scorer.ranker.settings.size
        return tracking.observed(display, Start(folder, settings, world.plan, numbers, command))

    try:
        with tracking:
            summary = run(
                settings,
                folder,
                command=command,
                tell=tell,
                observer=observer,
                resume=resume,
                workers=workers,
                ray=ray,
            )
            tracking.ended(summary)
    except KeyboardInterrupt:
        typer.echo(
            f"penchant: interrupted; to continue, repeat the command with --resume --out {folder}",
            err=True,
        )
        raise typer.Exit(INTERRUPTED) from None
    if not quiet:
        test, control = summary.test.full, summary.controls.popularity.full
        typer.echo(
            f"test HR@10 {test.hr:.3f}, NDCG@10 {test.ndcg:.3f} by full ranking "
            f"(popularity {control.hr:.3f}, {control.ndcg:.3f}); see {folder / 'report.html'}"
        )
