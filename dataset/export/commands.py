"""``brickbench dataset export`` and ``subset``: a dataset for other tools, or a part of it."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.cli import json_option, output_option, print_json, print_rows, say
from dataset.commands import dataset_argument
from dataset.export.formats import FORMATS
from dataset.splits import SPLITS

if TYPE_CHECKING:
    from dataset.dataset_folder import DatasetFolder

new_folder_option = output_option("A folder that is new or empty.")


@click.command()
@dataset_argument
@click.option("--format", "format_name", type=click.Choice(list(FORMATS)), required=True, help="What to write.")
@new_folder_option
@click.option("--split", "splits", type=click.Choice(SPLITS), multiple=True, help="Only this split; repeatable.")
@click.option("--source", type=click.Choice(["synthetic", "real"]), help="Only renders, or only photos.")
@click.option("--sql", help="Only pictures whose image_id this selects.")
@click.option("--twins", is_flag=True, help="Also pictures from which a part was taken away.")
@click.option(
    "--link/--copy",
    default=False,
    show_default=True,
    help="coco, yolo: hard links instead of copies; who writes into them alters DATASET.",
)
@click.option("--segments", is_flag=True, help="YOLO: outlines instead of boxes.")
@click.option("--force", is_flag=True, help="Replace an earlier export in that folder.")
@json_option
def export(
    dataset: "DatasetFolder",
    format_name: str,
    output: Path,
    splits: tuple[str, ...],
    source: str | None,
    sql: str | None,
    twins: bool,
    link: bool,
    segments: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Write a dataset's pictures, labels, boxes and masks as other tools read them.

    coco: pycocotools, torchvision and most detectors. yolo: data.yaml with boxes or outlines. webdataset: tar shards
    to stream. parquet: Hugging Face's load_dataset. hdf5: arrays, also depth and normals. bop: models, poses and
    visibility for the BOP toolkit. The folder is whole or not there.

    \b
    Example:
      brickbench dataset export bricks --format coco -o bricks-coco
      brickbench dataset export bricks --format yolo -o large --sql "SELECT image_id FROM images WHERE width > 500"
    """
    from dataset.export.formats import Options, export_pictures
    from dataset.export.selection import select_pictures

    selection = select_pictures(dataset, splits=splits, source=source, sql=sql, twins=twins)
    summary = export_pictures(
        selection, format_name, output, options=Options(link=link, segments=segments), force=force, sql=sql
    )
    if as_json:
        print_json(vars(summary))
        return
    print_rows([{"split": split, "images": count} for split, count in summary.images.items()], as_json=False)
    say(f"{output}: {summary.files} files, {summary.megabytes:.1f} MB.")


@click.command()
@dataset_argument
@click.argument("sql")
@new_folder_option
@click.option("--drop-unused-parts", is_flag=True, help="Leave out parts that no picture shows; classes move up.")
@click.option("--orphans", is_flag=True, help="Take twins also without the picture that they are twins of.")
@click.option(
    "--link/--copy", default=True, show_default=True, help="Hard links instead of copies, where the disk can do that."
)
@json_option
def subset(
    dataset: "DatasetFolder",
    sql: str,
    output: Path,
    drop_unused_parts: bool,
    orphans: bool,
    link: bool,
    as_json: bool,
) -> None:
    """Make a new dataset of the pictures whose image_id SQL selects.

    They keep their ids, labels and splits. A twin needs the picture that it is the twin of beside it. Rendering cannot
    add to a subset; importing photos can.

    \b
    Example:
      brickbench dataset subset bricks "SELECT image_id FROM images WHERE background = 'wood'" -o wooden
    """
    from dataset.export.subset import make_subset

    summary = make_subset(dataset, sql, output, drop_unused_parts=drop_unused_parts, orphans=orphans, link=link)
    if as_json:
        print_json(vars(summary))
    else:
        print_rows([vars(summary)], as_json=False)
