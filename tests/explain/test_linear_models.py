"""LIME's models behind stored maps: the same as when the maps were made."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from core.errors import BrickbenchError
from explain.bulk import explain_run
from explain.commands import explain
from explain.linear_models import linear_models
from explain.store import load_maps, read_attributions
from training.run.run import Run


def test_models_are_those_of_the_stored_maps(own_trained: Path, tmp_path: Path) -> None:
    run = own_trained / "runs" / "toy"
    explain_run(Run.open(run, own_trained), {"lime": {"num_samples": 40}, "random": {}}, limit=1, device="cpu")
    row = next(row for row in read_attributions(run) if row.method == "lime")
    models, superpixels = linear_models(Run.open(run, own_trained), row.image_id, row.part_id, top=100)
    assert [model["part"] for model in models] == [row.part_id]
    assert models[0]["maps"] == str(row.method_key)
    stored = next(load_maps(run, [row]))
    found = sorted(float(str(one["coefficient"])) for one in superpixels)
    np.testing.assert_allclose(np.unique(np.float32(found)), np.unique(stored), rtol=1e-4, atol=1e-6)

    command = ["show", str(run), "-d", str(own_trained), row.image_id, "-o", str(tmp_path / "x.png"), "--models"]
    printed = CliRunner().invoke(explain, command, catch_exceptions=False).stdout
    for words in ("intercept", "score", "prediction", "coefficient", str(row.method_key), row.part_id):
        assert words in printed


def test_runs_without_lime_are_told(own_trained: Path) -> None:
    run = own_trained / "runs" / "toy"
    explain_run(Run.open(run, own_trained), {"random": {}}, limit=1, device="cpu")
    row = read_attributions(run)[0]
    with pytest.raises(BrickbenchError, match=rf"has no map by LIME of {row.image_id}: make it with "):
        linear_models(Run.open(run, own_trained), row.image_id)
