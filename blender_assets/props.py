"""Things that are not bricks and lie among them: true-to-size meshes and how they look."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from manifold3d import Manifold

from blender_assets.mesh import PartMesh, mesh_from_solid
from blender_assets.solids import turned

Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class PropLook:
    """The surface of one prop."""

    rgb: Rgb
    """Scene-linear colour, 0..1."""

    roughness: float
    metallic: float


@dataclass(frozen=True)
class PropKind:
    """One kind of thing."""

    build: Callable[[], Manifold]
    """Makes the solid, z up, in millimetres."""

    looks: tuple[PropLook, ...]
    """Looks to draw from."""


def _coin(diameter_mm: float, thickness_mm: float) -> Manifold:
    r, e = diameter_mm / 2, 0.15
    return turned(
        [(0, 0), (r - e, 0), (r, e), (r, thickness_mm - e), (r - e, thickness_mm), (r - 1, thickness_mm),
         (r - 1.2, thickness_mm - 0.2), (0, thickness_mm - 0.2)]
    )  # fmt: skip


PROPS: dict[str, PropKind] = {
    "coin": PropKind(lambda: _coin(23.25, 2.33), (PropLook((0.8, 0.62, 0.3), 0.3, 1.0),)),
}


@cache
def prop_mesh(kind: str) -> PartMesh:
    """Return the mesh of a kind of prop, made once a process."""
    return mesh_from_solid(PROPS[kind].build())


def sample_look(kind: str, rng: np.random.Generator) -> PropLook:
    """Return how one prop looks."""
    looks = PROPS[kind].looks
    return looks[rng.integers(len(looks))]
