"""YOLO: a text file of normalised boxes or polygons for each picture, and the ``data.yaml`` that names classes."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from core.progress import Progress
from dataset.export.files import file_of, write_picture
from dataset.export.formats import Options
from dataset.export.selection import Brick, Picture, Selection
from dataset.masks import BoolMask, decode_mask

Points = npt.NDArray[np.int64]  # (K, 2) columns x, y of pixels


def write(selection: Selection, folder: Path, options: Options, progress: Progress) -> None:
    """Write ``data.yaml``, ``images/SPLIT/`` and ``labels/SPLIT/`` into `folder`.

    A line is ``class_index x y width height``, the box's centre and size as shares of the picture; with
    `options.segments` it is ``class_index x1 y1 x2 y2 …``, the outline of what is seen. Only bricks that pass the
    dataset's label rule are written, since a detector that is asked to find what people cannot name learns to guess;
    of photos, all objects. A picture without any has an empty file, which YOLO takes for background.
    """
    class_of = selection.class_of
    for split in selection.image_ids:
        images, labels = folder / "images" / split, folder / "labels" / split
        images.mkdir(parents=True)
        labels.mkdir(parents=True)
        for picture in selection.pictures(split):
            suffix, data, stored = file_of(selection.dataset.root, picture)
            write_picture(data, stored, images / f"{picture.image_id}{suffix}", link=options.link)
            lines = [
                f"{class_of[brick.part_id]} {_numbers(brick, picture, options)}\n"
                for brick in picture.bricks
                if brick.labelled
            ]
            (labels / f"{picture.image_id}.txt").write_text("".join(lines), encoding="ascii")
            progress.advance()
    # No `path`: YOLO then looks beside data.yaml, so the folder can be moved. It wants train and val in any case.
    first = next(iter(selection.image_ids))
    there = {split: f"images/{split}" for split in selection.image_ids}
    settings = {"train": f"images/{first}", "val": f"images/{first}"} | there
    names = {number: part.part_id for number, part in enumerate(selection.dataset.parts)}
    text = yaml.safe_dump(settings | {"nc": len(names), "names": names}, sort_keys=False, allow_unicode=True)
    (folder / "data.yaml").write_text(text, encoding="utf-8")


def _numbers(brick: Brick, picture: Picture, options: Options) -> str:
    left, top, width, height = brick.box_xywh_px
    if not options.segments:
        shares = [
            (left + width / 2) / picture.width,
            (top + height / 2) / picture.height,
            width / picture.width,
            height / picture.height,
        ]
    elif brick.visible_rle is None:  # all lines of a file must be of one kind
        x, y = left / picture.width, top / picture.height
        right, bottom = (left + width) / picture.width, (top + height) / picture.height
        shares = [x, y, right, y, right, bottom, x, bottom]
    else:
        points = outline(decode_mask(brick.visible_rle, picture.height, picture.width))
        shares = list(((points + 0.5) / (picture.width, picture.height)).ravel())  # centres of pixels
    return " ".join(f"{min(max(share, 0.0), 1.0):.6f}" for share in shares)


def outline(mask: BoolMask) -> Points:
    """Return the one polygon around a mask that is not empty: (K, 2) pixels x, y, K >= 3, filled with its border.

    Pieces are joined by a line to and from the nearest pixel of what is joined already; holes are filled.
    """
    contours = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    pieces = sorted((contour[:, 0].astype(np.int64) for contour in contours), key=len, reverse=True)
    joined = pieces[0]
    for piece in pieces[1:]:
        distances = ((joined[:, None] - piece[None]) ** 2).sum(axis=2)
        here, there = np.unravel_index(distances.argmin(), distances.shape)
        around = np.concatenate([np.roll(piece, -there, axis=0), piece[there : there + 1]])
        joined = np.concatenate([joined[: here + 1], around, joined[here:]])
    return np.concatenate([joined, np.repeat(joined[-1:], max(3 - len(joined), 0), axis=0)])
