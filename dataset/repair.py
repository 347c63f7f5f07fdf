"""A shard of piles mended: pictures made again take the place of broken ones, all else stays as it was."""

import contextlib
import os
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from core.errors import BrickbenchError
from core.locks import is_running
from dataset.shards import (
    SHARDS_FOLDER,
    Picture,
    ShardTables,
    pile_shard,
    read_shard,
    shard_folder,
    write_rows,
    write_shard,
)

_SCRATCH = ".repair-"
_ASIDE = ".replaced"


class OtherLabelsError(BrickbenchError):
    """A pile came out with other labels than those recorded."""


@dataclass(frozen=True)
class Recorded:
    """What is known of pictures that are made again: `images` needs image_id and content_hash alone."""

    images: pa.Table
    instances: pa.Table


@dataclass(frozen=True)
class Mended:
    """What came of it: numbers of pictures, and how many of them have other bytes than recorded, or no record."""

    pictures: int
    other_bytes: int
    unrecorded: int


def mend_shard(
    root: Path,
    number: int,
    pictures: Iterable[Picture],
    recorded: Recorded,
    *,
    keep_rows: bool = True,
    set_aside: Mapping[int, str] | None = None,
) -> Mended:
    """Put `pictures`, all those of some piles, into shard `number`; it is the old one or the new one at any moment.

    Where rows stay the same, only files are replaced. Files in the shard's folder that are not Brickbench's stay.
    Pictures and `set_aside` are as for `write_shard`, and are held against what is `recorded`. The rows of all other
    piles stay, unless `keep_rows` is False: the shard's rows cannot be used, or it is gone.

    Raises:
        OtherLabelsError: bricks came out otherwise than recorded; nothing is changed then.
    """
    shard = pile_shard(number)
    with _scratch_folder(root) as scratch:
        write_shard(scratch, number, pictures, set_aside)
        made, folder = read_shard(scratch, shard), shard_folder(root, shard)
        old = read_shard(root, shard) if keep_rows else None
        _require_same_labels(root, shard, made, recorded)
        others = None if old is None else _without(old, made.images["pile_index"].unique())
        if old is not None and others is not None and _joined(others, made) == (old.images, old.instances, old.things):
            _replace_files(shard_folder(scratch, shard), folder, made.images)
        else:
            _replace_shard(shard_folder(scratch, shard), folder, made, others)
    hashes = dict(zip(*(recorded.images[name].to_pylist() for name in ("image_id", "content_hash")), strict=True))
    is_recorded = [hashes.get(row["image_id"], row["content_hash"]) == row["content_hash"]
             for row in made.images.select(["image_id", "content_hash"]).to_pylist()]  # fmt: skip
    unrecorded = sum(image_id not in hashes for image_id in made.images["image_id"].to_pylist())
    return Mended(len(is_recorded), is_recorded.count(False), unrecorded)


def clear_repairs(root: Path) -> None:
    """Finish or undo what a killed repair left of the dataset `root`: a shard that was being replaced comes back."""
    for aside in (root / SHARDS_FOLDER).glob(f".*{_ASIDE}"):
        folder = aside.with_name(aside.name[1:].removesuffix(_ASIDE))
        if folder.exists():
            shutil.rmtree(aside)
        else:
            aside.rename(folder)
    for scratch in root.glob(f"{_SCRATCH}*"):
        if not is_running(int(scratch.name.removeprefix(_SCRATCH))):
            shutil.rmtree(scratch)


@contextlib.contextmanager
def _scratch_folder(root: Path) -> Iterator[Path]:
    folder = root / f"{_SCRATCH}{os.getpid()}"  # on the same disk, so that files can be moved in one step
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _require_same_labels(root: Path, shard: str, made: ShardTables, recorded: Recorded) -> None:
    known = recorded.images["image_id"]
    bricks = [
        table.filter(pc.is_in(table["image_id"], value_set=known)).sort_by(
            [("image_id", "ascending"), ("instance_id", "ascending")]
        )
        for table in (made.instances, recorded.instances)
    ]
    missing = sorted(set(known.to_pylist()) - set(made.images["image_id"].to_pylist()))
    if missing or not bricks[0].equals(bricks[1]):
        what = f"without the picture {missing[0]!r}" if missing else "with other labels than recorded"
        raise OtherLabelsError(
            f"Shard {shard} of {root} came out {what}, so this Brickbench, or its settings.yaml, is not what made it. "
            "Repair it with the version that did; nothing in the shard was changed."
        )


def _without(shard: ShardTables, piles: pa.ChunkedArray) -> ShardTables:
    """Return the rows of all other piles."""
    gone = pc.is_in(shard.images["pile_index"], value_set=piles)
    owners = shard.images["image_id"].filter(gone)
    bricks = shard.instances.filter(pc.invert(pc.is_in(shard.instances["image_id"], value_set=owners)))
    made_again = set(piles.to_pylist())
    set_aside = {pile: reason for pile, reason in shard.set_aside.items() if pile not in made_again}
    things = shard.things.filter(pc.invert(pc.is_in(shard.things["image_id"], value_set=owners)))
    return ShardTables(shard.images.filter(pc.invert(gone)), bricks, "", things, set_aside)


def _joined(one: ShardTables, other: ShardTables) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Return the rows of both in the order in which `write_shard` has them: by pile, then as they came."""
    images = pa.concat_tables([one.images, other.images]).sort_by("pile_index")
    order = images["image_id"].combine_chunks()
    instances, things = (
        rows.take(pc.sort_indices(pc.index_in(rows["image_id"], value_set=order)))
        for rows in (pa.concat_tables([one.instances, other.instances]), pa.concat_tables([one.things, other.things]))
    )
    return images, instances, things


def _replace_files(made: Path, folder: Path, images: pa.Table) -> None:
    for file in [*images["file"].to_pylist(), *images["geometry_file"].drop_null().to_pylist()]:
        if not (folder / file).is_file() or (folder / file).read_bytes() != (made / file).read_bytes():
            (folder / file).parent.mkdir(exist_ok=True)
            (made / file).replace(folder / file)


def _replace_shard(made: Path, folder: Path, shard: ShardTables, others: ShardTables | None) -> None:
    if others is not None:
        images, instances, things = _joined(others, shard)
        write_rows(made, images, instances, {**others.set_aside, **shard.set_aside}, things)
    for path in sorted(folder.rglob("*")):
        target = made / path.relative_to(folder)
        if path.is_dir() and not path.is_symlink():
            target.mkdir(exist_ok=True)
        elif not target.exists() and path.name != "things.parquet":  # the new rows decide whether there is one
            _take_over(path, target)
    for path in made.glob("*.parquet"):
        with path.open("rb") as written:
            os.fsync(written.fileno())
    aside = folder.with_name(f".{folder.name}{_ASIDE}")
    if folder.exists():
        folder.rename(aside)  # a kill between the two lines is mended by `clear_repairs`
    folder.parent.mkdir(exist_ok=True)
    made.rename(folder)
    shutil.rmtree(aside, ignore_errors=True)


def _take_over(path: Path, target: Path) -> None:
    try:
        os.link(path, target, follow_symlinks=False)
    except OSError:  # a disk without links
        shutil.copy2(path, target, follow_symlinks=False)


def piles_of(images: pa.Table, image_ids: Collection[str]) -> list[int]:
    """Return the numbers of the piles that the pictures `image_ids` show, sorted."""
    of_them = images.filter(pc.is_in(images["image_id"], value_set=pa.array(list(image_ids), pa.string())))
    return sorted(set(of_them["pile_index"].to_pylist()))
