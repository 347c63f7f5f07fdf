"""YOLO, read back by a reader of its text files written here after the format's description."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dataset.dataset_folder import DatasetFolder
from dataset.export.formats import Options, export_pictures
from dataset.export.selection import Selection, select_pictures
from dataset.export.yolo import outline
from dataset.masks import decode_mask
from dataset.splits import SPLITS


def read_labels(file: Path) -> list[tuple[int, npt.NDArray[np.float64]]]:
    rows = []
    for line in file.read_text().splitlines():
        number, *values = line.split()
        shares = np.array([float(value) for value in values])
        assert ((shares >= 0) & (shares <= 1)).all()
        rows.append((int(number), shares))
    return rows


def files_of(folder: Path, split: str) -> list[tuple[Path, Path]]:
    """Return (picture, labels) as YOLO pairs them: `images` becomes `labels` in the path, the suffix .txt."""
    settings = yaml.safe_load((folder / "data.yaml").read_text())
    pictures = sorted((folder / settings[split]).iterdir())
    return [(path, folder / "labels" / split / f"{path.stem}.txt") for path in pictures]


def filled(points: npt.NDArray[np.float64], height: int, width: int) -> npt.NDArray[np.bool_]:
    canvas = np.zeros((height, width), dtype=np.uint8)
    cv2.fillPoly(canvas, [(points.reshape(-1, 2) * (width, height)).astype(np.int32)], 1)
    return canvas.astype(bool)


@pytest.fixture(scope="module")
def selection(mixed: Path) -> Selection:
    return select_pictures(DatasetFolder.open(mixed))


def test_boxes_are_those_of_bricks_that_pass_the_label_rule(selection: Selection, tmp_path: Path) -> None:
    export_pictures(selection, "yolo", tmp_path / "out")
    settings = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())
    assert settings == {
        "train": "images/train", "val": "images/val", "test": "images/test", "nc": 3,
        "names": {0: "3003", 1: "3010", 2: "4032"},
    }  # fmt: skip
    hidden = 0
    for split in SPLITS:
        pairs = files_of(tmp_path / "out", split)
        pictures = list(selection.pictures(split))
        assert [image.stem for image, _ in pairs] == [picture.image_id for picture in pictures]
        for (image, labels), picture in zip(pairs, pictures, strict=True):
            assert cv2.imread(str(image)).shape[:2] == (picture.height, picture.width)
            found = []
            for number, (x, y, width, height) in read_labels(labels):
                left, top = (x - width / 2) * picture.width, (y - height / 2) * picture.height
                box = (left, top, width * picture.width, height * picture.height)
                found.append((selection.dataset.parts[number].part_id, tuple(np.round(box, 3))))
            wanted = [brick for brick in picture.bricks if brick.labelled]
            assert found == [(brick.part_id, brick.box_xywh_px) for brick in wanted]
            hidden += len(picture.bricks) - len(wanted)
    assert hidden > 0


def test_segments_fill_to_the_masks(selection: Selection, tmp_path: Path) -> None:
    """A filled outline is the mask, but for its holes and the line that joins its pieces."""
    export_pictures(selection, "yolo", tmp_path / "out", options=Options(segments=True))
    for split in SPLITS:
        for (_, labels), picture in zip(files_of(tmp_path / "out", split), selection.pictures(split), strict=True):
            bricks = [brick for brick in picture.bricks if brick.labelled]
            for (_, points), brick in zip(read_labels(labels), bricks, strict=True):
                assert len(points) >= 6
                shape = filled(points, picture.height, picture.width)
                if brick.visible_rle is None:
                    left, top, width, height = brick.box_xywh_px
                    assert shape[top : top + height, left : left + width].all()
                    continue
                mask = decode_mask(brick.visible_rle, picture.height, picture.width)
                assert shape[mask].all()
                assert (shape & ~mask).sum() <= (4 * 4 + 12 if picture.source == "real" else 0)


def test_an_outline_worked_by_hand() -> None:
    mask = np.zeros((6, 8), dtype=np.bool_)
    mask[1:3, 1:4] = True
    mask[4, 6] = True
    points = outline(mask)
    assert {tuple(point) for point in points.tolist()} == {(1, 1), (1, 2), (3, 1), (3, 2), (6, 4)}
    assert outline(mask[4:5, 6:7]).tolist() == [[0, 0]] * 3


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 12))
def test_an_outline_holds_its_mask(seed: int, height: int, width: int) -> None:
    mask = np.random.default_rng(seed).random((height, width)) < 0.4
    mask[0, 0] = True
    shares = (outline(mask) + 0.5) / (width, height)
    assert filled(shares.ravel(), height, width)[mask].all()


def test_a_single_split_still_names_train_and_val(mixed: Path, tmp_path: Path) -> None:
    export_pictures(select_pictures(DatasetFolder.open(mixed), splits=["test"]), "yolo", tmp_path / "out")
    settings = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())
    assert [settings[split] for split in SPLITS] == ["images/test"] * 3
