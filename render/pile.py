"""A pile as plain data: which bricks, where they start to fall and come to rest, light, floor, and how it is seen.

A pile is a pure function of the settings, a seed and its number. Blender is not needed to make one.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from blender_assets.catalogue import Catalogue, PartSources, catalogue_from
from blender_assets.colors import Color, color_by_name
from blender_assets.mesh import PartMesh
from blender_assets.models import ModelBrick
from blender_assets.props import PropLook, prop_mesh, sample_look
from core.seeding import Purpose, generator
from render.bodies import Body, Clutches, groups_of, joined_body, single_body, starts_of_things
from render.camera import CameraDraw, sample_camera
from render.floors import Floor, list_pictures, sample_floor, sample_picture_floor
from render.layout import ARRANGEMENTS, Point, Quaternion
from render.lighting import Lighting
from render.lights import list_panoramas, sample_lighting, sample_panorama
from render.part_colors import any_colors, usual_colors
from render.sensor import SensorDraw, sample_sensor
from render.settings import RenderSettings
from render.shares import draw_name
from render.stacks import bodies_of, draw_stacks, model_stack
from render.ties import PANORAMA, PICTURE, draw_color, draw_things, draw_tied
from render.tray import Tray, sample_tray, tray_mesh


@dataclass(frozen=True)
class Brick:
    """One brick and the pose from which it falls."""

    part_id: str
    color: Color
    roughness: float
    """Roughness of the plastic's gloss: 0.15 new and shiny, 0.4 played with."""

    start_mm: Point
    """Where its centre of mass starts."""

    start_quaternion_wxyz: Quaternion
    """Its first orientation, a unit quaternion."""


@dataclass(frozen=True)
class Prop:
    """One thing that is no brick, and the pose from which it falls."""

    kind: str
    look: PropLook
    start_mm: Point
    start_quaternion_wxyz: Quaternion


@dataclass(frozen=True)
class View:
    """What decides one picture of a pile beside the bricks."""

    camera: CameraDraw
    lighting: Lighting
    floor: Floor
    sensor: SensorDraw


@dataclass(frozen=True)
class Pile:
    """Everything that decides the pictures of one pile."""

    seed: int
    pile_index: int
    attempt: int
    """Which start poses these are: above 0, the ones before did not come to rest."""

    arrangement: str
    bricks: tuple[Brick, ...]
    props: tuple[Prop, ...]
    tray: Tray | None
    fence_mm: tuple[float, float] | None
    """Half sizes of the fence that holds a heap together while it falls."""

    wear: float
    """Wear of the plastic, 0..1."""

    views: tuple[View, ...]
    subsurface: bool = False
    stud_logo: bool = False
    sources: PartSources = field(default_factory=PartSources)
    clutches: Clutches = ()
    """Which bricks stick together: they fall as one."""

    @property
    def catalogue(self) -> Catalogue:
        """The parts that the bricks are of."""
        return catalogue_from(self.sources)

    def mesh(self, thing: int) -> PartMesh:
        """Return the mesh of a thing: the bricks come first, then the props."""
        if thing < len(self.bricks):
            return self.catalogue.mesh(self.bricks[thing].part_id)
        return prop_mesh(self.props[thing - len(self.bricks)].kind)


def sample_pile(settings: RenderSettings, seed: int, pile_index: int, attempt: int = 0) -> Pile:
    """Return pile number `pile_index` of `seed`.

    `attempt` draws new start poses, each time a fifth further apart, and changes nothing else.
    """
    content = generator(seed, pile_index, Purpose.CONTENT)
    ties = generator(seed, pile_index, Purpose.TIES)
    count = int(content.integers(settings.bricks_min, settings.bricks_max + 1))
    part_ids = [settings.parts[k] for k in _draw_parts(settings, count, content)]
    usual = [draw_name(usual_colors(settings, part_id), content) for part_id in part_ids]
    drawn = [
        color_by_name(draw_color(name, settings, part_id, ties)) for name, part_id in zip(usual, part_ids, strict=True)
    ]
    roughness = content.uniform(0.15, 0.4, size=count)
    arrangement = draw_name(settings.arrangements, content)
    wear = float(settings.wear_max * content.uniform() ** 2)

    other = generator(seed, pile_index, Purpose.PROPS)
    kinds = [draw_name(settings.distractors, other) for _ in range(other.integers(settings.distractors_max + 1))]
    if generator(seed, pile_index, Purpose.PROPS, 1).uniform() >= settings.distractors_share:
        kinds = []
    kinds = draw_things(kinds, settings, part_ids, ties)
    looks = [sample_look(kind, other) for kind in kinds]

    catalogue = settings.catalogue
    stuck = generator(seed, pile_index, Purpose.STACKS)
    stacks = draw_stacks(part_ids, catalogue, settings.stacked_share, stuck) if settings.stacked_share else []
    for model, color in _models(settings, generator(seed, pile_index, Purpose.STACKS, 1)):
        stacks.append(model_stack(model, len(part_ids), catalogue))
        part_ids += [brick.part_id for brick in model]
        drawn += [brick.color or color for brick in model]
        roughness = np.append(roughness, stuck.uniform(0.15, 0.4, size=len(model)))
    colors = [catalogue[part_id].color or color for part_id, color in zip(part_ids, drawn, strict=True)]
    meshes = [catalogue.mesh(part_id) for part_id in part_ids] + [prop_mesh(kind) for kind in kinds]
    bodies = bodies_of(stacks, meshes)
    radii = [body.radius_mm for body in bodies]
    pose = generator(seed, pile_index, Purpose.POSE, attempt)
    if arrangement == "tray":
        tray = sample_tray(radii, settings.spread, other)
        area = tray.area(max(radii))
    else:
        tray, area = None, ARRANGEMENTS[arrangement](radii, settings.spread * (1 + attempt / 5), pose)
    fence = (area.half_length_mm, area.half_width_mm) if area.fenced else None
    # Props fall among the bricks, not on top of all of them.
    order = [bodies[k] for k in other.permutation(len(radii))]
    at = starts_of_things(order, meshes, area, pose)
    bricks = tuple(
        Brick(part_id, color, float(rough), *at[k])
        for k, (part_id, color, rough) in enumerate(zip(part_ids, colors, roughness, strict=True))
    )
    props = tuple(
        Prop(kind, look, *at[k]) for k, (kind, look) in enumerate(zip(kinds, looks, strict=True), start=len(bricks))
    )
    views = tuple(_view(settings, seed, pile_index, view, part_ids) for view in range(settings.views))
    return Pile(
        seed, pile_index, attempt, arrangement, bricks, props, tray, fence, wear, views,
        settings.subsurface, settings.stud_logo, settings.sources,
        tuple(pair for stack in stacks for pair in stack.clutches),
    )  # fmt: skip


def _models(settings: RenderSettings, rng: np.random.Generator) -> Iterator[tuple[tuple[ModelBrick, ...], Color]]:
    """Yield the models in a pile, each with the colour of what has none in it."""
    for _ in range(int(rng.integers(settings.models_max + 1)) if settings.models else 0):
        file = settings.models[rng.integers(len(settings.models))]
        yield settings.catalogue.model(file), color_by_name(draw_name(any_colors(settings), rng))


def _draw_parts(settings: RenderSettings, count: int, rng: np.random.Generator) -> list[int]:
    """Return the places of `count` parts in ``settings.parts``."""
    if not settings.part_shares and not settings.inventory:
        return list(rng.integers(len(settings.parts), size=count))
    weights = np.array(settings.part_weights)
    return list(rng.choice(len(weights), size=count, p=weights / weights.sum()))


def _view(settings: RenderSettings, seed: int, pile_index: int, view: int, part_ids: Sequence[str]) -> View:
    lit, laid = (view if own else 0 for own in (settings.own_light, settings.own_floor))
    light = generator(seed, pile_index, Purpose.LIGHT, lit)
    own = settings.environment_pictures and light.uniform() < settings.environment_pictures_share
    name = PANORAMA if own else draw_name(settings.lightings, light)
    name = draw_tied(name, settings, "light", part_ids, generator(seed, pile_index, Purpose.TIES, 1, lit))
    lighting = lighting_of(name, settings, light)
    ground = generator(seed, pile_index, Purpose.FLOOR, laid)
    own = settings.floor_pictures and ground.uniform() < settings.floor_pictures_share
    name = PICTURE if own else draw_name(settings.backgrounds, ground)
    name = draw_tied(name, settings, "floor", part_ids, generator(seed, pile_index, Purpose.TIES, 2, laid))
    return View(
        sample_camera(settings.camera, generator(seed, pile_index, Purpose.CAMERA, view)),
        lighting,
        floor_of(name, settings, ground),
        sample_sensor(settings.sensor, generator(seed, pile_index, Purpose.SENSOR, view)),
    )


def lighting_of(name: str, settings: RenderSettings, rng: np.random.Generator) -> Lighting:
    """Return a lighting of that name, varied by `rng`; ``panorama`` is one of the user's."""
    if name != PANORAMA or not settings.environment_pictures:
        return sample_lighting(name, settings.environment, rng)
    panoramas = list_panoramas(settings.environment_pictures)
    return sample_panorama(panoramas[rng.integers(len(panoramas))], settings.environment, rng)


def floor_of(name: str, settings: RenderSettings, rng: np.random.Generator) -> Floor:
    """Return a floor of that name, varied by `rng`; ``picture`` is one of the user's."""
    if name != PICTURE or not settings.floor_pictures:
        return sample_floor(name, rng)
    pictures = list_pictures(settings.floor_pictures)
    return sample_picture_floor(pictures[rng.integers(len(pictures))], settings.floor_picture_mm, rng)


@dataclass(frozen=True)
class SettledPile:
    """A pile at rest."""

    pile: Pile
    world_from_thing: NDArray[np.float64]  # (B + P, 3, 4), millimetres: the bricks, then the props
    present: tuple[int, ...]
    """Numbers of the bricks that are there: all of them, but for a twin."""

    gone: tuple[int, ...] = ()
    """Rows of `world_from_thing` of props that are not there: of a twin."""

    shadowless: tuple[int, ...] = ()
    """Numbers of the bricks that cast no shadow: of a twin."""

    def props(self) -> list[int]:
        """Return the rows of `world_from_thing` of the props that are there."""
        return [k for k in range(len(self.pile.bricks), len(self.world_from_thing)) if k not in self.gone]

    def things(self) -> list[int]:
        """Return the rows of `world_from_thing` that are there: the present bricks, then the props."""
        return [*self.present, *self.props()]

    def bodies(self) -> list[Body]:
        """Return what is there in the bodies that it moves in: bricks that stick together are one.

        The frame of a body has the axes of its first thing.
        """
        bodies = []
        for group in groups_of(self.things(), self.pile.clutches):
            if len(group) == 1:
                bodies.append(single_body(group[0], self.pile.mesh(group[0])))
                continue
            poses = self.world_from_thing[list(group)]
            axes = poses[0, :, :3].T
            poses = np.concatenate([axes @ poses[:, :, :3], poses[:, :, 3:] - poses[0, :, 3:]], axis=2)
            poses[:, :, 3] = poses[:, :, 3] @ axes.T
            bodies.append(joined_body(group, poses, [self.pile.mesh(thing) for thing in group]))
        return bodies

    def vertices_mm(self, thing: int) -> NDArray[np.float64]:
        """Return the vertices of one brick or prop in the world, (V, 3)."""
        pose = self.world_from_thing[thing]
        return np.asarray(self.pile.mesh(thing).vertices_mm @ pose[:, :3].T + pose[:, 3])

    def outermost_mm(self) -> NDArray[np.float64]:
        """Return points in the world, (N, 3), among which are the outermost of all bricks, props and the tray."""
        points = [self.vertices_mm(thing) for thing in range(len(self.world_from_thing))]
        if self.pile.tray is not None:
            points.append(tray_mesh(self.pile.tray).vertices_mm.astype(np.float64))
        return np.concatenate(points)

    def corners_mm(self) -> NDArray[np.float64]:
        """Return the corners of the boxes of all bricks of the pile, present or not, in the world, (8 B, 3)."""
        points = []
        for thing in range(len(self.pile.bricks)):
            pose = self.world_from_thing[thing]
            low, high = self.pile.mesh(thing).bounds_mm
            corners = np.array(list(itertools.product(*zip(low, high, strict=True))))
            points.append(corners @ pose[:, :3].T + pose[:, 3])
        return np.concatenate(points)
