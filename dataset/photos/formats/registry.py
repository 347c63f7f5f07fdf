"""The formats that can be imported, and which of them a folder is in."""

from collections.abc import Callable
from dataclasses import dataclass

from core.errors import BrickbenchError
from dataset.photos.annotations import Annotations
from dataset.photos.folder import PhotoFolder
from dataset.photos.formats import coco, csv_table, cvat, folders, labelme, voc, yolo


@dataclass(frozen=True)
class Format:
    """One format: whether a folder is in it, and how it is read."""

    fits: Callable[[PhotoFolder], bool]
    read: Callable[[PhotoFolder], Annotations]


FORMATS = {
    name: Format(module.fits, module.read)
    for name, module in (
        ("yolo", yolo),
        ("coco", coco),
        ("voc", voc),
        ("cvat", cvat),
        ("labelme", labelme),
        ("csv", csv_table),
        ("folders", folders),
    )
}
"""Name to format. ``folders`` is last: pictures lie in folders in every other format too."""


def detect(folder: PhotoFolder) -> str:
    """Return the name of the format that `folder` is in; raises BrickbenchError if it is in none, or in several."""
    fitting = [name for name, kind in FORMATS.items() if name != "folders" and kind.fits(folder)]
    if len(fitting) > 1:
        raise BrickbenchError(
            f"{folder.root} could be read as {' or '.join(fitting)}. Say which with --format, such as "
            f"--format {fitting[0]}."
        )
    if fitting:
        return fitting[0]
    if yolo.has_labels(folder):
        return "yolo"  # without the names of its classes, which is told when it is read
    if FORMATS["folders"].fits(folder):
        return "folders"
    raise BrickbenchError(
        f"{folder.root} holds no photos in a known format ({', '.join(FORMATS)}). For plain pictures write a CSV file "
        "with the columns file and part beside them, or put them in one folder per part."
    )
