"""A run of explanations that is killed again and again."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dataset.index import open_index
from explain.bulk import explain_run
from explain.store import load_maps, read_attributions
from training.run.run import Run

METHODS = ("gradcam", "saliency", "random", "edges")

KILLED_AGAIN_AND_AGAIN = """
import os, random, signal, sys, time
from pathlib import Path
import explain.bulk, explain.shard_writer
from training.run.run import Run
explain.shard_writer.MAPS_A_SHARD = 3
run, root, *methods = sys.argv[1:]
delays = random.Random(0)
longest, kills = 0.05, 0
while True:
    child = os.fork()
    if child == 0:
        explain.bulk.explain_run(Run.open(Path(run), Path(root)), {name: {} for name in methods}, device="cpu")
        os._exit(0)
    time.sleep(delays.uniform(0, longest))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        print(kills, os.waitstatus_to_exitcode(status))
        break
    kills += 1
    longest += 0.15
"""


def run_script(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], env=environment, capture_output=True, text=True
    )


@pytest.mark.slow
def test_a_run_that_is_killed_at_any_moment_ends_as_one_that_was_not(own_trained: Path, tmp_path: Path) -> None:
    run = own_trained / "runs" / "toy"
    done = run_script(KILLED_AGAIN_AND_AGAIN, run, own_trained, *METHODS)
    kills, code = map(int, done.stdout.split())
    assert (code, done.stderr.count("Traceback")) == (0, 0)
    assert kills > 3
    rows = read_attributions(run)
    killed = dict(zip((row.attribution_id for row in rows), load_maps(run, rows), strict=True))
    assert len(killed) == len(rows)
    assert not list(run.glob("attributions/*/.*"))
    assert {path.stem for path in run.glob("attributions/*/*.npy")} == {
        path.stem for path in run.glob("attributions/*/*.parquet")
    }
    with open_index(own_trained) as index:
        assert index.execute("SELECT count(DISTINCT attribution_id), count(*) FROM attributions").fetchall() == [
            (len(rows), len(rows))
        ]
    (run / "attributions").rename(tmp_path / "killed")
    explain_run(Run.open(run, own_trained), {name: {} for name in METHODS}, device="cpu")
    whole = read_attributions(run)
    assert {row.attribution_id for row in whole} == set(killed)
    for row, expected in zip(whole, load_maps(run, whole), strict=True):
        np.testing.assert_allclose(killed[row.attribution_id], expected, rtol=1e-4, atol=1e-6)
