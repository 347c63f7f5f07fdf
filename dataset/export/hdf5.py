"""HDF5: pixels, depth, normals and maps of instances and classes in one file a split, for readers of arrays."""

import io
import json
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.progress import Progress
from dataset.export.files import file_of, stored_path
from dataset.export.formats import Options
from dataset.export.selection import Picture, Selection
from dataset.masks import decode_mask

_ATTRIBUTES = ("source", "group_id")
_COMPRESSION = {"compression": "gzip", "compression_opts": 4, "shuffle": True}


def write(selection: Selection, folder: Path, options: Options, progress: Progress) -> None:
    """Write ``SPLIT.h5`` into `folder`: a group for each picture, under its image_id.

    A group holds ``colors`` (H, W, 3) uint8 RGB; ``instance_segmap`` (H, W) int32, the instance_id + 1 of the brick
    that is seen, 0 elsewhere; ``category_segmap`` (H, W) int32, class_index + 1; ``boxes`` (N, 4) int32, left, top,
    width, height, with ``box_instances`` and ``box_categories`` (N,), which photos without masks have too; and, where
    they were rendered, ``depth`` (H, W) float32 in metres and ``normals`` (H, W, 3) float16 in the camera's axes. Its
    attributes are ``labels`` (part_ids as JSON), ``source`` and ``group_id``; ``classes`` is an attribute of the file.
    """
    del options
    class_of = selection.class_of
    for split in selection.image_ids:
        with h5py.File(folder / f"{split}.h5", "x") as file:
            file.attrs["classes"] = json.dumps(list(class_of))
            for picture in selection.pictures(split):
                _write_picture(file.create_group(picture.image_id), selection, picture, class_of)
                progress.advance()


def _write_picture(group: h5py.Group, selection: Selection, picture: Picture, class_of: dict[str, int]) -> None:
    root = selection.dataset.root
    for name in _ATTRIBUTES:
        group.attrs[name] = getattr(picture, name)
    group.attrs["labels"] = json.dumps(picture.labels)
    _, data, _ = file_of(root, picture)
    arrays: dict[str, NDArray[np.generic]] = {"colors": np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))}
    instances, categories = (np.zeros((picture.height, picture.width), dtype=np.int32) for _ in range(2))
    for brick in picture.bricks:
        if brick.visible_rle is not None:
            mask = decode_mask(brick.visible_rle, picture.height, picture.width)
            instances[mask], categories[mask] = brick.instance_id + 1, class_of[brick.part_id] + 1
    arrays |= {"instance_segmap": instances, "category_segmap": categories}
    if picture.geometry_file is not None:
        with np.load(stored_path(root, picture.geometry_file)) as geometry:
            arrays |= {name.removesuffix("_m"): geometry[name] for name in geometry.files}
    for name, array in arrays.items():
        group.create_dataset(name, data=array, **_COMPRESSION)
    boxes = [brick.box_xywh_px for brick in picture.bricks]
    group.create_dataset("boxes", data=np.array(boxes, dtype=np.int32).reshape(-1, 4))
    group.create_dataset("box_instances", data=np.array([b.instance_id for b in picture.bricks], dtype=np.int32))
    group.create_dataset("box_categories", data=np.array([class_of[b.part_id] + 1 for b in picture.bricks], np.int32))
