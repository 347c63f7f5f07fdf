"""What a worker process does: it keeps one Blender alive and renders shard after shard."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core.files import sha256_hex
from core.seeding import Purpose, generator
from dataset.kept_piles import KeptPiles
from dataset.masks import encode_crop
from dataset.records import ImageRecord, InstanceRecord, ThingRecord
from dataset.shards import GEOMETRY_FOLDER, Picture, pack_arrays, pile_shard, read_shard, shard_folder, write_shard
from dataset.splits import pile_group
from render import blender
from render.camera import Camera
from render.devices import choose_device, chosen_device, once_a_node
from render.framing import frame_pile
from render.journal import ShardJournal, Share
from render.label_maps import Crop, PileMasks
from render.labels import Geometry, cast_labels, cast_masks
from render.physics import NotAtRestError, settle
from render.pile import Pile, SettledPile, sample_pile
from render.scene import set_up_renderer, staged, take_picture, viewed
from render.sensor import develop, encode, expose
from render.settings import RenderSettings
from render.twins import Twin, twins_of, with_bricks_of
from render.warp import through_lens

ATTEMPTS = 8
"""Start poses that are tried before a pile is given up; the first comes to rest in 394 of 400 default piles."""


PILE_FAULTS = (NotAtRestError, ArithmeticError, LookupError, ValueError)
"""What a pile's own numbers can raise: it would on any machine, so the pile is set aside and its shard goes on.

What a machine lacks (memory, disk, a Blender that works) is no fault of the pile: its shard is tried again elsewhere.
"""


@dataclass(frozen=True)
class ShardJob:
    """One shard to make: a pure work item."""

    root: Path
    settings: RenderSettings
    seed: int
    shard_index: int
    pile_indices: range
    share: Share = (1, 1)
    """Of the render that it belongs to."""
    render: str = ""
    """Its name, as of `render.journal.this_render`."""
    set_aside: Mapping[int, str] = field(default_factory=dict)
    """Piles that are not even begun, with the reason: each took its worker down again and again."""


@dataclass(frozen=True)
class Made:
    """What became of a shard: how many piles it was to have, and which of them could not be made, with the reason."""

    piles: int
    set_aside: Mapping[int, str]


@dataclass(frozen=True)
class Shot:
    """One picture of a pile or of a twin, with its camera and labels."""

    view_index: int
    twin: Twin | None
    settled: SettledPile
    camera: Camera
    exposure_ev: float
    """Stops that it was developed with, as of `render.sensor.expose`."""
    image: NDArray[np.uint8]  # (H, W, 3), sRGB
    masks: PileMasks
    geometry: Geometry | None


def start_blender(threads: int, device: str = "cpu") -> None:
    """Make this process ready to render with `threads` CPU threads, on `device`, one of `render.devices.DEVICES`.

    The first process on a machine that takes a GPU compiles its kernels, and the others wait for it.

    Raises:
        BrickbenchError: this machine has no such device.
    """
    # A second thread of BLAS, woken by any larger product, spins on for a while: a core that another worker needs.
    threadpool_limits(1, user_api="blas")
    with blender.quiet():
        blender.reset(threads)
        choose_device(device)
    if chosen_device() != "cpu":
        once_a_node(f"kernels of Blender {blender.bpy.app.version_string} for {chosen_device()}", take_first_picture)


def take_first_picture() -> None:
    """Render one small picture, for which Cycles loads or compiles what it needs for any."""
    settings = RenderSettings(image_size_px=32, samples=1, bricks_min=1, bricks_max=1)
    for _ in render_shots(settled_pile(settings, 0, 0), settings):
        pass


def render_shard(job: ShardJob) -> Made:
    """Render one shard into its dataset and return what became of it; one that is there already stays.

    Each finished pile is kept until the shard is whole, so whoever goes on with the shard begins where this one ended.

    Raises:
        RuntimeError: none of several piles could be made, which is no fault of theirs; no shard is written then.
    """
    kept = KeptPiles(job.root, job.shard_index)
    if shard_folder(job.root, pile_shard(job.shard_index)).is_dir():  # a worker was lost before it could say so
        kept.clear()
        return Made(len(job.pile_indices), read_shard(job.root, pile_shard(job.shard_index)).set_aside)
    journal = ShardJournal(job.root, job.share, job.shard_index, chosen_device(), job.render)
    set_aside = dict(job.set_aside)

    def pictures() -> Iterator[Picture]:
        for pile_index in job.pile_indices:
            if pile_index in set_aside:
                continue
            journal.begin_pile(pile_index)
            made = kept.read(pile_index)
            if made is None:
                made = list(pictures_of(job.settings, job.seed, [pile_index], set_aside))
                if pile_index not in set_aside:
                    kept.keep(pile_index, made)
            yield from made
        journal.end_piles()
        if len(set_aside) == len(job.pile_indices) > 1:
            raise RuntimeError(f"none of its {len(set_aside)} piles could be made; of one {min(set_aside.items())[1]}")

    with journal:
        write_shard(job.root, job.shard_index, pictures(), set_aside)
    kept.clear()
    return Made(len(job.pile_indices), set_aside)


def pictures_of(
    settings: RenderSettings, seed: int, pile_indices: Iterable[int], set_aside: dict[int, str]
) -> Iterator[Picture]:
    """Yield the pictures of some piles, all of a pile or none.

    A pile that cannot be made, whoever makes it, is put into `set_aside` with the reason; those in it are left out.
    """
    for pile_index in pile_indices:
        if pile_index in set_aside:
            continue
        try:
            settled = settled_pile(settings, seed, pile_index)
            made = [record_of(settled.pile, shot, settings) for shot in render_shots(settled, settings)]
        except PILE_FAULTS as error:
            set_aside[pile_index] = f"{type(error).__name__}: {error}"
            continue
        yield from made


def settled_pile(settings: RenderSettings, seed: int, pile_index: int) -> SettledPile:
    """Return a pile at rest; when one keeps moving, other start poses of the same bricks are tried.

    Raises:
        NotAtRestError: none of `ATTEMPTS` start poses came to rest.
    """
    for attempt in range(ATTEMPTS - 1):
        try:
            return settle(sample_pile(settings, seed, pile_index, attempt))
        except NotAtRestError:
            continue
    return settle(sample_pile(settings, seed, pile_index, ATTEMPTS - 1))


def render_shots(settled: SettledPile, settings: RenderSettings) -> Iterator[Shot]:
    """Yield the pictures of a settled pile: each view in turn, then each view of each twin.

    A twin's picture has the camera, exposure and noise of its original, and all else but what the twin changes.
    """
    pile = settled.pile
    cameras = [frame_pile(view.camera, settled.corners_mm(), settings.image_size_px) for view in pile.views]
    outermost = settled.outermost_mm()  # where tables end is no matter of twins
    originals: dict[int, Original] = {}
    yield from _shots(settled, None, cameras, outermost, settings, originals)
    for twin in twins_of(settled, settings):
        yield from _shots(twin.settled, twin, cameras, outermost, settings, originals)


@dataclass(frozen=True)
class Original:
    """What a picture leaves for those of its twins."""

    exposure_ev: float
    radiance: NDArray[np.float32] | None
    """(H, W, 3), where twins without a shadow need it"""


def _shots(
    settled: SettledPile,
    twin: Twin | None,
    cameras: list[Camera],
    outermost: NDArray[np.float64],
    settings: RenderSettings,
    originals: dict[int, Original],
) -> Iterator[Shot]:
    """Yield each view of a pile, which fills in `originals`, or of a twin."""
    pile = settled.pile
    with tempfile.TemporaryDirectory(prefix="brickbench-") as scratch, blender.quiet():
        set_up_renderer(settings.samples)
        with staged(settled):
            for view_index, (view, camera) in enumerate(zip(pile.views, cameras, strict=True)):
                rng = generator(pile.seed, pile.pile_index, Purpose.NOISE, view_index)
                floor = view.floor.placed(outermost)
                with viewed(floor, view.lighting, camera):
                    radiance = take_picture(Path(scratch), int(rng.integers(2**31)))
                radiance, light_rgb = through_lens(radiance, camera), view.lighting.light_rgb
                geometry = None
                if settings.depth or settings.normals:
                    masks, geometry = cast_labels(settled, camera, floor.edge)
                else:
                    masks = cast_masks(settled, camera)
                if twin is None:
                    kept = radiance if "shadow" in settings.factor_twins else None
                    originals[view_index] = Original(expose(radiance, light_rgb, view.sensor), kept)
                original = originals[view_index]
                if settled.shadowless and original.radiance is not None:
                    seen = np.isin(masks.things, settled.shadowless)
                    radiance = with_bricks_of(original.radiance, radiance, seen)
                image = develop(radiance, light_rgb, view.sensor, original.exposure_ev, rng)
                yield Shot(view_index, twin, settled, camera, original.exposure_ev, image, masks, geometry)


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
