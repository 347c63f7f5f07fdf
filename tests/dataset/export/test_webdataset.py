"""WebDataset, read back by the library of that name."""

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset

from dataset.dataset_folder import DatasetFolder
from dataset.export import webdataset as module
from dataset.export.formats import export_pictures
from dataset.export.selection import select_pictures
from dataset.masks import decode_mask, decode_union
from dataset.pile_dataset import PileDataset

# The library leaves shards for the garbage collector to close.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


def read(folder: Path, split: str) -> list[dict[str, Any]]:
    urls = [str(path) for path in sorted(folder.glob(f"{split}-*.tar"))]
    return list(webdataset.WebDataset(urls, shardshuffle=False, empty_check=False).decode("rgb8"))


@pytest.fixture(scope="module")
def folder(mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("web") / "out"
    export_pictures(select_pictures(DatasetFolder.open(mixed)), "webdataset", target)
    return target


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_samples_are_those_of_the_loader(mixed: Path, folder: Path, split: str) -> None:
    dataset = PileDataset(mixed, split, with_masks=True)
    samples = read(folder, split)
    assert [sample["__key__"] for sample in samples] == list(dataset.image_ids)
    assert json.loads((folder / "classes.json").read_text()) == list(dataset.classes)
    for index, sample in enumerate(samples):
        image = sample["png"] if "png" in sample else sample["jpg"]
        # Two JPEG decoders round differently; the photo that lies elsewhere was encoded anew.
        assert abs(image.astype(int) - dataset.image(index)).mean() < (0.001 if "png" in sample else 2.0)
        assert sample["labels.json"] == dataset.targets[index].tolist()
        record = sample["json"]
        assert (record["height"], record["width"]) == image.shape[:2]
        assert record["labels"] == [c for c, t in zip(dataset.classes, dataset.targets[index], strict=True) if t]
        for part_id, mask in dataset.masks(index).items():
            rles = [b["visible_rle"] for b in record["bricks"] if b["part_id"] == part_id and b["visible_rle"]]
            assert (decode_union(rles, *mask.shape) == mask).all()
        for brick in record["bricks"]:
            if brick["visible_rle"]:
                left, top, width, height = brick["box_xywh_px"]
                mask = decode_mask(brick["visible_rle"], record["height"], record["width"])
                assert mask[top : top + height, left : left + width].sum() == mask.sum()


def test_the_bytes_are_the_same_again(mixed: Path, folder: Path, tmp_path: Path) -> None:
    export_pictures(select_pictures(DatasetFolder.open(mixed)), "webdataset", tmp_path / "again")
    names = sorted(path.name for path in folder.glob("*.tar"))
    assert names == ["test-000000.tar", "train-000000.tar", "val-000000.tar"]
    for name in names:
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
        with tarfile.open(folder / name) as tar:
            assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in tar} == {(0, 0, 0, "", "", 0o644)}


@pytest.mark.parametrize(("name", "value"), [("SAMPLES_PER_SHARD", 4), ("BYTES_PER_SHARD", 40_000)])
def test_a_full_shard_is_followed_by_another(
    mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: int
) -> None:
    monkeypatch.setattr(module, name, value)
    selection = select_pictures(DatasetFolder.open(mixed), splits=["train"])
    export_pictures(selection, "webdataset", tmp_path / "out")
    shards = sorted(path.name for path in (tmp_path / "out").glob("*.tar"))
    assert len(shards) > 2
    assert shards == [f"train-{number:06d}.tar" for number in range(len(shards))]
    assert [sample["__key__"] for sample in read(tmp_path / "out", "train")] == list(selection.image_ids["train"])


def test_shards_batch_into_arrays(folder: Path) -> None:
    """As training would take them: picture and multi-hot labels in batches."""
    urls = [str(path) for path in folder.glob("val-*.tar")]
    data = (
        webdataset.WebDataset(urls, shardshuffle=False, empty_check=False)
        .decode("rgb8")
        .to_tuple("png;jpg", "labels.json")
        .map_tuple(lambda image: image, np.array)
        .batched(2)
    )
    images, labels = next(iter(data))
    assert images.shape == (2, 64, 64, 3)
    assert labels.shape == (2, 3)
