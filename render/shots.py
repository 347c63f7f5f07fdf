"""The pictures of a pile: settled, seen by its cameras, developed and labelled, and those of its twins."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.seeding import Purpose, generator
from render import blender
from render.camera import Camera
from render.framing import frame_pile
from render.label_maps import PileMasks
from render.labels import Geometry, cast_labels, cast_masks
from render.physics import NotAtRestError, settle
from render.pile import SettledPile, sample_pile
from render.scene import set_up_renderer, staged, take_picture, viewed
from render.sensor import develop, expose
from render.settings import RenderSettings
from render.twins import Twin, twins_of, with_bricks_of
from render.warp import through_lens

ATTEMPTS = 8
"""Start poses that are tried before a pile is given up; the first comes to rest in 394 of 400 default piles."""


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
