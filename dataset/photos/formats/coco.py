"""COCO JSON: images, categories, and annotations with boxes and masks."""

import json
import posixpath
import re
from collections import defaultdict
from typing import Any

from core.errors import BrickbenchError
from dataset.photos.annotations import AnnotatedPhoto, Annotations, FrameRle, PhotoError, PhotoObject, Reason
from dataset.photos.folder import SPLIT_NAMES, PhotoFolder, split_of_path

KEYS = {"images", "annotations", "categories"}
PLACES = ("", "images", "../images", "../", "data", "../data")


def fits(folder: PhotoFolder) -> bool:
    """Return whether a JSON file holds images, annotations and categories."""
    return any(_is_coco(folder, file) for file in folder.ending(".json"))


def read(folder: PhotoFolder) -> Annotations:
    """Return the photos of all COCO files of the folder; an image without annotations shows nothing of any class.

    A file's split is that of its name (``instances_val2017.json``) or of its folder.

    Raises:
        BrickbenchError: an entry lacks what COCO asks for.
    """
    found = Annotations()
    for file in folder.ending(".json"):
        if _is_coco(folder, file):
            try:
                _read_file(folder, file, json.loads(folder.read_text(file)), found)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise BrickbenchError(
                    f"{folder.root / file} is no valid COCO file: {type(error).__name__} {error}. Export it again."
                ) from error
    found.left_out = folder.unnamed(found.photos, found.set_aside)
    return found


def _is_coco(folder: PhotoFolder, file: str) -> bool:
    try:
        text = folder.read_text(file)
        # Reading all of a large file twice is spared where a key is not even mentioned.
        return all(f'"{key}"' in text for key in KEYS) and set(json.loads(text)) >= KEYS
    except (PhotoError, ValueError, RecursionError):
        return False


def _read_file(folder: PhotoFolder, file: str, content: dict[str, Any], found: Annotations) -> None:
    names = {category["id"]: str(category["name"]).strip() for category in content["categories"]}
    things: dict[Any, list[PhotoObject]] = defaultdict(list)
    damaged: dict[Any, str] = {}
    for annotation in content["annotations"]:
        try:
            things[annotation["image_id"]].append(_read_object(annotation, names))
        except PhotoError as error:
            damaged[annotation["image_id"]] = str(error)
    split = _split_of(file)
    base = posixpath.dirname(file)
    stem = re.sub(r"^instances_", "", posixpath.splitext(posixpath.basename(file))[0])
    near = [
        posixpath.join(base, place) for place in (*PLACES, stem, f"../{stem}", f"images/{stem}", f"../images/{stem}")
    ]
    for image in content["images"]:
        name = str(image["file_name"])
        try:
            if image["id"] in damaged:
                raise PhotoError(f"{file}: {damaged[image['id']]}")
            width, height = image.get("width"), image.get("height")
            found.photos.append(
                AnnotatedPhoto(
                    folder.find(name, file, near),
                    file,
                    split,
                    objects=tuple(things[image["id"]]),
                    frame=(float(width), float(height)) if width and height else None,
                )
            )
        except PhotoError as error:
            found.set_aside.append(Reason(name, str(error)))


def _read_object(annotation: dict[str, Any], names: dict[Any, str]) -> PhotoObject:
    number = annotation.get("id", "without a number")
    if annotation["category_id"] not in names:
        raise PhotoError(f"annotation {number} is of category {annotation['category_id']!r}, which is not listed")
    box = annotation.get("bbox")
    if box is not None and len(box) != 4:
        raise PhotoError(f"the box of annotation {number} should be four numbers, it is {box!r}")
    left, top, width, height = (float(value) for value in box or (0, 0, 0, 0))
    mask = annotation.get("segmentation") or []
    polygons: tuple[tuple[float, ...], ...] = ()
    rle = None
    if isinstance(mask, dict):
        counts = mask["counts"] if isinstance(mask["counts"], str) else tuple(int(run) for run in mask["counts"])
        rle = FrameRle(int(mask["size"][0]), int(mask["size"][1]), counts)
    else:
        polygons = tuple(tuple(float(value) for value in polygon) for polygon in mask if len(polygon) >= 6)
    return PhotoObject(
        names[annotation["category_id"]], (left, top, left + width, top + height) if box else None, polygons, rle
    )


def _split_of(file: str) -> str | None:
    words = re.findall(r"[a-z]+", posixpath.basename(file).lower())
    return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), None) or split_of_path(file)
