"""Shaders of the floors, one function each, made once and set to each picture's colours, sizes, turn and shift.

Cost of a picture in CPU seconds (128 px, 8 samples, 8 bricks; best of 8, paper of 16), on a machine busy with other
work: means are up to twice as high, and one round of 8 read paper at .39-.65. A plain colour takes .24-.26;
plain .31-.33, desk .32-.36, tiles .34-.35, carpet .31-.32, rug .30-.33, stone .33-.39, wood .37, cardboard .35-.40,
cloth .37-.40, paper .35-.39, ribbed .32-.42, a picture .47 (it is handed to Cycles anew for each render). Noise is
two-dimensional, with an octave or two; relief triples what it is made of.
"""

from collections.abc import Callable

from render.blender import UNIT_MM, bpy, mathutils
from render.floor_shaders import hard, sheets, soft
from render.floor_shaders.pictures import load_picture, picture
from render.floor_shaders.shader import Shader
from render.floors import STYLES, Floor

BUILDERS: dict[tuple[str, str], Callable[[Shader], None]] = {
    ("paper", "white"): sheets.white,
    ("paper", "folded"): sheets.folded,
    ("paper", "squared"): sheets.squared,
    ("paper", "lined"): sheets.lined,
    ("paper", "notebook"): sheets.notebook,
    ("plain", "smooth"): hard.smooth,
    ("plain", "painted"): hard.painted,
    ("desk", "speckled"): hard.speckled,
    ("desk", "pebbled"): hard.pebbled,
    ("desk", "printed"): hard.printed,
    ("wood", "planks"): hard.planks,
    ("wood", "staves"): hard.staves,
    ("wood", "veneer"): hard.veneer,
    ("tiles", "glazed"): hard.glazed,
    ("tiles", "clouded"): hard.clouded,
    ("stone", "granite"): hard.granite,
    ("stone", "terrazzo"): hard.terrazzo,
    ("stone", "marble"): hard.marble,
    ("cloth", "plain"): soft.plain,
    ("cloth", "twill"): soft.twill,
    ("cloth", "linen"): soft.linen,
    ("cloth", "checked"): soft.checked,
    ("carpet", "tufted"): soft.tufted,
    ("carpet", "melange"): soft.melange,
    ("ribbed", "corduroy"): soft.corduroy,
    ("ribbed", "blanket"): soft.blanket,
    ("rug", "striped"): soft.striped,
    ("rug", "diamonds"): soft.diamonds,
    ("rug", "ornament"): soft.ornament,
    ("cardboard", "board"): sheets.board,
    ("cardboard", "sheet"): sheets.sheet,
    ("picture", "picture"): picture,
}
"""By kind and style."""
assert set(BUILDERS) == {(name, style) for name, styles in STYLES.items() for style in styles} | {("picture",) * 2}


def floor_material(floor: Floor, *, tray: bool = False) -> "bpy.types.Material":
    """Return the material of this kind and style, set to this floor; BrickbenchError for an unreadable picture.

    A tray's material is one of its own, beside that of the floor below it, and its pattern goes up the walls.
    """
    name = f"{'tray' if tray else 'floor'} {floor.name} {floor.style}"
    material = bpy.data.materials.get(name)
    if material is None:
        shader = Shader(name, upright=tray)
        BUILDERS[floor.name, floor.style](shader)
        material = shader.material
    nodes = material.node_tree.nodes
    for role, rgb in (("base", floor.base_rgb), ("second", floor.second_rgb), ("third", floor.third_rgb)):
        nodes[role].outputs[0].default_value = (*rgb, 1)
    length, width = floor.size_mm
    if floor.picture is not None:
        image = load_picture(floor.picture)
        nodes["picture"].image = image
        width = length * image.size[1] / image.size[0]
    for role, value in (("roughness", floor.roughness), ("length", length), ("width", width)):
        nodes[role].outputs[0].default_value = value
    mapping = nodes["mapping"]
    mapping.inputs["Scale"].default_value = (UNIT_MM,) * 3
    mapping.inputs["Rotation"].default_value = mathutils.Euler((0, 0, floor.turn_deg * 3.14159265 / 180))
    mapping.inputs["Location"].default_value = (*floor.shift_mm, 0)
    return material
