"""LabelMe: a JSON file a picture, with shapes and, mostly, the picture itself inside."""

import base64
import binascii
import io
import json
import math
import posixpath
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from dataset.masks import encode_mask
from dataset.photos.annotation_text import holds_keys, read_json
from dataset.photos.annotations import AnnotatedPhoto, Annotations, FrameRle, PhotoError, PhotoObject, Reason
from dataset.photos.coordinates import circle, frame_of, outline, shortened
from dataset.photos.decode import LARGEST_PHOTO_PX
from dataset.photos.folder import PhotoFolder, split_of_path

KEYS = {"shapes", "imagePath"}


def fits(folder: PhotoFolder) -> bool:
    """Return whether a JSON file holds shapes and the path of an image, or breaks off while it tells of them."""
    return any(_is_labelme(folder, file) for file in folder.ending(".json"))


def read(folder: PhotoFolder) -> Annotations:
    """Return the photos that have a JSON file; the picture file counts where it is there, else the picture inside.

    Flags of the picture that are true are classes of it. Points and lines give their class, but neither a box nor a
    mask.
    """
    found = Annotations()
    for file in folder.ending(".json"):
        if not _is_labelme(folder, file):
            continue
        labels = 0
        try:
            content = read_json(folder, file)
            labels = len(content["shapes"]) if isinstance(content["shapes"], list) else 0
            found.photos.append(_read_file(folder, file, content))
        except PhotoError as error:
            found.set_aside.append(Reason(file, str(error), labels))
    found.left_out = folder.unnamed(found.photos, found.set_aside)
    return found


def picture_inside(text: str) -> bytes:
    """Return the bytes of the picture in a LabelMe file; raises PhotoError if there is none, or it is damaged."""
    try:
        return base64.b64decode(json.loads(text)["imageData"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise PhotoError("the picture inside it is damaged") from error


def _is_labelme(folder: PhotoFolder, file: str) -> bool:
    # The path of the image stands behind the shapes, so it may be cut off.
    return bool(folder.mentions(file, "shapes")) and holds_keys(folder, file, KEYS)


def _read_file(folder: PhotoFolder, file: str, content: dict[str, Any]) -> AnnotatedPhoto:
    shapes, flags, name = content["shapes"], content.get("flags") or {}, content["imagePath"]
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        raise PhotoError(f"its shapes should be a list of objects, they are {shortened(shapes)}")
    if not isinstance(flags, dict):
        raise PhotoError(f"its flags should be an object, they are {shortened(flags)}")
    frame = frame_of(content.get("imageWidth"), content.get("imageHeight"), "its picture")
    things = tuple(_read_shape(shape, number, frame) for number, shape in enumerate(shapes, start=1))
    names = tuple(flag.strip() for flag, is_set in flags.items() if is_set is True and flag.strip())
    try:
        picture = folder.picture_of(name if isinstance(name, str) else "", file, [posixpath.dirname(file)])
        embedded = False
    except PhotoError:
        if not content.get("imageData"):
            raise
        picture, embedded = file, True  # the name is only a memory of where the picture once was
    return AnnotatedPhoto(picture, file, split_of_path(file), names, things, frame, embedded)


def _read_shape(shape: dict[str, Any], number: int, frame: tuple[float, float] | None) -> PhotoObject:
    label = shape.get("label")
    name = "" if label is None else label.strip() if isinstance(label, str) else json.dumps(label)
    if not name:
        raise PhotoError(f"its shape {number} has no label")
    what = f"its shape {number} ({name})"
    kind = shape.get("shape_type") or "polygon"
    points = _points(shape.get("points"), what)
    if kind == "mask":
        return PhotoObject(name, rle=_mask(str(shape.get("mask")), points, frame))
    if kind == "rectangle":
        if len(points) < 2:
            raise PhotoError(f"{what} has {len(points)} corners; it needs 2")
        xs, ys = zip(*points, strict=True)
        return PhotoObject(name, (min(xs), min(ys), max(xs), max(ys)))
    if kind == "circle":
        if len(points) != 2:
            raise PhotoError(f"{what} has {len(points)} points; a circle has 2")
        points = circle(points[0], math.dist(*points))
    elif kind not in {"polygon", "oriented_rectangle"}:
        return PhotoObject(name)
    return PhotoObject(name, polygons=(outline([value for point in points for value in point], what),))


def _points(values: Any, what: str) -> list[tuple[float, float]]:
    try:
        points = [(float(x), float(y)) for x, y in values]
    except (TypeError, ValueError) as error:
        raise PhotoError(f"{what} should have points of two numbers each, it has {shortened(values)}") from error
    if not all(math.isfinite(value) for point in points for value in point):
        raise PhotoError(f"{what} has a point that is not two finite numbers")
    return points


def _mask(text: str, points: Sequence[tuple[float, float]], frame: tuple[float, float] | None) -> FrameRle:
    """Return a mask that is stored as a PNG of the size of its box."""
    if frame is None or frame[0] * frame[1] > LARGEST_PHOTO_PX:
        raise PhotoError("it has a mask, but no size that its picture can have")
    try:
        with Image.open(io.BytesIO(base64.b64decode(text)), formats=["PNG"]) as picture:
            part = np.asarray(picture.convert("L")) > 0
    except (OSError, ValueError, SyntaxError) as error:
        raise PhotoError("a mask in it is damaged") from error
    whole = np.zeros((int(frame[1]), int(frame[0])), dtype=np.bool_)
    if not points:
        raise PhotoError("a mask in it has no place in its picture")
    left, top = round(points[0][0]), round(points[0][1])
    if left < 0 or top < 0:
        raise PhotoError("a mask in it leaves its picture")
    room = whole[top : top + part.shape[0], left : left + part.shape[1]]
    room[:] = part[: room.shape[0], : room.shape[1]]
    return FrameRle(whole.shape[0], whole.shape[1], encode_mask(whole))
