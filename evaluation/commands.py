"""``brickbench evaluate``: scores of a run's maps, methods against each other, the report."""

from pathlib import Path

import click

from core.cli import Decorated, existing_folder, json_option, parse_choices, print_json, print_rows
from core.errors import BrickbenchError
from evaluation.faithfulness.command import faithfulness

dataset_option = click.option(
    "-d", "--dataset", type=existing_folder, default=None, show_default="the run's own", help="The dataset."
)
checkpoint_option = click.option(
    "--checkpoint", default=None, show_default="the best that has scores", help="Whose maps, such as epoch_0007."
)


def seed_option(function: Decorated) -> Decorated:
    """Add ``--seed`` of the resampling."""
    return click.option(
        "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the bootstrap over piles."
    )(function)


@click.group()
def evaluate() -> None:
    """Say in numbers which explanation to believe."""


@evaluate.command()
@click.argument("run", type=existing_folder)
@dataset_option
@click.option("--metrics", default=None, show_default="all", help="Names with commas; see `evaluate metrics`.")
@click.option(
    "--set", "settings", multiple=True, metavar="METRIC.NAME=VALUE", help="A setting, such as iou_fixed.threshold=0.3."
)
@click.option("--force", is_flag=True, help="Score again what is scored already.")
@seed_option
@json_option
def localize(
    run: Path,
    dataset: Path | None,
    metrics: str | None,
    settings: tuple[str, ...],
    force: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Score RUN's maps against the exact masks, and print means with intervals and chance levels.

    What is scored already is not scored again, so a stopped run goes on with the same command.

    \b
    Example:
      brickbench evaluate localize bricks/runs/first
      brickbench evaluate localize bricks/runs/first --metrics iou_fixed --set iou_fixed.threshold=0.3 --force
    """
    from evaluation.localization import METRICS
    from evaluation.score_run import score_run
    from evaluation.summary import score_rows, summarize
    from evaluation.table import load_scores
    from training.runs import dataset_of

    root = dataset or dataset_of(run)
    score_run(
        run, root, parse_choices("metric", metrics if metrics is not None else ",".join(METRICS), settings), force=force
    )
    print_rows(score_rows(summarize(load_scores(run, root), seed=seed)), as_json=as_json)


@evaluate.command()
@json_option
def metrics(as_json: bool) -> None:
    """List the metrics: formula, range, chance level, ties, undefined cases, source.

    \b
    Example:
      brickbench evaluate metrics --json
    """
    from evaluation.localization import metric_rows

    rows = metric_rows()
    print_rows(rows, as_json=as_json, columns=None if as_json else ("metric", "formula", "range", "chance"))


@evaluate.command()
@click.argument("run", type=existing_folder)
@dataset_option
@checkpoint_option
@seed_option
@json_option
def compare(run: Path, dataset: Path | None, checkpoint: str | None, seed: int, as_json: bool) -> None:
    """Compare RUN's methods two by two on the same pictures: mean difference with its interval over piles.

    \b
    Example:
      brickbench evaluate compare bricks/runs/first --json
    """
    from evaluation.summary import difference_rows, summarize
    from evaluation.table import load_scores
    from training.runs import dataset_of

    table = load_scores(run, dataset or dataset_of(run), checkpoint)
    print_rows(difference_rows(summarize(table, seed=seed)), as_json=as_json)


@evaluate.command()
@click.argument("run", type=existing_folder)
@dataset_option
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The HTML to write."
)
@checkpoint_option
@click.option("--cases", type=click.IntRange(min=0), default=10, show_default=True, help="Pictures in the gallery.")
@click.option("--force", is_flag=True, help="Overwrite the HTML if it is there.")
@seed_option
@json_option
def report(
    run: Path,
    dataset: Path | None,
    output: Path,
    checkpoint: str | None,
    cases: int,
    force: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Write RUN's report as one HTML file that needs no network, and print its verdict.

    \b
    Example:
      brickbench evaluate report bricks/runs/first -o report.html
    """
    from evaluation.report import write_report
    from training.runs import dataset_of

    if output.exists() and not force:
        raise BrickbenchError(f"{output} is there already: choose another file with -o, or give --force.")
    made = write_report(run, dataset or dataset_of(run), output, checkpoint=checkpoint, seed=seed, cases=cases)
    if as_json:
        print_json({"report": made.path, **vars(made.verdict)})
    else:
        click.echo(f"{made.verdict.headline}\n{made.path}")


evaluate.add_command(faithfulness)
