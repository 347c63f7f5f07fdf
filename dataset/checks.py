"""Everything that can be wrong with a dataset, looked for: files, masks, and the index against the shards."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any

import duckdb
import pyarrow as pa

from core.errors import BrickbenchError
from core.progress import Progress
from dataset.database import INDEX_NAME, BusyIndexError, DamagedIndexError, first_row, get_meta, is_outdated
from dataset.dataset_folder import DatasetFolder
from dataset.intake import UnlistedPartError, require_consistent, with_shard_columns
from dataset.merge import casts, contents_query, labels_of, registered
from dataset.picture_checks import file_problems, row_problems
from dataset.run_folders import RUN_FILE
from dataset.schema import IMAGES, INSTANCES, TABLES_DIGEST, THINGS
from dataset.shards import DamagedShardError, ShardTables, how_to_mend, list_shards, read_shard, shard_folder
from dataset.splits import read_splits, splits_table


class Kind(StrEnum):
    """What a problem is in, which decides how it is mended."""

    PICTURE = "picture"
    """A file of a picture."""
    ROWS = "rows"
    """The rows of a picture in its shard."""
    SHARD = "shard"
    """A shard as a whole: it cannot be read, or is gone."""
    MANIFEST = "manifest"
    """dataset.yaml lacks a part."""
    BEHIND = "behind"
    """The index lacks something that is there."""
    INDEX = "index"
    """The index holds something else than the shards."""
    SETTINGS = "settings"
    """settings.yaml, from which broken piles are rendered again."""
    RUN = "run"
    """A run that the index knows is gone."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: in which shard and image (None: in none), what, and the way out."""

    kind: Kind
    shard: str | None
    image_id: str | None
    what: str
    way_out: str


def check_dataset(dataset: DatasetFolder, only: Collection[str] | None = None) -> list[Problem]:
    """Return all that is wrong with the dataset, shard by shard; an empty list if nothing is.

    Reads every file: pictures are hashed and decoded, masks are laid out, the index, if there is one, is compared with
    the shards row by row, its labels and splits with the rules in ``dataset.yaml``. It looks into the shards
    `only`, None for all; the index is looked at as a whole all the same.

    Raises:
        BrickbenchError: another process holds its index.
    """
    shards = list_shards(dataset.root)
    chosen = shards if only is None else [name for name in shards if name in only]
    problems: list[Problem] = []
    index = _open(dataset, problems)
    try:
        with Progress("Check", len(chosen), "shards") as progress:
            for name in chosen:
                try:
                    problems += _check_shard(dataset, name, index)
                except duckdb.Error as error:
                    problems.append(_unreadable(dataset.root, error))
                    if index is not None:
                        index.close()
                    index = None
                progress.advance()
        if index is not None:
            try:
                problems += _check_index(index, dataset, set(shards))
            except duckdb.Error as error:
                problems.append(_unreadable(dataset.root, error))
    finally:
        if index is not None:
            index.close()
    return problems


def _unreadable(root: Path, error: duckdb.Error) -> Problem:
    """Return the problem of an index of which some blocks are damaged, though it opens."""
    what = f"the index cannot be read: {str(error).splitlines()[0]}"
    return _in_index(root, what)


def _open(dataset: DatasetFolder, problems: list[Problem]) -> duckdb.DuckDBPyConnection | None:
    try:
        index = dataset.index()
    except BusyIndexError:
        raise
    except BrickbenchError as error:
        what, _, way_out = str(error).partition(". ")
        kind = Kind.INDEX if isinstance(error, DamagedIndexError) else Kind.BEHIND
        problems.append(Problem(kind, None, None, what, way_out))
        return None
    if get_meta(index, "tables") != TABLES_DIGEST:
        index.close()
        way_out = f"Run `brickbench dataset index {dataset.root}`, which makes it anew."
        problems.append(Problem(Kind.BEHIND, None, None, "another version of Brickbench made the index", way_out))
        return None
    return index


def _check_shard(dataset: DatasetFolder, name: str, index: duckdb.DuckDBPyConnection | None) -> Iterator[Problem]:
    root = dataset.root
    way_out = how_to_mend(root, name)
    try:
        shard = read_shard(root, name)
        require_consistent(dataset, name, shard)
    except DamagedShardError as error:
        yield Problem(Kind.SHARD, name, None, error.what, way_out)
        return
    except UnlistedPartError as error:
        yield Problem(Kind.MANIFEST, name, None, error.what, error.way_out)
        return
    bricks = _by_image(shard.instances.drop_columns(["world_from_part"]))
    things = _by_image(shard.things.drop_columns(["world_from_thing"]))
    for image in shard.images.to_pylist():
        image_id = image["image_id"]
        for what in file_problems(shard_folder(root, name), image):
            yield Problem(Kind.PICTURE, name, image_id, what, _picture_way_out(image, way_out))
        for what in row_problems(image, bricks.get(image_id, []), things.get(image_id, [])):
            yield Problem(Kind.ROWS, name, image_id, what, way_out)
    if index is not None:
        yield from _compare_rows(index, root, name, shard)


def _by_image(table: pa.Table) -> dict[str, list[dict[str, Any]]]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in table.to_pylist():
        rows.setdefault(row["image_id"], []).append(row)
    return rows


def _picture_way_out(image: dict[str, Any], way_out: str) -> str:
    if not PurePosixPath(image["file"]).is_absolute():
        return way_out
    return f"Put {image['file']} back as it was when it was imported. If it is lost: {way_out[0].lower()}{way_out[1:]}"


def _compare_rows(index: duckdb.DuckDBPyConnection, root: Path, name: str, shard: ShardTables) -> Iterator[Problem]:
    row = first_row(index, "SELECT digest FROM shards WHERE shard = ?", [name])
    if row is None:
        yield Problem(Kind.BEHIND, name, None, "the index lacks this shard", f"Run `brickbench dataset index {root}`.")
        return
    if row[0] != shard.digest:
        yield _in_index(root, "the index has another version of this shard (stale)", shard=name)
        return
    aside = index.execute("SELECT pile_index, reason FROM set_aside WHERE shard = ?", [name]).fetchall()
    if dict(aside) != dict(shard.set_aside):
        yield _in_index(root, "the index has other piles set aside than the shard", shard=name)
    images = with_shard_columns(shard.images, pa.chunked_array([pa.repeat(name, shard.images.num_rows)]))
    with registered(index, shard_images=images, shard_instances=shard.instances, shard_things=shard.things):
        columns = tuple(column for column in IMAGES if column.name != "split")
        there = f"SELECT {casts(columns)} FROM images WHERE shard = '{name}'"
        wrong = _differing(index, f"SELECT {casts(columns)} FROM shard_images", there)
        for table, its_columns in (("instances", INSTANCES), ("things", THINGS)):
            held = f"SELECT {casts(its_columns)} FROM {table} SEMI JOIN shard_images USING (image_id)"
            wrong |= _differing(index, f"SELECT {casts(its_columns)} FROM shard_{table}", held)
    for image_id in sorted(wrong):
        yield _in_index(root, "its rows in the index are not those of the shard", image_id, name)


def _check_index(index: duckdb.DuckDBPyConnection, dataset: DatasetFolder, shards: set[str]) -> Iterator[Problem]:
    root, manifest = dataset.root, dataset.manifest
    for (name,) in index.execute("SELECT shard FROM shards ORDER BY shard").fetchall():
        if name not in shards:
            way_out = f"{how_to_mend(root, name)} `brickbench dataset index --rebuild {root}` goes on without it."
            yield Problem(Kind.SHARD, name, None, "the index has this shard, but its folder is gone", way_out)
    for run_id, folder in index.execute("SELECT run_id, folder FROM runs ORDER BY run_id").fetchall():
        if not (root / folder / RUN_FILE).is_file():
            way_out = f"Put it back, or run `brickbench dataset index --rebuild {root}` to go on without it."
            yield Problem(
                Kind.RUN, None, None, f"the index has the run {run_id!r}, but its folder {folder} is gone", way_out
            )
    if is_outdated(index, root, manifest):
        way_out = f"Run `brickbench dataset index {root}`."
        yield Problem(
            Kind.BEHIND, None, None, "dataset.yaml or splits.parquet changed after the index was made", way_out
        )
        return
    parts = index.execute("SELECT part_id, name, category, class_index FROM parts ORDER BY class_index").fetchall()
    if parts != [(part.part_id, part.name, part.category, number) for number, part in enumerate(manifest.parts)]:
        yield _in_index(root, "the index has other parts than dataset.yaml")
    rule_labels = labels_of(index.table("images"), index.table("instances"), manifest.label_rule).sql_query()
    for image_id in sorted(_differing(index, rule_labels, "SELECT image_id, part_id FROM labels")):
        yield _in_index(root, "its labels in the index are not those of the label rule", image_id)
    held = "SELECT part_id, image_id, bricks, best_visible_fraction FROM contents"
    for image_id in sorted(_differing(index, contents_query("images", "instances"), held)):
        yield _in_index(root, "its parts in the index are not those of its bricks and labels", image_id)
    for table, what in (("instances", "bricks"), ("things", "things")):
        orphans = index.execute(f"SELECT DISTINCT image_id FROM {table} ANTI JOIN images USING (image_id) ORDER BY 1")
        for (image_id,) in orphans.fetchall():
            yield _in_index(root, f"the index has {what} of this image, but no such image", image_id)
    groups = index.sql("SELECT DISTINCT group_id FROM images").to_arrow_table()["group_id"]
    with registered(index, rule_splits=splits_table(manifest.split_rule, read_splits(root), groups)):
        astray = index.execute(
            "SELECT image_id FROM images LEFT JOIN rule_splits USING (group_id) "
            "WHERE images.split IS DISTINCT FROM coalesce(rule_splits.split, imported_split) ORDER BY image_id"
        ).fetchall()
    for (image_id,) in astray:
        yield _in_index(root, "its split in the index is not that of the split rule", image_id)


def _differing(index: duckdb.DuckDBPyConnection, one: str, other: str) -> set[str]:
    """Return the image_ids of rows that only one of two queries gives, counting repeated rows."""
    rows = index.execute(
        f"WITH one AS ({one}), other AS ({other}) SELECT image_id FROM (FROM one EXCEPT ALL FROM other) "
        "UNION SELECT image_id FROM (FROM other EXCEPT ALL FROM one)"
    ).fetchall()
    return {str(row[0]) for row in rows}


def _in_index(root: Path, what: str, image_id: str | None = None, shard: str | None = None) -> Problem:
    way_out = f"Run `brickbench dataset index --rebuild {root}` ({INDEX_NAME} is made anew from the shards)."
    return Problem(Kind.INDEX, shard, image_id, what, way_out)
