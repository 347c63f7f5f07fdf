"""``brickbench train``: train a network, go on with a run, label a split, print scores."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from core.cli import (
    Decorated,
    any_folder,
    device_option,
    existing_file,
    existing_folder,
    json_option,
    print_json,
    print_rows,
)

COLUMNS: tuple[str, ...] = ("epoch", "train_loss", "val_loss", "val_map_macro", "val_f1_macro", "val_precision_macro")
COLUMNS += ("val_recall_macro", "val_binary_accuracy", "seconds")

checkpoint_option = click.option(
    "--checkpoint",
    default="best",
    show_default=True,
    help="best (by mAP on val), last, or such as epoch_0007.",
)
dataset_option = click.option(
    "-d", "--dataset", type=existing_folder, default=None, show_default="the one it was trained on", help="The dataset."
)


def split_option(default: str) -> Callable[[Decorated], Decorated]:
    """Return ``--split`` with this default."""
    return click.option(
        "--split",
        type=click.Choice(["train", "val", "test"]),
        default=default,
        show_default=True,
        help="Pictures.",
    )


@click.group()
def train() -> None:
    """Train multi-label classifiers and use them."""


@train.command()
@click.argument("settings_file", metavar="[SETTINGS.yaml]", type=existing_file, required=False)
@click.option("-d", "--dataset", type=existing_folder, required=True, help="The dataset to train on.")
@click.option("-o", "--run", type=any_folder, default=None, show_default="DATASET/runs/MODEL", help="The run's folder.")
@click.option("--model", default=None, show_default="bricknet", help="bricknet or any timm model.")
@click.option("--epochs", type=click.IntRange(min=1), default=None, show_default="40", help="Passes over the pictures.")
@click.option("--batch-size", type=click.IntRange(min=1), default=None, show_default="32", help="Pictures a step.")
@click.option("--input-size", type=click.IntRange(min=16), default=None, show_default="224", help="Side in pixels.")
@click.option("--learning-rate", type=float, default=None, show_default="0.0003", help="Step size of Adam.")
@click.option("--positive-weight", type=float, default=None, show_default="22", help="Weight of a missed brick.")
@click.option("--seed", type=click.IntRange(min=0), default=None, show_default="0", help="Decides all that is random.")
@device_option
@json_option
def run(
    settings_file: Path | None,
    dataset: Path,
    run: Path | None,
    input_size: int | None,
    device: str,
    as_json: bool,
    **overrides: Any,
) -> None:
    """Train a network, and print one line of scores an epoch.

    Settings come from SETTINGS.yaml where it is given; options override it. A run that was stopped goes on when the
    same command is given again.

    \b
    Example:
      brickbench train run -d bricks --epochs 10 -o bricks/runs/first
    """
    from training.loop import train as train_network
    from training.settings import TrainingSettings

    settings = TrainingSettings.load(settings_file, input_size_px=input_size, **overrides)
    history = train_network(settings, dataset, run or dataset / "runs" / settings.model, device=device)
    print_rows(history, as_json=as_json, columns=None if as_json else COLUMNS)


@train.command()
@click.argument("run", type=existing_folder)
@dataset_option
@device_option
@json_option
def resume(run: Path, dataset: Path | None, device: str, as_json: bool) -> None:
    """Go on with a run that was stopped, with its own settings.

    \b
    Example:
      brickbench train resume bricks/runs/first
    """
    from training.loop import train as train_network
    from training.runs import dataset_of, load_settings

    root = dataset or dataset_of(run)
    history = train_network(load_settings(run), root, run, device=device)
    print_rows(history, as_json=as_json, columns=None if as_json else COLUMNS)


@train.command()
@click.argument("run", type=existing_folder)
@dataset_option
@split_option("test")
@checkpoint_option
@device_option
def predict(run: Path, dataset: Path | None, split: str, checkpoint: str, device: str) -> None:
    """Store the logits of a split in the run and in the dataset's index, and print the file's path.

    \b
    Example:
      brickbench train predict bricks/runs/first --split test
    """
    from training.predict import predict as predict_split
    from training.runs import dataset_of

    click.echo(predict_split(run, dataset or dataset_of(run), split, checkpoint, device))


@train.command()
@click.argument("run", type=existing_folder)
@dataset_option
@split_option("val")
@checkpoint_option
@click.option("--per-class", is_flag=True, help="One line a part: its pictures and its average precision.")
@device_option
@json_option
def validate(
    run: Path, dataset: Path | None, split: str, checkpoint: str, per_class: bool, device: str, as_json: bool
) -> None:
    """Print how well a checkpoint labels the pictures of a split.

    \b
    Example:
      brickbench train validate bricks/runs/first --split test --json
    """
    from training.predict import class_scores
    from training.predict import validate as validate_split
    from training.runs import dataset_of

    result = validate_split(run, dataset or dataset_of(run), split, checkpoint, device)
    if per_class:
        print_rows(class_scores(result), as_json=as_json)
    elif as_json:
        print_json(result.summary())
    else:
        print_rows([{"metric": name, "value": value} for name, value in result.summary().items()], as_json=False)
