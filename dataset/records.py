"""One picture and the bricks in it, as they cross from a renderer, or from a folder of photos, to the shards."""

from dataclasses import dataclass


@dataclass(frozen=True)
class InstanceRecord:
    """One brick of a picture, also if nothing of it can be seen.

    Masks are COCO's compressed RLE over the whole picture. The box is the tight box of the visible mask as
    (left, top, width, height), all 0 when nothing is visible. `in_frame_fraction` is the share of the brick's whole
    silhouette that lies inside the picture. `visible_fraction` is the share of the whole silhouette that is seen,
    visible_px / amodal_px * in_frame_fraction in [0, 1], 0 for an empty amodal mask. `world_from_part` is a row-major
    3x4 matrix, millimetres. `color_id` is an LDraw code, None for a brick that has only colours of its part's own.
    """

    instance_id: int
    part_id: str
    color_id: int | None
    box_xywh_px: tuple[int, int, int, int]
    visible_px: int
    amodal_px: int
    in_frame_fraction: float
    visible_fraction: float
    visible_rle: str
    amodal_rle: str
    world_from_part: tuple[float, ...]


@dataclass(frozen=True)
class ImageRecord:
    """One picture of one pile, or of its twin.

    `group_id` names what stays together in splits and resampling: the pile. `file` is ``images/NAME.EXT``, relative
    to the shard's folder; `content_hash` is the SHA-256 of that file in hexadecimal; `exposure` is in EV, metered and
    drawn; `camera_from_world` is a row-major 3x4 matrix, millimetres, to axes x right, y up, z back; `instances` hold
    one entry for each brick of the pile. The lens is OpenCV's: `camera_distortion` is k1 k2 p1 p2 k3, and the first
    pixel's centre is (0, 0) for `camera_cx_px` and `camera_cy_px`. `camera_turn_deg_per_s` is how the camera turned
    about its own axes while the picture was taken.

    `attempts` counts the start poses that were tried until the pile came to rest.

    A twin is the picture `twin_of` (an image_id) without its bricks of `removed_part_id`; its `twin_mode` is
    ``removed`` where everything else is in its place, ``resettled`` where the rest has moved on. Its instances keep
    the numbers of the original's. `geometry_file` is a NumPy archive with ``depth_m`` (H, W) float32, metres along
    the camera's axis, and ``normals`` (H, W, 3) float16 in the camera's axes (x right, y up, z towards the camera),
    where they were asked for.
    """

    image_id: str
    group_id: str
    file: str
    width: int
    height: int
    content_hash: str
    geometry_file: str | None
    pile_index: int
    view_index: int
    twin_of: str | None
    twin_mode: str | None
    removed_part_id: str | None
    seed: int
    attempts: int
    arrangement: str
    distractors: int
    background: str
    lighting: str
    exposure: float
    sensor_gain: float
    jpeg_quality: int
    camera_aperture_mm: float
    camera_fx_px: float
    camera_fy_px: float
    camera_cx_px: float
    camera_cy_px: float
    camera_distortion: tuple[float, ...]
    camera_turn_deg_per_s: tuple[float, ...]
    camera_from_world: tuple[float, ...]
    camera_azimuth_deg: float
    camera_elevation_deg: float
    camera_distance_mm: float
    instances: tuple[InstanceRecord, ...]


@dataclass(frozen=True)
class PhotoInstance:
    """One annotated object of a photo.

    The box is (left, top, width, height) in pixels of the picture as it is used. The mask is COCO's compressed RLE over
    the whole picture; it and its area are None where the source has boxes only.
    """

    part_id: str
    box_xywh_px: tuple[int, int, int, int]
    visible_px: int | None = None
    visible_rle: str | None = None


@dataclass(frozen=True)
class PhotoRecord:
    """One real photo.

    `group_id` is shared by photos that are duplicates of each other; `file` is ``images/NAME.EXT``, relative to the
    shard's folder, or an absolute path for a photo that stays where it is; `content_hash` is the SHA-256 of that file
    in hexadecimal; `width` and `height` are those of the upright picture at the size at which it is used. `split` was
    given by the source (`split_given`) or drawn when the photo was imported. `labels` are part_ids.
    """

    image_id: str
    group_id: str
    file: str
    width: int
    height: int
    content_hash: str
    original_file: str
    split: str
    split_given: bool
    labels: tuple[str, ...]
    instances: tuple[PhotoInstance, ...]
