"""What the catalogue knows of one part."""

from collections.abc import Callable
from dataclasses import dataclass

from manifold3d import Manifold


@dataclass(frozen=True)
class Part:
    """One part: its design number, its name, its family, and how to make its solid."""

    part_id: str
    """LDraw/BrickLink design number, such as ``3001`` or ``3062b``."""

    name: str
    category: str
    build: Callable[[], Manifold]
    """Makes the solid in the part frame, in millimetres."""

    aliases: tuple[str, ...] = ()
    """Other numbers of the same part: moved numbers and mould variants that look alike."""
