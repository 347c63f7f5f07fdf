"""Faithfulness of a run: what is stored, going on after a stop, the registry, and the command on top."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from core.errors import BrickbenchError, SettingsError
from dataset.dataset_folder import DatasetFolder
from dataset.index import open_index
from dataset.pile_dataset import PileDataset
from evaluation.commands import evaluate, faithfulness_tables
from evaluation.faithfulness.network import Network
from evaluation.faithfulness.protocol import Maps
from evaluation.faithfulness.registry import (
    FAITHFULNESS,
    QUICK,
    TWINS,
    faithfulness_settings,
)
from evaluation.faithfulness.scoring import default_metrics, score_faithfulness
from evaluation.localization.registry import METRICS
from evaluation.localization.run import score_run
from evaluation.resize import resize_maps
from evaluation.statistics.table import load_scores
from explain.store import load_maps, read_attributions
from training.run.checkpoint import load_checkpoint
from training.run.run import Run

FEW = {"deletion": {"steps": 4}, "average_drop": {}, "twin_top": {}}


def chosen(metrics: dict[str, dict[str, object]]) -> dict[str, object]:
    return {name: faithfulness_settings(name, values) for name, values in metrics.items()}


def score(root: Path, metrics: dict[str, dict[str, object]], **options: object) -> int:
    return score_faithfulness(Run.open(root / "runs" / "toy", root), chosen(metrics), device="cpu", **options).made  # type: ignore[arg-type]


def _rows(path: Path) -> dict[tuple[str, str], float]:
    rows = pq.read_table(path, partitioning=None).to_pylist()
    return {(row["attribution_id"], row["metric"]): row["value"] or 0.0 for row in rows}


def test_scores_are_those_of_each_map_alone(own_twins: Path) -> None:
    run = own_twins / "runs" / "toy"
    rows = read_attributions(run)
    assert score(own_twins, FEW) == len(FEW) * len(rows)
    trained = load_checkpoint(run)
    pictures = PileDataset(own_twins, None)
    maps = dict(zip((row.attribution_id for row in rows), load_maps(run, rows), strict=True))
    with open_index(own_twins) as index:
        found = {
            (identity, metric): (value, status, chance)
            for identity, metric, value, status, chance in index.execute(
                "SELECT attribution_id, metric, value, status, chance FROM scores"
            ).fetchall()
        }
    assert len(found) == len(FEW) * len(rows)
    for row in rows[:: len(rows) // 12]:
        image = trained.network_input(pictures.image(pictures.image_ids.index(row.image_id)))
        policy = "nearest" if row.method == "random" else "bilinear"
        alone = Maps(
            network=Network(trained.model, trained.mean, trained.std),
            images=image[None],
            classes=np.array([trained.classes.index(row.part_id)]),
            maps=resize_maps(maps[row.attribution_id][None], 48, 48, policy),  # type: ignore[arg-type]
        )
        for name in ("deletion", "average_drop"):
            expected = FAITHFULNESS[name].compute(alone, faithfulness_settings(name, FEW[name]))[0][0]
            value, status, chance = found[row.attribution_id, name]
            if np.isnan(expected):
                assert (value, status) == (None, "zero_mass")
            else:
                assert value == pytest.approx(expected, abs=1e-5)
                assert status == "ok"
                assert 0 <= chance <= 1
    of_random = [value for (identity, name), value in found.items() if "random-" in identity and name == "twin_top"]
    assert {value[:2] for value in of_random} == {(0.0, "ok"), (1.0, "ok"), (None, "no_effect")}


def test_a_second_run_goes_on_where_the_first_stopped(own_twins: Path) -> None:
    run = own_twins / "runs" / "toy"
    rows = read_attributions(run)
    pictures = sorted({row.image_id for row in rows})
    of_two = [row for row in rows if row.image_id in pictures[:2]]
    assert score(own_twins, FEW, limit=2) == len(FEW) * len(of_two)
    assert score(own_twins, FEW, limit=2) == 0
    assert score(own_twins, FEW, methods=["gradcam"]) == len(FEW) * sum(
        row.method == "gradcam" for row in rows if row not in of_two
    )
    files = sorted((run / "scores").glob("faithfulness-*.parquet"))
    before = _rows(files[0])
    files[0].unlink()
    assert score(own_twins, FEW) > 0
    for key, row in _rows(files[0]).items():  # the same numbers in another company
        assert row == pytest.approx(before[key], abs=1e-6)
    assert score(own_twins, FEW) == 0
    assert score(own_twins, {"twin_rank": {}}) == len(rows)  # one measure more stands beside those that are there


def test_other_settings_need_force(own_twins: Path) -> None:
    score(own_twins, {"deletion": {"steps": 4}, "average_drop": {}}, limit=1)
    with pytest.raises(SettingsError, match=r'"steps":4,.*}, not {.*"steps":5,.*}: give the same ones, or --force'):
        score(own_twins, {"deletion": {"steps": 5}}, limit=1)
    assert score(own_twins, {"deletion": {"steps": 5}}, limit=1, force=True) > 0
    rows = [
        row
        for path in (own_twins / "runs" / "toy" / "scores").glob("*.parquet")
        for row in pq.read_table(path, partitioning=None).to_pylist()
    ]
    assert {row["metric"] for row in rows} == {"deletion", "average_drop"}
    assert all(json.loads(row["metric_settings"]).get("steps", 5) == 5 for row in rows)


def test_force_on_some_maps_keeps_the_scores_of_the_others(own_twins: Path) -> None:
    steps = {"deletion": {"steps": 4}}
    made = score(own_twins, steps)
    few = score(own_twins, steps, limit=1, force=True)
    assert 0 < few < made
    assert score(own_twins, steps) == 0
    assert score(own_twins, {"deletion": {"steps": 5}}, limit=1, force=True) == few
    assert score(own_twins, {"deletion": {"steps": 5}}) == made - few  # no file holds one measure with two settings


def test_maps_that_are_not_finite_have_no_value(own_twins: Path) -> None:
    run = own_twins / "runs" / "toy"
    path = next((run / "attributions").glob("saliency-*/*.npy"))
    maps = np.load(path)
    maps[0, 0, 0] = np.nan
    np.save(path, maps)
    identity = next(row for row in read_attributions(run) if row.method == "saliency" and row.row == 0).attribution_id
    score(own_twins, FEW, methods=["saliency"])
    with open_index(own_twins) as index:
        found = index.execute("SELECT value, status FROM scores WHERE attribution_id = ?", [identity]).fetchall()
    assert found == [(None, "nonfinite")] * len(FEW)


def test_faithfulness_stands_beside_localisation(own_twins: Path) -> None:
    run = own_twins / "runs" / "toy"
    score_run(Run.open(run, own_twins), {"lift": {}, "pointing_game": {}})
    score(own_twins, FEW)
    assert score_run(Run.open(run, own_twins), {"lift": {}, "pointing_game": {}}) == 0
    assert set(load_scores(Run.open(run, own_twins), measures=METRICS).metrics) == {"lift", "pointing_game"}


@pytest.mark.slow
def test_tables_of_a_run(own_twins: Path) -> None:
    run = own_twins / "runs" / "toy"
    score_run(Run.open(run, own_twins), {"mass_accuracy": {}})
    opened = Run.open(run, own_twins)
    result = score_faithfulness(opened, chosen(FEW), device="cpu")
    tables = faithfulness_tables(opened, result, list(FEW))
    assert [row["metric"] for row in tables["scores"]] == [name for name in FEW for _ in range(5)]
    methods = ["gradcam", "saliency", "random", "uniform", "oracle"]
    assert [row["method"] for row in tables["scores"][:5]] == methods
    assert [row["kind"] for row in tables["scores"][:5]] == ["method"] * 2 + ["baseline"] * 2 + ["oracle"]
    assert {row["removal"] for row in tables["removals"]} >= {"twin_pixels", "blur", "linear"}
    assert {(row["truth"], row["metric"]) for row in tables["predictions"]} == {
        ("twin_top", name) for name in ("deletion", "average_drop", "mass_accuracy")
    }
    # The oracle takes no part, and twins read shares of mass, which say nothing of Grad-CAM.
    assert all(row["methods"] == 3 for row in tables["predictions"])
    again = score_faithfulness(opened, chosen(FEW), device="cpu")
    assert (again.made, again.found) == (0, result.made)
    assert repr(faithfulness_tables(opened, again, list(FEW))) == repr(tables)  # NaN is not equal to itself


def test_wrong_use_is_told_clearly(
    own_twins: Path, trained: Path, make_toy: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(
        SettingsError, match=r"^There is no measure of faithfulness 'deletoin' \(did you mean 'deletion'"
    ):
        faithfulness_settings("deletoin", {})
    with pytest.raises(SettingsError, match=r"^In the settings of road: removed is not a setting|removed"):
        faithfulness_settings("road", {"removed": 1})
    with pytest.raises(SettingsError, match=r"has no maps of method 'gradcan' \(did you mean 'gradcam'\?\); it has "):
        score(own_twins, FEW, methods=["gradcan"])
    with pytest.raises(BrickbenchError, match=r"has no maps of epoch_0001: make them with `brickbench explain run"):
        score(trained, FEW)
    other = own_twins / "runs" / "toy"
    with pytest.raises(BrickbenchError, match=r"is not in the dataset .*: say with -d which dataset was explained\.$"):
        score_faithfulness(
            Run.open(other, make_toy(tmp_path / "other", piles=2)),
            chosen({"average_drop": {}}),
            device="cpu",
            methods=["gradcam"],
        )
    score(own_twins, {"average_drop": {}}, limit=1)
    next((other / "scores").glob("faithfulness-*.parquet")).write_bytes(b"gone")
    with pytest.raises(BrickbenchError, match=r"is damaged: delete it and run `evaluate faithfulness` again\.$"):
        score(own_twins, {"average_drop": {}}, limit=1)


def test_twins_are_measured_where_there_are_some(own_twins: Path, toy_dataset: Path) -> None:
    assert default_metrics(DatasetFolder.open(own_twins)) == QUICK + TWINS
    assert default_metrics(DatasetFolder.open(toy_dataset)) == QUICK


def test_every_measure_says_what_its_numbers_are_worth() -> None:
    assert [measure.name for measure in FAITHFULNESS.values()] == list(FAITHFULNESS)
    for row in (measure.as_row() for measure in FAITHFULNESS.values()):
        assert all(str(value).strip() for value in row.values()), row
    assert [name for name, row in FAITHFULNESS.items() if row.direction == "lower"] == [
        "deletion", "average_drop", "infidelity", "completeness", "complexity", "max_sensitivity",
        "model_randomization", "label_randomization", "random_logit",
    ]  # fmt: skip


def test_command(own_twins: Path) -> None:
    run = ["faithfulness", str(own_twins / "runs" / "toy"), "-d", str(own_twins), "--device", "cpu", "--limit", "2"]
    few = ["--metrics", "deletion,twin_top", "--set", "deletion.steps=3"]
    asked = CliRunner().invoke(evaluate, [*run, *few, "--json"], catch_exceptions=False)
    tables = json.loads(asked.stdout)
    assert set(tables) == {"scores", "removals", "predictions"}
    assert {row["metric"] for row in tables["scores"]} == {"deletion", "twin_top"}
    printed = CliRunner().invoke(evaluate, [*run, *few, "--batch", "3"], catch_exceptions=False).stdout
    assert "twin_pixels" in printed
