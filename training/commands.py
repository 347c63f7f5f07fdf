"""``brickbench train``: train a network, go on with a run, label a split, print scores."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from training.photo_commands import predict
from training.run_commands import compare, list_runs

if TYPE_CHECKING:
    from training.runs import Row
    from training.settings import TrainingSettings

COLUMNS: tuple[str, ...] = ("epoch", "train_loss", "val_loss", "val_map_macro", "val_f1_macro", "val_precision_macro")
COLUMNS += ("val_recall_macro", "val_binary_accuracy", "seconds")
CLASS_COLUMNS: tuple[str, ...] = (
    "part_id",
    "pictures",
    "average_precision",
    "average_precision_low",
    "average_precision_high",
)
CLASS_COLUMNS += ("f1", "precision", "recall", "calibration_error")
STRATUM_COLUMNS: tuple[str, ...] = ("by", "stratum", "pictures", "groups", "classes")
STRATUM_COLUMNS += ("map_macro", "map_macro_low", "map_macro_high")
STRATUM_COLUMNS += ("f1_micro", "f1_micro_low", "f1_micro_high")

new_file = click.Path(dir_okay=False, path_type=Path)
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


track_option = click.option(
    "--track",
    type=click.Choice(["tensorboard", "wandb", "mlflow", "none"]),
    multiple=True,
    default=("tensorboard",),
    show_default=True,
    help="Where scores are watched; repeatable.",
)


@click.group()
def train() -> None:
    """Train multi-label classifiers and use them."""


train.add_command(compare)
train.add_command(list_runs)
train.add_command(predict)


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
@track_option
@device_option
@json_option
def run(
    settings_file: Path | None,
    dataset: Path,
    run: Path | None,
    input_size: int | None,
    track: tuple[str, ...],
    device: str,
    as_json: bool,
    **overrides: Any,
) -> None:
    """Train a network, and print one line of scores an epoch.

    Settings come from SETTINGS.yaml where it is given; options override it. A run that was stopped goes on when the
    same command is given again. `torchrun --no-python brickbench train run …` trains on several GPUs.

    \b
    Example:
      brickbench train run -d bricks --model tf_efficientnet_lite0 --pretrained --epochs 15
      brickbench train run -d bricks --epochs 10 -o bricks/runs/first
    """
    from training.settings import TrainingSettings

    settings = TrainingSettings.load(settings_file, input_size_px=input_size, **overrides)
    history = _train(settings, dataset, run or dataset / "runs" / settings.model, device, track)
    print_rows(history, as_json=as_json, columns=None if as_json else COLUMNS)


@train.command()
@click.argument("run", type=existing_folder)
@dataset_option
@track_option
@device_option
@json_option
def resume(run: Path, dataset: Path | None, track: tuple[str, ...], device: str, as_json: bool) -> None:
    """Go on with a run that was stopped, with its own settings.

    \b
    Example:
      brickbench train resume bricks/runs/first
    """
    from training.runs import dataset_of, load_settings

    root = dataset or dataset_of(run)
    history = _train(load_settings(run), root, run, device, track)
    print_rows(history, as_json=as_json, columns=None if as_json else COLUMNS)


def _train(settings: "TrainingSettings", dataset: Path, run: Path, device: str, track: tuple[str, ...]) -> "list[Row]":
    from training.tracked_run import train_and_track

    def say(sentence: str) -> None:
        click.echo(sentence, err=True)

    return train_and_track(settings, dataset, run, device=device, names=track, warn=say)


@train.command()
@click.argument("run", type=existing_folder)
@dataset_option
@click.option(
    "--split",
    type=click.Choice(["train", "val", "test", "all"]),
    default="val",
    show_default=True,
    help="Pictures.",
)
@checkpoint_option
@click.option("--per-class", is_flag=True, help="One line a part: its pictures and its scores.")
@click.option("--breakdown", is_flag=True, help="One line a stratum: source, bricks, visibility, light, floor, split.")
@click.option("--choose-thresholds", is_flag=True, help="Choose each part's threshold by F1, and keep it in the run.")
@click.option("--thresholds", is_flag=True, help="Also the scores with the thresholds that were chosen.")
@click.option("-o", "--output", type=new_file, default=None, help="Write a page with curves (HTML).")
@click.option("--resamples", type=click.IntRange(min=2), default=1000, show_default=True, help="For the intervals.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the resampling.")
@device_option
@json_option
def validate(
    run: Path,
    dataset: Path | None,
    split: str,
    checkpoint: str,
    per_class: bool,
    breakdown: bool,
    choose_thresholds: bool,
    thresholds: bool,
    output: Path | None,
    resamples: int,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Print how well a checkpoint labels the pictures of a split, with 95 % intervals over piles.

    A part counts as present above logit 0, or above its own threshold: choose thresholds on val, then use them on test.

    \b
    Example:
      brickbench train validate bricks/runs/first --choose-thresholds
      brickbench train validate bricks/runs/first --split test --thresholds -o report.html
    """
    from training import validation
    from training.runs import dataset_of

    found = validation.validate(run, dataset or dataset_of(run), split, checkpoint, device)
    chosen = None
    if choose_thresholds:
        chosen = validation.choose_and_save(run, found)
        click.echo(f"These pictures chose the thresholds in {run}: scores with them are flattered.", err=True)
    elif thresholds:
        chosen = validation.chosen_thresholds(run, found)
    findings = validation.find_scores(found, chosen, seed=seed, resamples=resamples)
    summary = not per_class and not breakdown
    details = validation.find_details(findings) if output or breakdown or (as_json and summary) else None
    if output and details:
        from training.validation_page import write_page

        click.echo(f"Wrote {write_page(findings, details, output)}.", err=True)
    if per_class:
        print_rows(findings.class_rows(), as_json=as_json, columns=None if as_json else CLASS_COLUMNS)
    elif breakdown and details:
        rows = [stratum.as_row() for stratum in details.strata]
        print_rows(rows, as_json=as_json, columns=None if as_json else STRATUM_COLUMNS)
    elif as_json and details:
        print_json(validation.as_document(findings, details))
    else:
        print_rows(findings.score_rows(), as_json=False)


@train.command()
@click.argument("run", type=existing_folder)
@click.option(
    "-d", "--dataset", type=existing_folder, default=None, show_default="the one it was trained on", help="The renders."
)
@click.option("--photos", type=existing_folder, default=None, show_default="the same", help="Dataset with the photos.")
@split_option("val")
@checkpoint_option
@click.option("--thresholds", is_flag=True, help="Decide at the thresholds that were chosen.")
@click.option("--resamples", type=click.IntRange(min=2), default=1000, show_default=True, help="For the intervals.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of all that is drawn.")
@device_option
@json_option
def gap(
    run: Path,
    dataset: Path | None,
    photos: Path | None,
    split: str,
    checkpoint: str,
    thresholds: bool,
    resamples: int,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Print what separates renders from photos: scores on each, the gap, the distance of their features.

    To see whether a change in the renderer brought the two nearer, hold the new renders and the old ones against the
    same photos with the same run.

    \b
    Example:
      brickbench train gap bricks/runs/first -d bricks
      brickbench train gap bricks/runs/first -d new_renders --photos bricks
    """
    from training.gap import measure_gap
    from training.runs import dataset_of

    found = measure_gap(
        run,
        dataset or dataset_of(run),
        photos,
        split=split,
        checkpoint=checkpoint,
        use_thresholds=thresholds,
        device=device,
        seed=seed,
        resamples=resamples,
    )
    if as_json:
        print_json(found.as_document())
        return
    print_rows(
        [{"of": name, **kind.as_row()} for name, kind in (("renders", found.renders), ("photos", found.photos))],
        as_json=False,
    )
    click.echo()
    print_rows(found.score_rows(), as_json=False)
    click.echo()
    distances = found.distances
    if not distances.measures:
        click.echo(f"With {distances.pictures} independent pictures of one kind there is no distance to measure.")
        return
    print_rows([measure.as_row() for measure in distances.measures], as_json=False)
    click.echo(f"From {distances.pictures} pictures of each kind; p = {distances.p_value:.3g} that they look alike.")
