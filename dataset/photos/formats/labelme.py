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
from dataset.photos.annotations import AnnotatedPhoto, Annotations, FrameRle, PhotoError, PhotoObject, Reason
from dataset.photos.decode import LARGEST_PHOTO_PX
from dataset.photos.folder import PhotoFolder, split_of_path

CIRCLE_CORNERS = 36  # a polygon of so many corners misses 0.5 % of the circle's area


def fits(folder: PhotoFolder) -> bool:
    """Return whether a JSON file holds shapes and the path of an image."""
    return any(_content(folder, file) is not None for file in folder.ending(".json"))


def read(folder: PhotoFolder) -> Annotations:
    """Return the photos that have a JSON file; the picture file counts where it is there, else the picture inside.

    Points and lines give their class, but neither a box nor a mask.
    """
    found = Annotations()
    for file in folder.ending(".json"):
        content = _content(folder, file)
        if content is None:
            continue
        try:
            found.photos.append(_read_file(folder, file, content))
        except PhotoError as error:
            found.set_aside.append(Reason(file, str(error)))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            found.set_aside.append(Reason(file, f"it is no valid LabelMe file: {type(error).__name__} {error}"))
    found.left_out = folder.unnamed(found.photos, found.set_aside)
    return found


def picture_inside(text: str) -> bytes:
    """Return the bytes of the picture in a LabelMe file.

    Raises:
        PhotoError: there is none, or it is damaged.
    """
    try:
        return base64.b64decode(json.loads(text)["imageData"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise PhotoError("the picture inside it is damaged") from error


def _content(folder: PhotoFolder, file: str) -> dict[str, Any] | None:
    try:
        text = folder.read_text(file)
        content = json.loads(text) if '"shapes"' in text and '"imagePath"' in text else None
    except (PhotoError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) and {"shapes", "imagePath"} <= set(content) else None


def _read_file(folder: PhotoFolder, file: str, content: dict[str, Any]) -> AnnotatedPhoto:
    width, height = content.get("imageWidth"), content.get("imageHeight")
    frame = (float(width), float(height)) if width and height else None
    things = tuple(_read_shape(shape, frame) for shape in content["shapes"])
    try:
        picture = folder.find(str(content["imagePath"]), file, [posixpath.dirname(file)])
        embedded = False
    except PhotoError:
        if not content.get("imageData"):
            raise
        picture, embedded = file, True  # the name is only a memory of where the picture once was
    return AnnotatedPhoto(picture, file, split_of_path(file), (), things, frame, embedded)


def _read_shape(shape: dict[str, Any], frame: tuple[float, float] | None) -> PhotoObject:
    name = str(shape["label"]).strip()
    points = [(float(x), float(y)) for x, y in shape["points"]]
    kind = shape.get("shape_type") or "polygon"
    if kind == "mask":
        return PhotoObject(name, rle=_mask(str(shape["mask"]), points, frame))
    if kind == "rectangle":
        xs, ys = zip(*points, strict=True)
        return PhotoObject(name, (min(xs), min(ys), max(xs), max(ys)))
    if kind == "circle":
        points = _circle(points)
    elif kind not in {"polygon", "oriented_rectangle"}:
        return PhotoObject(name)
    if len(points) < 3:
        raise PhotoError(f"its outline of {name!r} has {len(points)} points; it needs 3 or more")
    return PhotoObject(name, polygons=(tuple(value for point in points for value in point),))


def _circle(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    centre, edge = points
    radius = math.dist(centre, edge)
    turns = [2.0 * math.pi * corner / CIRCLE_CORNERS for corner in range(CIRCLE_CORNERS)]
    return [(centre[0] + radius * math.cos(turn), centre[1] + radius * math.sin(turn)) for turn in turns]


def _mask(text: str, points: Sequence[tuple[float, float]], frame: tuple[float, float] | None) -> FrameRle:
    """Return a mask that is stored as a PNG of the size of its box."""
    if frame is None or frame[0] * frame[1] > LARGEST_PHOTO_PX:
        raise PhotoError("it has a mask, but no size that its picture can have")
    try:
        with Image.open(io.BytesIO(base64.b64decode(text)), formats=["PNG"]) as picture:
            part = np.asarray(picture.convert("L")) > 0
    except (OSError, ValueError) as error:
        raise PhotoError("a mask in it is damaged") from error
    whole = np.zeros((int(frame[1]), int(frame[0])), dtype=np.bool_)
    left, top = round(points[0][0]), round(points[0][1])
    if left < 0 or top < 0:
        raise PhotoError("a mask in it leaves its picture")
    room = whole[top : top + part.shape[0], left : left + part.shape[1]]
    room[:] = part[: room.shape[0], : room.shape[1]]
    return FrameRle(whole.shape[0], whole.shape[1], encode_mask(whole))
