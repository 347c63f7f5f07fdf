"""Parquet as `datasets` of Hugging Face opens it: pictures with their bytes, labels with their names, a card."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from core.pages import markdown_text
from core.progress import Progress
from dataset.export.files import file_of
from dataset.export.formats import Options
from dataset.export.selection import Selection

BYTES_PER_FILE = 400_000_000  # Hugging Face's own files hold up to 500 MB
ROWS_PER_GROUP = 100  # what the reader holds at once; more makes looking at single pictures slow
SPLIT_NAMES = {"val": "validation"}  # `datasets` calls it so, whatever a file is called

_OBJECTS = {
    "category": pa.int64(),
    "box_xywh_px": pa.list_(pa.int32(), 4),
    "visible_fraction": pa.float64(),
    "labelled": pa.bool_(),
    "visible_rle": pa.string(),
    "amodal_rle": pa.string(),
}
_COLUMNS = {
    "image": pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    "image_id": pa.string(),
    "source": pa.string(),
    "group_id": pa.string(),
    "width": pa.int32(),
    "height": pa.int32(),
    "labels": pa.list_(pa.int64()),
    "objects": pa.struct([(name, pa.list_(kind)) for name, kind in _OBJECTS.items()]),
}


def write(selection: Selection, folder: Path, options: Options, progress: Progress) -> None:
    """Write ``data/SPLIT-00000-of-0000N.parquet`` and the card ``README.md`` into `folder`.

    The column ``image`` is decoded on reading, ``labels`` are class labels with the part_ids as names, ``objects``
    holds lists as long as there are bricks: category, box, visible_fraction, masks as COCO's compressed RLE. The split
    ``val`` is called ``validation``, as everywhere at Hugging Face.
    """
    del options
    (folder / "data").mkdir()
    features = _features([part.part_id for part in selection.dataset.parts])
    schema = pa.schema(_COLUMNS.items(), metadata={"huggingface": json.dumps({"info": {"features": features}})})
    for split in selection.image_ids:
        _write_split(folder / "data", SPLIT_NAMES.get(split, split), schema, _rows(selection, split, progress))
    (folder / "README.md").write_text(_card(selection), encoding="utf-8")


def _write_split(folder: Path, name: str, schema: pa.Schema, rows: Iterator[dict[str, Any]]) -> None:
    """Write the files of one split, the next begun when one is full; their names hold how many there are."""
    paths: list[Path] = []
    writer, size = None, 0
    try:
        while group := list(islice(rows, ROWS_PER_GROUP)):
            if writer is None:
                paths.append(folder / f"{name}-{len(paths):05d}.part")
                writer = pq.ParquetWriter(paths[-1], schema, compression="zstd")
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
            size += sum(len(row["image"]["bytes"]) for row in group)
            if size >= BYTES_PER_FILE:
                writer.close()
                writer, size = None, 0
    finally:
        if writer is not None:
            writer.close()
    for number, path in enumerate(paths):
        path.rename(folder / f"{name}-{number:05d}-of-{len(paths):05d}.parquet")


def _rows(selection: Selection, split: str, progress: Progress) -> Iterator[dict[str, Any]]:
    class_of = selection.class_of
    for picture in selection.pictures(split):
        suffix, data, _ = file_of(selection.dataset.root, picture)
        objects = {name: [getattr(brick, name) for brick in picture.bricks] for name in _OBJECTS if name != "category"}
        yield {
            "image": {"bytes": data, "path": f"{picture.image_id}{suffix}"},
            "labels": [class_of[part_id] for part_id in picture.labels],
            "objects": objects | {"category": [class_of[brick.part_id] for brick in picture.bricks]},
        } | {name: getattr(picture, name) for name in ("image_id", "source", "group_id", "width", "height")}
        progress.advance()


def _features(names: list[str]) -> dict[str, Any]:
    """Return the features of `_COLUMNS` as `datasets` writes them into a schema.

    As ``Sequence``, not its newer name ``List``: every version reads that.
    """
    category = {"names": names, "_type": "ClassLabel"}
    features = {name: _feature(kind) for name, kind in _COLUMNS.items()}
    features["image"] = {"_type": "Image"}
    features["labels"]["feature"] = category
    features["objects"] = {name: _sequence(_feature(kind)) for name, kind in _OBJECTS.items()}
    features["objects"]["category"] = _sequence(category)
    return features


def _feature(kind: pa.DataType) -> dict[str, Any]:
    if pa.types.is_fixed_size_list(kind):
        return _sequence(_feature(kind.value_type), kind.list_size)
    if pa.types.is_list(kind):
        return _sequence(_feature(kind.value_type))
    return {"dtype": "float64" if kind == pa.float64() else str(kind), "_type": "Value"}


def _sequence(feature: dict[str, Any], length: int = -1) -> dict[str, Any]:
    return {"feature": feature, "length": length, "_type": "Sequence"}


def _card(selection: Selection) -> str:
    splits = {SPLIT_NAMES.get(split, split): len(image_ids) for split, image_ids in selection.image_ids.items()}
    front = {
        "task_categories": ["image-classification", "object-detection", "image-segmentation"],
        "tags": ["lego", "synthetic", "brickbench"],
        "size_categories": [_size_category(len(selection))],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"data/{split}-*"} for split in splits],
            }
        ],
    }
    lines = [
        "---\n" + yaml.safe_dump(front, sort_keys=False) + "---",
        "# Piles of bricks",
        "A dataset of Brickbench: pictures of piles of bricks, which parts are in them, and where.",
        "| split | pictures |\n| --- | ---: |\n" + "\n".join(f"| {split} | {n} |" for split, n in splits.items()),
        (
            "`labels` are the parts that can be seen well enough to be named. `objects` holds one entry for each brick "
            "that is seen: its `category`, its box as left, top, width, height in pixels, and its masks as COCO's "
            "compressed RLE (`pycocotools.mask.decode`), `visible_rle` of what is seen, `amodal_rle` of all of it."
        ),
        "| class | part | name |\n| ---: | --- | --- |\n"
        + "\n".join(
            f"| {at} | {markdown_text(part.part_id)} | {markdown_text(part.name)} |"
            for at, part in enumerate(selection.dataset.parts)
        ),
    ]
    return "\n\n".join(lines) + "\n"


def _size_category(pictures: int) -> str:
    bounds = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
    return next((name for bound, name in bounds.items() if pictures < bound), "1M<n<10M")
