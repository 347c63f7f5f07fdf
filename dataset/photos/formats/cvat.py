"""CVAT for images: one XML file with all pictures, their boxes, outlines, masks and tags."""

import math
import posixpath
from xml.etree import ElementTree as ET

import numpy as np

from core.errors import BrickbenchError
from dataset.masks import encode_mask
from dataset.photos.annotation_text import number_in, read_xml, root_name
from dataset.photos.annotations import AnnotatedPhoto, Annotations, FrameRle, PhotoError, PhotoObject, Reason
from dataset.photos.coordinates import circle, outline
from dataset.photos.decode import LARGEST_PHOTO_PX
from dataset.photos.folder import SPLIT_NAMES, PhotoFolder, split_of_path

PLACES = ("", "images", "../images", "..")
SHAPES = ("box", "polygon", "mask", "ellipse", "polyline", "points", "cuboid", "skeleton", "tag")


def fits(folder: PhotoFolder) -> bool:
    """Return whether an XML file is one of CVAT."""
    return any(root_name(folder, file) == "annotations" for file in folder.ending(".xml"))


def read(folder: PhotoFolder) -> Annotations:
    """Return the photos that the XML files list; one without shapes shows nothing of any class.

    Lines, points, cuboids and skeletons give their class, but neither a box nor a mask. Boxes and ellipses that are
    turned become outlines.

    Raises:
        BrickbenchError: a file cannot be read, or is of a video.
    """
    found = Annotations()
    for file in folder.ending(".xml"):
        if root_name(folder, file) != "annotations":
            continue
        try:
            root = read_xml(folder, file)
        except PhotoError as error:
            raise BrickbenchError(f"{folder.root / file} cannot be used: {error}. Export it again.") from error
        if root.find("track") is not None and root.find("image") is None:
            raise BrickbenchError(
                f"{folder.root / file} is of a video (CVAT for video). Export it as “CVAT for images”, with images."
            )
        near = [posixpath.join(posixpath.dirname(file), place) for place in PLACES]
        for image in root.iter("image"):
            name = (image.get("name") or "").strip()
            shapes = [shape for shape in image if shape.tag in SHAPES]
            try:
                found.photos.append(_read_image(folder, file, name, image, shapes, near))
            except PhotoError as error:
                found.set_aside.append(Reason(name or file, str(error), len(shapes)))
    found.left_out = folder.unnamed(found.photos, found.set_aside)
    return found


def _read_image(
    folder: PhotoFolder, file: str, name: str, image: ET.Element, shapes: list[ET.Element], near: list[str]
) -> AnnotatedPhoto:
    picture = folder.find(name, file, near)
    sides = [image.get(side) for side in ("width", "height")]
    frame = None
    if all(sides):
        frame = (number_in(sides[0], "width"), number_in(sides[1], "height"))
    names = tuple(_label(shape, name) for shape in shapes if shape.tag == "tag")
    things = tuple(_read_shape(shape, name, frame) for shape in shapes if shape.tag != "tag")
    split = SPLIT_NAMES.get((image.get("subset") or "").lower()) or split_of_path(name)
    return AnnotatedPhoto(picture, file, split, names, things, frame)


def _label(shape: ET.Element, image: str) -> str:
    label = (shape.get("label") or "").strip()
    if not label:
        raise PhotoError(f"a {shape.tag} of image {image!r} has no label")
    return label


def _read_shape(shape: ET.Element, image: str, frame: tuple[float, float] | None) -> PhotoObject:
    label = _label(shape, image)
    what = f"the {shape.tag} {label!r} of image {image!r}"

    def number(name: str) -> float:
        return number_in(shape.get(name), f"{name} of {what}")

    turn = number("rotation") if shape.get("rotation") else 0.0
    if shape.tag == "box":
        box = (number("xtl"), number("ytl"), number("xbr"), number("ybr"))
        if not turn:
            return PhotoObject(label, box)
        left, top, right, bottom = box
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        turned = _turned(corners, ((left + right) / 2, (top + bottom) / 2), turn)
        return PhotoObject(label, polygons=(outline(turned, what),))
    if shape.tag == "polygon":
        texts = [text for pair in (shape.get("points") or "").split(";") for text in pair.split(",")]
        return PhotoObject(label, polygons=(outline(texts, what),))
    if shape.tag == "ellipse":
        centre = (number("cx"), number("cy"))
        points = [(centre[0] + x * number("rx"), centre[1] + y * number("ry")) for x, y in circle((0.0, 0.0), 1.0)]
        return PhotoObject(label, polygons=(outline(_turned(points, centre, turn), what),))
    if shape.tag == "mask":
        return PhotoObject(label, rle=_mask(shape, what, frame))
    return PhotoObject(label)


def _turned(points: list[tuple[float, float]], centre: tuple[float, float], degrees: float) -> list[float]:
    """Return x0, y0, x1, … of points turned clockwise, as they are seen, around a centre."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    offsets = [(x - centre[0], y - centre[1]) for x, y in points]
    return [value for x, y in offsets for value in (centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos)]


def _mask(shape: ET.Element, what: str, frame: tuple[float, float] | None) -> FrameRle:
    """Return a mask whose runs fill its box row by row, beginning with the outside."""
    if frame is None or min(frame) <= 0 or frame[0] * frame[1] > LARGEST_PHOTO_PX:
        raise PhotoError(f"{what} has no size of a picture that it can have")
    try:
        left, top, width, height = (int(shape.get(name) or "") for name in ("left", "top", "width", "height"))
        runs = np.array([int(run) for run in (shape.get("rle") or "").split(",")], dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise PhotoError(f"{what} should be whole numbers") from error
    whole = np.zeros((int(frame[1]), int(frame[0])), dtype=np.bool_)
    is_inside = min(left, top) >= 0 and left + width <= whole.shape[1] and top + height <= whole.shape[0]
    if min(width, height) < 1 or not is_inside or runs.min() < 0 or runs.sum() != width * height:
        raise PhotoError(f"{what} is damaged: its runs do not fill its box in the picture")
    values = np.arange(runs.size) % 2 == 1
    whole[top : top + height, left : left + width] = np.repeat(values, runs).reshape(height, width)
    return FrameRle(whole.shape[0], whole.shape[1], encode_mask(whole))
