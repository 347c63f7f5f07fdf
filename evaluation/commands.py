"""``brickbench evaluate``: scores of a run's maps, methods against each other, the report."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.cli import (
    Decorated,
    any_folder,
    device_option,
    existing_file,
    existing_folder,
    json_option,
    network_workers_option,
    new_file,
    output_option,
    parse_choices,
    print_json,
    print_rows,
    seed_option,
    workers_option,
)
from core.engine import Engine
from core.engines.options import engine_options
from core.errors import PartialFailureError, SettingsError
from core.files import all_or_none, require_new
from evaluation.findings.command import findings
from evaluation.gold.command import gold
from training.options import checkpoint_option, checkpoint_there_option, dataset_option, run_argument

if TYPE_CHECKING:
    from evaluation.faithfulness.scoring import FaithfulnessResult
    from training.run.run import Run


resampling_seed = seed_option("Of the bootstrap over piles.")
strict_option = click.option("--strict", is_flag=True, help="Count undefined scores as the worst value.")
again_option = click.option("--force", is_flag=True, help="Score again what is scored already.")


def set_option(example: str) -> Callable[[Decorated], Decorated]:
    """Return ``--set``: settings of metrics, such as `example`."""
    help_text = f"A setting, such as {example}."
    return click.option("--set", "settings", multiple=True, metavar="METRIC.NAME=VALUE", help=help_text)


@click.group()
def evaluate() -> None:
    """Say in numbers which explanation to believe."""


@evaluate.command()
@run_argument
@click.option("--metrics", default=None, show_default="all", help="Names with commas; see `evaluate metrics`.")
@set_option("iou_fixed.threshold=0.3")
@again_option
@strict_option
@workers_option
@engine_options
@resampling_seed
@json_option
def localize(
    run: "Run",
    metrics: str | None,
    settings: tuple[str, ...],
    force: bool,
    strict: bool,
    workers: int | None,
    engine: Engine,
    seed: int,
    as_json: bool,
) -> None:
    """Score RUN's maps against the exact masks, and print means with intervals and chance levels.

    What is scored already is not scored again, so a stopped run goes on with the same command. The threshold of
    iou_best is chosen on maps of the val split: make some with `brickbench explain run RUN --split val`.

    \b
    Example:
      brickbench evaluate localize bricks/runs/first
      brickbench evaluate localize bricks/runs/first --metrics iou_fixed --set iou_fixed.threshold=0.3 --force
    """
    from evaluation.localization.registry import METRICS, SPLIT_METRICS
    from evaluation.localization.run import score_run
    from evaluation.localization.split_scores import level_words, split_rows
    from evaluation.statistics.summary import Summary, score_rows, zero_words
    from evaluation.statistics.table import load_scores

    names = metrics if metrics is not None else ",".join([*METRICS, *SPLIT_METRICS])
    chosen, failed = parse_choices("metric", names, settings), None
    try:
        score_run(run, chosen, force=force, workers=workers, seed=seed, engine=engine)
    except PartialFailureError as error:
        if not error.result.made:
            raise
        failed = error
    table = load_scores(run, measures=METRICS, strict=strict)
    labels = {str(method.key): (method.name, method.kind) for method in table.methods}
    rows = score_rows(Summary(table, seed=seed)) + split_rows(run.folder, table.checkpoint, labels)
    print_rows(rows, as_json=as_json)
    for note in [*zero_words(table), *level_words(run.folder, table.checkpoint)]:
        click.echo(note, err=True)
    if failed:
        raise failed


@evaluate.command()
@run_argument
@click.option("--methods", default=None, show_default="all that have maps", help="Whose maps: names with commas.")
@click.option(
    "--metrics",
    default=None,
    show_default="those that change pixels, and with twins those that need them",
    help="Names with commas.",
)
@set_option("deletion.steps=64")
@click.option("--limit", type=click.IntRange(min=1), default=None, show_default="all", help="Only so many pictures.")
@checkpoint_option
@device_option
@click.option(
    "--batch", type=click.IntRange(min=1), default=None, show_default="by the device", help="Pictures a forward pass."
)
@again_option
@network_workers_option
@engine_options
@seed_option("Of ties, of noise and of the bootstrap.")
@json_option
def faithfulness(
    run: "Run",
    methods: str | None,
    metrics: str | None,
    settings: tuple[str, ...],
    limit: int | None,
    checkpoint: str,
    device: str,
    batch: int | None,
    force: bool,
    workers: int | None,
    engine: Engine,
    seed: int,
    as_json: bool,
) -> None:
    """Score how far RUN's maps say what the network does, by changing pictures, the network, or the pile itself.

    Prints means with intervals over piles. Where pictures have twins (`twins: removed` in the settings of a render),
    two tables more: how far painting a part over departs from taking it away, and which measure that photos allow
    foretells best what twins say. What is scored already is not scored again, so a stopped run goes on with the same
    command. Scores that fail are counted by reason at the end, and the exit code is 1 then.

    \b
    Example:
      brickbench evaluate faithfulness bricks/runs/first --limit 100
      brickbench evaluate faithfulness bricks/runs/first --metrics deletion,road --set deletion.steps=64 --force
      brickbench evaluate faithfulness bricks/runs/first --methods gradcam --metrics model_randomization
      brickbench evaluate faithfulness bricks/runs/first --engine ray --worker-gpus 1
    """
    from evaluation.faithfulness.registry import faithfulness_settings
    from evaluation.faithfulness.scoring import default_metrics, score_faithfulness

    names = metrics if metrics is not None else ",".join(default_metrics(run.dataset))
    given = parse_choices("metric", names, settings)
    failed = None
    try:
        result = score_faithfulness(
            run,
            {name: faithfulness_settings(name, values, seed) for name, values in given.items()},
            methods=None if methods is None else list(parse_choices("method", methods, ())),
            checkpoint=checkpoint,
            limit=limit,
            device=device,
            pictures_at_once=batch,
            seed=seed,
            force=force,
            workers=workers,
            engine=engine,
        )
    except PartialFailureError as error:
        failed, result = error, error.result
    for note in result.notes:
        click.echo(note, err=True)
    tables = faithfulness_tables(run, result, list(given), seed=seed)
    if as_json:
        print_json(tables)
    else:
        for title, rows in tables.items():
            if rows:
                click.echo(f"\n{title}")
                print_rows(rows, as_json=False)
    if failed:
        raise failed


def faithfulness_tables(
    run: "Run", result: "FaithfulnessResult", metrics: Sequence[str], *, seed: int = 0
) -> dict[str, list[dict[str, object]]]:
    """Return what the scores of a result's maps come to, as rows: ``scores`` by measure and method.

    With twins there is more: how far ``removals`` depart from the truth, and ``predictions``, how well each measure
    whose scores are there foretells it. `seed` is of the bootstrap.
    """
    from evaluation.faithfulness.registry import TWINS
    from evaluation.faithfulness.scoring import removal_rows
    from evaluation.score_store import read_scores
    from evaluation.statistics.prediction import predict_truths, prediction_rows
    from evaluation.statistics.summary import Summary, measure_rows
    from evaluation.statistics.table import ScoredRun

    scored = ScoredRun(run, result.rows, read_scores(run.folder))
    predictions = predict_truths(scored.table_of(result.rows), TWINS, seed=seed) if result.regions else []
    return {
        "scores": measure_rows(Summary(scored.table_of(result.rows, metrics), seed=seed)),
        "removals": removal_rows(run, result, seed=seed),
        "predictions": prediction_rows(predictions),
    }


@evaluate.command()
@run_argument
@click.option("--mosaics", type=click.IntRange(min=1), default=100, show_default=True, help="How many.")
@click.option("--split", default="test", show_default=True, help="Whose piles: train, val or test.")
@click.option("--methods", default=None, show_default="those of the run's maps", help="Names with commas.")
@click.option("--shrink", is_flag=True, help="Mosaics at the network's input size, for networks that take no other.")
@checkpoint_option
@device_option
@resampling_seed
@json_option
def focus(
    run: "Run",
    mosaics: int,
    split: str,
    methods: str | None,
    shrink: bool,
    checkpoint: str,
    device: str,
    seed: int,
    as_json: bool,
) -> None:
    """Explain mosaics of four piles, two with the part and two without, and print how much stays on the two.

    The methods are those of RUN's maps, with the settings that those were made with.

    \b
    Example:
      brickbench evaluate focus bricks/runs/first --mosaics 200
    """
    from evaluation.localization.focus_run import focus_run

    found = focus_run(
        run,
        mosaics=mosaics,
        split=split,
        methods=None if methods is None else list(parse_choices("method", methods, ())),
        shrink=shrink,
        checkpoint=checkpoint,
        seed=seed,
        device=device,
    )
    print_rows([vars(row) for row in found], as_json=as_json)


@evaluate.command()
@json_option
def metrics(as_json: bool) -> None:
    """List the metrics: formula, range, chance level, ties, undefined cases, source.

    \b
    Example:
      brickbench evaluate metrics --json
    """
    from evaluation.faithfulness.registry import FAITHFULNESS
    from evaluation.localization.registry import DEFINITIONS

    rows = [measure.as_row() for measure in DEFINITIONS.values()]
    rows += [measure.as_row() for measure in FAITHFULNESS.values()]
    print_rows(rows, as_json=as_json, columns=None if as_json else ("metric", "formula", "range", "chance"))


@evaluate.command()
@click.argument("run", type=existing_folder)
@click.argument("other", type=existing_folder, required=False)
@dataset_option
@checkpoint_there_option("scores")
@click.option(
    "--other-checkpoint", default=None, show_default="the best that has scores", help="Whose maps of the other run."
)
@strict_option
@resampling_seed
@json_option
def compare(
    run: Path,
    other: Path | None,
    dataset: Path | None,
    checkpoint: str | None,
    other_checkpoint: str | None,
    strict: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Compare RUN's methods two by two, or RUN with OTHER method by method, on the same pictures.

    Prints mean differences with their intervals over piles, effect sizes, and p values of sign-flip tests with Holm's
    correction. OTHER is another seed, network or checkpoint that explained the same pictures; it may be RUN itself.

    \b
    Example:
      brickbench evaluate compare bricks/runs/first --json
      brickbench evaluate compare bricks/runs/first bricks/runs/second
      brickbench evaluate compare bricks/runs/first bricks/runs/first --other-checkpoint epoch_0005
    """
    from evaluation.statistics.comparison import SHORT_COLUMNS
    from evaluation.statistics.contrast import contrast_runs
    from evaluation.statistics.summary import Summary, difference_rows, zero_words
    from evaluation.statistics.table import load_scores
    from training.run.run import Run

    first = Run.open(run, dataset)
    if other is None:
        if other_checkpoint is not None:
            raise SettingsError("--other-checkpoint needs a second run: name RUN twice to compare its checkpoints.")
        table = load_scores(first, checkpoint, strict=strict)
        rows, notes = difference_rows(Summary(table, seed=seed)), zero_words(table)
        columns: tuple[str, ...] = ("metric", "first", "second", *SHORT_COLUMNS)
    else:
        runs = (first, Run.open(other, dataset))
        contrasts = contrast_runs(runs, (checkpoint, other_checkpoint), seed=seed, strict=strict)
        rows, notes = [contrast.as_row() for contrast in contrasts], []
        columns = ("metric", "method", "first", "second", *SHORT_COLUMNS)
    columns += ("strict",) if strict else ()
    print_rows(rows, as_json=as_json, columns=None if as_json else columns)
    for note in notes:
        click.echo(note, err=True)


@evaluate.command()
@run_argument
@output_option("The HTML to write.", new_file)
@checkpoint_there_option("scores")
@click.option(
    "--also",
    type=existing_folder,
    multiple=True,
    metavar="RUN",
    help="Another run on the same pictures, such as another seed, to tell training from pictures; may be repeated.",
)
@click.option(
    "--data", type=any_folder, default=None, help="Also write the scores and findings there as JSON, CSV and Parquet."
)
@click.option("--cases", type=click.IntRange(min=0), default=10, show_default=True, help="Pictures in the gallery.")
@click.option(
    "--gold",
    type=existing_file,
    default=None,
    help="What `evaluate gold --json` said of methods and settings of your own.  [default: what comes with Brickbench]",
)
@strict_option
@click.option("--force", is_flag=True, help="Overwrite what is there.")
@resampling_seed
@json_option
def report(
    run: "Run",
    output: Path,
    checkpoint: str | None,
    also: tuple[Path, ...],
    data: Path | None,
    cases: int,
    gold: Path | None,
    strict: bool,
    force: bool,
    seed: int,
    as_json: bool,
) -> None:
    """Write RUN's report as one HTML file that needs no network, and print its verdict.

    Where several checkpoints of RUN have scores, it shows how they change with training.

    \b
    Example:
      brickbench evaluate report bricks/runs/first -o report.html
      brickbench evaluate report bricks/runs/first -o report.html --data scores --also bricks/runs/second
    """
    from evaluation.gold.known import SHIPPED
    from evaluation.report.files import NAMES
    from evaluation.report.page import write_report

    require_new(output, force=force)
    data_files = [data / name for name in NAMES] if data else []
    require_new(*data_files, force=force, option="--data")
    with all_or_none(output, *data_files):
        made = write_report(
            run,
            output,
            checkpoint=checkpoint,
            seed=seed,
            cases=cases,
            also=also,
            data=data,
            strict=strict,
            gold=gold or SHIPPED,
        )
    if as_json:
        print_json({"report": made.path, "files": made.files, **vars(made.verdict)})
    else:
        click.echo("\n".join([made.verdict.headline, *map(str, [made.path, *made.files])]))


for command in (findings, gold):
    evaluate.add_command(command)
