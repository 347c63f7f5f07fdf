"""A transformer from training to the report, by the commands, and every method on it."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result
from toy import make_toy_dataset

from brickbench import cli
from explain.methods import METHODS
from explain.store import load_maps, read_attributions

SETTINGS = {
    "model": "vit_tiny_patch16_224",
    "model_kwargs": {"img_size": 64, "patch_size": 8, "embed_dim": 48, "depth": 3, "num_heads": 3},
    "input_size_px": 64,
    "epochs": 2,
}
QUICK = ("rise.num_masks=50", "lime.num_samples=60", "kernel_shap.num_samples=200", "smoothgrad.num_samples=4")


def brickbench(*arguments: object) -> Result:
    """Run a command that has to succeed."""
    result = CliRunner().invoke(cli, [str(one) for one in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.slow
def test_a_transformer_goes_from_training_to_the_report(tmp_path: Path) -> None:
    dataset = make_toy_dataset(tmp_path / "dataset", piles=40)
    run, settings = dataset / "runs" / "vit", tmp_path / "vit.yaml"
    settings.write_text(yaml.safe_dump(SETTINGS))
    brickbench("train", "run", settings, "-d", dataset, "-o", run, "--device", "cpu")
    quick = [word for setting in QUICK for word in ("--set", setting)]
    brickbench("explain", "run", run, "--methods", ",".join(METHODS), "--limit", "2", "--device", "cpu", *quick)
    rows = read_attributions(run)
    maps = dict(zip(((row.method, row.image_id, row.part_id) for row in rows), load_maps(run, rows), strict=True))
    assert {method for method, *_ in maps} == set(METHODS)
    assert all(np.isfinite(values).all() for values in maps.values())
    of_tokens = [name for name, row in METHODS.items() if row.family == "attention" and name != "attn_lrp"]
    assert {maps[key].shape for key in maps if key[0] in ("gradcam", *of_tokens)} == {(8, 8)}
    brickbench("evaluate", "localize", run)
    brickbench("evaluate", "faithfulness", run, "--limit", "1", "--methods", "gradcam,chefer,attn_lrp")
    brickbench("evaluate", "report", run, "-o", tmp_path / "report.html")
    assert "AttnLRP" in (tmp_path / "report.html").read_text()
    for suffix in ("html", "png"):
        brickbench("explain", "show", run, rows[0].image_id, "-o", tmp_path / f"shown.{suffix}")
        assert (tmp_path / f"shown.{suffix}").stat().st_size > 10_000
