"""Everything that can be wrong with a dataset, looked for: files, masks, and the index against the shards."""

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import duckdb
import numpy as np
import pyarrow as pa

from core.errors import BrickbenchError
from core.files import sha256_hex
from core.progress import Progress
from dataset.database import INDEX_NAME, first_row
from dataset.index import open_index
from dataset.intake import require_consistent, with_shard_columns
from dataset.manifest import Manifest
from dataset.masks import decode_mask
from dataset.merge import casts, get_meta, labels_query, manifest_digests, registered
from dataset.run_folders import RUN_FILE
from dataset.schema import IMAGES, INSTANCES
from dataset.shards import DamagedShardError, ShardTables, how_to_mend, list_shards, read_shard, shard_folder
from dataset.splits import read_splits, splits_table

FRACTION_TOLERANCE = 1e-6  # a renderer may have kept the quotient as float32


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: in which shard and image (None: in none), what, and the way out."""

    shard: str | None
    image_id: str | None
    what: str
    way_out: str


def check_dataset(root: Path) -> list[Problem]:
    """Return all that is wrong with the dataset `root`, shard by shard; an empty list if nothing is.

    Reads every file: pictures are hashed and decoded, masks are laid out, the index is compared with the shards
    row by row, its labels and splits with the rules in ``dataset.yaml``.

    Raises:
        BrickbenchError: `root` is no dataset.
    """
    manifest = Manifest.load_folder(root)
    problems: list[Problem] = []
    shards = list_shards(root)
    try:
        index = open_index(root)
    except BrickbenchError as error:
        index = None
        what, _, way_out = str(error).partition(". ")
        problems.append(Problem(None, None, what, way_out))
    try:
        with Progress("Check", len(shards), "shards") as progress:
            for name in shards:
                problems += _check_shard(root, name, manifest, index)
                progress.advance()
        if index is not None:
            problems += _check_index(index, root, manifest, set(shards))
    finally:
        if index is not None:
            index.close()
    return problems


def _check_shard(
    root: Path, name: str, manifest: Manifest, index: duckdb.DuckDBPyConnection | None
) -> Iterator[Problem]:
    way_out = how_to_mend(root, name)
    try:
        shard = read_shard(root, name)
        require_consistent(root, name, shard, manifest)
    except DamagedShardError as error:
        yield Problem(name, None, error.what, way_out)
        return
    bricks: dict[str, list[dict[str, Any]]] = {}
    for brick in shard.instances.drop_columns(["world_from_part"]).to_pylist():
        bricks.setdefault(brick["image_id"], []).append(brick)
    for image in shard.images.to_pylist():
        found = [*file_problems(shard_folder(root, name), image)]
        found += mask_problems(bricks.get(image["image_id"], []), image["height"], image["width"])
        for what in found:
            yield Problem(name, image["image_id"], what, way_out)
    if index is not None:
        yield from _compare_rows(index, root, name, shard)


def file_problems(folder: Path, image: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with an image's file; `image` is its row in the shard `folder`."""
    path = folder / image["file"]
    try:
        data = path.read_bytes()
    except OSError as error:
        yield f"{image['file']} cannot be read: {error.strerror or error}"
        return
    if sha256_hex(data) != image["content_hash"]:
        yield f"{image['file']} was altered: its SHA-256 is not the recorded one"
        return
    picture = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR) if data else None
    if picture is None:
        yield f"{image['file']} is no image"
    elif picture.shape[:2] != (image["height"], image["width"]):
        size = f"{picture.shape[1]} x {picture.shape[0]}"
        yield f"{image['file']} is {size} pixels, recorded are {image['width']} x {image['height']}"
    if image["geometry_file"] is not None:
        yield from _geometry_problems(folder, image)


def _geometry_problems(folder: Path, image: dict[str, Any]) -> Iterator[str]:
    name = image["geometry_file"]
    try:
        with np.load(folder / name) as arrays:
            shapes = {key: arrays[key].shape[:2] for key in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        yield f"{name} cannot be read: {error}"
        return
    for key, shape in shapes.items():
        if shape != (image["height"], image["width"]):
            yield f"{key} in {name} is {shape[1]} x {shape[0]} pixels, the picture {image['width']} x {image['height']}"


def mask_problems(bricks: list[dict[str, Any]], height: int, width: int) -> Iterator[str]:
    """Yield what is wrong with the masks of one picture; `bricks` are its rows in instances."""
    taken = np.zeros((height, width), dtype=np.bool_)
    for brick in bricks:
        name = f"brick {brick['instance_id']} ({brick['part_id']})"
        if brick["amodal_rle"] is None:  # a photo's: what is hidden is not known, and objects may be annotated twice
            yield from _photo_problems(name, brick, height, width)
            continue
        try:
            visible = decode_mask(brick["visible_rle"], height, width)
            amodal = decode_mask(brick["amodal_rle"], height, width)
        except BrickbenchError:
            yield f"a mask of {name} does not fill {width} x {height} pixels"
            continue
        for kind, mask in (("visible", visible), ("amodal", amodal)):
            if mask.sum() != brick[f"{kind}_px"]:
                yield f"the {kind} mask of {name} has {mask.sum()} pixels, recorded are {brick[f'{kind}_px']}"
        fraction = brick["visible_px"] / brick["amodal_px"] if brick["amodal_px"] else 0.0
        fraction *= brick["in_frame_fraction"]
        if abs(fraction - brick["visible_fraction"]) > FRACTION_TOLERANCE:
            yield f"visible_fraction of {name} is {brick['visible_fraction']:g}, its pixels give {fraction:g}"
        left, top, box_width, box_height = brick["box_xywh_px"]
        if visible[top : top + box_height, left : left + box_width].sum() != visible.sum():
            yield f"the visible mask of {name} leaves its box"
        if (visible & ~amodal).any():
            yield f"the visible mask of {name} leaves its amodal mask"
        if (visible & taken).any():
            yield f"the visible mask of {name} covers another brick's"
        taken |= visible


def _photo_problems(name: str, thing: dict[str, Any], height: int, width: int) -> Iterator[str]:
    left, top, box_width, box_height = thing["box_xywh_px"]
    if left < 0 or top < 0 or left + box_width > width or top + box_height > height:
        yield f"the box of {name} leaves the picture"
    if thing["visible_rle"] is None:
        return
    try:
        visible = decode_mask(thing["visible_rle"], height, width)
    except BrickbenchError:
        yield f"the mask of {name} does not fill {width} x {height} pixels"
        return
    if visible.sum() != thing["visible_px"]:
        yield f"the mask of {name} has {visible.sum()} pixels, recorded are {thing['visible_px']}"
    if visible[top : top + box_height, left : left + box_width].sum() != visible.sum():
        yield f"the mask of {name} leaves its box"


def _compare_rows(index: duckdb.DuckDBPyConnection, root: Path, name: str, shard: ShardTables) -> Iterator[Problem]:
    row = first_row(index, "SELECT digest FROM shards WHERE shard = ?", [name])
    if row is None:
        yield Problem(name, None, "the index lacks this shard", f"Run `brickbench dataset index {root}`.")
        return
    if row[0] != shard.digest:
        yield Problem(name, None, "the index has another version of this shard (stale)", _rebuild(root))
        return
    images = with_shard_columns(shard.images, pa.chunked_array([pa.repeat(name, shard.images.num_rows)]))
    with registered(index, shard_images=images, shard_instances=shard.instances):
        columns = tuple(column for column in IMAGES if column.name != "split")
        there = f"SELECT {casts(columns)} FROM images WHERE shard = '{name}'"
        wrong = _differing(index, f"SELECT {casts(columns)} FROM shard_images", there)
        there = "FROM instances SEMI JOIN shard_images USING (image_id)"
        wrong |= _differing(
            index, f"SELECT {casts(INSTANCES)} FROM shard_instances", f"SELECT {casts(INSTANCES)} {there}"
        )
    for image_id in sorted(wrong):
        yield Problem(name, image_id, "its rows in the index are not those of the shard", _rebuild(root))


def _check_index(
    index: duckdb.DuckDBPyConnection, root: Path, manifest: Manifest, shards: set[str]
) -> Iterator[Problem]:
    for (name,) in index.execute("SELECT shard FROM shards ORDER BY shard").fetchall():
        if name not in shards:
            yield Problem(
                name,
                None,
                "the index has this shard, but its folder is gone",
                "Run `brickbench render run` again to make it anew, or "
                f"`brickbench dataset index --rebuild {root}` to go on without it.",
            )
    for run_id, folder in index.execute("SELECT run_id, folder FROM runs ORDER BY run_id").fetchall():
        if not (root / folder / RUN_FILE).is_file():
            way_out = f"Put it back, or run `brickbench dataset index --rebuild {root}` to go on without it."
            yield Problem(None, None, f"the index has the run {run_id!r}, but its folder {folder} is gone", way_out)
    if any(get_meta(index, name) != digest for name, digest in manifest_digests(root, manifest).items()):
        way_out = f"Run `brickbench dataset index {root}`."
        yield Problem(None, None, "dataset.yaml or splits.parquet changed after the index was made", way_out)
        return
    parts = index.execute("SELECT part_id, name, category, class_index FROM parts ORDER BY class_index").fetchall()
    if parts != [(part.part_id, part.name, part.category, number) for number, part in enumerate(manifest.parts)]:
        yield Problem(None, None, "the index has other parts than dataset.yaml", _rebuild(root))
    rule_labels = labels_query("images", "instances", manifest.label_rule)
    for image_id in sorted(_differing(index, rule_labels, "SELECT image_id, part_id FROM labels")):
        yield Problem(None, image_id, "its labels in the index are not those of the label rule", _rebuild(root))
    groups = index.sql("SELECT DISTINCT group_id FROM images").to_arrow_table()["group_id"]
    with registered(index, rule_splits=splits_table(manifest.split_rule, read_splits(root), groups)):
        astray = index.execute(
            "SELECT image_id FROM images LEFT JOIN rule_splits USING (group_id) "
            "WHERE images.split IS DISTINCT FROM coalesce(rule_splits.split, imported_split) ORDER BY image_id"
        ).fetchall()
    for (image_id,) in astray:
        yield Problem(None, image_id, "its split in the index is not that of the split rule", _rebuild(root))


def _differing(index: duckdb.DuckDBPyConnection, one: str, other: str) -> set[str]:
    """Return the image_ids of rows that only one of two queries gives, counting repeated rows."""
    rows = index.execute(
        f"WITH one AS ({one}), other AS ({other}) SELECT image_id FROM (FROM one EXCEPT ALL FROM other) "
        "UNION SELECT image_id FROM (FROM other EXCEPT ALL FROM one)"
    ).fetchall()
    return {str(row[0]) for row in rows}


def _rebuild(root: Path) -> str:
    return f"Run `brickbench dataset index --rebuild {root}` ({INDEX_NAME} is made anew from the shards)."
