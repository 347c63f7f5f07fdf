"""Models of bricks, as one part or brick by brick, in the shapes of the catalogue."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from blender_assets.clutch import quarter_turn
from blender_assets.colors import Color
from blender_assets.compare import compare
from blender_assets.ldraw.models import read_model
from blender_assets.mesh import PartMesh
from blender_assets.paint import UNPAINTED, make_paint
from blender_assets.prints import Print, join_prints
from core.errors import SettingsError

if TYPE_CHECKING:
    from blender_assets.catalogue import Catalogue


@dataclass(frozen=True)
class ModelBrick:
    """One brick of a model."""

    part_id: str
    color: Color | None
    """None: the colour of the whole model, which is drawn by lot."""

    model_from_part: NDArray[np.float64]  # (3, 4), millimetres, z up


def model_bricks(path: Path, catalogue: "Catalogue") -> tuple[ModelBrick, ...]:
    """Return the bricks of an LDraw model.

    The library says where its own parts are. A brick that has another shape in the catalogue is put into the box of the
    library's, in the quarter turn in which the two look most alike.

    Raises:
        SettingsError: the catalogue has no LDraw library.
        LDrawError: the model cannot be read.
    """
    library = catalogue.library
    if library is None:
        raise SettingsError(f"The model {path} needs an LDraw library, which says where its parts are; set ldraw.")
    bricks, fits = [], {}
    for placed in read_model(path, library):
        part = catalogue[placed.part_id]
        if placed.part_id not in fits:
            fits[placed.part_id] = _fit(catalogue.mesh(part.part_id), library.mesh(placed.part_id))
        fit = fits[placed.part_id]
        pose = placed.model_from_part
        moved = np.column_stack([pose[:, :3] @ fit[:, :3], pose[:, :3] @ fit[:, 3] + pose[:, 3]])
        bricks.append(ModelBrick(part.part_id, library.color(placed.color), moved))
    return tuple(bricks)


def model_mesh(path: Path, catalogue: "Catalogue") -> PartMesh:
    """Return a model as one part in the part frame, its box centred in x and y, standing on z = 0.

    Raises as `model_bricks` does.
    """
    vertices, faces, normals, rgb, finish = [], [], [], [], []
    prints: list[tuple[int, Print | None]] = []
    count, mass_g = 0, 0.0
    for brick in model_bricks(path, catalogue):
        mesh = catalogue.mesh(brick.part_id)
        rotation, shift = brick.model_from_part[:, :3], brick.model_from_part[:, 3]
        vertices.append(mesh.vertices_mm @ rotation.T + shift)
        faces.append(mesh.faces + count)
        normals.append(mesh.corner_normals @ rotation.T)
        own_rgb, own_finish = _colors(mesh, brick.color)
        rgb.append(own_rgb)
        finish.append(own_finish)
        prints.append((len(mesh.faces), mesh.print))
        count, mass_g = count + len(mesh.vertices_mm), mass_g + mesh.mass_g
    points = np.concatenate(vertices)
    low, high = points.min(axis=0), points.max(axis=0)
    points -= [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]]
    return PartMesh(
        points.astype(np.float32),
        np.concatenate(faces).astype(np.int32),
        np.concatenate(normals).astype(np.float32),
        make_paint(np.concatenate(rgb), np.concatenate(finish)),
        mass_g,
        join_prints(prints),
    )


def _colors(mesh: PartMesh, color: Color | None) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return colour and finish of the faces of a brick of a model: its part's own before the brick's."""
    count = len(mesh.faces)
    if color is None:
        rgb, finish = np.zeros((count, 3)), np.full(count, UNPAINTED, dtype=np.int8)
    else:
        rgb = np.tile(color.linear_rgb, (count, 1))
        finish = np.full(count, color.finish_number, dtype=np.int8)
    if mesh.paint is None:
        return rgb, finish
    painted = mesh.paint.finish != UNPAINTED
    return np.where(painted[:, None], mesh.paint.rgb, rgb), np.where(painted, mesh.paint.finish, finish)


def _fit(ours: PartMesh, theirs: PartMesh) -> NDArray[np.float64]:
    """Return the pose (3, 4) of our shape of a part in the frame of the library's."""
    if ours is theirs:
        return np.eye(3, 4)
    turn = quarter_turn(-compare(ours, theirs).quarter_turns)
    low, high = ours.bounds_mm
    middle = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]], dtype=np.float64)
    return np.column_stack([turn, -turn @ middle])
