"""Tracking: every epoch once in each tool, whatever was killed; failing tools stop nothing."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from core.errors import BrickbenchError, SettingsError
from training.commands import train as train_commands
from training.fit import trackers
from training.fit.loop import train
from training.fit.prediction_grid import LINES, Tile, draw_grid, spread_rows
from training.fit.trackers import scalars
from training.fit.tracking import Tracking, train_and_track
from training.run.settings import TrainingSettings

SETTINGS = TrainingSettings(
    model_kwargs={"width": 0.05, "stem_stride": 2}, input_size_px=64, epochs=3, learning_rate=1e-3, batch_size=8
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, make_toy: Callable[..., Path]) -> Path:
    """Return a dataset of 20 toy piles: read it, never write into it."""
    return make_toy(tmp_path_factory.mktemp("tracking") / "dataset", piles=20)


def say_nothing(sentence: str) -> None:
    raise AssertionError(sentence)


def events(run: Path) -> Any:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="no tensorboard")
    found = reader.EventAccumulator(str(run / "tensorboard"))
    found.Reload()
    return found


def stop_after(tracking: Tracking, epoch: int) -> Callable[[dict[str, Any]], None]:
    def after_epoch(row: dict[str, Any]) -> None:
        tracking.after_epoch(row)
        if row["epoch"] == epoch:
            raise KeyboardInterrupt

    return after_epoch


@pytest.mark.slow
def test_tensorboard_has_every_epoch_once_after_a_resume(root: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with (
        pytest.raises(KeyboardInterrupt),
        Tracking(run, ["tensorboard"], say_nothing) as tracking,
    ):
        train(SETTINGS, root, run, device="cpu", after_epoch=stop_after(tracking, 2))
    history = train_and_track(SETTINGS, root, run, device="cpu", say=say_nothing)
    found = events(run)
    for name in ("train/loss", "val/map_macro", "learning_rate", "seconds"):
        points = [(event.step, event.value) for event in found.Scalars(name)]
        assert points == [(row["epoch"], pytest.approx(scalars(row)[name])) for row in history]
    assert [event.step for event in found.Images("predictions")] == [3]
    assert "learning_rate: 0.001" in found.Tensors("run/text_summary")[0].tensor_proto.string_val[0].decode()
    assert json.loads((run / "tracking.json").read_text()) == {
        "tensorboard": {"name": "tensorboard", "epochs": 3, "complete": True}
    }
    before = sorted(run.rglob("*"))
    assert train_and_track(SETTINGS, root, run, device="cpu", say=say_nothing) == history
    assert sorted(run.rglob("*")) == before  # a run that is over is left alone


@pytest.mark.slow
def test_an_epoch_that_a_killed_process_did_not_track_is_not_lost(root: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"

    def die(row: dict[str, Any]) -> None:
        if row["epoch"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(SETTINGS, root, run, device="cpu", after_epoch=die)
    train_and_track(SETTINGS, root, run, device="cpu", say=say_nothing)
    assert [event.step for event in events(run).Scalars("val/loss")] == [1, 2, 3]


class FakeWandb(ModuleType):
    """Keeps what is logged by run, and refuses steps that go back, as the real one does."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.runs: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        self.asked: list[dict[str, Any]] = []
        self.finished = 0
        self.Image = lambda pixels: f"picture {pixels.shape}"
        self.Settings = SimpleNamespace

    def init(self, **asked: Any) -> Any:
        self.asked.append(asked)
        name = asked["id"] or f"id{len(self.runs)}"
        rows = self.runs.setdefault(name, [])

        def log(values: dict[str, Any], step: int, commit: bool) -> None:
            assert commit
            assert not rows or step > rows[-1][0]
            rows.append((step, values))

        def finish() -> None:
            self.finished += 1

        return SimpleNamespace(id=name, log=log, finish=finish)


class FakeMlflow(ModuleType):
    def __init__(self) -> None:
        super().__init__("mlflow")
        self.metrics: list[tuple[str, int, dict[str, float]]] = []
        self.params: dict[str, str] = {}
        self.images: list[str] = []
        self.states: list[str] = []

    def MlflowClient(self) -> Any:  # noqa: N802  the real one's name
        return SimpleNamespace(
            get_experiment_by_name=lambda name: None,
            create_experiment=lambda name: "7",
            create_run=lambda experiment, run_name: SimpleNamespace(info=SimpleNamespace(run_id=f"r-{run_name}")),
            update_run=lambda run_id, status: self.states.append(status),
            get_metric_history=lambda run_id, name: [SimpleNamespace(step=step) for _, step, _ in self.metrics],
            log_image=lambda run_id, image, artifact_file: self.images.append(artifact_file),
            set_terminated=lambda run_id: self.states.append("FINISHED"),
        )

    def log_params(self, params: dict[str, str], run_id: str) -> None:
        self.params = params | {"of": run_id}

    def log_metrics(self, metrics: dict[str, float], step: int, run_id: str) -> None:
        self.metrics.append((run_id, step, metrics))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return stand-ins for the two packages, which are found in place of the real ones."""
    fakes: dict[str, Any] = {"wandb": FakeWandb(), "mlflow": FakeMlflow()}
    for name, fake in fakes.items():
        fake.__spec__ = SimpleNamespace(name=name)
        monkeypatch.setitem(sys.modules, name, fake)
    return fakes


@pytest.mark.slow
def test_wandb_and_mlflow_go_on_with_the_same_run(root: Path, tmp_path: Path, installed: dict[str, Any]) -> None:
    run = tmp_path / "run"
    names = ["wandb", "mlflow", "wandb"]
    with pytest.raises(KeyboardInterrupt), Tracking(run, names, say_nothing) as tracking:
        train(SETTINGS, root, run, device="cpu", after_epoch=stop_after(tracking, 1))
    history = train_and_track(SETTINGS, root, run, device="cpu", names=names, say=say_nothing)
    wandb, mlflow = installed["wandb"], installed["mlflow"]
    assert list(wandb.runs) == ["id0"]
    assert [asked["id"] for asked in wandb.asked] == [None, "id0"]
    assert {asked["resume"] for asked in wandb.asked} == {"allow"}
    assert wandb.asked[0]["config"]["learning_rate"] == 1e-3
    assert wandb.asked[0]["dir"] == str(run)
    *rows, (step, picture) = wandb.runs["id0"]
    assert [(step, values["epoch"]) for step, values in rows] == [(1, 1), (2, 2), (3, 3)]
    assert rows[1][1]["val/map_macro"] == history[1]["val_map_macro"]
    assert (step, list(picture)) == (4, ["predictions"])
    assert wandb.finished == 2
    assert [(name, step) for name, step, _ in mlflow.metrics] == [("r-run", 1), ("r-run", 2), ("r-run", 3)]
    assert mlflow.params["model_kwargs"] == '{"width": 0.05, "stem_stride": 2}'
    assert mlflow.images == ["predictions-0003.png"]
    assert mlflow.states == ["FINISHED", "RUNNING", "FINISHED"]
    assert not (run / "tensorboard").exists()


def test_a_tool_that_fails_is_told_of_once_and_stops_nothing(
    root: Path, tmp_path: Path, installed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("The server is away.\nTry later.")

    told: list[str] = []
    names, run = ["mlflow", "wandb"], tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(trackers.MlflowTracker, "start", broken)
        patched.setattr(trackers.WandbTracker, "epoch", broken)
        history = train_and_track(SETTINGS, root, run, device="cpu", names=names, say=told.append)
    assert len(history) == 3
    assert told == [
        f"{tool} failed and is left alone from here on: The server is away. Try later."
        for tool in ("MLflow", "Weights & Biases")
    ]
    train_and_track(SETTINGS, root, run, device="cpu", names=names, say=say_nothing)  # gives them what they lack
    assert [step for _, step, _ in installed["mlflow"].metrics] == [1, 2, 3]
    assert [step for step, _ in installed["wandb"].runs["id0"]] == [1, 2, 3, 4]


def test_a_package_that_is_missing_is_told_before_training(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.fit import tracking

    monkeypatch.setattr(tracking.importlib.util, "find_spec", lambda name: None)  # type: ignore[attr-defined]
    done = CliRunner().invoke(train_commands, ["run", "-d", str(root), "-o", "/nowhere", "--track", "mlflow"])
    assert isinstance(done.exception, BrickbenchError)
    assert "mlflow, which is not installed: install the extra 'mlflow'" in str(done.exception)
    with pytest.raises(SettingsError, match="--track none stands alone"):
        Tracking(Path("run"), ["none", "wandb"], say_nothing)


def test_none_leaves_the_run_as_training_made_it(root: Path, tmp_path: Path) -> None:
    train_and_track(SETTINGS, root, tmp_path / "run", device="cpu", names=["none"], say=say_nothing)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"checkpoints", "epochs.jsonl", "predictions.jpg", "run.yaml", "settings.yaml"}


def test_only_the_first_of_several_processes_tracks(
    root: Path, tmp_path: Path, installed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    with Tracking(tmp_path, ["wandb"], say_nothing) as tracking:
        tracking.after_epoch({"epoch": 1})
    assert installed["wandb"].asked == []


def test_scalars_leave_out_what_is_no_number() -> None:
    row = {"epoch": 3, "learning_rate": 0.1, "train_loss": 2, "val_map_macro": None, "val_f1_micro": float("nan")}
    assert scalars(row) == {"learning_rate": 0.1, "train/loss": 2.0}


def test_the_sheet_of_predictions() -> None:
    picture = np.full((50, 100, 3), 200, dtype=np.uint8)
    right = tuple(f"Part {n}" for n in range(9))
    tiles = [Tile(picture, {"right": right, "missed": ("Gone",)}), *[Tile(picture, {})] * 4]
    sheet = draw_grid(tiles, "first, epoch_0007: 5 pictures of val")
    assert sheet.width == 4 * (260 + 16) + 16
    assert sheet.height == 64 + 2 * (260 + LINES * 20 + 24)
    assert spread_rows(np.array([5, 5, 6, 6, 7, 8, 9]), 3) == [0, 4, 6]
    assert spread_rows(np.array([5, 5]), 3) == [0]


def test_a_sheet_that_fails_is_told_of(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.fit import tracking

    def broken(*_: object) -> None:
        raise BrickbenchError("The image x is damaged.")

    monkeypatch.setattr(tracking, "write_prediction_grid", broken)
    told: list[str] = []
    train_and_track(SETTINGS, root, tmp_path / "run", device="cpu", names=["none"], say=told.append)
    assert told == ["The run is whole, but its sheet of predictions could not be drawn. The image x is damaged."]


def test_the_command_tracks_and_draws(root: Path, tmp_path: Path) -> None:
    SETTINGS.save(tmp_path / "settings.yaml")
    words = [str(tmp_path / "settings.yaml"), "-d", str(root), "-o", str(tmp_path / "run"), "--device", "cpu"]
    done = CliRunner().invoke(train_commands, ["run", *words])
    assert done.exit_code == 0, done.output
    assert list((tmp_path / "run" / "tensorboard").iterdir())
    with Image.open(tmp_path / "run" / "predictions.jpg") as sheet:
        assert sheet.format == "JPEG"
