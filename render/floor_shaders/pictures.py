"""The user's own pictures as floors."""

from core.errors import BrickbenchError
from render.blender import bpy
from render.floor_shaders.shader import Shader

KEPT = 32
"""Pictures kept in memory; the one that was not used for longest goes first."""

LONGEST_PX = 1536
"""Larger pictures are shrunk once: 7 MB each instead of 48, and no decoding for each render. A view of 60 mm of a
picture 600 mm wide still has 150 pixels."""


def picture(shader: Shader) -> None:
    """Colour the floor with a picture `shader.length` x `shader.width` large, mirrored beyond its borders."""
    image = shader.add("ShaderNodeTexImage", name="picture", extension="MIRROR", interpolation="Linear")
    at = [shader.math("DIVIDE", axis, size) for axis, size in ((shader.x, shader.length), (shader.y, shader.width))]
    shader.link(shader.point(*at), image.inputs["Vector"])
    shader.finish(image.outputs["Color"], gloss=0.3)


_kept: dict[str, str] = {}
"""Names of the loaded datablocks by file, in the order of their last use."""


def load_picture(file: str) -> "bpy.types.Image":
    """Return the user's picture, loaded once a process; BrickbenchError if Blender cannot read it."""
    image = bpy.data.images.get(_kept.pop(file, ""))
    if image is None or image.filepath != file:
        image = _loaded(file)
    _kept[file] = image.name
    while len(_kept) > KEPT:
        oldest = next(iter(_kept))
        gone = bpy.data.images.get(_kept.pop(oldest))
        if gone is not None and gone.filepath == oldest:
            bpy.data.images.remove(gone)
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
