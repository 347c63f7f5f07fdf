"""Pictures inside Blender: drawn surfaces in the detail that a view needs, and the user's own."""

import functools

import numpy as np
from numpy.typing import NDArray

from core.errors import BrickbenchError
from render.blender import bpy
from render.surfaces import Surface
from render.textures import registry
from render.textures.maps import Maps, reduced

KEPT = 32
"""Pictures of each sort kept in memory; the one that was not used for longest goes first."""

LONGEST_PX = 1536
"""Larger pictures of the user's are shrunk once: 7 MB each instead of 48, and no decoding for each render. A view of 60
mm of a picture 600 mm wide still has 150 pixels."""

LEVELS_MM = tuple(0.2 * 2**k for k in range(8))
"""Texel sizes that are told apart, so that views alike share a picture."""


class _Shelf:
    """Datablocks by key, in the order of their last use."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def find(self, key: str) -> "bpy.types.Image | None":
        name = self._kept.pop(key, None)
        image = bpy.data.images.get(name) if name else None
        if image is None or image.get("key") != key:  # Blender was reset meanwhile
            return None
        self._kept[key] = image.name
        return image

    def keep(self, key: str, image: "bpy.types.Image") -> None:
        image["key"] = key
        self._kept[key] = image.name
        while len(self._kept) > KEPT:
            oldest = next(iter(self._kept))
            gone = bpy.data.images.get(self._kept.pop(oldest))
            if gone is not None and gone.get("key") == oldest:
                bpy.data.images.remove(gone)


_blends, _normals, _pictures = _Shelf(), _Shelf(), _Shelf()


def surface_images(
    surface: Surface, pixel_mm: float
) -> tuple["bpy.types.Image", "bpy.types.Image", tuple[float, float]]:
    """Return blend and normals of a drawn surface, with texels fit for `pixel_mm`, and what they cover in mm."""
    level = max([size for size in LEVELS_MM if size <= pixel_mm / surface.scale], default=LEVELS_MM[0])
    key = f"{surface.kind} {surface.style} {surface.variant} {level:.1f}"
    blend, normal = _blends.find(key), _normals.find(key)
    if blend is None or normal is None:
        maps = _maps(surface.kind, surface.style, surface.variant, level)
        with_alpha = np.concatenate([maps.normal, np.full((*maps.normal.shape[:2], 1), 255, np.uint8)], axis=-1)
        blend, normal = _image(f"blend {key}", maps.blend), _image(f"normal {key}", with_alpha)
        blend["size_mm"] = maps.size_mm
        _blends.keep(key, blend)
        _normals.keep(key, normal)
    width, height = blend["size_mm"]
    return blend, normal, (width, height)


@functools.lru_cache(maxsize=4)
def _maps(kind: str, style: str, variant: int, level_mm: float) -> Maps:
    return reduced(registry.maps(kind, style, variant), level_mm)


def _image(name: str, pixels: NDArray[np.uint8]) -> "bpy.types.Image":
    """Return a datablock of (H, W, 4) bytes as they are; one that is in memory needs no decoding for each render."""
    height, width = pixels.shape[:2]
    image = bpy.data.images.new(name, width, height, alpha=True, is_data=True)
    image.alpha_mode = "CHANNEL_PACKED"
    image.pixels.foreach_set((pixels.astype(np.float32) / 255).ravel())
    image.update()
    return image


def load_picture(file: str) -> "bpy.types.Image":
    """Return the user's picture, loaded once a process; BrickbenchError if Blender cannot read it."""
    image = _pictures.find(file)
    if image is None:
        image = _loaded(file)
        _pictures.keep(file, image)
    return image


def _loaded(file: str) -> "bpy.types.Image":
    refused = f"The floor picture {file!r} cannot be read; take it out of the folder or convert it to JPEG or PNG."
    try:
        image = bpy.data.images.load(file)
    except RuntimeError as error:
        raise BrickbenchError(refused) from error
    width, height = image.size
    if not width or not height:
        bpy.data.images.remove(image)
        raise BrickbenchError(refused)
    shrink = LONGEST_PX / max(width, height)
    if shrink < 1:
        image.scale(max(round(width * shrink), 1), max(round(height * shrink), 1))
    return image
