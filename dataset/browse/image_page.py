"""What the page of one picture shows: the facts about it in groups, its bricks, its neighbours."""

import math
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import quote

import numpy as np

from dataset.browse.detail import Detail, Row, probability
from dataset.browse.filters import LAYERS, Filter, View
from dataset.browse.grid_page import PAGE_SIZE, thumbnail_address
from dataset.browse.snapshot import Snapshot, Tile

_GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Picture": {
        "source": ("source", ""),
        "split": ("split", ""),
        "group_id": ("group", ""),
        "pile_index": ("pile", ""),
        "view_index": ("view", ""),
        "twin_of": ("twin of", ""),
        "twin_mode": ("twin made by", ""),
        "removed_part_id": ("part taken away", ""),
        "imported_split": ("split at import", ""),
        "split_given": ("split given", ""),
        "annotated_labels": ("annotated", ""),
    },
    "Scene": {
        "lighting": ("light", ""),
        "background": ("floor", ""),
        "arrangement": ("arrangement", ""),
        "distractors": ("other things", ""),
        "seed": ("seed", ""),
        "attempts": ("start poses tried", ""),
    },
    "Camera": {
        "camera_azimuth_deg": ("azimuth", "°"),
        "camera_elevation_deg": ("elevation", "°"),
        "camera_distance_mm": ("distance", " mm"),
        "camera_fx_px": ("focal length across", " px"),
        "camera_fy_px": ("focal length down", " px"),
        "camera_cx_px": ("axis from the left", " px"),
        "camera_cy_px": ("axis from the top", " px"),
        "camera_distortion": ("distortion k1 k2 p1 p2 k3", ""),
        "camera_turn_deg_per_s": ("turn while taken", "°/s"),
        "camera_aperture_mm": ("aperture", " mm"),
        "camera_from_world": ("camera from world", ""),
    },
    "Sensor": {
        "width": ("width", " px"),
        "height": ("height", " px"),
        "exposure": ("exposure", " EV"),
        "sensor_gain": ("gain", ""),
        "jpeg_quality": ("JPEG quality", ""),
    },
    "File": {
        "image_id": ("image", ""),
        "file": ("file", ""),
        "original_file": ("original file", ""),
        "shard": ("shard", ""),
        "geometry_file": ("depth and normals", ""),
        "content_hash": ("SHA-256", ""),
    },
}
_FACET_OF = {
    "source": "source",
    "split": "split",
    "lighting": "light",
    "background": "floor",
    "arrangement": "arrangement",
}


@dataclass(frozen=True)
class Fact:
    """One column of the index for this picture."""

    label: str
    text: str
    address: str | None = None
    """Where pictures that are alike in this can be seen."""
    rows: tuple[tuple[str, ...], ...] = ()
    """Of a matrix: its cells, row by row."""


def image_page(snapshot: Snapshot, view: View, tile: Tile, detail: Detail) -> dict[str, Any]:
    """Return what the template of one picture needs; neighbours are those that the filter of `view` lets through."""
    positions = snapshot.positions(view.filter)
    place = int(np.searchsorted(positions, tile.position))
    among = place < len(positions) and int(positions[place]) == tile.position
    following = place + 1 if among else place
    neighbours = [int(positions[at]) for at in (place - 1, following) if 0 <= at < len(positions)]
    tiles = {other.position: other for other in snapshot.tiles(neighbours)}

    def address_at(at: int) -> str | None:
        return _image_address(view, tiles[int(positions[at])].image_id) if 0 <= at < len(positions) else None

    return {
        "tile": tile,
        "detail": detail,
        "groups": _facts(snapshot, detail.image),
        "labels": [(label, View(Filter(parts=(label["part_id"],))).address()) for label in detail.labels],
        "bricks": [_brick(brick) for brick in detail.bricks],
        "siblings": [
            (row, _image_address(view, row["image_id"]), thumbnail_address(row["image_id"], row["content_hash"]))
            for row in detail.siblings
        ],
        "predictions": [
            (run, checkpoint, [row | {"probability": probability(row["logit"])} for row in rows])
            for (run, checkpoint), rows in groupby(detail.predictions, lambda row: (row["run_id"], row["checkpoint"]))
        ],
        "previous": address_at(place - 1),
        "next": address_at(following),
        "grid": view.address(page=min(place, max(len(positions) - 1, 0)) // PAGE_SIZE + 1) + f"#{tile.image_id}",
        "number": place + 1 if among else None,
        "matched": len(positions),
        "layers": [(layer, layer in view.show) for layer in LAYERS],
        "picture": f"/picture/{quote(tile.image_id)}?v={tile.content_hash[:16]}",
        "version": snapshot.version,
        "view": view,
    }


def _image_address(view: View, image_id: str) -> str:
    return view.address(f"/image/{quote(image_id)}", page=1)


def _facts(snapshot: Snapshot, image: Row) -> list[tuple[str, list[Fact]]]:
    """Return all columns of the picture in groups; those that are empty for it are left out."""
    left = dict(image)
    groups = []
    for title, columns in _GROUPS.items():
        rows = [(name, *words, left.pop(name, None)) for name, words in columns.items()]
        groups.append((title, [_fact(snapshot, *row) for row in rows if row[-1] is not None]))
    further = [
        _fact(snapshot, name, name.replace("_", " "), "", value) for name, value in left.items() if value is not None
    ]
    groups.append(("Further", further))
    return [(title, facts) for title, facts in groups if facts]


def _fact(snapshot: Snapshot, column: str, label: str, unit: str, value: Any) -> Fact:
    if isinstance(value, bool):
        value = "yes" if value else "no"
    if isinstance(value, list | tuple) and value and isinstance(value[0], str):
        value = ", ".join(value)
    if isinstance(value, list | tuple):
        cells = tuple(tuple(f"{cell:.4g}" for cell in value[start : start + 4]) for start in range(0, len(value), 4))
        return Fact(label, "", rows=cells)
    address = None
    if (facet := _FACET_OF.get(column)) and value in snapshot.values[facet]:
        address = View(Filter(choices=((facet, (value,)),))).address()
    elif column == "twin_of":
        address = f"/image/{quote(value)}"
    return Fact(label, f"{_number(value) if isinstance(value, float) else value}{unit}", address)


def _brick(brick: Row) -> Row:
    pose = brick["world_from_part"]
    return brick | {"centre_mm": None if pose is None else tuple(f"{pose[axis]:.0f}" for axis in (3, 7, 11))}


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "–"
