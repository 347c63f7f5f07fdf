"""HDF5: every array is what the dataset holds, by h5py alone."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from core.errors import SettingsError
from dataset.dataset_folder import DatasetFolder
from dataset.export.formats import Options, export_pictures
from dataset.export.selection import select_pictures
from dataset.masks import decode_mask
from dataset.pictures import read_picture


def exported(root: Path, folder: Path) -> Path:
    """Export all pictures of `root` into `folder`."""
    export_pictures(select_pictures(DatasetFolder.open(root), twins=True), "hdf5", folder)
    return folder


def test_pixels_maps_and_boxes_are_those_of_the_dataset(mixed: Path, tmp_path: Path) -> None:
    folder = exported(mixed, tmp_path / "out")
    selection = select_pictures(DatasetFolder.open(mixed), twins=True)
    classes, count = list(selection.class_of), 0
    for split in selection.image_ids:
        with h5py.File(folder / f"{split}.h5") as file:
            assert json.loads(file.attrs["classes"]) == classes
            assert set(file) == set(selection.image_ids[split])
            for picture in selection.pictures(split):
                group, count = file[picture.image_id], count + 1
                assert json.loads(group.attrs["labels"]) == list(picture.labels)
                assert group.attrs["source"] == picture.source
                stored = read_picture(mixed, picture.file, picture.content_hash, picture.width, picture.height)
                if picture.source == "synthetic":  # their PNGs lose nothing
                    np.testing.assert_array_equal(group["colors"][:], stored)
                assert group["colors"].shape == stored.shape
                assert group["boxes"][:].tolist() == [list(brick.box_xywh_px) for brick in picture.bricks]
                for brick in picture.bricks:
                    if brick.visible_rle is None:
                        continue
                    mask = decode_mask(brick.visible_rle, picture.height, picture.width)
                    np.testing.assert_array_equal(group["instance_segmap"][:] == brick.instance_id + 1, mask)
                    found = {classes[number - 1] for number in np.unique(group["category_segmap"][:][mask])}
                    assert found == {brick.part_id}
    assert count == len(selection)


def test_the_same_dataset_gives_the_same_bytes(mixed: Path, tmp_path: Path) -> None:
    one, two = (exported(mixed, tmp_path / name) for name in ("one", "two"))
    for path in one.glob("*.h5"):
        assert path.read_bytes() == (two / path.name).read_bytes()


def test_links_are_refused(mixed: Path, tmp_path: Path) -> None:
    selection = select_pictures(DatasetFolder.open(mixed))
    with pytest.raises(SettingsError, match="Links are for coco and yolo"):
        export_pictures(selection, "hdf5", tmp_path / "out", options=Options(link=True))
