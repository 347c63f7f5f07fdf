"""Things that are not bricks and lie among them: true-to-size meshes and how they look."""

from functools import cache

import numpy as np

from blender_assets.mesh import PartMesh, mesh_from_solid
from blender_assets.props import metal, office, toys
from blender_assets.props.kind import PropKind, PropLook

__all__ = ["PROPS", "PropKind", "PropLook", "prop_mesh", "sample_look"]

PROPS: dict[str, PropKind] = {**metal.KINDS, **office.KINDS, **toys.KINDS}
"""By name; a new kind is a row in one of the modules beside this."""


@cache
def prop_mesh(kind: str) -> PartMesh:
    """Return the mesh of a kind of prop, made once a process."""
    return mesh_from_solid(PROPS[kind].build())


def sample_look(kind: str, rng: np.random.Generator) -> PropLook:
    """Return how one prop looks."""
    looks = PROPS[kind].looks
    return looks[rng.integers(len(looks))]
