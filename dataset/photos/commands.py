"""``brickbench dataset import``: real photos into a dataset."""

import os
from pathlib import Path
from typing import Any

import click

from core.cli import any_folder, count_of, existing_file, json_option, print_json, print_rows, workers_option

LARGE_SET = 20  # photos; bursts are smaller
ROWS_SHOWN = 30  # half a screenful of each list; the report has them all


@click.command("import")
@click.argument("photos", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o", "--into", "root", metavar="DATASET", type=any_folder, required=True, help="Made if it is not there."
)
@click.option(
    "--format", default=None, show_default="looks at PHOTOS", help="yolo, coco, voc, labelme, csv or folders."
)
@click.option("--mapping", type=existing_file, default=None, help="YAML file of `class name: part_id`; null drops one.")
@click.option("--keep-names", is_flag=True, help="Class names that are no part become parts of their own.")
@click.option(
    "--reference", "in_place", is_flag=True, help="Leave the photos where they are, and decode them each time."
)
@click.option(
    "--size", "size_px", type=int, default=512, show_default=True, help="Longest side to work with, in pixels."
)
@click.option("--quality", type=int, default=92, show_default=True, help="JPEG quality of stored photos.")
@click.option("--near", "near_distance", type=int, default=12, show_default=True,
              help="Bits of 64 in which the hashes of near duplicates differ at most.")  # fmt: skip
@click.option("--keep-leaks", is_flag=True, help="Leave duplicates in the splits that PHOTOS gives them.")
@click.option("--max-failed", type=float, default=0.0, show_default=True,
              help="Share of photos that may be set aside; more end with exit code 1.")  # fmt: skip
@workers_option
@json_option
def import_photos(
    photos: Path, root: Path, mapping: Path | None, workers: int | None, as_json: bool, **values: Any
) -> None:
    """Take real photos into a dataset.

    PHOTOS is a folder in one of the formats YOLO, COCO, Pascal VOC, LabelMe, CSV (columns file and part), or one folder
    per part; or the CSV, COCO or data.yaml file in it. What cannot be used is set aside and listed with the reason.
    Duplicates stay in one split, and those that lie across splits are reported.

    \b
    Example:
      brickbench dataset import photos -o bricks
      brickbench dataset import photos -o bricks --mapping names.yaml --reference
    """
    from core.errors import BrickbenchError
    from dataset.photos.importing import import_photos as run_import
    from dataset.photos.mapping import load_mapping
    from dataset.photos.settings import PhotoImportSettings

    settings = PhotoImportSettings.parse(values, where="the options")
    names = load_mapping(mapping) if mapping else {}
    report = run_import(photos, root, settings, names, workers or os.cpu_count() or 1)
    if as_json:
        print_json(report.as_dict())
    else:
        print_rows(report.rows(), as_json=False)
        _print_list("Set aside", [{"file": reason.file, "reason": reason.reason} for reason in report.set_aside])
        leaks = [
            {"files": ", ".join(f"{file} ({split})" for file, split in leak.files), "went to": leak.went_to}
            for leak in report.leaks
        ]
        _print_list("Leaks: the same photo in several splits", leaks)
    largest = max(map(len, report.duplicates), default=0)
    if largest > max(LARGE_SET, report.came_in // 10):
        click.echo(
            f"{largest} photos count as duplicates of each other and share a split. If they show different things, "
            "import them into a new dataset with a smaller --near.",
            err=True,
        )
    click.echo(f"{root}: {count_of(report.came_in, 'photo')} came in, {len(report.set_aside)} did not.", err=True)
    if report.failed_share > settings.max_failed:
        raise BrickbenchError(
            f"{len(report.set_aside)} of {count_of(report.found, 'photo')} were set aside ({report.failed_share:.1%}), "
            f"more than --max-failed {settings.max_failed:g} allows; the others are in {root}. Mend or delete those "
            "listed above and run this again, or allow a larger share."
        )


def _print_list(title: str, rows: list[dict[str, str]]) -> None:
    if not rows:
        return
    click.echo(f"\n{title}:")
    print_rows(rows[:ROWS_SHOWN], as_json=False)
    if len(rows) > ROWS_SHOWN:
        click.echo(f"… and {len(rows) - ROWS_SHOWN} more; --json prints all.", err=True)
