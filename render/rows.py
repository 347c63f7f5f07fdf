"""Pictures as a shard keeps them: rows of the picture, its bricks and its other things, and the bytes of its files."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.files import sha256_hex
from dataset.masks import encode_crop
from dataset.records import ImageRecord, InstanceRecord, ThingRecord
from dataset.shards import GEOMETRY_FOLDER, Picture, pack_arrays
from dataset.splits import pile_group
from render.camera import Camera
from render.label_maps import Crop, PileMasks
from render.pile import Pile, SettledPile
from render.sensor import encode
from render.settings import RenderSettings
from render.shots import Shot


def record_of(pile: Pile, shot: Shot, settings: RenderSettings) -> Picture:
    """Return the row of a picture, the bytes of its image file and, where asked for, of its depth and normals."""
    view = shot.settled.pile.views[shot.view_index]
    name = f"{pile.pile_index:08d}-{shot.view_index:02d}"
    image_id = f"{name}-{shot.twin.ending(shot.view_index)}" if shot.twin else name
    difference = shot.twin.differences[shot.view_index] if shot.twin else None
    data = encode(shot.image, settings.image_format, view.sensor.jpeg_quality)
    record = ImageRecord(
        image_id=image_id,
        group_id=pile_group(pile.pile_index),
        file=f"images/{image_id}.{settings.image_format}",
        content_hash=sha256_hex(data),
        geometry_file=f"{GEOMETRY_FOLDER}/{image_id}.npz" if shot.geometry else None,
        width=shot.image.shape[1],
        height=shot.image.shape[0],
        pile_index=pile.pile_index,
        view_index=shot.view_index,
        twin_of=name if shot.twin else None,
        twin_mode=shot.twin.mode if shot.twin else None,
        removed_part_id=shot.twin.removed_part_id if shot.twin else None,
        twin_factor=shot.twin.factor if shot.twin else None,
        twin_part_id=shot.twin.part_id if shot.twin else None,
        twin_was=difference.was if difference else None,
        twin_became=difference.became if difference else None,
        seed=pile.seed,
        attempts=pile.attempt + 1,
        arrangement=pile.arrangement,
        distractors=len(shot.settled.props()),
        background=view.floor.name,
        lighting=view.lighting.name,
        exposure=shot.exposure_ev,
        sensor_gain=view.sensor.gain,
        jpeg_quality=view.sensor.jpeg_quality,
        camera_aperture_mm=shot.camera.aperture_mm,
        **_lens_columns(shot.camera),
        camera_from_world=tuple(shot.camera.camera_from_world.ravel().tolist()),
        camera_azimuth_deg=view.camera.azimuth_deg,
        camera_elevation_deg=view.camera.elevation_deg,
        camera_distance_mm=float(np.linalg.norm(shot.camera.position_mm)),
        instances=tuple(_instances(shot.settled, shot.masks)),
        things=tuple(_things(shot.settled, shot.masks)),
    )
    if shot.geometry is None:
        return record, data
    arrays: dict[str, NDArray[Any]] = {"depth_m": shot.geometry.depth_m, "normals": shot.geometry.normals}
    wanted = {"depth_m": settings.depth, "normals": settings.normals}
    return record, data, pack_arrays({name: array for name, array in arrays.items() if wanted[name]})


def _color_id(pile: Pile, brick: int) -> int | None:
    paint = pile.mesh(brick).paint
    return None if paint is not None and paint.covers_all else pile.bricks[brick].color.color_id


def _lens_columns(camera: Camera) -> dict[str, Any]:
    lens = camera.lens
    return {
        "camera_fx_px": lens.fx_px,
        "camera_fy_px": lens.fy_px,
        "camera_cx_px": lens.cx_px - 0.5,  # OpenCV's coordinates
        "camera_cy_px": lens.cy_px - 0.5,
        "camera_distortion": lens.distortion,
        "camera_turn_deg_per_s": camera.motion.turn_deg_per_s if camera.motion else (0.0, 0.0, 0.0),
    }


def _instances(settled: SettledPile, masks: PileMasks) -> Iterator[InstanceRecord]:
    for k in settled.present:
        brick, pose = settled.pile.bricks[k], tuple(settled.world_from_thing[k].ravel().tolist())
        yield InstanceRecord(
            instance_id=k,
            part_id=brick.part_id,
            color_id=_color_id(settled.pile, k),
            world_from_part=pose,
            **_seen(masks, k),
        )


def _things(settled: SettledPile, masks: PileMasks) -> Iterator[ThingRecord]:
    """Yield the rows of what is no brick: the props that are there, and the tray, which comes last."""
    pile = settled.pile
    kinds = {k: pile.props[k - len(pile.bricks)].kind for k in settled.props()}
    poses = [*settled.world_from_thing, np.eye(3, 4)]
    if pile.tray is not None:
        kinds[len(poses) - 1] = "tray"
    for k, kind in kinds.items():
        pose = tuple(poses[k].ravel().tolist())
        yield ThingRecord(thing_id=k, kind=kind, world_from_thing=pose, **_seen(masks, k))


def _seen(masks: PileMasks, k: int) -> dict[str, Any]:
    """Return the columns that say what is seen of thing `k`."""
    visible, amodal, in_frame = masks.visible_crop(k), masks.silhouettes[k], float(masks.in_frame_fraction[k])
    visible_px, amodal_px = int(visible.mask.sum()), int(amodal.mask.sum())
    return {
        "box_xywh_px": visible.box_xywh_px(),
        "visible_px": visible_px,
        "amodal_px": amodal_px,
        "in_frame_fraction": in_frame,
        "visible_fraction": visible_px / amodal_px * in_frame if amodal_px else 0.0,
        "visible_rle": _rle(visible, masks),
        "amodal_rle": _rle(amodal, masks),
    }


def _rle(crop: Crop, masks: PileMasks) -> str:
    return encode_crop(crop.mask, crop.left_px, crop.top_px, *masks.things.shape)
