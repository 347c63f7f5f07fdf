"""The whole way, tiny: real Blender, real training, real explanations, a report."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from dataset.checks import check_dataset
from dataset.dataset_folder import DatasetFolder
from dataset.index import open_index
from workflows.demo import METHODS, demo


@pytest.mark.slow
def test_the_demo_ends_with_a_report_and_a_second_run_makes_nothing_anew(tmp_path: Path) -> None:
    words = ["-o", str(tmp_path / "demo"), "--piles", "32", "--epochs", "2", "--explained", "3"]
    first = CliRunner().invoke(demo, words, catch_exceptions=False)
    assert first.exit_code == 0, first.output
    assert "[5/5] Write the report" in first.stderr
    assert re.search(r"all +\d", first.stdout)

    report = (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    assert report.count("<img") >= 3
    assert not re.search(r"""(src|href)=["'](https?:)?//""", report), "the report reaches for the network"
    assert not re.search(r"@import|url\((?!['\"]?data:|#)", report)

    dataset = tmp_path / "demo" / "piles"
    assert check_dataset(DatasetFolder.open(dataset)) == []
    with open_index(dataset) as index:
        (counts,) = index.execute(
            "SELECT (SELECT count(*) FROM images), (SELECT count(DISTINCT pile_index) FROM images),"
            " (SELECT count(DISTINCT method) FROM attributions), (SELECT count(*) FROM runs),"
            " (SELECT count(*) FROM (SELECT pile_index FROM images GROUP BY 1 HAVING count(DISTINCT split) > 1))"
        ).fetchall()
        (both,) = index.execute(
            "SELECT count(*) FILTER (WHERE value IS NULL OR isnan(value)), count(*) FROM scores WHERE status = 'ok'"
        ).fetchall()
    assert counts == (64, 32, len(METHODS), 1, 0)
    assert both[0] == 0
    assert both[1] > 0

    run = dataset / "runs" / "bricknet"
    assert (run / "predictions.jpg").is_file()
    assert len(list((run / "tensorboard").iterdir())) == 1

    made = {
        path: path.stat().st_mtime_ns
        for pattern in ("**/*.png", "**/*.jpg", "**/*.npy", "**/*.safetensors", "**/tensorboard/*")
        for path in dataset.glob(pattern)
    }
    second = CliRunner().invoke(demo, words, catch_exceptions=False)
    assert second.exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert (tmp_path / "demo" / "report.html").read_text(encoding="utf-8") == report
