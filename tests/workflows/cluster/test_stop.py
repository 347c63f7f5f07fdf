"""The signals that a cluster sends before it takes a machine away: a render stops, and the next one goes on."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import brickbench
from core.files import atomic_file
from dataset.shards import list_shards, pile_shards
from render.run import render_dataset
from render.settings import RenderSettings
from workflows.status import read_status

ROOT = Path(brickbench.__file__).parent
TINY = RenderSettings(image_size_px=48, samples=1, bricks_max=3, piles_per_shard=2)


def content(root: Path) -> dict[str, bytes]:
    files = sorted(path for path in (root / "shards").glob("0*/**/*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


@pytest.mark.slow
@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGUSR1])
def test_a_render_stops_at_the_signal_of_a_time_limit_and_goes_on(tmp_path: Path, which: signal.Signals) -> None:
    settings, root = tmp_path / "render.yaml", tmp_path / "d"
    with atomic_file(settings) as temporary:
        TINY.save(temporary)
    words = ["render", "run", str(settings), "-o", str(root), "--count", "400", "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "brickbench", *words], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 120
    while not pile_shards(root) and time.monotonic() < end:
        time.sleep(0.1)
    process.send_signal(which)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "brickbench: interrupted; run the same command again to go on."
    assert "Traceback" not in said
    assert read_status(root).state == "stopped"
    made = len(pile_shards(root))
    assert 0 < made < 200
    render_dataset(TINY, root, count=2 * made + 2, seed=0, workers=1)
    render_dataset(TINY, tmp_path / "whole", count=2 * made + 2, seed=0, workers=1)
    assert content(root) == content(tmp_path / "whole")
    assert not [path for path in (root / "shards").iterdir() if path.name not in list_shards(root)]
