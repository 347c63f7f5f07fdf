"""What the catalogue knows of one part."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from manifold3d import Manifold

from blender_assets.colors import Color
from blender_assets.mesh import PartMesh


@dataclass(frozen=True)
class Part:
    """One part: its design number, its name, its family, and how to make its shape."""

    part_id: str
    """LDraw/BrickLink design number, such as ``3001`` or ``3062b``."""

    name: str
    category: str
    build: Callable[[], Manifold | PartMesh]
    """Makes the shape in the part frame, in millimetres: built-in families a solid, others a surface."""

    aliases: tuple[str, ...] = ()
    """Other numbers of the same part: moved numbers and mould variants that look alike."""

    source: Literal["built-in", "ldraw", "own"] = "built-in"

    color: Color | None = None
    """The one colour that it comes in, if there is only one."""
