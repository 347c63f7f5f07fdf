"""A command started twice at once on one dataset: each of the two does its part or says in one sentence why not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dataset.checks import check_dataset
from dataset.dataset_folder import DatasetFolder
from dataset.index import open_index
from evaluation.localization.run import score_run
from explain.bulk import explain_run
from explain.store import load_maps, read_attributions
from training.run.run import Run

# What commands import is imported before the first fork, so that both begin at the same moment.
SCRIPT = """
import os, sys, traceback
import dataset.index, evaluation.localization.run, explain.bulk, explain.shard_writer
from brickbench import cli
from core.errors import BrickbenchError
explain.shard_writer.MAPS_A_SHARD = 3
for command in sys.argv[1].splitlines():
    children = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            code = 9
            try:
                cli(command.split("|"), standalone_mode=False)
                code = 0
            except BrickbenchError as error:
                print(error, file=sys.stderr)
                code = 1
            except BaseException:
                traceback.print_exc()
            os._exit(code)
        children.append(child)
    print(*sorted(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children), flush=True)
"""


@pytest.mark.slow
def test_two_of_the_same_command_end_as_one(own_trained: Path, tmp_path: Path) -> None:
    alone = Path(shutil.copytree(own_trained, tmp_path / "alone" / "dataset"))
    run = alone / "runs" / "toy"
    explain_run(Run.open(run, alone), {"gradcam": {}, "random": {}}, device="cpu")
    score_run(Run.open(run, alone), {"pixel_ap": {}, "lift": {}})

    (own_trained / "index.duckdb").unlink()
    both = own_trained / "runs" / "toy"
    commands = (
        f"dataset|index|{own_trained}",
        f"explain|run|{both}|--methods|gradcam,random|--device|cpu",
        f"evaluate|localize|{both}|--metrics|pixel_ap,lift|--workers|1",
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "\n".join(commands)], env=environment, capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr
    ends = [line for line in done.stdout.splitlines() if line in {"0 0", "0 1"}]
    assert ends[:2] == ["0 0", "0 0"]  # they take turns with the index, and share the maps
    assert len(ends) == 3
    if ends[2] == "0 1":
        assert "Another process is writing in" in done.stderr

    assert maps_of(both) == maps_of(run)
    assert rows_of(own_trained) == rows_of(alone)
    assert check_dataset(DatasetFolder.open(own_trained)) == []


def maps_of(run: Path) -> dict[str, bytes]:
    rows = read_attributions(run)
    maps = [np.ascontiguousarray(values).tobytes() for values in load_maps(run, rows)]
    assert len({row.attribution_id for row in rows}) == len(rows) > 0
    return dict(zip((row.attribution_id for row in rows), maps, strict=True))


def rows_of(root: Path) -> list[object]:
    with open_index(root) as index:
        return [
            index.execute(f"SELECT {columns} FROM {table} ORDER BY ALL").fetchall()
            for table, columns in {
                "images": "*", "labels": "*", "attributions": "attribution_id, method", "scores": "*",
            }.items()
        ]  # fmt: skip
