"""``brickbench dataset import``: it stands here because it asks the catalogue of parts, which `dataset` cannot."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.cli import (
    any_folder,
    count_of,
    existing_file,
    existing_folder,
    json_option,
    print_json,
    print_rows,
    say,
    workers_option,
)

if TYPE_CHECKING:
    from dataset.photos.annotations import Reason
    from dataset.photos.mapping import Catalogue
    from dataset.photos.report import ImportReport

LARGE_SET = 20  # photos; bursts are smaller
ROWS_SHOWN = 30  # half a screenful of each list; the report has them all


@click.command("import")
@click.argument("photos", type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o", "--into", "root", metavar="DATASET", type=any_folder, required=True, help="Made if it is not there."
)
@click.option(
    "--format", default=None, show_default="looks at PHOTOS", help="yolo, coco, voc, cvat, labelme, csv or folders."
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
@click.option("--allow-unlabelled", is_flag=True, help="Take the photos also if none of them has a label.")
@click.option(
    "--ldraw",
    type=existing_folder,
    default=None,
    help="Folder of an LDraw library: former part numbers are followed to those of today.",
)
@click.option("--max-failed", type=float, default=0.0, show_default=True,
              help="Share of photos that may be set aside; more end with exit code 1.")  # fmt: skip
@workers_option
@json_option
def import_photos(
    photos: Path,
    root: Path,
    mapping: Path | None,
    ldraw: Path | None,
    workers: int | None,
    as_json: bool,
    **values: Any,
) -> None:
    """Take real photos into a dataset.

    PHOTOS is a folder in one of the formats YOLO, COCO, Pascal VOC, CVAT for images, LabelMe, CSV (columns file and
    part), or one folder per part; or the CSV, COCO or data.yaml file in it. What cannot be used is set aside and listed
    with the reason, and so are labels of no photo. Duplicates stay in one split, and those that lie across splits are
    reported.

    \b
    Example:
      brickbench dataset import photos -o bricks
      brickbench dataset import photos -o bricks --mapping names.yaml --reference
    """
    from core.errors import BrickbenchError
    from dataset.photos.importing import import_photos as run_import
    from dataset.photos.importing import read_photos
    from dataset.photos.mapping import load_mapping
    from dataset.photos.settings import PhotoImportSettings

    settings = PhotoImportSettings.parse(values, where="the options")
    names = load_mapping(mapping) if mapping else {}
    part_names, catalogue = part_catalogue(ldraw)
    source = read_photos(photos, settings.format, part_names | {name.casefold() for name in names} | _parts_of(root))
    try:
        report = run_import(source, root, settings, names, workers or os.cpu_count() or 1, catalogue)
    except BrickbenchError:  # its sentence may follow from what was set aside, so that comes first
        _print_reasons(source.annotations.set_aside, source.annotations.left_out, as_json=as_json)
        raise
    if as_json:
        print_json(report.as_dict())
    else:
        _print_report(report)
    for note in report.notes:
        say(note)
    say(
        f"{report.without_labels} of {report.came_in} photos have no labels, "
        f"{report.unused_labels} annotations were used by no photo."
    )
    largest = max(map(len, report.duplicates), default=0)
    if largest > max(LARGE_SET, report.came_in // 10):
        say(
            f"{largest} photos count as duplicates of each other and share a split. If they show different things, "
            "import them into a new dataset with a smaller --near."
        )
    say(f"{root}: {count_of(report.came_in, 'photo')} came in, {len(report.set_aside)} did not.")
    if report.failed_share > settings.max_failed:
        raise BrickbenchError(
            f"{len(report.set_aside)} of {count_of(report.found, 'photo')} were set aside ({report.failed_share:.1%}), "
            f"more than --max-failed {settings.max_failed:g} allows; the others are in {root}. Mend or delete those "
            "listed above and run this again, or allow a larger share."
        )


def part_catalogue(ldraw: Path | None) -> "tuple[frozenset[str], Catalogue]":
    """Return names and numbers of the built-in parts in lower case, and what a number or name means today."""
    from blender_assets.catalogue import load_catalogue
    from dataset.manifest import PartInfo

    parts, built_in = load_catalogue(ldraw), tuple(load_catalogue())
    number_of = {part.name.casefold(): part.part_id for part in reversed(built_in)}

    def look_up(text: str) -> PartInfo | None:
        for number in (text, text.lower(), number_of.get(text.casefold())):
            if number is not None and number in parts:
                part = parts[number]
                return PartInfo(part_id=part.part_id, name=part.name, category=part.category)
        return None

    numbers = {number.casefold() for part in built_in for number in (part.part_id, *part.aliases)}
    return frozenset(numbers | set(number_of)), look_up


def _parts_of(root: Path) -> set[str]:
    """Return names and numbers of the parts of a dataset in lower case, none if it is not there yet."""
    from dataset.manifest import MANIFEST_NAME, Manifest

    if not (root / MANIFEST_NAME).is_file():
        return set()
    return {text.casefold() for part in Manifest.load_folder(root).parts for text in (part.part_id, part.name)}


def _print_report(report: "ImportReport") -> None:
    print_rows(report.rows(), as_json=False)
    _print_reasons(report.set_aside, report.left_out, as_json=False)
    leaks = [
        {"files": ", ".join(f"{file} ({split})" for file, split in leak.files), "went to": leak.went_to}
        for leak in report.leaks
    ]
    _print_list("Leaks: the same photo in several splits", leaks)


def _print_reasons(set_aside: "Sequence[Reason]", left_out: "Sequence[Reason]", *, as_json: bool) -> None:
    """Print what was set aside, and the labels of no photo."""
    unused = [reason for reason in left_out if reason.labels]
    if as_json:
        rows = {"set_aside": set_aside, "unused": unused}
        print_json({name: [vars(reason) for reason in reasons] for name, reasons in rows.items()})
        return
    _print_list("Set aside", [{"file": reason.file, "reason": reason.reason} for reason in set_aside])
    _print_list(
        "Labels of no photo",
        [{"file": reason.file, "labels": str(reason.labels), "reason": reason.reason} for reason in unused],
    )


def _print_list(title: str, rows: list[dict[str, str]]) -> None:
    if not rows:
        return
    click.echo(f"\n{title}:")
    print_rows(rows[:ROWS_SHOWN], as_json=False)
    if len(rows) > ROWS_SHOWN:
        say(f"… and {len(rows) - ROWS_SHOWN} more; --json prints all.")
