"""Stacks: which bricks are stuck together, and that they stay so."""

from dataclasses import replace

import numpy as np
import pytest

from blender_assets.catalogue import load_catalogue
from render.bodies import groups_of
from render.framing import frame_pile
from render.labels import cast_masks
from render.physics import resettle
from render.pile import SettledPile, sample_pile
from render.settings import RenderSettings
from render.shots import settled_pile
from render.stacks import SIZES, draw_stacks
from render.worker import start_blender

BRICKS = ("3001", "3003", "3004", "3020", "3023", "3039", "3068b")
STACKED = RenderSettings(distractors_max=0, parts=BRICKS, bricks_min=12, bricks_max=12, stacked_share=0.8)


@pytest.fixture(scope="module", autouse=True)
def _blender_is_up() -> None:
    start_blender(1)


def relative(settled: SettledPile, lower: int, upper: int) -> np.ndarray:
    """Return the pose of one brick in the frame of another, (3, 4)."""
    a, b = settled.world_from_thing[[lower, upper]]
    return np.column_stack([a[:, :3].T @ b[:, :3], a[:, :3].T @ (b[:, 3] - a[:, 3])])


def test_the_share_is_met_on_average_and_stacks_have_two_to_six_bricks() -> None:
    rng = np.random.default_rng(0)
    names = np.random.default_rng(1).choice([name for name in BRICKS if name != "3068b"], size=(150, 10))
    stacks = [draw_stacks(list(row), load_catalogue(), 0.3, rng) for row in names]
    sizes = [len(stack.bricks) for found in stacks for stack in found]
    assert sum(sizes) / names.size == pytest.approx(0.3, abs=0.05)
    assert set(sizes) == set(SIZES)
    assert sizes.count(2) / len(sizes) == pytest.approx(SIZES[2], abs=0.1)
    for found in stacks:
        used = [k for stack in found for k in stack.bricks]
        assert len(used) == len(set(used))


def test_without_stacks_a_pile_is_as_it_was_and_with_them_its_bricks_are_the_same() -> None:
    plain = sample_pile(RenderSettings(bricks_min=8), 3, 1)
    assert plain.clutches == ()
    stacked = sample_pile(RenderSettings(bricks_min=8, stacked_share=0.9), 3, 1)
    assert stacked.clutches
    assert [(b.part_id, b.color, b.roughness) for b in stacked.bricks] == [
        (b.part_id, b.color, b.roughness) for b in plain.bricks
    ]
    assert stacked.views == plain.views


def test_a_stack_falls_as_one_and_every_brick_keeps_its_seat() -> None:
    for index in range(3):
        settled = settled_pile(STACKED, 1, index)
        assert settled.pile.clutches
        for lower, upper in settled.pile.clutches:
            pose = relative(settled, lower, upper)
            on_grid = np.round(pose[:2, :3])
            np.testing.assert_allclose(pose[:, :3], np.vstack([on_grid, [0, 0, 1]]), atol=1e-4)
            np.testing.assert_allclose(pose[:2, 3], np.round(pose[:2, 3] / 4) * 4, atol=1e-3)
            top = settled.pile.catalogue.clutch(settled.pile.bricks[lower].part_id).top_mm
            assert pose[2, 3] == pytest.approx(top, abs=1e-3)
        lowest = [settled.vertices_mm(thing)[:, 2].min() for thing in settled.things()]
        assert -0.23 < min(lowest) < 0.2
        assert len(settled.bodies()) < len(settled.things())


def test_each_brick_of_a_stack_has_its_own_mask() -> None:
    settled = settled_pile(STACKED, 1, 0)
    camera = frame_pile(settled.pile.views[0].camera, settled.corners_mm(), 160)
    masks = cast_masks(settled, camera)
    assert len(masks.silhouettes) == 12
    assert sum(masks.amodal(k).any() for k in range(12)) >= 10
    assert sum(masks.visible(k).any() for k in range(12)) >= 8


def test_groups_are_what_holds_together_of_what_is_there() -> None:
    clutches = ((3, 1), (1, 4), (0, 5))
    assert groups_of(range(7), clutches) == [(0, 5), (1, 3, 4), (2,), (6,)]
    assert groups_of([0, 3, 4, 5], clutches) == [(0, 5), (3,), (4,)]  # 1 held 3 and 4 together
    assert groups_of([2, 1], ()) == [(2,), (1,)]


def test_a_stack_without_its_middle_brick_comes_apart() -> None:
    index = next(k for k in range(40) if any(len(g) >= 3 for g in _groups(k)))
    settled = settled_pile(STACKED, 1, index)
    group = next(g for g in _groups(index) if len(g) >= 3)
    ends = [k for k in group if sum(k in pair for pair in settled.pile.clutches) == 1]
    middle = next(k for k in group if k not in ends)
    left = tuple(k for k in settled.present if k != middle)
    twin = resettle(replace(settled, present=left))
    moved = np.abs(relative(twin, *ends) - relative(settled, *ends)).max()
    assert moved > 0.5
    np.testing.assert_array_equal(twin.world_from_thing[middle], settled.world_from_thing[middle])


def _groups(index: int) -> list[tuple[int, ...]]:
    pile = sample_pile(STACKED, 1, index)
    return groups_of(range(len(pile.bricks)), pile.clutches)
