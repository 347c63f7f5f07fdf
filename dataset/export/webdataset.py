"""WebDataset: tar shards of samples, read one after the other, the same bytes for the same pictures."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

from core.progress import Progress
from dataset.export.files import file_of
from dataset.export.formats import Options
from dataset.export.selection import Picture, Selection

SAMPLES_PER_SHARD = 1000
BYTES_PER_SHARD = 256 * 1024 * 1024  # whichever comes first: what WebDataset's readers stream well
_PICTURE = ("image_id", "source", "group_id", "width", "height", "labels")
_BRICK = (
    "part_id", "instance_id", "box_xywh_px", "visible_fraction", "visible_rle", "amodal_rle", "labelled",
)  # fmt: skip


def write(selection: Selection, folder: Path, options: Options, progress: Progress) -> None:
    """Write ``SPLIT-000000.tar`` … and ``classes.json`` into `folder`.

    A sample is three files: ``ID.jpg`` (or png, webp), ``ID.json`` with the labels, boxes and masks (COCO's compressed
    RLE), and ``ID.labels.json`` with the multi-hot labels in the order of ``classes.json``.
    """
    del options
    classes = [part.part_id for part in selection.dataset.parts]
    (folder / "classes.json").write_text(json.dumps(classes, indent=1) + "\n", encoding="utf-8")
    for split in selection.image_ids:
        shard, tar, size, count = 0, _open(folder, split, 0), 0, 0
        try:
            for picture in selection.pictures(split):
                files = dict(_sample(selection, picture, classes))
                sample_size = sum(map(len, files.values()))
                if count == SAMPLES_PER_SHARD or (count and size + sample_size > BYTES_PER_SHARD):
                    tar.close()
                    shard += 1
                    tar, size, count = _open(folder, split, shard), 0, 0
                for name, data in files.items():
                    member = tarfile.TarInfo(name)  # its defaults name no user and no time
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
                size += sample_size
                count += 1
                progress.advance()
        finally:
            tar.close()


def _open(folder: Path, split: str, shard: int) -> tarfile.TarFile:
    return tarfile.open(folder / f"{split}-{shard:06d}.tar", "x", format=tarfile.USTAR_FORMAT)


def _sample(selection: Selection, picture: Picture, classes: list[str]) -> Iterator[tuple[str, bytes]]:
    suffix, data, _ = file_of(selection.dataset.root, picture)
    yield f"{picture.image_id}{suffix}", data
    record = {name: getattr(picture, name) for name in _PICTURE}
    record["bricks"] = [{name: getattr(brick, name) for name in _BRICK} for brick in picture.bricks]
    yield f"{picture.image_id}.json", json.dumps(record).encode()
    yield f"{picture.image_id}.labels.json", json.dumps([int(name in picture.labels) for name in classes]).encode()
