"""The formats of exports by name, and the one way to write one."""

import importlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from core.errors import SettingsError
from core.progress import Progress
from core.settings import require_known
from dataset.export.selection import Selection


@dataclass(frozen=True)
class Options:
    """What may differ between two exports of the same pictures."""

    link: bool = False
    """Hard links to the dataset's files instead of copies (folders of pictures only): no disk, but a program that
    writes into them in place alters the dataset."""
    segments: bool = False
    """Polygons instead of boxes (YOLO only)."""


Writer = Callable[[Selection, Path, Options, Progress], None]

FORMATS = {
    "coco": "dataset.export.coco",
    "yolo": "dataset.export.yolo",
    "webdataset": "dataset.export.webdataset",
    "parquet": "dataset.export.parquet",
    "hdf5": "dataset.export.hdf5",
    "bop": "render.bop",  # it needs the shapes of parts, which a dataset does not know
}
"""Format to the module whose ``write(selection, folder, options, progress)`` fills an empty folder."""
LINKING = ("coco", "yolo")


@dataclass(frozen=True)
class Summary:
    """What an export holds."""

    folder: Path
    format: str
    images: dict[str, int]
    """Pictures by split."""
    files: int
    megabytes: float


def export_pictures(
    selection: Selection,
    format_name: str,
    folder: Path,
    *,
    options: Options = Options(),
    force: bool = False,
    sql: str | None = None,
) -> Summary:
    """Write `selection`, which `sql` chose, into `folder`, which is whole or not there, and return what it holds.

    Raises:
        SettingsError: an unknown format, an option that it does not have, or a folder that is taken.
        BrickbenchError: a picture is damaged, or the folder cannot be written.
    """
    from dataset.export.files import export_folder

    require_known("format", format_name, FORMATS)
    if options.link and format_name not in LINKING:
        raise SettingsError(f"Links are for {' and '.join(LINKING)}: {format_name} packs pictures into larger files.")
    if options.segments and format_name != "yolo":
        raise SettingsError(f"Segments are for yolo: {format_name} always has masks.")
    writer = cast(Writer, importlib.import_module(FORMATS[format_name]).write)
    made_from = {"dataset": selection.dataset.name, "format": format_name, "sql": sql} | asdict(options)
    with export_folder(folder, force=force, made_from=made_from) as temporary:
        with Progress("Export", len(selection), "pictures") as progress:
            writer(selection, temporary, options, progress)
        sizes = [path.stat().st_size for path in temporary.rglob("*") if path.is_file()]
    images = {split: len(image_ids) for split, image_ids in selection.image_ids.items()}
    return Summary(folder, format_name, images, len(sizes), sum(sizes) / 1e6)
