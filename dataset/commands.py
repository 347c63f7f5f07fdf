"""``brickbench dataset``: the index of a dataset, what it holds, how it looks, how it is split."""

import functools
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
    new_file,
    output_option,
    print_json,
    print_rows,
    say,
    seed_option,
)

if TYPE_CHECKING:
    from dataset.dataset_folder import DatasetFolder

MISSING_SHOWN = 6  # names of labels in a table's cell; --json has them all
COMMANDS = {
    "check": ("workflows.check:check", "Read every file of a dataset and print what is wrong."),
    "export": ("dataset.export.commands:export", "Write a dataset in another format."),
    "import": ("workflows.import_photos:import_photos", "Take real photos into a dataset."),
    "subset": ("dataset.export.commands:subset", "Make a new dataset of some pictures of another."),
}


def dataset_argument(function: Decorated) -> Decorated:
    """Add DATASET; the command gets the opened `dataset`."""

    @functools.wraps(function)
    def command(*args: Any, folder: Path, **rest: Any) -> Any:
        from dataset.dataset_folder import DatasetFolder

        return function(*args, dataset=DatasetFolder.open(folder), **rest)

    return click.argument("folder", metavar="DATASET", type=existing_folder)(command)  # type: ignore[return-value]


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
    from core.csv_table import table_text
    from dataset.queries import query as ask
    from dataset.schema import VIEWS

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
        click.echo(table_text([columns, *rows]), nl=False)
    else:
        print_rows([dict(zip(columns, row, strict=True)) for row in rows], as_json=as_json, columns=columns)


@dataset.command(short_help="Look at a dataset in the browser.")
@dataset_argument
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8321, show_default=True, help="Port of 127.0.0.1; 0: any free one."
)
@click.option("--open/--no-open", "open_browser", default=False, show_default=True, help="Open the page in a browser.")
def browse(dataset: "DatasetFolder", port: int, open_browser: bool) -> None:
    """Serve a page to look into a dataset: filters, thumbnails with masks, one picture with all that is known.

    The page can be reached from this machine only and changes nothing; Ctrl-C ends it.

    \b
    Example:
      brickbench dataset browse piles
    """
    from dataset.browse.app import serve

    def announce(address: str) -> None:
        say(f"{dataset.root} can be looked into at {address} (Ctrl-C ends this).")
        if open_browser:
            click.launch(address)

    serve(dataset, port, announce)


@dataset.command(short_help="Write a dataset card.")
@dataset_argument
@output_option("Folder to write into.", default=None, show_default="DATASET")
@click.option(
    "--license", "licence", default="unknown", show_default=True, help="Licence as an SPDX name, in lower case."
)
@seed_option("Seed of the choice of examples.")
@click.option("--force", is_flag=True, help="Write over the card that is there.")
def card(dataset: "DatasetFolder", output: Path | None, licence: str, seed: int, force: bool) -> None:
    """Write a dataset card: counts, parts that lie together, visibility, examples, settings, how to remake it.

    README.md is in the manner of the Hugging Face Hub, with examples.jpg; card.html is one file that needs no network;
    render.yaml holds the settings of the render.

    \b
    Example:
      brickbench dataset card piles -o card --license cc-by-4.0
    """
    from dataset.card.write import write_card

    for path in write_card(dataset, output or dataset.root, licence=licence, seed=seed, force=force):
        click.echo(str(path))


@dataset.command(short_help="Change which pictures are for training, validation and test.")
@dataset_argument
@click.option("--train", type=float, default=None, show_default="as it is", help="Share to learn from.")
@click.option("--val", type=float, default=None, show_default="as it is", help="Share to choose checkpoints by.")
@click.option("--test", type=float, default=None, show_default="as it is", help="Share to report on.")
@click.option("--seed", type=click.IntRange(min=0), default=None, show_default="as it is", help="Seed of the draw.")
@click.option("--stratified", is_flag=True, help="Draw all groups so that each label has its share in every split.")
@click.option("--keep", is_flag=True, help="With --stratified: draw only groups that came since; the others stay.")
@click.option("--redraw-given", is_flag=True, help="With --stratified: also draw photos whose source gave their split.")
@click.option("--hashed", is_flag=True, help="Undo --stratified: piles by hash, photos as imported.")
@click.option("--export", "export_file", type=new_file, help="Also write a CSV, a row a picture.")
@json_option
def split(
    dataset: "DatasetFolder",
    stratified: bool,
    keep: bool,
    redraw_given: bool,
    hashed: bool,
    export_file: Path | None,
    as_json: bool,
    **shares: Any,
) -> None:
    """Change which pictures are for training, validation and test; without options, show it.

    Views of one pile always stay together, and so do photos that are duplicates of each other. Shares must sum to 1.
    A split is hashed from the pile's number, unless --stratified draws it by labels (iterative stratification, renders
    and photos each for themselves) and keeps it in DATASET/splits.parquet. What is rendered or imported later is not
    in there: run it again with --keep.

    The table shows, over all labels, the smallest and the largest share of a label's pictures that a split has, and
    the labels of which it has none.

    \b
    Example:
      brickbench dataset split bricks --train 0.8 --val 0.1 --test 0.1
      brickbench dataset split bricks --stratified --export splits.csv
    """
    from dataset.draw_splits import change_splits, count_splits, export_splits
    from dataset.manifest import SplitRule
    from dataset.queries import summarize

    if hashed and stratified:
        raise click.UsageError("--hashed and --stratified exclude each other.")
    if (keep or redraw_given) and not stratified:
        raise click.UsageError("--keep and --redraw-given belong to --stratified.")
    former = dataset.manifest.split_rule
    given = {name: value for name, value in shares.items() if value is not None}
    rule = SplitRule.parse(former.model_dump() | given, where="the split")
    moved = change_splits(dataset, rule, stratified=stratified, hashed=hashed, keep=keep, redraw_given=redraw_given)
    rows = count_splits(dataset)
    if not as_json:
        for row in rows:
            row["missing_labels"] = _few(row["missing_labels"])
    print_rows(rows, as_json=as_json)
    if export_file is not None:
        count = export_splits(dataset, export_file)
        say(f"{export_file}: {count_of(count, 'picture')}.")
    if moved and summarize(dataset)["totals"]["runs"]:
        say("Runs trained before learned from other piles: do not test them on this split.")


def _few(names: Any) -> str:
    more = len(names) - MISSING_SHOWN
    return ", ".join(names[:MISSING_SHOWN]) + (f" and {more} more" if more > 0 else "")
