"""From the picture that Blender can render to the one that a real lens and a hand that moves would take.

Blender's cameras have no tangential distortion, and a lens is a map of directions to pixels: so a plain picture that
holds all of these directions is rendered, and its pixels go where the lens sends them. A turn of the hand is such a map
too, another one for each row and moment. Labels follow the same map, ray by ray.
"""

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from render.camera import Camera, normalise
from render.lens import Lens

PAD_PX = 3
"""Pixels around what is needed: interpolation looks two further."""

MOMENTS_A_PIXEL, MOST_MOMENTS = 1.5, 64
"""How many still pictures a blurred one is the mean of, by the length of the blur."""

ROWS_AT_ONCE_PX = 2_000_000


def is_still(camera: Camera) -> bool:
    """Return whether Blender's picture is the camera's as it is."""
    return camera.lens.is_plain and camera.lens.fx_px == camera.lens.fy_px and camera.motion is None


def still_camera(camera: Camera) -> Camera:
    """Return the plain, unmoved camera in the same place whose picture holds all that `camera` shows."""
    if is_still(camera):
        return camera
    focal = max(camera.lens.fx_px, camera.lens.fy_px)
    low, high = camera.view
    left, top = (np.ceil(-low * focal) + PAD_PX).tolist()
    width, height = (np.ceil(high * focal).astype(int) + PAD_PX + np.array([left, top]).astype(int)).tolist()
    return replace(camera, lens=Lens(width, height, focal, focal, left, top), motion=None)


def through_lens(radiance: NDArray[np.float32], camera: Camera) -> NDArray[np.float32]:
    """Return what `camera` sees, (H, W, 3), from the radiance that its `still_camera` has."""
    if is_still(camera):
        return radiance
    still = still_camera(camera)
    width, height = camera.lens.width_px, camera.lens.height_px
    moments = _moments(camera)
    picture = np.zeros((height, width, 3), dtype=np.float32)
    rows = max(ROWS_AT_ONCE_PX // width, 1)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        across, down = np.meshgrid(np.arange(width) + 0.5, np.arange(top, bottom) + 0.5)
        pixels = np.stack([across.ravel(), down.ravel()], axis=1)
        for moment in moments:
            source = still.lens.pixels(normalise(camera.directions(pixels, moment))) - 0.5  # OpenCV's coordinates
            x, y = source.astype(np.float32).T.reshape(2, bottom - top, width)
            picture[top:bottom] += cv2.remap(radiance, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return np.maximum(picture / np.float32(len(moments)), 0)  # a cubic may swing below 0 beside a highlight


def _moments(camera: Camera) -> list[float]:
    """Return times about the middle of the exposure, in seconds."""
    motion = camera.motion
    if motion is None or not motion.exposure_s:
        return [0.0]
    size = camera.lens.width_px, camera.lens.height_px
    corners = np.array([(x, y) for x in (0.0, size[0]) for y in (0.0, size[1])])
    ends = [normalise(camera.directions(corners, late)) for late in (-motion.exposure_s / 2, motion.exposure_s / 2)]
    length_px = float(np.linalg.norm((ends[1] - ends[0]) * [camera.lens.fx_px, camera.lens.fy_px], axis=1).max())
    count = min(int(np.ceil(MOMENTS_A_PIXEL * length_px)) + 1, MOST_MOMENTS)
    moments = ((np.arange(count) + 0.5) / count - 0.5) * motion.exposure_s
    return [float(moment) for moment in moments]
