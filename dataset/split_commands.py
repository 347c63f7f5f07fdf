"""``brickbench dataset split``: which pictures are for training, validation and test."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.cli import count_of, json_option, new_file, print_rows, say
from dataset.commands import dataset_argument

if TYPE_CHECKING:
    from dataset.dataset_folder import DatasetFolder

MISSING_SHOWN = 6  # names of labels in a table's cell; --json has them all


@click.command()
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
