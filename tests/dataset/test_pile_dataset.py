"""What networks and explanations get: pictures, targets, masks, and errors that say what to do."""

import pickle
import shutil
from pathlib import Path
from typing import Any

import albumentations
import cv2
import numpy as np
import pytest
from torch.utils.data import DataLoader
from toy import make_toy_dataset, toy_picture

from core.errors import BrickbenchError, SettingsError
from dataset.index import open_index
from dataset.manifest import LabelRule, Manifest, SplitRule
from dataset.masks import decode_mask
from dataset.pile_dataset import PileDataset


def test_splits_part_the_pictures_and_piles(toy_dataset: Path) -> None:
    parts = {split: PileDataset(toy_dataset, split) for split in ("train", "val", "test")}
    whole = PileDataset(toy_dataset, None)
    assert sorted(sum((part.image_ids for part in parts.values()), ())) == list(whole.image_ids)
    assert len(whole) == 40
    assert all(len(part) > 0 for part in parts.values())
    piles = [set(part.groups.tolist()) for part in parts.values()]
    assert not piles[0] & piles[1]
    assert not piles[0] & piles[2]
    assert not piles[1] & piles[2]
    assert whole.groups.dtype == np.int64


def test_pictures_targets_and_masks_are_those_of_the_records(toy_dataset: Path) -> None:
    pictures = PileDataset(toy_dataset, "train", with_masks=True)
    rule = Manifest.load_folder(toy_dataset).label_rule
    assert pictures.classes == ("3003", "3010", "4032")
    assert pictures.targets.dtype == np.float32
    for row, pile in enumerate(pictures.groups.tolist()):
        record, data = toy_picture(0, pile)
        sample = pictures[row]
        assert sample.image_id == record.image_id == pictures.image_ids[row]
        bgr = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR)
        assert bgr is not None
        np.testing.assert_array_equal(sample.image, bgr[..., ::-1])
        labelled = {
            brick.part_id
            for brick in record.instances
            if brick.visible_fraction >= rule.min_visible_fraction and brick.visible_px >= rule.min_visible_px
        }
        np.testing.assert_array_equal(sample.target, [float(part in labelled) for part in pictures.classes])
        union = {part: np.zeros((64, 64), dtype=np.bool_) for part in pictures.classes}
        for brick in record.instances:
            union[brick.part_id] |= decode_mask(brick.visible_rle, 64, 64)
        masks = pictures.masks(row)
        assert set(masks) == labelled
        for part in labelled:
            np.testing.assert_array_equal(masks[part], union[part])
        np.testing.assert_array_equal(pictures.all_bricks_mask(row), np.any(list(union.values()), axis=0))


def test_classes_select_and_permute_columns(toy_dataset: Path) -> None:
    whole = PileDataset(toy_dataset, "train", with_masks=True)
    some = PileDataset(toy_dataset, "train", classes=["4032", "3003"], with_masks=True)
    assert some.classes == ("4032", "3003")
    np.testing.assert_array_equal(some.targets, whole.targets[:, [2, 0]])
    assert some.image_ids == whole.image_ids
    assert all(set(some.masks(row)) <= {"4032", "3003"} for row in range(len(some)))
    np.testing.assert_array_equal(some.all_bricks_mask(3), whole.all_bricks_mask(3))


def test_transform_makes_the_image(toy_dataset: Path) -> None:
    transform = albumentations.Compose(
        [albumentations.Resize(16, 16), albumentations.Normalize(), albumentations.ToTensorV2()]
    )
    sample = PileDataset(toy_dataset, "val", transform=transform)[0]
    assert tuple(sample.image.shape) == (3, 16, 16)


def test_it_can_be_pickled(toy_dataset: Path) -> None:
    pictures = PileDataset(toy_dataset, "val", with_masks=True)
    again: PileDataset = pickle.loads(pickle.dumps(pictures))
    np.testing.assert_array_equal(again.all_bricks_mask(1), pictures.all_bricks_mask(1))


@pytest.mark.slow
def test_it_goes_to_worker_processes(toy_dataset: Path) -> None:
    pictures = PileDataset(toy_dataset, "val", with_masks=True)
    loaded: list[Any] = list(DataLoader(pictures, batch_size=3, num_workers=1, multiprocessing_context="spawn"))
    assert [name for batch in loaded for name in batch.image_id] == list(pictures.image_ids)
    np.testing.assert_array_equal(np.concatenate([batch.target.numpy() for batch in loaded]), pictures.targets)
    assert tuple(loaded[0].image.shape) == (3, 64, 64, 3)


def test_masks_must_be_asked_for(toy_dataset: Path) -> None:
    with pytest.raises(ValueError, match=r"make the PileDataset with with_masks=True"):
        PileDataset(toy_dataset, "val").masks(0)


def test_unknown_split_and_classes_are_named(toy_dataset: Path) -> None:
    with pytest.raises(SettingsError) as split:
        PileDataset(toy_dataset, "tran")
    assert str(split.value) == "Unknown split 'tran' (did you mean 'train'?); known are train, val, test."
    with pytest.raises(BrickbenchError) as unknown:
        PileDataset(toy_dataset, "train", classes=["3003", "9999"])
    assert str(unknown.value) == (
        f"The dataset {toy_dataset} has no part '9999'; it has 3003, 3010, 4032. "
        "Use a dataset rendered with that part, or a network trained on this one's parts."
    )
    with pytest.raises(SettingsError, match=r"classes should be one or more distinct part_ids, got 3003, 3003\."):
        PileDataset(toy_dataset, "train", classes=["3003", "3003"])
    with pytest.raises(SettingsError, match=r"got none\."):
        PileDataset(toy_dataset, "train", classes=[])


def test_an_empty_split_and_a_dataset_without_labels_are_refused(tmp_path: Path) -> None:
    root = make_toy_dataset(tmp_path, piles=4, size=32)
    manifest = Manifest.load_folder(root)
    from dataset.index import resplit, update_index

    resplit(root, SplitRule(train=1.0, val=0.0, test=0.0))
    with pytest.raises(BrickbenchError) as empty:
        PileDataset(root, "test")
    assert str(empty.value) == (
        f"The dataset {root} has no image in split 'test' (4 in train). "
        "Render more piles or import more photos, or change the shares with `brickbench dataset split`."
    )
    manifest.model_copy(update={"label_rule": LabelRule(min_visible_px=10_000)}).save_folder(root)
    with pytest.raises(BrickbenchError) as stale:
        PileDataset(root, "train")
    assert str(stale.value) == (
        f"dataset.yaml or splits.parquet of {root} changed after its index was made. "
        f"Run `brickbench dataset index {root}`."
    )
    update_index(root)
    with pytest.raises(BrickbenchError) as unlabelled:
        PileDataset(root, None)
    assert str(unlabelled.value) == (
        f"No image of {root} has a label of the 3 classes. Lower label_rule in dataset.yaml and run "
        f"`brickbench dataset index {root}`, or render piles that show those parts."
    )


@pytest.mark.parametrize("damage", ["cut", "flip", "gone"])
def test_a_damaged_image_is_named(toy_dataset: Path, tmp_path: Path, damage: str) -> None:
    root = tmp_path / "copy"
    shutil.copytree(toy_dataset, root)
    pictures = PileDataset(root, "train")
    with open_index(root) as index:
        files = dict(index.execute("SELECT image_id, file FROM images").fetchall())
    path = root / files[pictures.image_ids[2]]
    data = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes(data[:-200] if damage == "cut" else data[:500] + bytes([data[500] ^ 1]) + data[501:])
    what = "No such file or directory" if damage == "gone" else "its content is not what the index says"
    with pytest.raises(BrickbenchError) as caught:
        pictures[2]
    assert str(caught.value) == (
        f"The image {path} is damaged or missing: {what}. "
        f"Run `brickbench dataset check {root}` to see what is wrong and how to mend it."
    )
    assert pictures[1].image.shape == (64, 64, 3)
