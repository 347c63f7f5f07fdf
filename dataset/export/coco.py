"""COCO: boxes and masks of every visible brick, and image-level labels, as pycocotools and torchvision read them."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from core.progress import Progress
from dataset.export.files import file_of, write_picture
from dataset.export.formats import Options
from dataset.export.selection import Brick, Picture, Selection


def write(selection: Selection, folder: Path, options: Options, progress: Progress) -> None:
    """Write ``images/``, ``annotations/instances_SPLIT.json`` and ``annotations/labels_SPLIT.json`` into `folder`.

    A category's id is its class_index + 1, so it stays when parts are added. Images are numbered from 1 through all
    splits; `brickbench_id` is the image_id. An annotation is a brick of which a pixel is seen, or an object of a photo;
    beyond COCO's own fields it has `visible_fraction`, `amodal_segmentation` and `labelled` (whether the brick is
    visible enough to be a label) and `world_from_part`; a rendered image has `camera`, both as OpenCV has them, in
    millimetres. Objects of photos without a mask have their box as polygon, since pycocotools needs
    some segmentation of every object, and `segmentation_is_box`.
    """
    (folder / "images").mkdir()
    (folder / "annotations").mkdir()
    categories = [
        {"id": number, "name": part.part_id, "supercategory": part.category, "description": part.name}
        for number, part in enumerate(selection.dataset.parts, start=1)
    ]
    class_of = selection.class_of
    image_number = 0
    for split in selection.image_ids:
        annotations = folder / "annotations"
        with (
            _document(annotations / f"instances_{split}.json", categories) as instances,
            _document(annotations / f"labels_{split}.json", categories) as labels,
        ):
            for picture in selection.pictures(split):
                image_number += 1
                suffix, data, stored = file_of(selection.dataset.root, picture)
                name = picture.image_id + suffix
                write_picture(data, stored, folder / "images" / name, link=options.link)
                image = _image(image_number, name, picture)
                instances.image(image)
                for brick in picture.bricks:
                    instances.annotation(_annotation(brick, picture, class_of) | {"image_id": image_number})
                labels.image(image)
                for part_id in picture.labels:
                    labels.annotation({"image_id": image_number, "category_id": class_of[part_id] + 1})
                progress.advance()


def _image(number: int, name: str, picture: Picture) -> dict[str, Any]:
    image: dict[str, Any] = {
        "id": number,
        "file_name": name,
        "width": picture.width,
        "height": picture.height,
        "brickbench_id": picture.image_id,
        "source": picture.source,
        "group_id": picture.group_id,
    }
    if (camera := picture.camera) is not None:
        image["camera"] = {
            "matrix": [[camera.fx_px, 0.0, camera.cx_px], [0.0, camera.fy_px, camera.cy_px], [0.0, 0.0, 1.0]],
            "distortion": list(camera.distortion),
            "camera_from_world": _matrix(camera.camera_from_world),
        }
    return image


def _annotation(brick: Brick, picture: Picture, class_of: dict[str, int]) -> dict[str, Any]:
    left, top, width, height = brick.box_xywh_px
    size = [picture.height, picture.width]
    annotation: dict[str, Any] = {
        "category_id": class_of[brick.part_id] + 1,
        "bbox": list(brick.box_xywh_px),
        "area": width * height if brick.visible_px is None else brick.visible_px,
        "iscrowd": 0,
        "instance_id": brick.instance_id,
        "labelled": brick.labelled,
    }
    if brick.visible_rle is not None:
        annotation["segmentation"] = {"size": size, "counts": brick.visible_rle}
    else:
        right, bottom = left + width, top + height
        annotation["segmentation"] = [[left, top, right, top, right, bottom, left, bottom]]
        annotation["segmentation_is_box"] = True
    if brick.visible_fraction is not None:
        annotation["visible_fraction"] = brick.visible_fraction
    if brick.amodal_rle is not None:
        annotation["amodal_segmentation"] = {"size": size, "counts": brick.amodal_rle}
    if brick.world_from_part is not None:
        annotation["world_from_part"] = _matrix(brick.world_from_part)
    return annotation


def _matrix(values: Sequence[float]) -> list[list[float]]:
    return [list(values[start : start + 4]) for start in range(0, len(values), 4)]


class _Document:
    """A COCO file that grows as pictures come: annotations wait in a file of their own, not in memory."""

    def __init__(self, images: TextIO, annotations: TextIO) -> None:
        """Take the two files that the lists are written to."""
        self._images, self._annotations = images, annotations
        self._image_count = self._annotation_count = 0

    def image(self, row: dict[str, Any]) -> None:
        """Add a row of ``images``."""
        self._image_count += 1
        self._images.write((",\n" if self._image_count > 1 else "\n") + json.dumps(row))

    def annotation(self, row: dict[str, Any]) -> None:
        """Add a row of ``annotations``, numbered from 1."""
        self._annotation_count += 1
        separator = ",\n" if self._annotation_count > 1 else "\n"
        self._annotations.write(separator + json.dumps({"id": self._annotation_count} | row))


@contextmanager
def _document(path: Path, categories: list[dict[str, Any]]) -> Iterator[_Document]:
    waiting = path.with_suffix(".part")
    with path.open("x", encoding="utf-8") as images, waiting.open("x+", encoding="utf-8") as annotations:
        head = {"info": {"description": "A dataset of Brickbench"}, "licenses": [], "categories": categories}
        images.write(json.dumps(head)[:-1] + ',\n"images": [')
        yield _Document(images, annotations)
        images.write('],\n"annotations": [')
        annotations.seek(0)
        shutil.copyfileobj(annotations, images)
        images.write("]}\n")
    waiting.unlink()
