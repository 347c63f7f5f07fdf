"""Which pictures go out, and their rows: chosen once, then read a few hundred at a time."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb

from core.errors import BrickbenchError, SettingsError
from dataset.database import require_current
from dataset.dataset_folder import DatasetFolder
from dataset.manifest import Manifest
from dataset.queries import query
from dataset.splits import SPLITS

PICTURES_AT_ONCE = 256  # some 3,000 bricks: their masks as text are a few MB
_SAFE_ID = re.compile(r"[A-Za-z0-9_-]+")  # names a file in any folder, any tar, on any system


@dataclass(frozen=True)
class Brick:
    """One brick or annotated object of a picture; see `dataset.records` for the fields. None: not known."""

    instance_id: int
    part_id: str
    color_id: int | None
    box_xywh_px: tuple[int, int, int, int]
    visible_px: int | None
    visible_fraction: float | None
    visible_rle: str | None
    amodal_rle: str | None
    world_from_part: tuple[float, ...] | None
    labelled: bool
    """Whether it is visible enough by the label rule to be a label of the picture; True for photos."""


@dataclass(frozen=True)
class PictureCamera:
    """The camera of a rendered picture in OpenCV's conventions: x right, y down, z forward, first pixel at (0, 0)."""

    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    distortion: tuple[float, ...]
    """k1, k2, p1, p2, k3."""
    camera_from_world: tuple[float, ...]
    """Row-major 3x4, millimetres."""


@dataclass(frozen=True)
class Thing:
    """One thing of a render that is no brick."""

    thing_id: int
    kind: str
    box_xywh_px: tuple[int, int, int, int]
    visible_px: int
    visible_rle: str


@dataclass(frozen=True)
class Picture:
    """One picture with all that is known of it; bricks and things are those of which anything is seen, by number."""

    image_id: str
    source: str
    split: str
    group_id: str
    file: str
    width: int
    height: int
    content_hash: str
    geometry_file: str | None
    """Depth and normals of a render, where they were wanted."""
    camera: PictureCamera | None
    """None for a photo."""
    labels: tuple[str, ...]
    bricks: tuple[Brick, ...]
    things: tuple[Thing, ...] = ()


@dataclass(frozen=True)
class Selection:
    """Chosen pictures of a dataset: their image_ids in order under each split that has any."""

    dataset: DatasetFolder
    image_ids: dict[str, tuple[str, ...]]

    @property
    def class_of(self) -> dict[str, int]:
        """The class_index of each part_id."""
        return {part.part_id: number for number, part in enumerate(self.dataset.parts)}

    def __len__(self) -> int:
        """Return the number of pictures."""
        return sum(map(len, self.image_ids.values()))

    def thing_kinds(self) -> tuple[str, ...]:
        """Return the kinds of things that lie in any picture of the dataset, sorted."""
        return tuple(kind for (kind,) in self.dataset.query("SELECT DISTINCT kind FROM things ORDER BY kind"))

    def pictures(self, split: str) -> Iterator[Picture]:
        """Yield the pictures of `split` in the order of their image_ids, in memory for a few hundred.

        The index stays open meanwhile, so nobody can change it.
        """
        image_ids = self.image_ids.get(split, ())
        with self.dataset.index() as index:
            for start in range(0, len(image_ids), PICTURES_AT_ONCE):
                yield from _read(index, image_ids[start : start + PICTURES_AT_ONCE], self.dataset.manifest)


def select_pictures(
    dataset: DatasetFolder,
    *,
    splits: Sequence[str] = (),
    source: str | None = None,
    sql: str | None = None,
    twins: bool = False,
) -> Selection:
    """Return the pictures that were asked for.

    They are of `splits`, if any is named, of the `source` ``synthetic`` or ``real``, None for both, and `sql` selects
    their image_id. Pictures that differ from another in one thing come with `twins`; those that `sql` names come in any
    case.

    Raises:
        SettingsError: the SQL is refused or selects something else than image_ids.
        BrickbenchError: it has no index, or nothing is left to export.
    """
    chosen = None if sql is None else chosen_ids(dataset, sql)
    with dataset.index() as index:
        require_current(index, dataset.root, dataset.manifest)
        rows = index.execute(
            "SELECT split, image_id FROM images WHERE (?::VARCHAR IS NULL OR source = ?) AND "
            "(?::BOOLEAN OR twin_of IS NULL) ORDER BY image_id",
            [source, source, twins or chosen is not None],
        ).fetchall()
    found: dict[str, list[str]] = {split: [] for split in SPLITS if not splits or split in splits}
    for split, image_id in rows:
        if split in found and (chosen is None or image_id in chosen):
            found[split].append(require_safe_id(image_id))
    if not any(found.values()):
        held = ", ".join(f"{count} in {split}" for split, count in sorted(Counter(row[0] for row in rows).items()))
        raise BrickbenchError(
            f"No picture of {dataset.root} is left to export: with this --source it has {held or 'none at all'}. "
            "Choose other splits, another source or another query."
        )
    return Selection(dataset, {split: tuple(ids) for split, ids in found.items() if ids})


def chosen_ids(dataset: DatasetFolder, sql: str) -> set[str]:
    """Return the image_ids that `sql` selects; it can change nothing and reach no other file.

    Raises:
        SettingsError: DuckDB refuses the SQL, or it selects no column image_id, or what is no image_id.
    """
    columns, rows = query(dataset, sql)
    if "image_id" not in columns:
        raise SettingsError(
            f"The query should select the column image_id; it selects {', '.join(columns) or 'nothing'}. "
            "Write it as SELECT image_id FROM images WHERE …"
        )
    column = columns.index("image_id")
    chosen = {row[column] for row in rows}
    known = {row[0] for row in dataset.query("SELECT image_id FROM images")}
    strange = sorted(map(str, chosen - known))
    if strange:
        raise SettingsError(
            f"The query should select image_ids of {dataset.root}; {strange[0]!r} is none"
            f"{f' (nor are {len(strange) - 1} others)' if len(strange) > 1 else ''}. Select from the table images."
        )
    return chosen


def require_safe_id(image_id: str) -> str:
    """Return `image_id` if it can name a file in any folder; raise BrickbenchError if it could lead elsewhere."""
    if not _SAFE_ID.fullmatch(image_id):
        raise BrickbenchError(
            f"The image_id {image_id!r} should be letters, digits, _ and - only, since it names files. "
            "That dataset was not made by Brickbench; do not trust it."
        )
    return image_id


def _read(index: duckdb.DuckDBPyConnection, image_ids: Sequence[str], manifest: Manifest) -> Iterator[Picture]:
    # Rows lie in shard order, so the range lets DuckDB skip what the list alone would make it read.
    where = "image_id BETWEEN ? AND ? AND image_id IN (SELECT unnest(?))"
    range_and_list = [image_ids[0], image_ids[-1], list(image_ids)]
    labels: dict[str, list[str]] = {image_id: [] for image_id in image_ids}
    for image_id, part_id in index.execute(
        f"SELECT image_id, part_id FROM labels JOIN parts USING (part_id) WHERE {where} ORDER BY class_index",
        range_and_list,
    ).fetchall():
        labels[image_id].append(part_id)
    bricks: dict[str, list[Brick]] = {image_id: [] for image_id in image_ids}
    rule = manifest.label_rule
    for image_id, instance_id, part_id, color_id, box, visible_px, fraction, visible, amodal, pose in index.execute(
        "SELECT image_id, instance_id, part_id, color_id, box_xywh_px, visible_px, visible_fraction, visible_rle, "
        f"amodal_rle, world_from_part FROM instances WHERE {where} AND coalesce(visible_px, 1) > 0 "
        "ORDER BY image_id, instance_id",
        range_and_list,
    ).fetchall():
        labelled = fraction is None or (fraction >= rule.min_visible_fraction and visible_px >= rule.min_visible_px)
        known_pose = None if pose is None else tuple(pose)
        bricks[image_id].append(
            Brick(
                instance_id, part_id, color_id, tuple(box), visible_px, fraction, visible, amodal, known_pose, labelled
            )
        )
    things: dict[str, list[Thing]] = {image_id: [] for image_id in image_ids}
    for image_id, thing_id, kind, box, visible_px, visible in index.execute(
        "SELECT image_id, thing_id, kind, box_xywh_px, visible_px, visible_rle FROM things "
        f"WHERE {where} AND visible_px > 0 ORDER BY image_id, thing_id",
        range_and_list,
    ).fetchall():
        things[image_id].append(Thing(thing_id, kind, tuple(box), visible_px, visible))
    for image_id, source, split, group_id, file, width, height, content_hash, geometry, *camera in index.execute(
        "SELECT image_id, source, split, group_id, file, width, height, content_hash, geometry_file, camera_fx_px, "
        "camera_fy_px, camera_cx_px, camera_cy_px, camera_distortion, camera_from_world FROM images "
        f"WHERE {where} ORDER BY image_id",
        range_and_list,
    ).fetchall():
        shown = _view(*camera), tuple(labels[image_id]), tuple(bricks[image_id]), tuple(things[image_id])
        yield Picture(image_id, source, split, group_id, file, width, height, content_hash, geometry, *shown)


def _view(
    fx: float | None, fy: float, cx: float, cy: float, distortion: Sequence[float], pose: Sequence[float]
) -> PictureCamera | None:
    if fx is None:
        return None
    rows = [pose[:4], *([-value for value in pose[k : k + 4]] for k in (4, 8))]  # y down and z forward
    return PictureCamera(fx, fy, cx, cy, tuple(distortion), tuple(value for row in rows for value in row))
