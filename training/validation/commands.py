"""``brickbench train validate``, ``gap`` and ``compare``: how good networks are, and where they differ."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.cli import (
    device_option,
    existing_folder,
    json_option,
    new_file,
    output_option,
    print_json,
    print_rows,
    say,
    seed_option,
)
from training.options import (
    checkpoint_option,
    dataset_option,
    resamples_option,
    resampling_options,
    run_argument,
    split_option,
)

if TYPE_CHECKING:
    from training.run.run import Run

CLASS_COLUMNS: tuple[str, ...] = ("part_id", "pictures")
CLASS_COLUMNS += ("average_precision", "average_precision_low", "average_precision_high")
CLASS_COLUMNS += ("f1", "precision", "recall", "calibration_error")
STRATUM_COLUMNS: tuple[str, ...] = ("by", "stratum", "pictures", "groups", "classes")
STRATUM_COLUMNS += ("map_macro", "map_macro_low", "map_macro_high", "f1_micro", "f1_micro_low", "f1_micro_high")


@click.command()
@run_argument
@split_option("val", "all")
@checkpoint_option
@click.option("--per-class", is_flag=True, help="One line a part: its pictures and its scores.")
@click.option("--breakdown", is_flag=True, help="One line a stratum: source, bricks, visibility, light, floor, split.")
@click.option("--choose-thresholds", is_flag=True, help="Choose each part's threshold by F1, for this checkpoint.")
@click.option("--thresholds", is_flag=True, help="Also the scores with the thresholds that were chosen.")
@output_option("Write a page with curves (HTML).", new_file, default=None)
@resampling_options
@device_option
@json_option
def validate(
    run: "Run",
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
    from training.validation import labelled_split
    from training.validation.thresholds import load_thresholds

    validation = labelled_split.validate(run, split, checkpoint, device, say)
    chosen = None
    if choose_thresholds:
        chosen = labelled_split.choose_and_save(run, validation)
        say(f"These pictures chose the thresholds in {run.folder}: scores with them are flattered.")
    elif thresholds:
        chosen = load_thresholds(run, validation.checkpoint)
    findings = labelled_split.find_scores(validation, chosen, seed=seed, resamples=resamples)
    summary = not per_class and not breakdown
    details = labelled_split.find_details(findings) if output or breakdown or (as_json and summary) else None
    if output and details:
        from training.validation.page import write_page

        say(f"Wrote {write_page(findings, details, output)}.")
    if per_class:
        print_rows(findings.class_rows(), as_json=as_json, columns=None if as_json else CLASS_COLUMNS)
    elif breakdown and details:
        rows = [stratum.as_row() for stratum in details.strata]
        print_rows(rows, as_json=as_json, columns=None if as_json else STRATUM_COLUMNS)
    elif as_json and details:
        print_json(labelled_split.as_document(findings, details))
    else:
        print_rows(findings.score_rows(), as_json=False)


@click.command()
@run_argument
@click.option("--photos", type=existing_folder, default=None, show_default="the same", help="Dataset with the photos.")
@split_option("val")
@checkpoint_option
@click.option("--thresholds", is_flag=True, help="Decide at the thresholds that were chosen.")
@resamples_option
@seed_option("Of all that is drawn.")
@device_option
@json_option
def gap(
    run: "Run",
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

    To see whether a change in the renderer brought the two nearer, hold the new renders (-d) and the old ones against
    the same photos (--photos) with the same run.

    \b
    Example:
      brickbench train gap bricks/runs/first -d bricks
      brickbench train gap bricks/runs/first -d new_renders --photos bricks
    """
    from dataset.dataset_folder import DatasetFolder
    from training.validation.gap import measure_gap

    measured = measure_gap(
        run,
        None if photos is None else DatasetFolder.open(photos),
        split=split,
        checkpoint=checkpoint,
        use_thresholds=thresholds,
        device=device,
        seed=seed,
        resamples=resamples,
        say=say,
    )
    if as_json:
        print_json(measured.as_document())
        return
    print_rows(
        [{"of": name, **kind.as_row()} for name, kind in (("renders", measured.renders), ("photos", measured.photos))],
        as_json=False,
    )
    click.echo()
    print_rows(measured.score_rows(), as_json=False)
    click.echo()
    distances = measured.distances
    if not distances.measures:
        click.echo(f"With {distances.pictures} independent pictures of one kind there is no distance to measure.")
        return
    print_rows([measure.as_row() for measure in distances.measures], as_json=False)
    click.echo(f"From {distances.pictures} pictures of each kind; p = {distances.p_value:.3g} that they look alike.")


@click.command()
@click.argument("runs", metavar="RUN RUN...", type=existing_folder, nargs=-1, required=True)
@dataset_option
@resampling_options
@json_option
def compare(runs: tuple[Path, ...], dataset: Path | None, resamples: int, seed: int, as_json: bool) -> None:
    """Print in what runs differ: settings, scores, and scores on the very same pictures.

    Scores of val are those of each run's best epoch. The difference of two runs on a split, with its 95 % interval over
    piles, is printed where the predictions of both are in the index of the first one's dataset, or of that given with
    -d: `brickbench train predict RUN --split test`.

    \b
    Example:
      brickbench train compare bricks/runs/first bricks/runs/second
    """
    from training.run.run import Run
    from training.validation.compare_runs import compare_runs

    comparison = compare_runs([Run.open(run, dataset) for run in runs], seed=seed, resamples=resamples)
    if as_json:
        print_json(comparison.as_document())
        return
    print_rows(comparison.score_rows(), as_json=False)
    click.echo()
    if comparison.settings:
        print_rows(comparison.setting_rows(), as_json=False)
    else:
        click.echo("All settings and origins are the same.")
    click.echo()
    if comparison.paired:
        print_rows([pair.as_row() for pair in comparison.paired], as_json=False)
    else:
        say(
            "No split was predicted by all of them: `brickbench train predict RUN --split test` stores what a paired "
            "comparison needs."
        )
