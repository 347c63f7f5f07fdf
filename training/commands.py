"""``brickbench train``: the group of its commands; here are those that train a network, go on with a run, list runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.cli import (
    any_folder,
    dataset_folder_argument,
    device_option,
    existing_file,
    existing_folder,
    json_option,
    print_rows,
    say,
)
from core.engine import Engine
from core.engines.on_ray import RayEngine
from core.engines.options import engine_options
from core.errors import SettingsError
from training.label.commands import predict
from training.options import run_argument, track_option
from training.validation.commands import compare, gap, validate

if TYPE_CHECKING:
    from training.run.history import Row
    from training.run.run import Run
    from training.run.settings import TrainingSettings

LIST_COLUMNS = ("run_id", "model", "epochs", "of", "finished", "best_val_map", "initial_weights", "settings", "data")
COLUMNS: tuple[str, ...] = ("epoch", "train_loss", "val_loss", "val_map_macro", "val_f1_macro", "val_precision_macro")
COLUMNS += ("val_recall_macro", "val_binary_accuracy", "seconds")


@click.group()
def train() -> None:
    """Train multi-label classifiers and use them."""


for command in (compare, gap, predict, validate):
    train.add_command(command)


@train.command()
@click.argument("settings_file", metavar="[SETTINGS.yaml]", type=existing_file, required=False)
@click.option("-d", "--dataset", type=existing_folder, required=True, help="The dataset to train on.")
@click.option("-o", "--run", type=any_folder, default=None, show_default="DATASET/runs/MODEL", help="The run's folder.")
@click.option("--model", default=None, show_default="bricknet", help="bricknet or any timm model.")
@click.option("--pretrained", is_flag=True, default=None, help="Start from ImageNet weights: the recommended way.")
@click.option("--weights", type=existing_file, default=None, help="Start from the weights in this file.")
@click.option("--epochs", type=click.IntRange(min=1), default=None, show_default="40", help="Passes over the pictures.")
@click.option("--batch-size", type=click.IntRange(min=1), default=None, show_default="32", help="Pictures a step.")
@click.option("--input-size", type=click.IntRange(min=16), default=None, show_default="224", help="Side in pixels.")
@click.option("--learning-rate", type=float, default=None, show_default="0.0003", help="Step size of Adam.")
@click.option("--positive-weight", type=float, default=None, show_default="22", help="Weight of a missed brick.")
@click.option("--seed", type=click.IntRange(min=0), default=None, show_default="0", help="Decides all that is random.")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes that train together on Ray; each takes its share of a batch.",
)
@track_option
@device_option
@engine_options
@json_option
def run(
    settings_file: Path | None,
    dataset: Path,
    run: Path | None,
    input_size: int | None,
    workers: int,
    track: tuple[str, ...],
    device: str,
    engine: Engine,
    as_json: bool,
    **overrides: Any,
) -> None:
    """Train a network, and print one line of scores an epoch.

    Settings come from SETTINGS.yaml where it is given; options override it. A run that was stopped goes on when the
    same command is given again. `torchrun --no-python brickbench train run …` trains on several GPUs, --engine ray on
    those of a Ray cluster.

    \b
    Example:
      brickbench train run -d bricks --model tf_efficientnet_lite0 --pretrained --epochs 15
      brickbench train run -d bricks --epochs 10 -o bricks/runs/first
      brickbench train run -d bricks --engine ray --workers 8 --worker-gpus 1
    """
    from training.run.settings import TrainingSettings

    settings = TrainingSettings.load(settings_file, input_size_px=input_size, **overrides)
    folder = run or dataset / "runs" / settings.model
    if isinstance(engine, RayEngine):
        from training.fit.ray_train import train_on_ray

        history = train_on_ray(engine, workers, settings, dataset, folder, device=device, names=track, say=say)
    elif workers > 1:
        raise SettingsError("--workers is for --engine ray; on one machine, `torchrun` starts several processes.")
    else:
        history = _train(settings, dataset, folder, device, track)
    print_rows(history, as_json=as_json, columns=None if as_json else COLUMNS)


@train.command()
@run_argument
@click.option(
    "--epochs", type=click.IntRange(min=1), default=None, show_default="the run's own", help="Passes in all, also more."
)
@track_option
@device_option
@json_option
def resume(run: "Run", epochs: int | None, track: tuple[str, ...], device: str, as_json: bool) -> None:
    """Go on with a run that was stopped, with its own settings.

    A run that is over, or that shall be longer, gets more epochs with --epochs: it comes to the weights of a run that
    was begun with that many. With a cosine schedule or stages there is no such run, and it is refused.

    \b
    Example:
      brickbench train resume bricks/runs/first
      brickbench train resume bricks/runs/first --epochs 60
    """
    from training.fit.extension import extend_run

    root = run.dataset.root
    settings = run.settings if epochs is None else extend_run(run, epochs)
    history = _train(settings, root, run.folder, device, track)
    print_rows(history, as_json=as_json, columns=None if as_json else COLUMNS)


@train.command("list")
@dataset_folder_argument
@click.option(
    "--sort", type=click.Choice(["name", "best"]), default="name", show_default=True, help="best: highest mAP first."
)
@json_option
def list_runs(folder: Path, sort: str, as_json: bool) -> None:
    """Print the runs of a dataset side by side.

    Runs with equal settings differ in nothing but the pictures; runs with equal data saw the same ones.

    \b
    Example:
      brickbench train list bricks --sort best
    """
    from training.run.run import list_runs as runs_of

    summaries = runs_of(folder)
    if sort == "best":
        summaries.sort(key=lambda summary: -1.0 if summary.best_val_map is None else summary.best_val_map, reverse=True)
    if not summaries and not as_json:
        say(f"The dataset {folder} has no runs yet: `brickbench train run -d {folder}` makes one.")
        return
    print_rows([vars(summary) for summary in summaries], as_json=as_json, columns=None if as_json else LIST_COLUMNS)
    for summary in summaries:
        if summary.problem:
            say(f"{summary.run_id}: {summary.problem}")


def _train(settings: "TrainingSettings", dataset: Path, run: Path, device: str, track: tuple[str, ...]) -> "list[Row]":
    from training.fit.tracking import train_and_track

    return train_and_track(settings, dataset, run, device=device, names=track, say=say)
