"""``brickbench evaluate faithfulness``."""

from pathlib import Path

import click

from core.cli import device_option, existing_folder, json_option, parse_choices, print_json, print_rows
from core.engine import Engine
from core.engines.options import engine_options
from explain.workers_option import network_workers_option


@click.command()
@click.argument("run", type=existing_folder)
@click.option("-d", "--dataset", type=existing_folder, default=None, show_default="the run's own", help="The dataset.")
@click.option("--methods", default=None, show_default="all that have maps", help="Whose maps: names with commas.")
@click.option(
    "--metrics",
    default=None,
    show_default="those that change pixels, and with twins those that need them",
    help="Names with commas.",
)
@click.option(
    "--set", "settings", multiple=True, metavar="METRIC.NAME=VALUE", help="A setting, such as deletion.steps=64."
)
@click.option("--limit", type=click.IntRange(min=1), default=None, show_default="all", help="Only so many pictures.")
@click.option("--checkpoint", default="best", show_default=True, help="Whose maps: best, or a name such as epoch_0007.")
@device_option
@click.option(
    "--batch", type=click.IntRange(min=1), default=None, show_default="by the device", help="Pictures a forward pass."
)
@click.option("--force", is_flag=True, help="Score again what is scored already.")
@network_workers_option
@engine_options
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of ties, of noise and of the bootstrap."
)
@json_option
def faithfulness(
    run: Path,
    dataset: Path | None,
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
    from evaluation.faithfulness.measure import default_metrics, measure_faithfulness
    from training.run.run import dataset_of

    root = dataset or dataset_of(run)
    found = measure_faithfulness(
        run,
        root,
        parse_choices("metric", metrics if metrics is not None else ",".join(default_metrics(root)), settings),
        methods=None if methods is None else [name.strip() for name in methods.split(",") if name.strip()],
        checkpoint=checkpoint,
        limit=limit,
        device=device,
        pictures_at_once=batch,
        seed=seed,
        force=force,
        workers=workers,
        engine=engine,
    )
    for note in found.notes:
        click.echo(note, err=True)
    tables = {"scores": found.scores, "removals": found.removals, "predictions": found.predictions}
    if as_json:
        print_json(tables)
    else:
        for title, rows in tables.items():
            if rows:
                click.echo(f"\n{title}")
                print_rows(rows, as_json=False)
    if found.failed:
        raise found.failed
