"""What can be wrong with one picture of a shard: its files, its masks and boxes, a photo's labels."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import BrickbenchError
from core.files import sha256_hex
from dataset.masks import decode_mask
from dataset.pictures import decode

FRACTION_TOLERANCE = 1e-6  # a renderer may have kept the quotient as float32


def file_problems(folder: Path, image: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with an image's files; `image` is its row in the shard `folder`."""
    name = image["file"]
    try:
        data = (folder / name).read_bytes()  # an absolute file, a photo that was left where it is, stays what it is
    except OSError as error:
        yield f"{name} cannot be read: {error.strerror or error}"
    else:
        if sha256_hex(data) != image["content_hash"]:
            yield f"{name} was altered: its SHA-256 is not the recorded one"
        else:
            yield from _decoding_problems(name, data, image["width"], image["height"])
    if image["geometry_file"] is not None:
        yield from _geometry_problems(folder, image)


def _decoding_problems(name: str, data: bytes, width: int, height: int) -> Iterator[str]:
    try:
        picture = decode(data, name, max(width, height))
    except BrickbenchError:
        picture = None
    if picture is None:
        yield f"{name} is no image"
    elif picture.shape[:2] != (height, width):
        yield f"{name} is {picture.shape[1]} x {picture.shape[0]} pixels, recorded are {width} x {height}"


def _geometry_problems(folder: Path, image: dict[str, Any]) -> Iterator[str]:
    name = image["geometry_file"]
    try:
        with np.load(folder / name) as arrays:
            shapes = {key: arrays[key].shape[:2] for key in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        yield f"{name} cannot be read: {error}"
        return
    for key, shape in shapes.items():
        if shape != (image["height"], image["width"]):
            yield f"{key} in {name} is {shape[1]} x {shape[0]} pixels, the picture {image['width']} x {image['height']}"


def row_problems(
    image: dict[str, Any], bricks: Sequence[dict[str, Any]], things: Sequence[dict[str, Any]] = ()
) -> Iterator[str]:
    """Yield what is wrong with the rows of one picture: in images, of its bricks in instances, and of its things."""
    if image["source"] == "real":
        yield from _photo_problems(image, bricks)
    else:
        yield from _mask_problems([*bricks, *things], image["height"], image["width"])


def _mask_problems(things: Sequence[dict[str, Any]], height: int, width: int) -> Iterator[str]:
    taken = np.zeros((height, width), dtype=np.bool_)
    for thing in things:
        name = _name(thing)
        try:
            visible = decode_mask(thing["visible_rle"], height, width)
            amodal = decode_mask(thing["amodal_rle"], height, width)
        except BrickbenchError:
            yield f"a mask of {name} does not fill {width} x {height} pixels"
            continue
        for kind, mask in (("visible", visible), ("amodal", amodal)):
            if mask.sum() != thing[f"{kind}_px"]:
                yield f"the {kind} mask of {name} has {mask.sum()} pixels, recorded are {thing[f'{kind}_px']}"
        fraction = thing["visible_px"] / thing["amodal_px"] if thing["amodal_px"] else 0.0
        fraction *= thing["in_frame_fraction"]
        if abs(fraction - thing["visible_fraction"]) > FRACTION_TOLERANCE:
            yield f"visible_fraction of {name} is {thing['visible_fraction']:g}, its pixels give {fraction:g}"
        left, top, box_width, box_height = thing["box_xywh_px"]
        if visible[top : top + box_height, left : left + box_width].sum() != visible.sum():
            yield f"the visible mask of {name} leaves its box"
        if (visible & ~amodal).any():
            yield f"the visible mask of {name} leaves its amodal mask"
        if (visible & taken).any():
            yield f"the visible mask of {name} covers another brick's"
        taken |= visible


def _photo_problems(image: dict[str, Any], things: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with annotations: there is nothing hidden, and people may mark one object twice."""
    height, width = image["height"], image["width"]
    labels = set(image["annotated_labels"] or ())
    for thing in things:
        name = _name(thing)
        if thing["part_id"] not in labels:
            yield f"{name} is marked in the photo, but its part is none of the photo's labels"
        left, top, box_width, box_height = thing["box_xywh_px"]
        if box_width < 1 or box_height < 1:
            yield f"the box of {name} is empty"
        if left < 0 or top < 0 or left + box_width > width or top + box_height > height:
            yield f"the box of {name} leaves the picture"
        if thing["visible_rle"] is None:
            continue
        try:
            visible = decode_mask(thing["visible_rle"], height, width)
        except BrickbenchError:
            yield f"the mask of {name} does not fill {width} x {height} pixels"
            continue
        if visible.sum() != thing["visible_px"]:
            yield f"the mask of {name} has {visible.sum()} pixels, recorded are {thing['visible_px']}"
        if visible[max(top, 0) : top + box_height, max(left, 0) : left + box_width].sum() != visible.sum():
            yield f"the mask of {name} leaves its box"


def _name(row: dict[str, Any]) -> str:
    if "kind" in row:
        return f"thing {row['thing_id']} ({row['kind']})"
    return f"brick {row['instance_id']} ({row['part_id']})"
