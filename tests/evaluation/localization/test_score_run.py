"""Scores of a run's maps: what is stored, going on after a stop, and the commands on top."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from core.errors import BrickbenchError, PartialFailureError, SettingsError
from dataset.index import open_index
from dataset.pile_dataset import PileDataset
from evaluation.commands import evaluate
from evaluation.localization.registry import METRICS, SPLIT_METRICS, score
from evaluation.localization.run import ShardTask, score_run, score_shard
from evaluation.localization.truth import TruthReader
from evaluation.resize import resize_maps
from evaluation.statistics.table import load_scores
from explain.bulk import explain_run
from explain.store import Attribution, load_maps, read_attributions
from training.run.run import Run


@pytest.fixture(scope="session")
def explained(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of `trained` with maps of four methods on four pictures: read it, never write into it."""
    root = Path(shutil.copytree(trained, tmp_path_factory.mktemp("explained") / "dataset"))
    methods = {"gradcam": {}, "lime": {"num_samples": 12}, "random": {}, "center_gaussian": {}}
    explain_run(Run.open(root / "runs" / "toy", root), methods, limit=4, device="cpu")
    return root


@pytest.fixture(scope="module")
def scored(explained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of `explained` of which all maps are scored by all metrics: read it, never write into it."""
    root = Path(shutil.copytree(explained, tmp_path_factory.mktemp("scored") / "dataset"))
    run = Run.open(root / "runs" / "toy", root)
    assert score_run(run) == len(read_attributions(run.folder))
    return root


@pytest.fixture
def own(explained: Path, tmp_path: Path) -> Path:
    """Return a copy of `explained` to write into."""
    return Path(shutil.copytree(explained, tmp_path / "dataset"))


def part_boxes(root: Path, row: Attribution) -> np.ndarray:
    """Return the boxes of the bricks of a map's part, as the index has them."""
    with open_index(root) as index:
        found = index.execute(
            "SELECT box_xywh_px FROM instances WHERE image_id = ? AND part_id = ? AND visible_px > 0",
            [row.image_id, row.part_id],
        ).fetchall()
    return np.array([box for (box,) in found])


def test_scores_are_those_of_the_resized_raw_map_on_the_mask(scored: Path) -> None:
    own, run = scored, scored / "runs" / "toy"
    rows = read_attributions(run)
    table = load_scores(Run.open(run, own))
    assert [method.name for method in table.methods] == ["gradcam", "lime", "random", "center_gaussian"]
    assert table.metrics == tuple(METRICS)
    pictures = PileDataset(own, None, with_masks=True)
    maps = dict(zip((row.attribution_id for row in rows), load_maps(run, rows), strict=True))
    some = list(table.rows.items())[::5]
    assert {method for (method, _), _ in some} == {0, 1, 2, 3}
    for (method, pair), row in some:
        place = pictures.image_ids.index(row.image_id)
        mask = pictures.masks(place)[row.part_id]
        assert table.piles[pair] == pictures.groups[place]
        policy = "nearest" if row.method in {"lime", "random"} else "bilinear"
        resized = resize_maps(maps[row.attribution_id][None], *mask.shape, policy)  # type: ignore[arg-type]
        others = pictures.all_bricks_mask(place) & ~mask
        cell_px = np.array([max(mask.shape) / min(maps[row.attribution_id].shape)])
        for metric in METRICS:
            expected = score(
                metric, resized, mask[None], others=others[None], boxes=[part_boxes(own, row)], cell_px=cell_px
            )
            at = (method, table.metrics.index(metric), pair)
            if row.method == "gradcam" and METRICS[metric].needs_zero:
                assert (np.isnan(table.values[at]), table.status[at]) == (True, "no_zero")
                continue
            np.testing.assert_allclose(table.values[at], expected.values[0])
            assert table.status[at] == expected.status[0]
    with open_index(own) as index:
        found = index.execute("SELECT count(*), count(DISTINCT metric) FROM scores").fetchone()
    assert found == (len(rows) * len(METRICS), len(METRICS))


def test_a_second_run_goes_on_where_the_first_stopped(own: Path) -> None:
    run = own / "runs" / "toy"
    total = score_run(Run.open(run, own), {"pointing_game": {}})
    files = sorted((run / "scores").glob("*.parquet"))
    files[0].unlink()
    assert 0 < score_run(Run.open(run, own), {"pointing_game": {}}) < total
    assert score_run(Run.open(run, own), {"pointing_game": {}}) == 0
    assert score_run(Run.open(run, own), {"lift": {}}) == total  # a metric more is added to those that are there
    assert load_scores(Run.open(run, own)).metrics == ("pointing_game", "lift")
    explain_run(Run.open(run, own), {"uniform": {}}, limit=4, device="cpu")
    assert score_run(Run.open(run, own), {"lift": {}, "pointing_game": {}}) == total // 4


def test_other_settings_need_force(own: Path) -> None:
    run = own / "runs" / "toy"
    score_run(Run.open(run, own), {"iou_fixed": {}, "lift": {}})
    with pytest.raises(SettingsError, match=r'settings {"threshold":0\.5}, not {"threshold":0\.2}: give the same ones'):
        score_run(Run.open(run, own), {"iou_fixed": {"threshold": 0.2}})
    score_run(Run.open(run, own), {"iou_fixed": {"threshold": 0.2}}, force=True)
    table = load_scores(Run.open(run, own))
    assert table.metric_settings["iou_fixed"] == '{"threshold":0.2}'
    assert table.metrics == ("iou_fixed", "lift")


def test_scores_of_an_older_version_are_kept_and_added_to(own: Path) -> None:
    run = own / "runs" / "toy"
    total = score_run(Run.open(run, own), {"pointing_game": {}, "lift": {}})
    for path in (run / "scores").glob("*.parquet"):
        table = pq.read_table(path, partitioning=None)
        place = table.column_names.index("metric_settings")
        older = [text if "sign" in text else "{}" for text in table.column(place).to_pylist()]  # it had no tolerance
        pq.write_table(table.set_column(place, "metric_settings", [older]), path)
    assert score_run(Run.open(run, own), {"pointing_game": {}, "lift": {}}) == 0
    assert score_run(Run.open(run, own), {"pointing_game": {}, "top_k": {}}) == total
    assert load_scores(Run.open(run, own)).metrics == ("pointing_game", "top_k", "lift")
    with pytest.raises(SettingsError, match=r'with the settings {}, not {"tolerance_px":3\.0}: give the same ones, or'):
        score_run(Run.open(run, own), {"pointing_game": {"tolerance_px": 3}})


@pytest.mark.slow
def test_several_processes_write_the_same_scores(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, metrics = own / "runs" / "toy", {"pixel_ap": {}, "pxap": {}}
    score_run(Run.open(run, own), metrics)
    files = sorted([*run.glob("scores/*.parquet"), *run.glob("score_sums/*.parquet"), run / "split_scores.parquet"])
    before = [path.read_bytes() for path in files]
    for path in files:
        path.unlink()
    monkeypatch.setattr("evaluation.localization.run.FEW_SHARDS", 0)
    score_run(Run.open(run, own), metrics, workers=2)
    assert [path.read_bytes() for path in files] == before


def test_a_file_of_maps_that_fails_is_told_and_scored_by_the_next_run(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.open(own / "runs" / "toy", own)

    def fail(state: tuple[Run, TruthReader], task: ShardTask) -> int:
        if task.name.startswith("lime"):
            raise ValueError("no good")
        return score_shard(state, task)

    with monkeypatch.context() as patch:
        patch.setattr("evaluation.localization.run.score_shard", fail)
        with pytest.raises(
            PartialFailureError, match=r"^1 files .* lime-\w+: ValueError: no good\. Run the command again"
        ):
            score_run(run, {"lift": {}})
    assert len(list((run.folder / "scores").glob("*.parquet"))) == 3
    assert score_run(run, {"lift": {}}) == len(read_attributions(run.folder)) // 4


def test_a_part_that_is_not_there_has_an_empty_mask(own: Path) -> None:
    run = own / "runs" / "toy"
    shutil.rmtree(run / "attributions")
    explain_run(Run.open(run, own), {"random": {}}, which="predicted", device="cpu")
    score_run(Run.open(run, own), {"pointing_game": {}})
    table = load_scores(Run.open(run, own))
    pictures = PileDataset(own, None)
    for place, (image_id, part_id) in enumerate(table.pairs):
        there = pictures.targets[pictures.image_ids.index(image_id), pictures.classes.index(part_id)]
        assert table.status[0, 0, place] == ("ok" if there else "empty_mask")
        assert np.isnan(table.values[0, 0, place]) == (not there)


def test_wrong_use_is_told_clearly(own: Path, trained: Path) -> None:
    run = own / "runs" / "toy"
    with pytest.raises(BrickbenchError, match=r"has no scores: make them with `brickbench evaluate localize"):
        load_scores(Run.open(run, own))
    with pytest.raises(SettingsError, match=r"^There is no metric 'iou_fix' \(did you mean"):
        score_run(Run.open(run, own), {"iou_fix": {}})
    with pytest.raises(SettingsError, match=r"^focus is scored on mosaics: run `brickbench evaluate focus`\.$"):
        score_run(Run.open(run, own), {"focus": {}})
    with pytest.raises(SettingsError, match=r"^iou_best takes the threshold .*: for one of your own, set iou_fixed\."):
        score_run(Run.open(run, own), {"iou_best": {"threshold": 0.3}})
    score_run(Run.open(run, own), {"lift": {}})
    with pytest.raises(SettingsError, match=r"has no scored maps of 'epoch_0009' \(did you mean 'epoch_0001'\?\)"):
        load_scores(Run.open(run, own), "epoch_0009")
    path = next((run / "scores").glob("*.parquet"))
    path.write_bytes(b"gone")
    with pytest.raises(BrickbenchError, match=r"parquet is damaged: delete it and run `evaluate localize` again\.$"):
        load_scores(Run.open(run, own))
    with pytest.raises(BrickbenchError, match=r"parquet is damaged: delete it and run `evaluate localize` again\.$"):
        score_run(Run.open(run, own), {"lift": {}})
    shutil.rmtree(run / "attributions")
    with pytest.raises(BrickbenchError, match=r"has no maps: make them with `brickbench explain run"):
        score_run(Run.open(run, own))


def test_what_is_recorded_beside_each_score(own: Path) -> None:
    run = own / "runs" / "toy"
    score_run(Run.open(run, own), {"mass_accuracy": {"sign": "absolute"}})
    path = next((run / "scores").glob("lime-*.parquet"))
    row = pq.read_table(path, partitioning=None).to_pylist()[0]
    assert row["metric_settings"] == '{"sign":"absolute"}'
    assert row["resize"] == "nearest"


def test_commands(scored: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(scored, tmp_path / "dataset"))
    run, runner = [str(own / "runs" / "toy"), "-d", str(own)], CliRunner()
    localized = runner.invoke(evaluate, ["localize", *run, "--json"], catch_exceptions=False)
    rows = json.loads(localized.stdout)
    assert len(rows) == 4 * (len(METRICS) + len(SPLIT_METRICS))
    assert rows[0]["method"] == "gradcam"
    compared = json.loads(runner.invoke(evaluate, ["compare", *run, "--json"], catch_exceptions=False).stdout)
    once = [metric for metric in METRICS.values() if not metric.equals and metric.compared]
    without_gradcam = sum(metric.needs_zero for metric in once)  # whose zero means nothing
    assert len(compared) == 6 * (len(once) - without_gradcam) + 3 * without_gradcam
    out = tmp_path / "report.html"
    out.touch()
    with pytest.raises(BrickbenchError, match=r"is there already: .* -o, or give --force"):
        runner.invoke(evaluate, ["report", *run, "-o", str(out)], catch_exceptions=False)
    assert '"metric": "pixel_ap"' in runner.invoke(evaluate, ["metrics", "--json"], catch_exceptions=False).stdout


def test_every_command_has_help_and_an_example() -> None:
    for command in evaluate.commands.values():
        assert command.help
        assert "Example:" in command.help
