"""COCO, read back by pycocotools."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from dataset.dataset_folder import DatasetFolder
from dataset.export.formats import Options, export_pictures
from dataset.export.selection import select_pictures
from dataset.manifest import Manifest
from dataset.masks import decode_mask
from dataset.photos.importing import read_photos
from dataset.pile_dataset import PileDataset
from dataset.splits import SPLITS

SOURCES = ("synthetic", "real")


@pytest.fixture(scope="module")
def folder(mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("coco") / "out"
    export_pictures(select_pictures(DatasetFolder.open(mixed)), "coco", target)
    return target


def load(file: Path, capsys: pytest.CaptureFixture[str]) -> COCO:
    coco = COCO(str(file))
    capsys.readouterr()  # it prints
    return coco


@pytest.mark.parametrize("split", SPLITS)
def test_pictures_labels_and_masks_are_those_of_the_loader(
    mixed: Path, folder: Path, split: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = PileDataset(mixed, split, with_masks=True)
    coco = load(folder / "annotations" / f"instances_{split}.json", capsys)
    levels = load(folder / "annotations" / f"labels_{split}.json", capsys)
    names = {number: row["name"] for number, row in coco.cats.items()}
    assert names == {1: "3003", 2: "3010", 3: "4032"}
    assert [row["brickbench_id"] for row in coco.imgs.values()] == list(dataset.image_ids)
    assert coco.imgs == levels.imgs
    for index, (number, row) in enumerate(coco.imgs.items()):
        picture = cv2.imread(str(folder / "images" / row["file_name"]), cv2.IMREAD_COLOR_RGB)
        expected = dataset.image(index)
        assert picture.shape == expected.shape == (row["height"], row["width"], 3)
        # Only the photo that lies elsewhere was encoded anew.
        assert abs(picture.astype(int) - expected).mean() < (2.0 if row["group_id"] == row["brickbench_id"] else 0.01)
        masks = {}
        for annotation in coco.loadAnns(coco.getAnnIds(number)):
            if "segmentation_is_box" not in annotation:
                mask = coco.annToMask(annotation).astype(bool)
                assert annotation["area"] == mask.sum()
                left, top, width, height = annotation["bbox"]
                assert mask[top : top + height, left : left + width].sum() == mask.sum()
                masks[annotation["category_id"]] = masks.get(annotation["category_id"], False) | mask
        labelled = {row["category_id"] for row in levels.loadAnns(levels.getAnnIds(number))}
        assert {names[n] for n in labelled} == set(np.array(dataset.classes)[dataset.targets[index] > 0])
        for part_id, mask in dataset.masks(index).items():
            number_of_part = 1 + dataset.classes.index(part_id)
            assert (masks.get(number_of_part, np.zeros_like(mask)) == mask).all()


def test_amodal_masks_and_fractions_come_along(mixed: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    coco = load(folder / "annotations" / "instances_train.json", capsys)
    rule = Manifest.load_folder(mixed).label_rule
    renders = [row for row in coco.anns.values() if "visible_fraction" in row]
    assert renders
    for row in renders:
        visible = coco.annToMask(row).astype(bool)
        amodal = coco.annToMask({"image_id": row["image_id"], "segmentation": row["amodal_segmentation"]}).astype(bool)
        assert not (visible & ~amodal).any()
        assert row["visible_fraction"] == pytest.approx(visible.sum() / amodal.sum())
        enough = row["visible_fraction"] >= rule.min_visible_fraction and visible.sum() >= rule.min_visible_px
        assert row["labelled"] == enough
        assert row["iscrowd"] == 0


def test_photos_without_masks_have_their_box_as_polygon(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {}
    for split in ("train", "test"):
        coco = load(folder / "annotations" / f"instances_{split}.json", capsys)
        real = [row["id"] for row in coco.imgs.values() if row["source"] == "real"]
        rows[split] = [
            {name: row.get(name) for name in ("bbox", "area", "category_id", "visible_fraction", "labelled")}
            | {"masked": "segmentation_is_box" not in row, "amodal": "amodal_segmentation" in row}
            for row in coco.loadAnns(coco.getAnnIds(real))
        ]
    boxed = {"visible_fraction": None, "labelled": True, "masked": False, "amodal": False, "category_id": 1}
    assert rows["test"] == [boxed | {"bbox": [3, 4, 20, 10], "area": 200}]
    assert rows["train"] == [
        boxed | {"bbox": [10, 5, 34, 25], "area": 304, "category_id": 3, "masked": True},
        boxed | {"bbox": [0, 0, 48, 36], "area": 48 * 36},
    ]


def test_masks_and_boxes_are_evaluated_by_pycocotools(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its evaluation of masks ended in an error where an object had a box alone."""
    truth = load(folder / "annotations" / "instances_train.json", capsys)
    own = [{key: row[key] for key in ("image_id", "category_id")} | {"segmentation": truth.annToRLE(row), "score": 0.9}
           for row in truth.anns.values()]  # fmt: skip
    evaluation = COCOeval(truth, truth.loadRes(own), "segm")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    capsys.readouterr()
    assert evaluation.stats[0] == pytest.approx(1.0)


def test_boxes_come_back_as_boxes(folder: Path) -> None:
    found = read_photos(folder, "coco").annotations
    things = [thing for photo in found.photos for thing in photo.objects if thing.box_xyxy]
    assert {thing.box_xyxy for thing in things if thing.rle is None and not thing.polygons} == {
        (0.0, 0.0, 48.0, 36.0),
        (3.0, 4.0, 23.0, 14.0),
    }


def test_the_masked_photo_decodes_by_our_own_reader_too(folder: Path) -> None:
    document = json.loads((folder / "annotations" / "instances_train.json").read_text())
    (row,) = [
        row for row in document["annotations"] if "segmentation_is_box" not in row and "visible_fraction" not in row
    ]
    height, width = row["segmentation"]["size"]
    assert decode_mask(row["segmentation"]["counts"], height, width).sum() == 304


def test_twins_and_hidden_bricks(mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Twins come when asked for; a brick of which nothing is seen is no annotation, but its picture is there."""
    without = select_pictures(DatasetFolder.open(mixed))
    with_twins = select_pictures(DatasetFolder.open(mixed), twins=True)
    assert len(with_twins) == len(without) + 1
    export_pictures(with_twins, "coco", tmp_path / "out")
    found = {}
    for split in with_twins.image_ids:
        coco = load(tmp_path / "out" / "annotations" / f"instances_{split}.json", capsys)
        found |= {row["brickbench_id"]: len(coco.getAnnIds(number)) for number, row in coco.imgs.items()}
    assert found["p000024_v00"] == 1  # of two
    assert "p000000_v00_without_3003" in found


def test_links_share_the_dataset_s_files_and_copies_do_not(mixed: Path, tmp_path: Path) -> None:
    sql = "SELECT image_id FROM images WHERE source = 'synthetic' LIMIT 2"
    for link in (False, True):
        target = tmp_path / str(link)
        export_pictures(select_pictures(DatasetFolder.open(mixed), sql=sql), "coco", target, options=Options(link=link))
        stored = {path.stat().st_ino for path in (mixed / "shards").rglob("*.png")}
        written = list((target / "images").iterdir())
        assert len(written) == 2
        assert all((path.stat().st_ino in stored) == link for path in written)


def test_opencv_projects_a_parts_points_with_the_camera_and_pose_of_an_export(
    mixed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By hand: the toy camera looks along -z from the origin, x right and y up, so that (10, 20, -200) is up right."""
    sql = "SELECT image_id FROM images WHERE source = 'synthetic' LIMIT 1"
    export_pictures(select_pictures(DatasetFolder.open(mixed), sql=sql), "coco", tmp_path / "out")
    (file,) = [path for path in (tmp_path / "out" / "annotations").glob("instances_*") if load(path, capsys).imgs]
    coco = load(file, capsys)
    camera, pose = coco.imgs[1]["camera"], np.array(coco.anns[1]["world_from_part"])
    world = pose @ [10.0, 20.0, -200.0, 1.0]
    view = np.array(camera["camera_from_world"])
    rotation = cv2.Rodrigues(view[:, :3])[0]
    seen, _ = cv2.projectPoints(world, rotation, view[:, 3], np.array(camera["matrix"]), np.array(camera["distortion"]))
    np.testing.assert_allclose(seen.ravel(), [64 * 10 / 200 + 31.5, -64 * 20 / 200 + 31.5])
    assert np.linalg.det(view[:, :3]) == pytest.approx(1)
