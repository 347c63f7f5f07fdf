"""``brickbench train list`` and ``compare``: runs side by side."""

from pathlib import Path

import click

from core.cli import dataset_folder_argument, existing_folder, json_option, print_json, print_rows, say
from training.options import resampling_options

LIST_COLUMNS = ("run_id", "model", "epochs", "of", "finished", "best_val_map", "initial_weights", "settings", "data")


@click.command("list")
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
    from training.run import run_list

    summaries = run_list.list_runs(folder)
    if sort == "best":
        summaries.sort(key=lambda each: -1.0 if each.best_val_map is None else each.best_val_map, reverse=True)
    if not summaries and not as_json:
        say(f"The dataset {folder} has no runs yet: `brickbench train run -d {folder}` makes one.")
        return
    print_rows([each.as_row() for each in summaries], as_json=as_json, columns=None if as_json else LIST_COLUMNS)
    for each in summaries:
        if each.problem:
            say(f"{each.run_id}: {each.problem}")


@click.command()
@click.argument("runs", metavar="RUN RUN...", type=existing_folder, nargs=-1, required=True)
@click.option(
    "-d",
    "--dataset",
    type=existing_folder,
    default=None,
    show_default="the one that the first run was trained on",
    help="The dataset whose index has the predictions.",
)
@resampling_options
@json_option
def compare(runs: tuple[Path, ...], dataset: Path | None, resamples: int, seed: int, as_json: bool) -> None:
    """Print in what runs differ: settings, scores, and scores on the very same pictures.

    Scores of val are those of each run's best epoch. The difference of two runs on a split, with its 95 % interval over
    piles, is printed where the predictions of both are in the index: `brickbench train predict RUN --split test`.

    \b
    Example:
      brickbench train compare bricks/runs/first bricks/runs/second
    """
    from training.run.compare_runs import compare_runs
    from training.run.runs import dataset_of

    found = compare_runs(runs, dataset or dataset_of(runs[0]), seed=seed, resamples=resamples)
    if as_json:
        print_json(found.as_document())
        return
    print_rows(found.score_rows(), as_json=False)
    click.echo()
    if found.settings:
        print_rows(found.setting_rows(), as_json=False)
    else:
        click.echo("All settings and origins are the same.")
    click.echo()
    if found.paired:
        print_rows([pair.as_row() for pair in found.paired], as_json=False)
    else:
        say(
            "No split was predicted by all of them: `brickbench train predict RUN --split test` stores what a paired "
            "comparison needs."
        )
