"""Twins: the same picture without one part."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from dataset.index import open_index
from dataset.masks import decode_mask
from dataset.pile_dataset import PileDataset
from render.run import render_dataset
from render.settings import RenderSettings
from render.shots import render_shots, settled_pile
from render.twins import twins_of
from render.worker import start_blender

PLAIN_SENSOR = {"gain_max": 0, "jpeg_quality_min": 100, "jpeg_quality_max": 100}
SMALL = RenderSettings.parse(
    {
        "parts": ["3001", "3003", "3039"], "bricks_min": 5, "bricks_max": 6, "image_size_px": 96, "samples": 4,
        "twins": "removed", "piles_per_shard": 2, "sensor": PLAIN_SENSOR, "camera": {"margin_min": 0.05},
    }
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _blender_is_up() -> None:
    start_blender(1)


def test_a_twin_lacks_one_part_and_nothing_else_has_moved() -> None:
    settled = settled_pile(SMALL, 0, 0)
    part_ids = {brick.part_id for brick in settled.pile.bricks}
    twins = list(twins_of(settled, SMALL))
    assert {twin.removed_part_id for twin in twins} == part_ids
    for twin in twins:
        np.testing.assert_array_equal(twin.settled.world_from_thing, settled.world_from_thing)
        left = {settled.pile.bricks[k].part_id for k in twin.settled.present}
        assert left == part_ids - {twin.removed_part_id}
    assert list(twins_of(settled, SMALL.model_copy(update={"twins": "none"}))) == []
    assert len(list(twins_of(settled, SMALL.model_copy(update={"twins_max": 1})))) == 1


def test_a_twins_picture_differs_where_the_bricks_were_and_hardly_elsewhere() -> None:
    settled = settled_pile(SMALL, 0, 0)
    original, *twins = render_shots(settled, SMALL)
    assert original.twin is None
    for shot in twins:
        assert shot.twin is not None
        assert shot.exposure_ev == original.exposure_ev  # metered once: other bricks would give another
        gone = np.zeros((96, 96), dtype=bool)
        for k, brick in enumerate(settled.pile.bricks):
            if brick.part_id == shot.twin.removed_part_id:
                gone |= original.masks.visible(k)
            else:
                # What stays is seen at least as well, in the same place.
                np.testing.assert_array_equal(shot.masks.amodal(k), original.masks.amodal(k))
                assert not (original.masks.visible(k) & ~shot.masks.visible(k)).any()
        difference = np.abs(shot.image.astype(int) - original.image.astype(int)).mean(axis=2)
        around = cv2.dilate(gone.astype(np.uint8), np.ones((41, 41))).astype(bool)
        assert difference[gone].mean() > 4 * difference[~around].mean()
        assert np.median(difference[~around]) <= 2
    assert {shot.camera.lens for shot in twins} == {original.camera.lens}


def test_settled_again_what_lay_on_top_comes_down() -> None:
    settings = SMALL.model_copy(
        update={"twins": "resettled", "arrangements": {"heaped": 1}, "spread": 0.3, "bricks_min": 8, "bricks_max": 8}
    )
    drops = []
    for pile_index in range(3):
        settled = settled_pile(settings, 0, pile_index)
        for twin in twins_of(settled, settings):
            before, after = settled.world_from_thing, twin.settled.world_from_thing
            assert min(twin.settled.vertices_mm(thing)[:, 2].min() for thing in twin.settled.things()) > -0.2
            drops += [float(before[k, 2, 3] - after[k, 2, 3]) for k in twin.settled.present]
            absent = set(range(8)) - set(twin.settled.present)
            np.testing.assert_array_equal(before[list(absent)], after[list(absent)])
    assert max(drops) > 2.0


@pytest.mark.slow
def test_the_index_links_twins_to_their_originals_and_training_does_not_see_them(tmp_path: Path) -> None:
    settings = SMALL.model_copy(update={"views": 2, "depth": True, "normals": True, "samples": 1})
    plan = render_dataset(settings, tmp_path / "d", count=2, seed=3, workers=1)
    assert plan.pictures > 4
    with open_index(tmp_path / "d") as index:
        rows = index.execute(
            "SELECT t.image_id, t.removed_part_id, o.image_id, "
            "t.pile_index = o.pile_index, t.view_index = o.view_index, t.split = o.split "
            "FROM images t JOIN images o ON t.twin_of = o.image_id"
        ).fetchall()
        (twins,) = index.execute("SELECT count(*) FROM images WHERE twin_of IS NOT NULL").fetchall()[0]
        (removed,) = index.execute(
            "SELECT count(*) FROM instances JOIN images USING (image_id) WHERE part_id = removed_part_id"
        ).fetchall()[0]
        exposures = index.execute(
            "SELECT o.exposure, t.exposure FROM images t JOIN images o ON t.twin_of = o.image_id"
        ).fetchall()
        files = index.execute("SELECT geometry_file, height, width FROM images").fetchall()
        cut = index.execute(
            "SELECT visible_rle, visible_px, amodal_px, visible_fraction, in_frame_fraction, height, width "
            "FROM instances JOIN images USING (image_id)"
        ).fetchall()
    assert len(rows) == twins > 0
    assert all(pile and view and split for *_, pile, view, split in rows)
    assert {row[0] for row in rows} == {f"{row[2]}-removed-{row[1]}" for row in rows}
    assert removed == 0
    assert all(original == twin for original, twin in exposures)
    low, high = SMALL.sensor.exposure_min_ev, SMALL.sensor.exposure_max_ev
    assert any(not low <= exposure <= high for exposure, _ in exposures)  # the metered stops are in it
    assert len({exposure for exposure, _ in exposures}) == 4  # one a view
    for file, height, width in files:
        with np.load(tmp_path / "d" / file) as arrays:
            assert arrays["depth_m"].shape == (height, width)
            assert arrays["normals"].shape == (height, width, 3)
    for rle, visible_px, amodal_px, visible_fraction, in_frame_fraction, height, width in cut:
        assert decode_mask(rle, height, width).sum() == visible_px
        assert visible_fraction == pytest.approx(visible_px / amodal_px * in_frame_fraction if amodal_px else 0)
    assert len(PileDataset(tmp_path / "d", None)) == 4
    assert len(PileDataset(tmp_path / "d", None, with_twins=True)) == 4 + twins
