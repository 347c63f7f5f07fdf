"""``brickbench dataset``: the index of a dataset, what it holds, whether it is whole, how it is split."""

from pathlib import Path
from typing import Any

import click

from core.cli import existing_folder, json_option, print_json, print_rows

dataset_argument = click.argument("folder", metavar="DATASET", type=existing_folder)
PROBLEMS_SHOWN = 50  # a screenful; --json has them all


@click.group()
def dataset() -> None:
    """Index, inspect, check and split a dataset."""


@dataset.command()
@dataset_argument
@click.option("--rebuild", is_flag=True, help="Make the index anew from the shards and runs.")
@click.option("--run", "runs", type=existing_folder, multiple=True, help="Also merge this run's folder; repeatable.")
def index(folder: Path, rebuild: bool, runs: tuple[Path, ...]) -> None:
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
    count = rebuild_index(folder) if rebuild else update_index(folder)
    for run in runs:
        merge_run(folder, run)
    merged = count_of(count, "shard" if rebuild else "new shard")
    also = f" and {count_of(len(runs), 'run')}" if runs else ""
    click.echo(f"{folder}: merged {merged}{also}.", err=True)
    for gone in (run for run in before if not (run / RUN_FILE).is_file()):
        click.echo(f"The run {gone} is gone, so the new index is without it.", err=True)


@dataset.command()
@dataset_argument
@json_option
def info(folder: Path, as_json: bool) -> None:
    """Say what a dataset holds: pictures, splits, parts, backgrounds, lightings, rules.

    \b
    Example:
      brickbench dataset info bricks
    """
    from dataset.queries import summarize

    summary = summarize(folder)
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
@click.argument("sql")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV instead of a table.")
def query(folder: Path, sql: str, as_json: bool, as_csv: bool) -> None:
    """Print what SQL selects from the index; it can change nothing and reach no other file.

    \b
    Example:
      brickbench dataset query bricks "SELECT part_id, count(*) FROM labels GROUP BY part_id"
    """
    from dataset.queries import query as ask

    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    columns, rows = ask(folder, sql)
    if as_csv:
        _print_csv([columns, *rows])
    else:
        print_rows([dict(zip(columns, row, strict=True)) for row in rows], as_json=as_json, columns=columns)


@dataset.command()
@dataset_argument
@json_option
def check(folder: Path, as_json: bool) -> None:
    """Read every file of a dataset and print what is wrong; exit code 1 if anything is.

    Pictures are hashed and decoded, masks are laid out, and the index is compared with the shards.

    \b
    Example:
      brickbench dataset check bricks
    """
    from dataclasses import asdict

    from core.errors import BrickbenchError
    from dataset.checks import check_dataset

    problems = check_dataset(folder)
    if as_json:
        print_json([asdict(problem) for problem in problems])
    elif problems:
        shown = [asdict(problem) for problem in problems[:PROBLEMS_SHOWN]]
        print_rows(shown, as_json=False, columns=("shard", "image_id", "what"))
        click.echo("\nThe way out:\n" + "\n".join(dict.fromkeys(f"  {row['way_out']}" for row in shown)))
        if len(problems) > PROBLEMS_SHOWN:
            click.echo(f"… and {len(problems) - PROBLEMS_SHOWN} more; --json prints all.", err=True)
    if problems:
        raise BrickbenchError(
            f"{folder} is not whole: {count_of(len(problems), 'problem')}, each printed above with its way out."
        )
    click.echo(f"{folder}: nothing is wrong.", err=True)


@dataset.command()
@dataset_argument
@click.option("--train", type=float, default=None, show_default="as it is", help="Share of piles to learn from.")
@click.option("--val", type=float, default=None, show_default="as it is", help="Share to choose checkpoints by.")
@click.option("--test", type=float, default=None, show_default="as it is", help="Share to report on.")
@click.option("--seed", type=click.IntRange(min=0), default=None, show_default="as it is", help="Seed of the draw.")
@json_option
def split(folder: Path, as_json: bool, **shares: Any) -> None:
    """Change which piles are for training, validation and test; without options, show it.

    Views of one pile always stay together. Shares must sum to 1.

    \b
    Example:
      brickbench dataset split bricks --train 0.8 --val 0.1 --test 0.1
    """
    from dataset.index import resplit
    from dataset.manifest import Manifest, SplitRule
    from dataset.queries import summarize

    former = Manifest.load_folder(folder).split_rule
    given = {name: value for name, value in shares.items() if value is not None}
    rule = SplitRule.parse(former.model_dump() | given, where="the split")
    if rule != former:
        resplit(folder, rule)
    summary = summarize(folder)
    print_rows(summary["splits"], as_json=as_json)
    if rule != former and summary["totals"]["runs"]:
        click.echo("Runs trained before learned from other piles: do not test them on this split.", err=True)


def count_of(number: int, thing: str) -> str:
    """Return such as ``1 shard`` or ``2 shards``."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _print_csv(rows: list[Any]) -> None:
    import csv
    import sys

    csv.writer(sys.stdout, lineterminator="\n").writerows(rows)
