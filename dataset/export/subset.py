"""A dataset of some pictures of another: shards with those alone, and splits, labels and an index of its own."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from core.errors import BrickbenchError
from core.progress import Progress
from dataset.database import require_current
from dataset.dataset_folder import DatasetFolder
from dataset.export.files import new_folder, stored_path, write_picture
from dataset.export.selection import chosen_ids, require_safe_id
from dataset.index import rebuild_index
from dataset.pictures import damaged_picture, read_bytes
from dataset.shards import SHARDS_FOLDER, read_shard, write_rows
from dataset.splits import write_splits

MADE_FROM_NAME = "made_from.yaml"
"""Says of which dataset a subset was made, by which SQL, and how that one was rendered."""


@dataclass(frozen=True)
class SubsetSummary:
    """What a new dataset holds."""

    folder: Path
    shards: int
    images: int
    instances: int
    labels: int
    parts: int


def make_subset(
    dataset: DatasetFolder,
    sql: str,
    target: Path,
    *,
    drop_unused_parts: bool = False,
    orphans: bool = False,
    link: bool = True,
) -> SubsetSummary:
    """Return what the new dataset `target` holds: the pictures that `sql` selects from `dataset`.

    Shards keep their names, and pictures their ids, groups, labels and splits: the latter are frozen in
    ``splits.parquet``, whatever rule the dataset follows. ``settings.yaml`` does not come along (it stands in
    ``made_from.yaml``), since rendering would fill up what was left out. Runs do not either. Photos that were left
    where they are stay there.

    Args:
        dataset: with its index.
        sql: selects a column image_id; it can change nothing and reach no other file.
        target: a folder that is empty or not there.
        drop_unused_parts: leave out parts that no chosen picture shows; class_index moves up then.
        orphans: take twins also without the picture that they are twins of; their ``twin_of`` names it all the same.
        link: hard links instead of copies where the disk can do that; the files of a dataset are never changed.

    Raises:
        SettingsError: the SQL is refused, or `target` is taken.
        BrickbenchError: nothing is chosen, a twin lacks its original, a file is damaged, or `target` cannot be
            written; nothing is there then.
    """
    manifest = dataset.manifest
    chosen = chosen_ids(dataset, sql)
    if not chosen:
        raise BrickbenchError(
            f"The query selects no picture of {dataset.root}, so there is nothing to make a dataset of."
        )
    shards, splits = _places(dataset, chosen, orphans)
    if drop_unused_parts:
        used = _used_parts(dataset, chosen)
        parts = tuple(part for part in manifest.parts if part.part_id in used)
        manifest = manifest.model_copy(update={"parts": parts or manifest.parts})
    with new_folder(target) as folder:
        with Progress("Subset", len(chosen), "pictures") as progress:
            for shard, image_ids in shards.items():
                _write_shard(dataset.root, shard, image_ids, folder, link=link, progress=progress)
        manifest.save_folder(folder)
        write_splits(folder, splits)
        (folder / MADE_FROM_NAME).write_text(_made_from(dataset, sql), encoding="utf-8")
        rebuild_index(folder)
        ((images, instances, labels),) = DatasetFolder(folder, manifest).query(
            "SELECT (SELECT count(*) FROM images), (SELECT count(*) FROM instances), (SELECT count(*) FROM labels)"
        )
    return SubsetSummary(target, len(shards), images, instances, labels, len(manifest.parts))


def _places(dataset: DatasetFolder, chosen: set[str], orphans: bool) -> tuple[dict[str, set[str]], dict[str, str]]:
    """Return the chosen image_ids of each shard, and the split of each group."""
    shards: dict[str, set[str]] = {}
    splits: dict[str, str] = {}
    missing: list[tuple[str, str]] = []
    with dataset.index() as index:
        require_current(index, dataset.root, dataset.manifest)
        rows = index.execute("SELECT image_id, shard, group_id, split, twin_of FROM images ORDER BY shard, image_id")
        for image_id, shard, group_id, split, twin_of in rows.fetchall():
            if image_id in chosen:
                shards.setdefault(shard, set()).add(require_safe_id(image_id))
                splits[group_id] = split
                if twin_of is not None and twin_of not in chosen:
                    missing.append((image_id, twin_of))
    if missing and not orphans:
        raise BrickbenchError(
            f"{len(missing)} of the chosen pictures are twins without their originals, such as {missing[0][0]!r} of "
            f"{missing[0][1]!r}. Select their originals too, leave them out with AND twin_of IS NULL, "
            "or take them as they are with --orphans."
        )
    return shards, splits


def _used_parts(dataset: DatasetFolder, chosen: set[str]) -> set[str]:
    rows = dataset.query(
        "WITH chosen AS (SELECT unnest(?) AS image_id) SELECT part_id FROM instances SEMI JOIN chosen "
        "USING (image_id) UNION SELECT part_id FROM labels SEMI JOIN chosen USING (image_id)",
        [list(chosen)],
    )
    return {row[0] for row in rows}


def _write_shard(root: Path, shard: str, image_ids: set[str], folder: Path, *, link: bool, progress: Progress) -> None:
    subfolder = PurePosixPath(SHARDS_FOLDER, shard)
    whole = read_shard(root, shard)
    chosen = pa.array(sorted(image_ids), pa.string())
    images, instances, things = (
        table.filter(pc.is_in(table["image_id"], value_set=chosen))
        for table in (whole.images, whole.instances, whole.things)
    )
    (folder / subfolder / "images").mkdir(parents=True)
    for image in images.select(["file", "content_hash", "geometry_file"]).to_pylist():
        if not PurePosixPath(image["file"]).is_absolute():
            file = str(subfolder / image["file"])
            data = read_bytes(root, file, image["content_hash"])
            write_picture(data, stored_path(root, file), folder / file, link=link)
        if image["geometry_file"] is not None:
            file = str(subfolder / image["geometry_file"])
            path = stored_path(root, file)
            if not path.is_file():
                raise damaged_picture(root, file, "there is no such file")
            (folder / file).parent.mkdir(exist_ok=True)
            write_picture(path.read_bytes(), path, folder / file, link=link)
        progress.advance()
    write_rows(folder / subfolder, images, instances, things=things)


def _made_from(dataset: DatasetFolder, sql: str) -> str:
    root, settings = dataset.root, dataset.root / "settings.yaml"
    note = {"dataset": dataset.name, "sql": sql}
    if (root / MADE_FROM_NAME).is_file():
        note["made_from"] = yaml.safe_load((root / MADE_FROM_NAME).read_text(encoding="utf-8"))
    if settings.is_file():
        note["settings"] = yaml.safe_load(settings.read_text(encoding="utf-8"))
    return yaml.safe_dump(note, sort_keys=False, allow_unicode=True)
