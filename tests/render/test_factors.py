"""Twins of every factor with real Blender: what was asked for differs, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from dataset.database import named_rows
from dataset.index import open_index
from dataset.masks import decode_mask
from dataset.pile_dataset import PileDataset
from render.factors import count_changes
from render.pile import sample_pile
from render.run import plan_render, render_dataset
from render.settings import RenderSettings
from render.shots import Shot, render_shots, settled_pile
from render.twins import twins_of
from render.worker import start_blender

PLAIN = {"gain_max": 0, "jpeg_quality_min": 100, "jpeg_quality_max": 100}
SMALL = RenderSettings.parse(
    {
        "parts": ["3001", "3003", "3039"], "bricks_min": 4, "bricks_max": 5, "image_size_px": 72, "samples": 4,
        "distractors_share": 1, "factor_twins": ["floor", "light", "color", "thing", "shadow"], "sensor": PLAIN,
        "ties": [{"category": "Brick", "thing": "die"}], "lightings": ["desk_lamp", "sun"],
        "backgrounds": ["plain", "desk"], "camera": {"margin_min": 0.05}, "piles_per_shard": 2,
    }
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _blender_is_up() -> None:
    start_blender(1)


@pytest.fixture(scope="module")
def shots() -> dict[str, Shot]:
    """The pictures of one pile by what differs; ``original``."""
    made = list(render_shots(settled_pile(SMALL, 0, 0), SMALL))
    return {"original" if shot.twin is None else shot.twin.factor: shot for shot in made}


def test_each_factor_has_a_twin_that_keeps_poses_cameras_and_sensor(shots: dict[str, Shot]) -> None:
    assert set(shots) == {"original", *SMALL.factor_twins}
    original = shots["original"]
    for shot in shots.values():
        np.testing.assert_array_equal(shot.settled.world_from_thing, original.settled.world_from_thing)
        np.testing.assert_array_equal(shot.camera.camera_from_world, original.camera.camera_from_world)
        ours, theirs = shot.settled.pile.views[0], original.settled.pile.views[0]
        assert (ours.sensor, ours.camera) == (theirs.sensor, theirs.camera)
        assert (ours.floor == theirs.floor) == (shot is not shots["floor"])
        assert (ours.lighting == theirs.lighting) == (shot is not shots["light"])


@pytest.mark.parametrize("factor", ["floor", "light", "color", "shadow"])
def test_what_moves_nothing_leaves_all_labels_as_they_were(shots: dict[str, Shot], factor: str) -> None:
    ours, theirs = shots[factor].masks, shots["original"].masks
    np.testing.assert_array_equal(ours.things, theirs.things)
    np.testing.assert_array_equal(ours.in_frame_fraction, theirs.in_frame_fraction)
    for k in range(len(theirs.silhouettes)):
        np.testing.assert_array_equal(ours.amodal(k), theirs.amodal(k))


def test_another_floor_is_of_another_kind_and_shows_where_floor_was(shots: dict[str, Shot]) -> None:
    twin, original = shots["floor"], shots["original"]
    assert twin.twin is not None
    (difference,) = twin.twin.differences
    assert difference.was == original.settled.pile.views[0].floor.name != difference.became
    assert difference.became == twin.settled.pile.views[0].floor.name


def test_another_colour_is_that_of_all_bricks_of_one_part_and_of_no_other(shots: dict[str, Shot]) -> None:
    twin, original = shots["color"], shots["original"]
    assert twin.twin is not None
    part_id = twin.twin.part_id
    before, after = original.settled.pile.bricks, twin.settled.pile.bricks
    assert {brick.color.name for brick in after if brick.part_id == part_id} == {twin.twin.differences[0].became}
    assert [brick for brick in after if brick.part_id != part_id] == [b for b in before if b.part_id != part_id]
    own = np.any([original.masks.visible(k) for k, brick in enumerate(before) if brick.part_id == part_id], axis=0)
    moved = np.abs(twin.image.astype(int) - original.image.astype(int)).mean(axis=2)
    assert moved[own].mean() > 5 * moved[~own].mean()


def test_a_thing_that_is_gone_leaves_the_others_where_they_were(shots: dict[str, Shot]) -> None:
    twin, original = shots["thing"], shots["original"]
    (gone,) = twin.settled.gone
    assert not twin.masks.visible(gone).any()
    assert original.masks.amodal(gone).any()
    for k in twin.settled.things():
        np.testing.assert_array_equal(twin.masks.amodal(k), original.masks.amodal(k))
        assert not (original.masks.visible(k) & ~twin.masks.visible(k)).any()


def test_without_its_shadow_a_part_looks_the_same_and_all_around_it_as_if_it_were_gone() -> None:
    bricks_alone = {"distractors_max": 0, "ties": (), "samples": 8, "lightings": {"desk_lamp": 1.0}}
    asked = {"twins": "removed", "factor_twins": ("shadow",), "factor_twins_max": 3}
    settings = SMALL.model_copy(update=bricks_alone | asked)
    settled = settled_pile(settings, 0, 1)
    original, *twins = render_shots(settled, settings)
    removed = {shot.twin.part_id: shot for shot in twins if shot.twin and shot.twin.factor == "part"}
    differences = []
    for shot in twins:
        assert shot.twin is not None
        if shot.twin.factor != "shadow":
            continue
        bricks = [k for k, brick in enumerate(settled.pile.bricks) if brick.part_id == shot.twin.part_id]
        assert shot.settled.shadowless == tuple(bricks)
        own = np.any([original.masks.visible(k) for k in bricks], axis=0)
        inside = ndimage.binary_erosion(own, np.ones((3, 3)))
        around = ~ndimage.binary_dilation(own, np.ones((5, 5)))  # where no pixel shows anything of its bricks
        np.testing.assert_array_equal(shot.image[inside], original.image[inside])
        without = removed[shot.twin.part_id].image
        differences.append(
            [np.abs(im.astype(int) - without.astype(int))[around].mean() for im in (shot.image, original.image)]
        )
    now, before = np.sum(differences, axis=0)
    assert now < 0.6 * before
    assert before > 0.5


def test_more_than_one_of_a_factor_are_all_different_and_counted_beforehand() -> None:
    settings = SMALL.model_copy(update={"factor_twins_max": 3, "views": 2, "own_light": False})
    settled = settled_pile(settings, 0, 2)
    twins = list(twins_of(settled, settings))
    assert len(twins) == count_changes(sample_pile(settings, 0, 2), settings)
    for view in range(2):
        endings = [twin.ending(view) for twin in twins]
        assert len(set(endings)) == len(endings)
        names = [twin.differences[view].became for twin in twins if twin.factor == "floor"]
        assert settled.pile.views[view].floor.name not in names  # from all floors, where the settings have two
        assert len(set(names)) == 3
    lights = [{view.lighting for view in twin.settled.pile.views} for twin in twins if twin.factor == "light"]
    assert [len(both) for both in lights] == [1, 1, 1]
    assert list(twins_of(settled, settings)) == twins


@pytest.mark.slow
def test_the_index_tells_what_differs(tmp_path: Path) -> None:
    settings = SMALL.model_copy(update={"samples": 1, "twins": "removed", "arrangements": {"tray": 1.0}})
    plan = plan_render(settings, tmp_path / "d", 2)
    render_dataset(settings, tmp_path / "d", count=2, seed=0, workers=1)
    with open_index(tmp_path / "d") as index:
        images = {row["image_id"]: row for row in named_rows(index, "FROM images")}
        twins = named_rows(index, "FROM factor_twins")
        part_twins = named_rows(index, "FROM twins")
        things = named_rows(index, "FROM things JOIN images USING (image_id)")
        bricks = named_rows(index, "FROM instances")
    assert len(images) == plan.pictures
    assert {row["factor"] for row in twins} == {"part", *SMALL.factor_twins}
    assert {row["twin_id"] for row in part_twins} == {row["twin_id"] for row in twins if row["factor"] == "part"}
    for row in twins:
        twin, original = images[row["twin_id"]], images[row["image_id"]]
        if row["factor"] == "floor":
            assert (row["was"], row["became"]) == (original["background"], twin["background"])
        if row["factor"] == "light":
            assert (row["was"], row["became"]) == (original["lighting"], twin["lighting"])
        assert (twin["distractors"] == original["distractors"] - 1) == (row["factor"] == "thing")
    counts = {image_id: sum(thing["image_id"] == image_id for thing in things) for image_id in images}
    assert all(counts[image_id] == image["distractors"] + 1 for image_id, image in images.items())  # and the tray
    for thing in things:
        assert decode_mask(thing["visible_rle"], thing["height"], thing["width"]).sum() == thing["visible_px"]
        numbers = {brick["instance_id"] for brick in bricks if brick["image_id"] == thing["image_id"]}
        assert thing["thing_id"] not in numbers
    assert len(PileDataset(tmp_path / "d", None)) == 2
