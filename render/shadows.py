"""Where the photographer's hand or head is: its outline in space, from where its shadow lies in the picture."""

import numpy as np
from numpy.typing import NDArray

from render.camera import Camera
from render.lighting import AreaLight, DistantLight, Occluder

Floats = NDArray[np.float64]

ARM_MM = 900.0
"""Length of the strip; its far end is never seen."""


def outline_mm(occluder: Occluder, lamp: AreaLight | DistantLight, camera: Camera) -> Floats:
    """Return the corners (N, 3) of a level polygon whose shadow under `lamp` enters the picture of `camera`."""
    side = np.radians(occluder.side_deg)
    half = np.array([camera.lens.width_px, camera.lens.height_px]) / 2
    towards = np.array([np.cos(side), -np.sin(side)])  # in the picture, rows downwards
    border = float((half / np.maximum(np.abs(towards), 1e-9)).min())  # from the middle to the border, pixels
    middle, edge, tip = (_on_floor(camera, half + towards * border * far) for far in (0.0, 1.0, 1.0 - occluder.reach))
    outwards = edge - middle
    outwards /= np.linalg.norm(outwards)
    if isinstance(lamp, DistantLight):
        lifted = tip + lamp.direction * (occluder.height_mm / lamp.direction[2])
    else:
        position = lamp.direction * lamp.distance_mm
        lifted = tip + (position - tip) * min(occluder.height_mm / position[2], 0.8)
    across = np.array([-outwards[1], outwards[0], 0.0])
    waves = np.asarray(occluder.waves)
    # A half circle, then two sides that run outwards, with the waves laid over all of it.
    turn = np.linspace(-np.pi / 2, np.pi / 2, 25)
    forth = np.concatenate([[-ARM_MM], np.cos(turn) * occluder.half_width_mm, [-ARM_MM]])
    aside = np.concatenate([[-1.0], np.sin(turn), [1.0]]) * occluder.half_width_mm
    bulge = 1 + np.interp(np.linspace(0, 1, len(aside)), np.linspace(0, 1, len(waves)), waves)
    forth = np.where(forth > 0, forth * bulge, forth)
    points: Floats = lifted - np.outer(forth - occluder.half_width_mm, outwards) + np.outer(aside * bulge, across)
    points[:, 2] = lifted[2]
    return points


def _on_floor(camera: Camera, pixel: Floats) -> Floats:
    """Return the point (3,) of the floor behind a position in the picture, or one far away if it shows no floor."""
    direction = camera.directions(pixel[None])[0] @ camera.camera_from_world[:, :3]
    origin = camera.position_mm
    distance = -origin[2] / min(direction[2], -0.05)
    return np.asarray((origin + distance * direction) * [1.0, 1.0, 0.0])
