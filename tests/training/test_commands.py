"""The commands, from the settings file to the index."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner

from core.errors import BrickbenchError
from dataset.database import open_index
from dataset.pile_dataset import PileDataset
from training.commands import train
from training.run.checkpoint import load_checkpoint


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, make_toy: Callable[..., Path]) -> Path:
    """Return a run of one epoch inside a dataset of its own."""
    root = make_toy(tmp_path_factory.mktemp("commands") / "bricks", piles=20)
    settings = root.parent / "tiny.yaml"
    settings.write_text("model_kwargs: {width: 0.05}\nepochs: 9\ninput_size_px: 64\n")
    done = CliRunner().invoke(train, ["run", str(settings), "-d", str(root), "--epochs", "1", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert "val_map_macro" in done.stdout
    assert "Training: " in done.stderr
    return root / "runs" / "bricknet"


def test_run_takes_options_over_the_file(run: Path) -> None:
    settings = yaml.safe_load((run / "settings.yaml").read_text())
    assert (settings["epochs"], settings["input_size_px"], settings["model_kwargs"]) == (1, 64, {"width": 0.05})


def test_resume_prints_what_there_is(run: Path) -> None:
    done = CliRunner().invoke(train, ["resume", str(run), "--json"])
    assert done.exit_code == 0, done.output
    assert [row["epoch"] for row in json.loads(done.stdout)] == [1]


def test_predict_stores_and_merges(run: Path) -> None:
    root = run.parent.parent
    done = CliRunner().invoke(train, ["predict", str(run), "--split", "test"])
    assert done.exit_code == 0, done.output
    path = Path(done.stdout.strip())
    assert path == run / "predictions/epoch_0001-test.parquet"
    rows = pq.read_table(path)
    pictures = PileDataset(root, "test")
    assert rows.column_names == ["run_id", "checkpoint", "image_id", "part_id", "logit", "content_hash"]
    assert str(rows.schema.field("logit").type) == "float"
    assert rows.num_rows == len(pictures) * 3
    with open_index(root) as index:
        merged = index.execute(
            "SELECT p.image_id, part_id, logit FROM predictions p JOIN runs USING (run_id) WHERE run_id = 'bricknet' "
            "AND checkpoint = 'epoch_0001' AND model = 'bricknet'"
        ).fetchall()
    assert len(merged) == rows.num_rows
    loaded = load_checkpoint(run)
    logits = loaded.model(loaded.network_input(pictures.image(0))[None])[0]
    mine = {part: value for image, part, value in merged if image == pictures.image_ids[0]}
    for part, logit in zip(loaded.classes, logits.tolist(), strict=True):
        assert mine[part] == pytest.approx(logit, abs=1e-5)


def test_validate_prints_tables(run: Path) -> None:
    as_json = CliRunner().invoke(train, ["validate", str(run), "--json"])
    scores = json.loads(as_json.stdout)
    assert (scores["run_id"], scores["checkpoint"], scores["split"]) == ("bricknet", "epoch_0001", "val")
    found = scores["scores"]["map_macro"]
    assert 0 <= found["value"] <= 1
    assert (found["low"], found["high"]) == (None, None)  # so few piles give no interval
    table = CliRunner().invoke(train, ["validate", str(run), "-d", str(run.parent.parent)])
    assert "map_macro" in table.stdout
    by_class = CliRunner().invoke(train, ["validate", str(run), "--per-class", "--json"])
    assert [row["part_id"] for row in json.loads(by_class.stdout)] == ["3003", "3010", "4032"]


def test_not_a_run(tmp_path: Path) -> None:
    for command in ("resume", "predict", "validate"):
        done = CliRunner().invoke(train, [command, str(tmp_path)])
        assert isinstance(done.exception, BrickbenchError)
        assert str(done.exception).startswith(f"{tmp_path} is no run: it has no run.yaml. Give a folder")


def test_every_command_has_help_defaults_and_an_example() -> None:
    for name, command in train.commands.items():
        done = CliRunner().invoke(train, [name, "--help"], terminal_width=100)
        assert f"Example:\n    brickbench train {name} " in done.stdout
        assert "[default: " in done.stdout
        assert command.get_short_help_str()
