"""One picture and the bricks in it, as they cross from a renderer to the shards."""

from dataclasses import dataclass


@dataclass(frozen=True)
class InstanceRecord:
    """One brick of a picture, also if nothing of it can be seen.

    Masks are COCO's compressed RLE over the whole picture. The box is the tight box of the visible mask as
    (left, top, width, height), all 0 when nothing is visible. `visible_fraction` is visible_px / amodal_px in
    [0, 1], 0 for an empty amodal mask. `world_from_part` is a row-major 3x4 matrix, millimetres.
    """

    instance_id: int
    part_id: str
    color_id: int
    box_xywh_px: tuple[int, int, int, int]
    visible_px: int
    amodal_px: int
    visible_fraction: float
    visible_rle: str
    amodal_rle: str
    world_from_part: tuple[float, ...]


@dataclass(frozen=True)
class ImageRecord:
    """One picture of one pile.

    `source` is ``synthetic`` or ``real``; `file` is ``images/NAME.EXT``, relative to the shard's folder;
    `content_hash` is the SHA-256 of that file in hexadecimal; `exposure` is in EV; `camera_from_world` is a
    row-major 3x4 matrix, millimetres; `instances` hold one entry for each brick of the pile.
    """

    image_id: str
    source: str
    file: str
    width: int
    height: int
    content_hash: str
    pile_index: int
    view_index: int
    seed: int
    background: str
    lighting: str
    exposure: float
    camera_focal_px: float
    camera_from_world: tuple[float, ...]
    camera_azimuth_deg: float
    camera_elevation_deg: float
    camera_distance_mm: float
    instances: tuple[InstanceRecord, ...]
