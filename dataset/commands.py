"""``brickbench dataset``: the index of a dataset, what it holds, whether it is whole, how it is split."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.cli import (
    Decorated,
    LazyGroup,
    count_of,
    dataset_folder_argument,
    existing_folder,
    json_option,
    print_json,
    print_rows,
    say,
)
from dataset.options import dataset_argument

if TYPE_CHECKING:
    from dataset.dataset_folder import DatasetFolder

COMMANDS = {
    "browse": ("dataset.browse.commands:browse", "Look at a dataset in the browser."),
    "card": ("dataset.card.commands:card", "Write a dataset card."),
    "check": ("workflows.check:check", "Read every file of a dataset and print what is wrong."),
    "export": ("dataset.export.commands:export", "Write a dataset in another format."),
    "import": ("workflows.import_photos:import_photos", "Take real photos into a dataset."),
    "split": ("dataset.split_commands:split", "Change which pictures are for training, validation and test."),
    "subset": ("dataset.export.commands:subset", "Make a new dataset of some pictures of another."),
}


def memory_option(function: Decorated) -> Decorated:
    """Add ``--memory``: what DuckDB may hold."""
    text = "Memory that DuckDB may use; what does not fit goes to disk."
    return click.option("--memory", default="2GB", show_default=True, help=text)(function)


@click.group(cls=LazyGroup, lazy=COMMANDS)
def dataset() -> None:
    """Index, import, inspect, check, split and export a dataset."""


@dataset.command()
@dataset_folder_argument
@click.option("--rebuild", is_flag=True, help="Make the index anew from the shards and runs.")
@click.option("--run", "runs", type=existing_folder, multiple=True, help="Also merge this run's folder; repeatable.")
@memory_option
def index(folder: Path, rebuild: bool, runs: tuple[Path, ...], memory: str) -> None:
    """Merge new shards into the index, and bring labels and splits up to date with dataset.yaml.

    Runs in DATASET/runs are merged by the commands that make them, and by --rebuild.

    \b
    Example:
      brickbench dataset index bricks
      brickbench dataset index --rebuild bricks
    """
    from dataset.index import merge_run, rebuild_index, update_index
    from dataset.run_folders import RUN_FILE, indexed_run_folders

    before = indexed_run_folders(folder) if rebuild else []
    count = rebuild_index(folder, memory) if rebuild else update_index(folder, memory)
    for run in runs:
        merge_run(folder, run)
    merged = count_of(count, "shard" if rebuild else "new shard")
    also = f" and {count_of(len(runs), 'run')}" if runs else ""
    say(f"{folder}: merged {merged}{also}.")
    for gone in (run for run in before if not (run / RUN_FILE).is_file()):
        say(f"The run {gone} is gone, so the new index is without it.")


@dataset.command()
@dataset_argument
@json_option
def info(dataset: "DatasetFolder", as_json: bool) -> None:
    """Say what a dataset holds: pictures, splits, parts, backgrounds, lightings, rules.

    \b
    Example:
      brickbench dataset info bricks
    """
    from dataset.queries import summarize

    summary = summarize(dataset)
    if as_json:
        print_json(summary)
        return
    for name in ("totals", "splits", "parts", "backgrounds", "lightings"):
        value = summary[name]
        rows = [{"what": key, "count": count} for key, count in value.items()] if isinstance(value, dict) else value
        print_rows(rows, as_json=False)
        click.echo()
    for name in ("label_rule", "split_rule"):
        click.echo(f"{name}: " + ", ".join(f"{key} {value}" for key, value in summary[name].items()))


@dataset.command()
@dataset_argument
@click.argument("sql", required=False)
@click.option("--views", is_flag=True, help="List the ready-made views, what a row of each is, and their columns.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of a table.")
@memory_option
def query(dataset: "DatasetFolder", sql: str | None, views: bool, as_json: bool, as_csv: bool, memory: str) -> None:
    """Print what SQL selects from the index; it can change nothing and reach no other file.

    Besides the tables there are views for the usual questions: images that contain a part, or in which it is at
    least half visible, parts that occur together, counts per light and floor.

    \b
    Example:
      brickbench dataset query bricks "SELECT part_id, count(*) FROM labels GROUP BY part_id"
      brickbench dataset query bricks "SELECT file FROM half_visible WHERE part_id = '3001'" --csv
      brickbench dataset query bricks --views
    """
    from dataset.queries import query as ask
    from dataset.views import VIEWS

    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    if views == (sql is not None):
        raise click.UsageError("Give either SQL or --views.")
    if sql is None:
        columns = ["view", "a row is", "columns"]
        rows: list[Any] = [(view.name, view.about, ", ".join(view.columns)) for view in VIEWS]
    else:
        columns, rows = ask(dataset, sql, memory)
    if as_csv:
        _print_csv([columns, *rows])
    else:
        print_rows([dict(zip(columns, row, strict=True)) for row in rows], as_json=as_json, columns=columns)


def _print_csv(rows: list[Any]) -> None:
    from core.csv_table import table_text

    click.echo(table_text(rows), nl=False)
