"""Shards on their way into the index: read ahead in threads, checked, handed over in batches of bounded size."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import BrickbenchError
from dataset.dataset_folder import DatasetFolder
from dataset.manifest import MANIFEST_NAME, Manifest
from dataset.schema import SET_ASIDE, SHARDS, arrow_schema
from dataset.shards import GEOMETRY_FOLDER, SHARDS_FOLDER, ShardTables, damaged_shard, read_shard, shard_folder

READERS = 2  # threads: on two cores a third made nothing faster
AT_ONCE = 8  # shards a thread reads before it hands over: switching threads for each took a third longer
READ_AHEAD = 8  # such handfuls
BATCH_BYTES = 16 * 2**20  # of rows: with twice as much, memory that was never touched before costs more than it saves
_IN_FOLDER = r"/[^/\\]*[^/\\.][^/\\]*$"  # one step down, and not up again
_IMAGE_ID = r"^[^/\\]*[^/\\.][^/\\]*$"  # it names files of exports
_FILE = f"^images{_IN_FOLDER}"
_GEOMETRY = f"^{GEOMETRY_FOLDER}{_IN_FOLDER}"


class UnlistedPartError(BrickbenchError):
    """A shard holds a part that the manifest lacks; `what` says so in a clause, `way_out` how to go on."""

    def __init__(self, root: Path, name: str, part_id: str) -> None:
        """Take the shard's name and the part."""
        self.what = f"it holds part {part_id!r}, which {MANIFEST_NAME} does not list"
        self.way_out = f"Put that part back into the list in {root / MANIFEST_NAME}, at the place where it was."
        super().__init__(f"Shard {shard_folder(root, name)} cannot be used: {self.what}. {self.way_out}")


@dataclass(frozen=True)
class Batch:
    """The rows of some shards: `images` with the column shard, and files relative to the dataset."""

    images: pa.Table
    instances: pa.Table
    shards: pa.Table
    """A row of the table shards each: shard, digest, images, instances."""
    set_aside: pa.Table
    """A row for each pile that could not be made: shard, pile_index, reason."""
    things: pa.Table


def read_batches(dataset: DatasetFolder, shards: Sequence[str]) -> Iterator[Batch]:
    """Yield the rows of all `shards`, in their order.

    Raises:
        BrickbenchError: a shard is damaged, or names a part that the manifest lacks.
    """
    read: list[tuple[str, ShardTables]] = []
    size = 0
    for some in _read_ahead(dataset.root, shards):
        read += some
        size += sum(
            table.get_total_buffer_size()
            for _, shard in some
            for table in (shard.images, shard.instances, shard.things)
        )
        if size >= BATCH_BYTES:
            yield _batch(dataset, read)
            read, size = [], 0
    if read:
        yield _batch(dataset, read)


def _read_ahead(root: Path, shards: Sequence[str]) -> Iterator[list[tuple[str, ShardTables]]]:
    def read(names: Sequence[str]) -> list[tuple[str, ShardTables]]:
        return [(name, read_shard(root, name)) for name in names]

    coming: deque[Future[list[tuple[str, ShardTables]]]] = deque()
    with ThreadPoolExecutor(READERS, thread_name_prefix="read-shards") as readers:
        try:
            for start in range(0, len(shards), AT_ONCE):
                coming.append(readers.submit(read, shards[start : start + AT_ONCE]))
                if len(coming) > READ_AHEAD:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:
            for future in coming:
                future.cancel()


def _batch(dataset: DatasetFolder, read: list[tuple[str, ShardTables]]) -> Batch:
    counts = [shard.images.num_rows for _, shard in read]
    shards = pa.table(
        [
            [name for name, _ in read],
            [shard.digest for _, shard in read],
            counts,
            [shard.instances.num_rows for _, shard in read],
        ],
        schema=arrow_schema(SHARDS),
    )
    images = pa.concat_tables([shard.images for _, shard in read])
    instances = pa.concat_tables([shard.instances for _, shard in read])
    # All at once, which takes a thirtieth of the time; only if something is wrong, shard by shard to say in which.
    if (
        _unlisted_part(images, instances, dataset.manifest) is not None
        or _fault(images, instances) is not None
        or _mixes_shards(images, instances, shards)
        or any(_stray_thing(shard) for _, shard in read)
    ):
        for name, shard in read:
            require_consistent(dataset, name, shard)
    names = shards["shard"].take(pa.array(np.repeat(np.arange(len(read)), counts)))
    aside = [
        {"shard": name, "pile_index": pile, "reason": reason}
        for name, shard in read
        for pile, reason in shard.set_aside.items()
    ]
    set_aside = pa.Table.from_pylist(aside, schema=arrow_schema(SET_ASIDE))
    things = pa.concat_tables([shard.things for _, shard in read])
    return Batch(with_shard_columns(images, names), instances, shards, set_aside, things)


def _mixes_shards(images: pa.Table, instances: pa.Table, shards: pa.Table) -> bool:
    """Return whether a brick's image is in another shard than the brick, or two shards have an image."""
    rows = pc.index_in(instances["image_id"], value_set=images["image_id"]).to_numpy()
    numbers = np.arange(shards.num_rows)
    shard_of_image = np.repeat(numbers, shards["images"].to_numpy())
    return bool((shard_of_image[rows] != np.repeat(numbers, shards["instances"].to_numpy())).any())


def with_shard_columns(images: pa.Table, shards: pa.ChunkedArray) -> pa.Table:
    """Return rows of images with their shards' names, (N,), and with files relative to the dataset's root."""
    for column in ("file", "geometry_file"):
        names = images.column(column)
        inside = pc.binary_join_element_wise(SHARDS_FOLDER, shards, names, "/")
        # An absolute file, a photo that was left where it is, stays what it is.
        placed = pc.if_else(pc.starts_with(names, "/"), names, inside)
        images = images.set_column(images.schema.get_field_index(column), column, placed)
    return images.append_column("shard", shards)


def require_consistent(dataset: DatasetFolder, name: str, shard: ShardTables) -> None:
    """Return if a shard's bricks and labels are of known parts and of its own images.

    Nor may a file lie outside the shard's folder, but for a photo that was left where it is.

    Raises:
        UnlistedPartError: the manifest lacks a part.
        DamagedShardError: anything else is wrong.
    """
    unlisted = _unlisted_part(shard.images, shard.instances, dataset.manifest)
    if unlisted is not None:
        raise UnlistedPartError(dataset.root, name, unlisted)
    fault = _fault(shard.images, shard.instances) or _stray_thing(shard)
    if fault is not None:
        raise damaged_shard(dataset.root, name, fault)


def _unlisted_part(images: pa.Table, instances: pa.Table, manifest: Manifest) -> str | None:
    labels = pc.list_flatten(images.column("annotated_labels"))
    named = {part_id for column in (instances.column("part_id"), labels) for part_id in column.unique().to_pylist()}
    return min(named - {part.part_id for part in manifest.parts}, default=None)


def _stray_thing(shard: ShardTables) -> str | None:
    """Return of which image a shard has a thing but no row, in a clause; None if there is none such."""
    strays = set(shard.things["image_id"].unique().to_pylist()) - set(shard.images["image_id"].to_pylist())
    return f"it holds things of image {min(strays)!r}, but not that image" if strays else None


def _fault(images: pa.Table, instances: pa.Table) -> str | None:
    """Return what is wrong with rows, None if nothing is."""
    image_ids = images.column("image_id")
    strays = pc.invert(pc.is_in(instances["image_id"], value_set=image_ids))
    if pc.any(strays).as_py():
        stray = min(instances["image_id"].filter(strays).to_pylist())
        return f"it holds bricks of image {stray!r}, but not that image"
    in_place = pc.and_(pc.equal(images["source"], "real"), pc.starts_with(images["file"], "/"))
    for column, right in (
        ("image_id", pc.match_substring_regex(image_ids, _IMAGE_ID)),
        ("file", pc.or_(in_place, pc.match_substring_regex(images["file"], _FILE))),
        ("geometry_file", pc.match_substring_regex(images["geometry_file"], _GEOMETRY)),
    ):
        if not pc.all(right, min_count=0).as_py():  # what is NULL is left out
            wrong = images.column(column).filter(pc.invert(right))
            return f"the {column} {wrong[0].as_py()!r} leads out of its folder"
    return None
