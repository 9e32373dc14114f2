"""Runs logged to MLflow and TensorBoard: what their own readers find is what the run measured."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tests.simulation.conftest import make_world

from penchant.shared.command_line import main
from penchant.shared.errors import ConfigurationError, MissingExtraError
from penchant.simulation.progress import Silent
from penchant.simulation.report import Summary, read_rounds
from penchant.simulation.run import run_world
from penchant.simulation.settings import SimulationSettings
from penchant.simulation.tracking import Start, Tracking, trackers_named
from penchant.simulation.workspace import Workspace

ROUNDS = 3
SETTINGS = SimulationSettings.parse(
    {
        "dataset": "planted",
        "preset": "compact",
        "rounds": ROUNDS,
        "privacy": "user",
        "epsilon": 8.0,
        "delta": 1e-4,
        "cohort": 40,
        "controls": "none",
    }
)
ARTIFACTS = ["metrics.jsonl", "report.html", "settings.json", "summary.json"]


class Hooked(Silent):
    """Does something when a round starts."""

    def __init__(self, round_number: int, do: Callable[[], object]) -> None:
        self._round_number, self._do = round_number, do

    def round_started(self, round_number: int, devices: int) -> None:  # noqa: ARG002
        """Do it, if it is the round."""
        if round_number == self._round_number:
            self._do()


def interrupt() -> None:
    """Stop, as Ctrl-C does."""
    raise KeyboardInterrupt


def tracked(
    folder: Path,
    log: str,
    *,
    resume: bool = False,
    display: Silent | None = None,
    said: list[str] | None = None,
) -> Summary:
    """Run the planted world, or go on with it, with its trackers."""
    world, workspace = make_world(**SETTINGS.model_dump()), Workspace(folder)
    workspace.check(SETTINGS, resume=resume)
    start = Start(folder, SETTINGS, world.plan, world.scorer.ranker.settings.size, "penchant again")
    told = (said if said is not None else []).append
    with Tracking(trackers_named(log), tell=told) as tracking:
        summary = run_world(
            world,
            SETTINGS,
            workspace,
            command="penchant again",
            tell=lambda _: None,
            display=tracking.observed(display or Silent(), start),
        )
        tracking.ended(summary)
    return summary


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database without a run, which takes seconds to make."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def store(empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """An MLflow of a database and a folder on this machine, without a run."""
    shutil.copy(empty, tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.chdir(tmp_path)  # where MLflow puts files by itself
    return MlflowClient(uri)


def steps(client: MlflowClient, run: str, metric: str) -> dict[int, float]:
    """A metric of a run by step, each of which it must have once."""
    history = client.get_metric_history(run, metric)
    assert len({point.step for point in history}) == len(history)
    return {point.step: point.value for point in history}


def test_mlflow_has_rounds_settings_privacy_and_files(store: MlflowClient, tmp_path: Path) -> None:
    """By MLflow's own client: every round, what was spent, what was asked, and the files whole."""
    folder = tmp_path / "run"
    summary = tracked(folder, "mlflow")
    experiment = store.get_experiment_by_name("penchant")
    assert experiment is not None
    (run,) = store.search_runs([experiment.experiment_id])
    identity = run.info.run_id
    assert run.info.status == "FINISHED"
    rounds = read_rounds(folder)
    assert steps(store, identity, "epsilon") == {r.round: r.epsilon for r in rounds}
    validated = {r.round: r.validation.full.ndcg for r in rounds if r.validation is not None}
    assert len(validated) == ROUNDS
    assert steps(store, identity, "validation/full/ndcg_at_10") == validated
    assert steps(store, identity, "test/full/hr_at_10") == {ROUNDS: summary.test.full.hr}
    assert run.data.params["epsilon"] == "8.0"
    assert run.data.params["delta"] == "0.0001"
    multiplier = summary.privacy.noise_multiplier  # type: ignore[union-attr]
    assert float(run.data.params["noise_multiplier"]) == multiplier
    assert run.data.params["shared_numbers"] == str(summary.shared_numbers)
    assert sorted(found.path for found in store.list_artifacts(identity)) == ARTIFACTS
    for name in ARTIFACTS:
        kept = Path(store.download_artifacts(identity, name, str(tmp_path)))
        assert kept.read_bytes() == (folder / name).read_bytes()


def test_mlflow_run_that_goes_on_is_the_same_run(store: MlflowClient, tmp_path: Path) -> None:
    """Interrupted it is killed; resumed it is one run with each round once, and ends."""
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        tracked(folder, "mlflow", display=Hooked(3, interrupt))
    experiment = store.get_experiment_by_name("penchant")
    assert experiment is not None
    (run,) = store.search_runs([experiment.experiment_id])
    assert run.info.status == "KILLED"
    assert list(steps(store, run.info.run_id, "loss")) == [1, 2]
    tracked(folder, "mlflow", resume=True)
    (run,) = store.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert list(steps(store, run.info.run_id, "loss")) == [1, 2, 3]


def test_mlflow_folder_of_files_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME are obeyed, also for a plain folder."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "mlruns").as_uri())
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "tastes")
    tracked(tmp_path / "run", "mlflow")
    client = MlflowClient((tmp_path / "mlruns").as_uri())
    experiment = client.get_experiment_by_name("tastes")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert len(client.get_metric_history(run.info.run_id, "loss")) == ROUNDS


@pytest.mark.usefixtures("store")
def test_mlflow_that_breaks_does_not_end_the_run(tmp_path: Path) -> None:
    """Its database is lost after the first round: that is told once, and the run ends well."""
    said: list[str] = []
    broken = Hooked(2, lambda: (tmp_path / "mlflow.db").write_bytes(b"no database" * 1000))
    tracked(tmp_path / "run", "mlflow,tensorboard", display=broken, said=said)
    (line,) = said
    assert "MlflowRuns failed" in line
    assert (tmp_path / "run" / "summary.json").exists()
    assert sorted(scalars(tmp_path / "run", "loss")) == [1, 2, 3]


def test_mlflow_that_is_not_there_is_told_before_anything_is_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line that names the address; no folder is made."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(SystemExit) as stopped:
        main(["simulate", "--log", "mlflow", "--out", str(tmp_path / "run")])
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "MLflow at http://127.0.0.1:9 cannot keep the run" in line
    assert not (tmp_path / "run").exists()


def test_mlflow_tells_its_makers_nothing(tmp_path: Path) -> None:
    """Outside tests and CI, where it would: no telemetry client, and no connection is opened.

    The same program without our import does start telemetry, so the check can fail.
    """
    program = """
import socket, sys
called = []
def refuse(*what, **more):
    called.append(what)
    raise OSError("no network")
socket.socket.connect = socket.getaddrinfo = refuse
if sys.argv[1] == "ours":
    from penchant.simulation.tracking import trackers_named
    trackers_named("mlflow")
import mlflow
from mlflow.telemetry import get_telemetry_client
print(get_telemetry_client() is None, called)
"""
    hidden = ("PYTEST", "CI", "GITHUB", "MLFLOW", "DO_NOT_TRACK", "GITLAB", "JENKINS", "TRAVIS")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
    told = [
        subprocess.run(
            [sys.executable, "-c", program, which],
            env=environment | {"MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'mlflow.db'}"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for which in ("ours", "theirs")
    ]
    assert told[0] == "True []"
    assert told[1].startswith("False")


def scalars(folder: Path, tag: str) -> list[int]:
    """The steps of a scalar in a run's event files."""
    found = EventAccumulator(str(folder / "tensorboard"))
    found.Reload()
    return [event.step for event in found.Scalars(tag)]


def test_tensorboard_has_rounds_settings_and_report(tmp_path: Path) -> None:
    """By TensorBoard's own reader: scalars by round, settings, and the report in words."""
    summary = tracked(tmp_path, "tensorboard")
    found = EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    rounds = read_rounds(tmp_path)
    for tag, values in (
        ("loss", [r.loss for r in rounds]),
        ("epsilon", [r.epsilon for r in rounds]),
        (
            "validation/sampled99/hr_at_10",
            [r.validation.sampled99.hr for r in rounds if r.validation],
        ),
    ):
        assert [event.step for event in found.Scalars(tag)] == [1, 2, 3]
        assert [event.value for event in found.Scalars(tag)] == pytest.approx(values, rel=1e-6)
    (tested,) = found.Scalars("test/full/ndcg_at_10")
    assert (tested.step, tested.value) == (ROUNDS, pytest.approx(summary.test.full.ndcg))
    (settings,) = found.Tensors("settings")
    told = settings.tensor_proto.string_val[0].decode()
    assert "| epsilon | 8.0 |" in told
    assert "penchant again" in told
    (report,) = found.Tensors("report")
    assert "Per user, ε = " in report.tensor_proto.string_val[0].decode()
    assert "_hparams_/session_start_info" in found.Tags()["tensors"]


def test_tensorboard_run_that_goes_on_has_each_round_once(tmp_path: Path) -> None:
    """Also the rounds before the interruption."""
    with pytest.raises(KeyboardInterrupt):
        tracked(tmp_path, "tensorboard", display=Hooked(2, interrupt))
    assert scalars(tmp_path, "loss") == [1]
    tracked(tmp_path, "tensorboard", resume=True)
    assert scalars(tmp_path, "loss") == [1, 2, 3]


@pytest.mark.parametrize("name", ["mlflow", "tensorboard"])
def test_missing_library_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named, before anything is run."""
    module = {"mlflow": "mlflow_runs", "tensorboard": "event_files"}[name]
    monkeypatch.delitem(sys.modules, f"penchant.simulation.tracking.{module}", raising=False)
    for loaded in [m for m in sys.modules if m.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'penchant\[{name}\]'"):
        trackers_named(name)


@pytest.mark.parametrize(
    ("names", "told"),
    [("wandb", "'wandb' in it is not one of mlflow, tensorboard"), ("mlflow,mlflow", "each once")],
)
def test_other_names_are_refused(names: str, told: str) -> None:
    """The flag and the value are named."""
    with pytest.raises(ConfigurationError, match=told):
        trackers_named(names)
