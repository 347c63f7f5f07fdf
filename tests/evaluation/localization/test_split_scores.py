"""Metrics of a whole split: hand-worked boxes, pooled pixels by scikit-learn, and the threshold chosen on val."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import average_precision_score

from core.errors import BrickbenchError
from core.settings import Settings
from dataset.pile_dataset import PileDataset
from evaluation.localization.metrics.iou import IOU_CHOICE, STEPS
from evaluation.localization.registry import SPLIT_METRICS, Scorer, SplitMeasure, Truth, metric_settings, score
from evaluation.localization.run import score_run
from evaluation.localization.split_scores import load_split_scores
from evaluation.resize import resize_maps
from evaluation.statistics.table import ScoreTable, load_scores
from explain.bulk import explain_run
from explain.store import load_maps, read_attributions
from training.run.run import Run

# The brick fills rows 0 and 1 of columns 0 and 1; the map is high on it, and on a row below it at half height.
MASK = np.zeros((4, 4), dtype=bool)
MASK[:2, :2] = True
MAP = np.array([[4.0, 4, 0, 0], [4, 4, 0, 0], [2, 2, 0, 0], [0, 0, 0, 1]])


def finish(metric: SplitMeasure, settings: Settings, maps: np.ndarray, truth: Truth) -> tuple[float, float, float]:
    sums, status = Scorer(maps, truth).sums(metric, settings)
    added = sums[status == "ok"]
    assert metric.finish is not None
    value, chance, threshold = metric.finish(np.concatenate([[len(added)], added.sum(axis=0)]), settings)
    return float(value), float(chance), float(threshold)


def test_box_accuracy_by_hand() -> None:
    metric, settings = SPLIT_METRICS["max_box_acc"], metric_settings("max_box_acc", {"steps": 4})
    # From 0.75 of the way on the box is the brick's: IoU 1. At 0.25 and 0.5 it has a row more: 4/6. At 0 it is the
    # picture: 4/16, and the pixel in the corner has its own box from 0.25 on, which meets nothing.
    sums, _ = Scorer(MAP[None], Truth(MASK[None])).sums(metric, settings)
    assert sums.reshape(3, 4).tolist() == [[0, 1, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1]]
    assert finish(metric, settings, MAP[None], Truth(MASK[None])) == (1.0, 0.0, 0.25)
    # A second map that is high elsewhere: at no threshold do both fit at 0.3, so that each counts half.
    maps, masks = np.stack([MAP, MAP[::-1, ::-1]]), np.stack([MASK, MASK])
    assert finish(metric, settings, maps, Truth(masks))[0] == 0.5
    # With its own box given it fits again; one of two boxes is enough.
    boxes = [np.array([[0, 0, 2, 2]]), np.array([[0, 0, 1, 1], [2, 2, 2, 2]])]
    assert finish(metric, settings, maps, Truth(masks, boxes=boxes))[0] == 1.0


def test_box_accuracy_takes_diagonal_neighbours_as_one_region_and_negative_values_as_low() -> None:
    values, mask = np.full((4, 4), -1.0), np.zeros((4, 4), dtype=bool)
    values[1, 1] = values[2, 2] = 3.0
    mask[1:3, 1:3] = True
    settings = metric_settings("max_box_acc", {"steps": 2, "overlaps": [0.9]})
    sums, _ = Scorer(values[None], Truth(mask[None])).sums(SPLIT_METRICS["max_box_acc"], settings)
    assert sums.tolist() == [[0, 1]]


def test_a_uniform_map_scores_what_the_whole_picture_does() -> None:
    masks = np.random.default_rng(0).random((6, 5, 4)) < 0.4
    for name, metric in SPLIT_METRICS.items():
        value, chance, _ = finish(metric, metric_settings(name, {}), np.full(masks.shape, 0.3), Truth(masks))
        assert value == pytest.approx(chance, abs=1e-12)


def test_the_oracle_scores_one_in_a_split_too() -> None:
    masks = np.stack([np.roll(MASK, shift, axis=1) for shift in (0, 1, 2)])
    for name, metric in SPLIT_METRICS.items():
        assert finish(metric, metric_settings(name, {}), masks.astype(float), Truth(masks))[0] == 1.0


def test_pooled_precision_is_that_of_scikit_learn_on_levels() -> None:
    rng = np.random.default_rng(1)
    masks = rng.random((7, 6, 5)) < 0.3
    levels = rng.integers(0, 11, size=masks.shape) + 3.0 * masks
    levels[:, 0, 0], levels[:, 0, 1] = 0.0, 16.0  # each map goes from 0 to 16, so that 16 steps lose nothing
    settings = metric_settings("pxap", {"steps": 16})
    scales = 2.0 ** rng.integers(-2, 4, size=(7, 1, 1))  # undone map by map, without rounding
    value, chance, _ = finish(SPLIT_METRICS["pxap"], settings, levels * scales - 2.0, Truth(masks))
    assert value == pytest.approx(average_precision_score(masks.ravel(), levels.ravel()), abs=1e-12)
    assert chance == pytest.approx(masks.mean())
    single = [
        finish(SPLIT_METRICS["pxap"], settings, levels[at : at + 1], Truth(masks[at : at + 1]))[0] for at in range(7)
    ]
    own = [average_precision_score(masks[at].ravel(), levels[at].ravel()) for at in range(7)]
    np.testing.assert_allclose(single, own, atol=1e-12)


def test_undefined_maps_add_nothing() -> None:
    maps = np.stack([MAP, MAP * np.nan, MAP, MAP])
    masks = np.stack([MASK, MASK, np.zeros_like(MASK), np.ones_like(MASK)])
    for name, metric in SPLIT_METRICS.items():
        sums, status = Scorer(maps, Truth(masks)).sums(metric, metric_settings(name, {}))
        assert status.tolist() == ["ok", "nonfinite", "empty_mask", "full_mask"]
        assert np.isnan(sums).all(axis=1).tolist() == [False, True, True, True]
    _, status = Scorer(-np.abs(maps), Truth(masks)).sums(IOU_CHOICE, metric_settings("iou_best", {}))
    assert status[0] == "zero_mass"


def test_strict_values_are_the_worst_ones() -> None:
    from evaluation.localization.registry import METRICS

    values, status = np.array([0.4, np.nan, np.nan]), np.array(["ok", "zero_mass", "missing"])
    np.testing.assert_array_equal(METRICS["lift"].strict(values, status), [0.4, 0.0, np.nan])
    np.testing.assert_array_equal(METRICS["mass_on_floor"].strict(values, status), [0.4, 1.0, np.nan])
    np.testing.assert_array_equal(METRICS["lift_on_floor"].strict(values, status), [0.4, np.nan, np.nan])


@pytest.fixture(scope="module")
def chosen(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset whose run has scored maps of val and of test by two methods: read it only."""
    root = Path(shutil.copytree(trained, tmp_path_factory.mktemp("chosen") / "dataset"))
    run, methods = root / "runs" / "toy", {"gradcam": {}, "random": {}}
    for split in ("test", "val"):
        explain_run(Run.open(run, root), methods, split=split, limit=4, device="cpu")
    score_run(Run.open(run, root), {"iou_best": {}, "pxap": {}, "max_box_acc": {}, "iou_fixed": {}})
    return root


def test_the_threshold_is_chosen_on_val_and_judged_on_test(chosen: Path) -> None:
    run = chosen / "runs" / "toy"
    rows = [row for row in read_attributions(run) if row.method == "gradcam"]
    pictures, val = PileDataset(chosen, None, with_masks=True), set(PileDataset(chosen, "val").image_ids)
    found = {row["attribution_id"]: row for row in pq.read_table(run / "scores" / "iou_best.parquet").to_pylist()}
    thresholds = np.arange(1, STEPS + 1) / STEPS
    curves, tested = [], []
    for row, values in zip(rows, load_maps(run, rows), strict=True):
        mask = pictures.masks(pictures.image_ids.index(row.image_id))[row.part_id]
        resized = resize_maps(values[None], *mask.shape, "bilinear")  # type: ignore[arg-type]
        ious = [float(score("iou_fixed", resized, mask[None], threshold=cut).values[0]) for cut in thresholds]
        (curves if row.image_id in val else tested).append((row.attribution_id, ious))
    best = int(np.nanmean([ious for _, ious in curves], axis=0).argmax())
    assert curves
    assert tested
    for identity, ious in tested:
        assert found[identity]["threshold"] == thresholds[best]
        value = found[identity]["value"]
        np.testing.assert_allclose(np.nan if value is None else value, ious[best], rtol=1e-12)
    assert not {identity for identity, _ in curves} & set(found)  # those that chose are not judged
    choice = [each for each in load_split_scores(run) if each.metric == "iou_best" and each.method == "gradcam"]
    assert [(each.split, each.threshold) for each in choice] == [("val", thresholds[best])]


def table_row(table: ScoreTable, method: str) -> int:
    """Return the row of a method."""
    return [label.name for label in table.methods].index(method)


def test_maps_of_val_pictures_are_not_judged_where_there_are_others(chosen: Path) -> None:
    run, val = chosen / "runs" / "toy", set(PileDataset(chosen, "val").image_ids)
    assert {row.image_id for row in read_attributions(run)} & val
    table = load_scores(Run.open(run, chosen))
    assert not {image_id for image_id, _ in table.pairs} & val
    assert (table.status[table_row(table, "random"), table.metrics.index("iou_best")] == "ok").all()


def test_scores_of_splits_have_intervals_over_piles(chosen: Path) -> None:
    found = [each for each in load_split_scores(chosen / "runs" / "toy") if each.metric in SPLIT_METRICS]
    assert {(each.method, each.split, each.metric) for each in found} == {
        (method, split, metric)
        for method in ("gradcam", "random")
        for split in ("test", "val")
        for metric in SPLIT_METRICS
    }
    for each in found:
        assert each.piles == 4
        assert each.maps >= 4
        assert np.isnan([each.low, each.high]).all()  # of a maximum over thresholds, four piles give no interval
        assert 0 <= each.value <= 1
        assert each.undefined == 0


def test_without_val_maps_the_best_threshold_is_unknown(chosen: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(chosen, tmp_path / "dataset"))
    run = root / "runs" / "toy"
    val = {row.attribution_id for row in read_attributions(run)} - {
        row["attribution_id"] for row in pq.read_table(run / "scores" / "iou_best.parquet").to_pylist()
    }
    for path in (run / "attributions").glob("*/*.parquet"):
        if set(pq.read_table(path, partitioning=None).column("attribution_id").to_pylist()) <= val:
            path.unlink()
    score_run(Run.open(run, root), {"iou_best": {}})
    table = load_scores(Run.open(run, root))
    status = table.status[table_row(table, "random"), table.metrics.index("iou_best")]
    assert set(status.tolist()) == {"no_cutoff"}
    (run / "split_scores.parquet").write_bytes(b"gone")
    with pytest.raises(
        BrickbenchError, match=r"split_scores\.parquet is damaged: delete it and run `evaluate localize`"
    ):
        load_split_scores(run)
