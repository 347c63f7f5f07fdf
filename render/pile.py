"""A pile as plain data: which bricks, where they start to fall, under which light, on which floor, seen how.

A pile is a pure function of the settings, a seed and its number. Blender is not needed to make one.
"""

from dataclasses import dataclass

import numpy as np

from blender_assets.catalogue import load_catalogue
from blender_assets.colors import COLORS, Color, color_by_name
from core.seeding import Purpose, generator
from render.camera import CameraDraw, sample_camera
from render.floors import Floor, sample_floor
from render.lights import Lighting, sample_lighting
from render.settings import RenderSettings


@dataclass(frozen=True)
class Brick:
    """One brick and the pose from which it falls."""

    part_id: str
    color: Color
    roughness: float
    """Roughness of the plastic's gloss: 0.15 new and shiny, 0.4 played with."""

    start_mm: tuple[float, float, float]
    """Where its centre of mass starts."""

    start_quaternion_wxyz: tuple[float, float, float, float]
    """Its first orientation, a unit quaternion."""


@dataclass(frozen=True)
class Pile:
    """Everything that decides the pictures of one pile."""

    seed: int
    pile_index: int
    bricks: tuple[Brick, ...]
    lighting: Lighting
    floor: Floor
    cameras: tuple[CameraDraw, ...]


def sample_pile(settings: RenderSettings, seed: int, pile_index: int, attempt: int = 0) -> Pile:
    """Return pile number `pile_index` of `seed`; `attempt` draws new start poses and changes nothing else."""
    content = generator(seed, pile_index, Purpose.CONTENT)
    colors = [color_by_name(name) for name in settings.colors] or list(COLORS)
    weights = np.array([color.weight for color in colors])
    count = int(content.integers(settings.bricks_min, settings.bricks_max + 1))
    part_ids = [settings.parts[k] for k in content.integers(len(settings.parts), size=count)]
    chosen_colors = [colors[k] for k in content.choice(len(colors), size=count, p=weights / weights.sum())]
    roughness = content.uniform(0.15, 0.4, size=count)

    starts, quaternions = _start_poses(
        [_radius_mm(part_id) for part_id in part_ids],
        settings.spread,
        generator(seed, pile_index, Purpose.POSE, attempt),
    )
    bricks = tuple(
        Brick(part_id, color, float(rough), start, quaternion)
        for part_id, color, rough, start, quaternion in zip(
            part_ids, chosen_colors, roughness, starts, quaternions, strict=True
        )
    )
    light = generator(seed, pile_index, Purpose.LIGHT)
    floor = generator(seed, pile_index, Purpose.FLOOR)
    return Pile(
        seed,
        pile_index,
        bricks,
        sample_lighting(settings.lightings[light.integers(len(settings.lightings))], light),
        sample_floor(settings.backgrounds[floor.integers(len(settings.backgrounds))], floor),
        tuple(sample_camera(generator(seed, pile_index, Purpose.CAMERA, view)) for view in range(settings.views)),
    )


def _radius_mm(part_id: str) -> float:
    """Return the radius of the sphere around a part's centre of mass that holds it."""
    mesh = load_catalogue().mesh(part_id)
    return float(np.linalg.norm(mesh.vertices_mm - mesh.centroid_mm, axis=1).max())


def _start_poses(
    radii_mm: list[float], spread: float, rng: np.random.Generator
) -> tuple[list[tuple[float, float, float]], list[tuple[float, float, float, float]]]:
    """Return start positions whose bounding spheres neither touch each other nor the floor, and orientations.

    Bricks fall into a disc that has `spread`^2 times three times the area of their shadows; each starts as low as
    the ones before it allow, so that a loose scatter falls from just above the floor and a heap from higher up.
    """
    disc_mm = spread * float(np.sqrt(3.0 * np.sum(np.square(radii_mm))))
    placed: list[tuple[float, float, float]] = []
    for k, radius in enumerate(radii_mm):
        distance, angle = disc_mm * np.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
        x, y = float(distance * np.cos(angle)), float(distance * np.sin(angle))
        z = radius + 2.0
        for (px, py, pz), other in sorted(zip(placed, radii_mm[:k], strict=True), key=lambda pair: pair[0][2]):
            reach, flat = radius + other + 1.0, float(np.hypot(x - px, y - py))
            if flat < reach and abs(z - pz) < (lift := float(np.sqrt(reach**2 - flat**2))):
                z = pz + lift
        placed.append((x, y, z))
    quaternions = rng.normal(size=(len(radii_mm), 4))
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    return placed, [(float(w), float(x), float(y), float(z)) for w, x, y, z in quaternions]
