"""Parquet, read back by `datasets` without a network."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from dataset.dataset_folder import DatasetFolder
from dataset.export import parquet as module
from dataset.export.formats import export_pictures
from dataset.export.selection import select_pictures
from dataset.masks import decode_union
from dataset.pile_dataset import PileDataset


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep `datasets` from the network and from the home folder; its settings are read when it is imported."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
            patch.setenv(name, "1")
        for name in ("HF_HOME", "HF_DATASETS_CACHE"):
            patch.setenv(name, str(cache / name))
        import datasets

        datasets.disable_progress_bars()
        yield cache


@pytest.fixture(scope="module")
def folder(mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("parquet") / "out"
    export_pictures(select_pictures(DatasetFolder.open(mixed)), "parquet", target)
    return target


@pytest.fixture(scope="module")
def loaded(folder: Path, offline: Path) -> Any:
    from datasets import load_dataset

    return load_dataset(str(folder), cache_dir=str(offline / "data"))


def test_features_have_their_types_and_names(loaded: Any) -> None:
    from datasets import ClassLabel, Image, List, Value

    assert list(loaded) == ["train", "validation", "test"]
    features = loaded["train"].features
    assert features["image"] == Image()
    assert features["labels"] == List(ClassLabel(names=["3003", "3010", "4032"]))
    assert features["objects"] == {
        "category": List(ClassLabel(names=["3003", "3010", "4032"])),
        "box_xywh_px": List(List(Value("int32"), length=4)),
        "visible_fraction": List(Value("float64")),
        "labelled": List(Value("bool")),
        "visible_rle": List(Value("string")),
        "amodal_rle": List(Value("string")),
    }


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_rows_are_those_of_the_loader(mixed: Path, loaded: Any, split: str) -> None:
    dataset = PileDataset(mixed, split, with_masks=True)
    rows = loaded["validation" if split == "val" else split]
    assert rows["image_id"][:] == list(dataset.image_ids)
    names = rows.features["labels"].feature
    for index, row in enumerate(rows):
        image = np.asarray(row["image"])
        assert image.shape == (row["height"], row["width"], 3)
        # Two JPEG decoders round differently; the photo that lies elsewhere was encoded anew.
        assert abs(image.astype(int) - dataset.image(index)).mean() < (0.001 if row["source"] == "synthetic" else 2.0)
        assert row["image_id"] == dataset.image_ids[index]
        labels = [c for c, t in zip(dataset.classes, dataset.targets[index], strict=True) if t]
        assert names.int2str(row["labels"]) == labels
        objects = row["objects"]
        for part_id, mask in dataset.masks(index).items():
            found = zip(objects["category"], objects["visible_rle"], strict=True)
            rles = [rle for number, rle in found if names.int2str(number) == part_id and rle]
            assert (decode_union(rles, *mask.shape) == mask).all()
        assert len({len(values) for values in objects.values()}) == 1


def test_the_builder_for_parquet_opens_it_too(folder: Path, offline: Path) -> None:
    """Without the card: files alone, by name, as a stream."""
    from datasets import load_dataset

    files = {"train": str(folder / "data" / "train-*.parquet")}
    stream = load_dataset("parquet", data_files=files, split="train", streaming=True, cache_dir=str(offline / "p"))
    row = next(iter(stream))
    assert np.asarray(row["image"]).shape == (64, 64, 3)


def test_the_card_names_splits_and_parts(folder: Path) -> None:
    _, front, body = (folder / "README.md").read_text().split("---\n", 2)
    (configuration,) = yaml.safe_load(front)["configs"]
    assert configuration["data_files"] == [
        {"split": name, "path": f"data/{name}-*"} for name in ("train", "validation", "test")
    ]
    assert "| 2 | 4032 | Plate 2 x 2 Round |" in body


def test_a_full_file_is_followed_by_another(
    mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offline: Path
) -> None:
    from datasets import load_dataset

    monkeypatch.setattr(module, "ROWS_PER_GROUP", 2)
    monkeypatch.setattr(module, "BYTES_PER_FILE", 30_000)
    selection = select_pictures(DatasetFolder.open(mixed), splits=["train"])
    export_pictures(selection, "parquet", tmp_path / "out")
    files = sorted((tmp_path / "out" / "data").iterdir())
    assert len(files) > 2
    assert [path.name for path in files] == [
        f"train-{number:05d}-of-{len(files):05d}.parquet" for number in range(len(files))
    ]
    assert max(pq.ParquetFile(files[0]).metadata.row_group(n).num_rows for n in range(2)) == 2
    rows = load_dataset(str(tmp_path / "out"), cache_dir=str(offline / "many"))["train"]
    assert rows["image_id"][:] == list(selection.image_ids["train"])
