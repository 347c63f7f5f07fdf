"""COCO JSON: images, categories, and annotations with boxes and masks."""

import json
import posixpath
import re
from collections import Counter, defaultdict
from typing import Any

from core.errors import BrickbenchError
from dataset.photos.annotation_text import holds_keys, read_json
from dataset.photos.annotations import AnnotatedPhoto, Annotations, FrameRle, PhotoError, PhotoObject, Reason
from dataset.photos.coordinates import FlatOutlineError, box_of, frame_of, outline, shortened
from dataset.photos.folder import SPLIT_NAMES, PhotoFolder, split_of_path

KEYS = {"images", "annotations", "categories"}
PLACES = ("", "images", "../images", "../", "data", "../data")


def fits(folder: PhotoFolder) -> bool:
    """Return whether a JSON file holds images, annotations and categories, or breaks off while it tells of them."""
    return any(_is_coco(folder, file) for file in folder.ending(".json"))


def read(folder: PhotoFolder) -> Annotations:
    """Return the photos of all COCO files of the folder; an image without annotations shows nothing of any class.

    A file's split is that of its name (``instances_val2017.json``) or of its folder.

    Raises:
        BrickbenchError: a file is cut off, lacks what COCO asks for, or has one id twice.
    """
    found = Annotations()
    for file in folder.ending(".json"):
        if _is_coco(folder, file):
            try:
                _read_file(folder, file, read_json(folder, file), found)
            except PhotoError as error:
                raise BrickbenchError(
                    f"{folder.root / file} is no valid COCO file: {error}. Export it again."
                ) from error
    found.left_out += folder.unnamed(found.photos, found.set_aside)
    return found


def _is_coco(folder: PhotoFolder, file: str) -> bool:
    # Reading all of a large file twice is spared where its images are not even mentioned.
    mentioned = folder.mentions(file, "images", "file_name", "annotations", "categories")
    return "images" in mentioned and len(mentioned) > 1 and holds_keys(folder, file, KEYS)


def _read_file(folder: PhotoFolder, file: str, content: dict[str, Any], found: Annotations) -> None:
    images = _rows(content, "images")
    names = _category_names(_rows(content, "categories"))
    _require_distinct(images)
    things: dict[str, list[PhotoObject]] = defaultdict(list)
    damaged: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for place, annotation in enumerate(_rows(content, "annotations"), start=1):
        image_id = _id_text(annotation.get("image_id"))
        counts[image_id] += 1
        try:
            things[image_id].append(_read_object(annotation, names, place))
        except PhotoError as error:
            damaged.setdefault(image_id, str(error))
    split = _split_of(file)
    base = posixpath.dirname(file)
    stem = re.sub(r"^instances_", "", posixpath.splitext(posixpath.basename(file))[0])
    near = [
        posixpath.join(base, place) for place in (*PLACES, stem, f"../{stem}", f"images/{stem}", f"../images/{stem}")
    ]
    for place, image in enumerate(images, start=1):
        image_id = _id_text(image.get("id"))
        name = image.get("file_name")
        count = counts.pop(image_id, 0)
        try:
            if not isinstance(name, str) or not name.strip():
                raise PhotoError(f"image {place} of {file} has no file_name")
            if image_id in damaged:
                raise PhotoError(f"{file}: {damaged[image_id]}")
            photo = folder.find(name, file, near)
            frame = frame_of(image.get("width"), image.get("height"), f"image {place} of {file}")
            found.photos.append(AnnotatedPhoto(photo, file, split, objects=tuple(things[image_id]), frame=frame))
        except PhotoError as error:
            found.set_aside.append(Reason(name if isinstance(name, str) else file, str(error), count))
    for image_id, count in counts.items():
        what = f"image {image_id}, which it does not list" if image_id else "no image"
        found.left_out.append(Reason(file, f"has {count} annotations of {what}", count))


def _rows(content: dict[str, Any], key: str) -> list[dict[str, Any]]:
    rows = content[key]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise PhotoError(f"its {key} should be a list of objects")
    return rows


def _id_text(value: Any) -> str:
    """Return an id as text: 1, 1.0 and "1" are one; empty for none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()


def _category_names(categories: list[dict[str, Any]]) -> dict[str, str]:
    names: dict[str, str] = {}
    for category in categories:
        number, value = _id_text(category.get("id")), category.get("name")
        name = "" if value is None else value.strip() if isinstance(value, str) else json.dumps(value)
        if names.setdefault(number, name) != name:
            raise PhotoError(f"two categories have the id {number}: {names[number]!r} and {name!r}")
    return names


def _require_distinct(images: list[dict[str, Any]]) -> None:
    """Raise PhotoError if two images of other files have one id: nobody can tell whose the annotations are."""
    files: dict[str, Any] = {}
    for image in images:
        number, name = _id_text(image.get("id")), image.get("file_name")
        if number and files.setdefault(number, name) != name:
            raise PhotoError(f"two images have the id {number}: {files[number]!r} and {name!r}")


def _read_object(annotation: dict[str, Any], names: dict[str, str], place: int) -> PhotoObject:
    number = _id_text(annotation.get("id"))
    what = f"annotation {number}" if number else f"annotation number {place}"
    category = _id_text(annotation.get("category_id"))
    if category not in names:
        raise PhotoError(f"{what} is of category {category or 'null'}, which is not listed")
    if not names[category]:
        raise PhotoError(f"{what} is of category {category}, which has no name")
    value = annotation.get("bbox")
    if value is not None and not isinstance(value, list):
        raise PhotoError(f"the box of {what} should be four numbers, it is {shortened(value)}")
    left, top, width, height = box_of(value or (0, 0, 0, 0), what)
    box = (left, top, left + width, top + height) if value else None
    mask = annotation.get("segmentation")
    if isinstance(mask, dict):
        return PhotoObject(names[category], box, rle=_rle(mask, what))
    if not mask or annotation.get("segmentation_is_box"):
        return PhotoObject(names[category], box)
    return PhotoObject(names[category], box, _polygons(mask, box is not None, what))


def _polygons(mask: Any, has_box: bool, what: str) -> tuple[tuple[float, ...], ...]:
    """Return the polygons that enclose something; where none does, the box has to do."""
    if not isinstance(mask, list):
        raise PhotoError(f"the segmentation of {what} should be polygons or an RLE, it is {shortened(mask)}")
    lists = mask if isinstance(mask[0], list) else [mask]
    polygons, flat = [], None
    for values in filter(None, lists):
        if not isinstance(values, list):
            raise PhotoError(f"the segmentation of {what} should be a list of polygons, it is {shortened(mask)}")
        try:
            polygons.append(outline(values, what))
        except FlatOutlineError as error:
            flat = error
    if flat is not None and not polygons and not has_box:
        raise flat
    return tuple(polygons)


def _rle(mask: dict[str, Any], what: str) -> FrameRle:
    counts, size = mask.get("counts"), mask.get("size")
    is_plain = isinstance(counts, list) and all(isinstance(run, int) for run in counts)
    if not isinstance(size, list) or len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
        raise PhotoError(f"the mask of {what} should have a size of two whole numbers, it has {shortened(size)}")
    if not is_plain and not isinstance(counts, str):
        raise PhotoError(f"the mask of {what} should have counts, text or whole numbers; it has {shortened(counts)}")
    return FrameRle(size[0], size[1], counts if isinstance(counts, str) else tuple(counts or ()))


def _split_of(file: str) -> str | None:
    words = re.findall(r"[a-z]+", posixpath.basename(file).lower())
    return next((SPLIT_NAMES[word] for word in words if word in SPLIT_NAMES), None) or split_of_path(file)
